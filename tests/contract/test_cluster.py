"""The test cluster keeps the promises that other tests rely on."""

import pytest

from tests.cluster.api import Api, ApiError
from tests.cluster.audit import service_account
from tests.cluster.cluster import Cluster
from tests.cluster.resources import CONFIG_MAPS, PODS, Object


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_api_applies_and_follows_an_object(api: Api, namespace: str) -> None:
    await api.apply(config_map("colours", sky="grey"), namespace)

    await api.patch(CONFIG_MAPS, "colours", {"data": {"sky": "blue"}}, namespace)

    seen = await api.until(CONFIG_MAPS, "colours", lambda found: found["data"]["sky"] == "blue", namespace)
    assert seen["metadata"]["namespace"] == namespace


async def test_audit_log_counts_exactly_what_was_asked(cluster: Cluster, namespace: str) -> None:
    async with (
        cluster.as_service_account(namespace, "default") as stranger,
        cluster.audit.counting() as counted,
    ):
        with pytest.raises(ApiError, match="pods is forbidden"):
            await stranger.list(PODS, namespace)

    asked = counted.requests.by(service_account(namespace, "default"))
    assert [str(request) for request in asked] == [f"list pods {namespace}/ 403"]
