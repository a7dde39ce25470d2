"""What each reason means to a person, and what cures it: one row for every reason that can be shown.

`{name}`, `{attempt}`, `{step}` and `{flags}` are filled in. A reason that has no row fails a test, by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serin.domain.analysis.judge import Reason as Missing
from serin.domain.findings import NOT_CONFIGURED, OFF, READABLE
from serin.domain.rollout.world import Reason


@dataclass(frozen=True, slots=True)
class Row:
    """What is so, and what would change it; nothing has to be done where there is no cure."""

    meaning: str
    cures: tuple[str, ...] = ()


_PROMOTE: Final = "kubectl serin promote {name}{flags}    go past step {step} on your own word"
_ABORT: Final = "kubectl serin abort {name}{flags}    take it back now"
_EVIDENCE: Final = "kubectl serin evidence {name}{flags}    the numbers"
_RETRY: Final = "kubectl serin retry {name}{flags}    try the same revision once more"
_NEW_SPEC: Final = "apply another spec; the stable revision's own ends the matter without a rollout"

READY: Final[Mapping[Reason, Row]] = {
    Reason.COMPLETE: Row("The spec's revision serves all traffic; there is nothing to do."),
    Reason.DEPLOYING: Row(
        "The first revision is on its way: it serves as soon as its pods are ready, without steps.",
        ("kubectl serin get {name}{flags} -w    see its pods come",),
    ),
    Reason.PREPARING: Row("The canary's pods load the model; it has no traffic yet.", (_ABORT,)),
    Reason.STEPPING: Row(
        "The canary has its share of the traffic, and the step's shortest time has not passed, or its pods"
        " for the next step are not ready.",
        (_PROMOTE, _ABORT),
    ),
    Reason.PROMOTING: Row("All traffic is moving to the canary.", (_ABORT,)),
    Reason.BAKING: Row(
        "The new revision serves everything; the one before stays warm until the bake ends, to return to.",
        (_ABORT,),
    ),
    Reason.ROLLING_BACK: Row("Traffic goes back to the stable revision; then the canary's pods end."),
    Reason.ROLLED_BACK: Row(
        "The revision was taken back and is not tried again by itself, however often its spec is applied.",
        (_EVIDENCE, _NEW_SPEC, _RETRY),
    ),
    Reason.PAUSED: Row(
        "A person holds it: steps, deadlines and the end of the bake wait. Harm still takes it back.",
        ("kubectl serin resume {name}{flags}    let it go on", _ABORT),
    ),
    Reason.AWAITING_PROMOTION: Row("Step {step} waits for a person, as the spec has it.", (_PROMOTE, _ABORT)),
    Reason.AWAITING_GATE: Row(
        "A gate has not answered yet: its Job runs, or its webhook is asked.",
        ("kubectl get jobs -l serin.dev/model={name}{flags}    its Job", _PROMOTE, _ABORT),
    ),
    Reason.UNDECIDED: Row(
        "The counts show neither harm nor safety yet.",
        ("wait: the message says how long at today's traffic", _EVIDENCE, _PROMOTE, _ABORT),
    ),
    Reason.NO_DATA: Row(
        "There are no counts to judge by, and missing data neither promotes nor condemns.",
        ("see below what is missing, or whether requests reach the canary at all", _PROMOTE, _ABORT),
    ),
    Reason.INCONCLUSIVE: Row(
        "The step's deadline has passed without evidence for or against the canary.",
        (
            _EVIDENCE,
            _PROMOTE,
            _ABORT,
            "next time: a higher first weight, a longer stepDeadlineSeconds, or onInconclusive in the spec",
        ),
    ),
    Reason.GATE_NOT_READY: Row(
        "A gate cannot be asked: what it is made from is missing, or no pod of its Job can be made.",
        ("make the CronJob that the message names; the rollout goes on by itself", _PROMOTE),
    ),
    Reason.PROGRESS_DEADLINE: Row(
        "Pods were not ready by the progress deadline. The revision is not rejected.",
        ("kubectl serin get {name}{flags}    which pod, and why", "mend that; it goes on by itself", _ABORT),
    ),
    Reason.POD_PROBLEM: Row(
        "A pod does not get ready, for a reason that waiting does not cure.",
        (
            "kubectl serin get {name}{flags}    which pod, and why",
            "mend the image, the resources, the volume or the quota it names; it goes on by itself",
            _ABORT,
        ),
    ),
    Reason.ROUTER_UNAVAILABLE: Row(
        "The gateway does not take the route, or the cluster does not have its kind.",
        ("kubectl describe httproute {name}{flags}    what its controller says",),
    ),
    Reason.NAME_CONFLICT: Row(
        "An object that is not Serin's has a name that is needed.",
        ("rename one of the two, or hand it over: kubectl annotate mdep {name}{flags} serin.dev/adopt=UID",),
    ),
    Reason.INVALID_SPEC: Row(
        "The spec cannot be followed; the last one that could be goes on to serve.",
        ("correct the field that is named, and try it first: kubectl serin lint FILE",),
    ),
    Reason.HASH_COLLISION: Row(
        "Two specs have the same short hash.", ("change any field of the model, resources or template",)
    ),
    Reason.WRITE_REFUSED: Row(
        "The API server refuses what the operator writes.",
        ("mend what its words name: a quota, an admission policy, or the operator's rights",),
    ),
}
"""By the reason of the condition Ready."""

REJECTED: Final[Mapping[Reason, str]] = {
    Reason.HARM: "It did harm: the evidence passed the limit.",
    Reason.GUARD: "A guard was beyond its limit too often in a row.",
    Reason.GATE: "A gate said no.",
    Reason.LOST_ENDPOINTS: "It lost all its ready pods for the third time.",
    Reason.CRASH_LOOP: "Its pods crashed again and again after they had started.",
    Reason.ABORTED: "A person aborted it.",
    Reason.INCONCLUSIVE: "The step's deadline passed undecided, and the spec says to take it back then.",
}
"""Why a revision was taken back, by the reason of its rejection."""

_SCRAPING: Final = "look at Prometheus' targets: the model's pods, with the labels namespace and pod"

ANALYSIS: Final[Mapping[str, Row]] = {
    READABLE: Row(""),
    OFF: Row("Analysis is switched off in the spec: steps pass on readiness and time."),
    NOT_CONFIGURED: Row("The operator has no Prometheus: steps pass on readiness and time."),
    Missing.PROMETHEUS_UNREACHABLE: Row(
        "Prometheus does not answer.", ("its address, the network between, its load",)
    ),
    Missing.QUERY_REFUSED: Row("Prometheus refuses the question.", ("its words are in the message",)),
    Missing.PARTIAL_ANSWER: Row("Prometheus answers in part only.", ("its stores behind it",)),
    Missing.NO_SAMPLES: Row("There are no samples of the model's pods.", (_SCRAPING, "the metric's name")),
    Missing.SAMPLES_STALE: Row("The newest samples are old.", (_SCRAPING,)),
    Missing.SCRAPES_MISSING: Row("Pods are scraped too seldom.", (_SCRAPING, "--scrape-interval")),
    Missing.SAMPLES_SPOILT: Row("What the model exports is no counter.", ("NaN, or a gauge in its place",)),
    Missing.TOO_MANY_SERIES: Row("A counter has too many series.", ("count by fewer labels",)),
    Missing.BUCKET_MISSING: Row(
        "The histogram has no such bucket.", ("its bounds, and slowerThanMilliseconds in the spec",)
    ),
    Missing.WEIGHT_UNCONFIRMED: Row("The router has not confirmed the weight yet.", ("the gateway",)),
    Missing.WARMING_UP: Row("The canary's pods are warming up; nothing of them counts yet.", ("wait",)),
    Missing.AWAITING_TRAFFIC: Row("No request was counted on one side.", ("send the model requests",)),
    Missing.SPLIT_MISMATCH: Row(
        "The canary gets another share of the requests than the router has confirmed.",
        ("the gateway: a sticky client, a second route, a proxy that lags",),
    ),
    Missing.SHARED_INCIDENT: Row(
        "Both revisions fail far more than before: what they share is at fault.", ("mend that, or wait",)
    ),
    Missing.ONLY_DRY_RUNS: Row("Every signal is a dry run.", ("dryRun: false for one of them",)),
    Missing.ANALYSIS_FAULT: Row("The analysis has failed: a fault of Serin's.", ("the operator's log",)),
}
"""By the reason of the condition AnalysisAvailable."""
