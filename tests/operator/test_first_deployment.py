"""The first deployment, as a person at a terminal sees it."""

from tests.stage.kubectl import Kubectl
from tests.stage.model import Model, condition, spec
from tests.stage.operator import Operator


async def test_a_model_gets_ready_and_kubectl_says_so(serin: Operator, fraud: Model, shell: Kubectl) -> None:
    await fraud.apply(spec(router="Replicas", replicas=2))

    said = await shell("wait", "--for=condition=Ready", f"mdep/{fraud.name}", "--timeout=300s")

    assert "condition met" in said
    seen = await fraud.until(condition("Ready"))
    stable = seen["status"]["stable"]["revision"]
    assert await fraud.sizes() == {stable: 2}
    heads, row = (await shell("get", "mdep", fraud.name)).splitlines()
    assert heads.split() == ["NAME", "READY", "STATUS", "WEIGHT", "STABLE", "CANARY", "REPLICAS", "AGE"]
    assert row.split()[:5] == [fraud.name, "True", "Ready", stable, "2"]
