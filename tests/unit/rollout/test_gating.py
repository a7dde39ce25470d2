"""Names of tries, the Jobs made for them, and how long is waited between two."""

from datetime import timedelta

import pytest

from serin.domain.gates import LONGEST_NAME, LONGEST_PAUSE, GatePolicy, GateRun
from serin.domain.names import RevisionHash

HASH = RevisionHash("7c9f1a2b3c")


def gate(*, webhook: bool = False, name: str = "eval") -> GatePolicy:
    return GatePolicy(
        name=name,
        before="first",
        template=None if webhook else "eval-job",
        webhook="https://hooks.example.com/" if webhook else None,
        timeout=timedelta(seconds=60),
        retries=2,
    )


def run(model: str = "fraud", *, attempt: int = 1, number: int = 1, name: str = "eval") -> GateRun:
    canary = f"{model}-{HASH}"
    return GateRun(
        gate=gate(name=name),
        attempt=f"{canary}.{attempt}",
        canary=canary,
        stable=f"{model}-55d1a2b3c4",
        revision=HASH,
        number=number,
    )


def test_every_try_has_a_job_of_its_own() -> None:
    runs = [
        run(),
        run(number=2),
        run(attempt=2),
        run(name="other"),
        run("f" * 52),
        run("f" * 52, number=2),
        run("f" * 51, number=2),
    ]

    assert len({one.job for one in runs}) == len(runs)
    assert run().job == run().job


@pytest.mark.parametrize("model", ["f", "fraud", "f" * 52, f"{'f' * 40}-{'g' * 11}"])
def test_a_jobs_name_fits_a_label_of_its_pods(model: str) -> None:
    name = run(model).job

    assert len(name) <= LONGEST_NAME
    assert name.startswith(f"{model}-"[: LONGEST_NAME - 11].rstrip("-"))


def test_a_try_is_called_by_all_that_tells_it_apart() -> None:
    assert run(number=2).identity == f"fraud-{HASH}.1:first:eval:2"


def test_webhooks_are_asked_ever_more_slowly_and_jobs_at_once() -> None:
    pauses = [gate(webhook=True).pause(tries).total_seconds() for tries in range(1, 12)]

    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == LONGEST_PAUSE.total_seconds()
    assert gate().pause(5) == timedelta(0)
