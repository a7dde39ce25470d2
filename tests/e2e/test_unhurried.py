"""A model without a single error that is asked little: promotion comes from evidence all the same."""

from tests.cluster.gateway import Gateway
from tests.e2e.conftest import Users
from tests.invariants.watcher import Watcher
from tests.stage.model import Model, condition, spec, state
from tests.stage.operator import Operator

WEIGHTS = {5: 1, 25: 1, 50: 1}
"""The default weights. At 20 requests/s the first gives the canary one a second: 300 take five minutes."""
WITHIN = 600


async def test_a_model_without_an_error_is_promoted_on_evidence_at_20_requests_a_second(
    gateway: Gateway, serin: Operator, fraud: Model, users: Users, watcher: Watcher
) -> None:
    await fraud.apply(spec("1", replicas=2, steps=WEIGHTS, warm_up=5))
    await fraud.until(condition("Ready"))
    async with users(fraud, per_second=20) as asking:
        await asking.more(100)
        await fraud.apply(spec("2", replicas=2, steps=WEIGHTS, warm_up=5))
        await fraud.until(state("Baking"), within=WITHIN)
        await fraud.until(condition("Ready"))

    assert asking.results.lost() == [], asking.results.story()
    told = [seen.object["status"] for seen in watcher.of("ModelDeployment", fraud.name)]
    promoting = next(one for one in told if (one.get("rollout") or {}).get("state") == "Promoting")
    assert promoting["analysis"]["verdict"] == "Safe"
    assert [one["canary"]["bad"] for one in promoting["analysis"]["signals"]] == [0]
    attempts = [one["attempt"] for one in told[-1]["history"]]
    print(f"promoted {attempts[-1]} after {len(asking.results.sent)} requests")
