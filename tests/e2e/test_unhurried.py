"""The end of what `unhurried` began beside the tests of traffic."""

import asyncio

from tests.cluster.traffic import Fate
from tests.e2e.unhurried import WITHIN_SECONDS, Promotion


async def test_a_model_without_an_error_is_promoted_on_evidence_at_20_requests_a_second(
    unhurried: asyncio.Task[Promotion],
) -> None:
    made = await unhurried

    print(f"promoted after {made.seconds:.0f} s and {len(made.results.sent)} requests")
    assert made.seconds < WITHIN_SECONDS
    assert made.decided_on["verdict"] == "Safe"
    assert [one["canary"]["bad"] for one in made.decided_on["signals"]] == [0]
    assert set(made.results.by_fate()) == {Fate.OK}, made.results.story()
    assert made.broken == []
