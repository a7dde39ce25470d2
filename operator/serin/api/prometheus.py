"""`spec.prometheus`: which of the operator's Prometheuses has the model's samples, and what it calls things.

Which addresses are allowed, and how to be let in, is the operator's own configuration: a person chooses, and
never says where credentials go.
"""

from typing import ClassVar

from serin.api.spelling import HttpAddress, MetricLabel, NamespaceLabel, Rule, Spelled


class LabelNames(Spelled):
    """What Prometheus calls the labels by which a pod's series are found."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.namespace != self.pod",
            holds=lambda labels: labels.namespace != labels.pod,
            message="namespace and pod are two labels; name them differently",
        ),
    )

    namespace: NamespaceLabel = "namespace"
    """The label that holds the pod's namespace, such as exported_namespace or kubernetes_namespace in some
    scrape configurations. What a ModelDeployment may read is told by it, so its name must end in namespace or
    namespace_name: by any other label a namespace called prod could read all that is labelled env=prod."""
    pod: MetricLabel = "pod"
    """The label that holds the pod's name."""


class Prometheus(Spelled):
    """Where the model's samples are."""

    address: HttpAddress | None = None
    """The address of one of the Prometheuses that the operator may ask. Left out: the one it was told for
    this namespace, else its default."""
    labels: LabelNames = LabelNames()
    """What Prometheus calls the labels by which a pod's series are found."""
