"""Where a model's samples are: chosen by the model, allowed by the operator, before anything is judged."""

from serin.domain.analysis.request import LabelNames
from tests.component.story import PROMETHEUS, model, served, stepping

OLD, NEW = model("server:1"), model("server:2")


async def test_an_address_that_is_not_allowed_is_an_invalid_spec() -> None:
    story = await served(OLD, judged=True)
    stable = story.status["stable"]["revision"]

    story.cluster.submit("fraud", {**NEW, "prometheus": {"address": "http://elsewhere:9090"}})
    await story.look()

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert story.status["message"] == (
        'spec.prometheus.address is "http://elsewhere:9090"; need one that the operator may ask:'
        f" {PROMETHEUS}, or leave it out"
    )
    assert story.weights() == {stable: 100}


async def test_series_are_found_by_the_labels_the_model_names() -> None:
    labels = {"namespace": "exported_namespace", "pod": "exported_pod"}

    story = await stepping(OLD, {**NEW, "prometheus": {"address": PROMETHEUS, "labels": labels}}, judged=True)

    assert story.jury.followed is not None
    assert story.jury.followed.labels == LabelNames(namespace="exported_namespace", pod="exported_pod")
