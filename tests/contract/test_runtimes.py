"""Every runtime of the catalogue makes pods that the API server takes."""

from typing import Any

import pytest

from serin.api.intent import intent_of
from serin.catalogue.loader import builtin
from serin.catalogue.rows import Runtime
from serin.domain.intent import Intent
from serin.domain.render import render_template
from tests.cluster.api import Api
from tests.cluster.resources import DEPLOYMENTS, Object


def rendered(row: Runtime) -> Object:
    """The pods of a model of its first format, with an image of the user's where the row has none."""
    [container] = row.template["spec"]["containers"]
    own = [] if "image" in container else [{"name": "model", "image": "registry.example/model:1"}]
    spec = {
        "model": {
            "format": next(iter(row.formats), "custom"),
            "name": "Fraud_v1",
            "uri": "pvc://models/fraud",
        },
        "runtime": row.name,
        "template": {"spec": {"containers": own}},
    }
    intent = intent_of({"metadata": {"name": "fraud", "namespace": "ml"}, "spec": spec})
    assert isinstance(intent, Intent), intent
    return render_template(intent, row)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in texts(child)]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("row", builtin().runtimes.values(), ids=lambda row: row.name)
async def test_server_takes_the_pods(api: Api, row: Runtime) -> None:
    template = rendered(row)
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "fraud"},
        "spec": {"selector": {"matchLabels": {"serin.dev/model": "fraud"}}, "template": template},
    }

    params = {"fieldValidation": "Strict", "dryRun": "All"}
    answer: Object = await api.request("POST", DEPLOYMENTS.path("default"), body, params=params)

    [container] = answer["spec"]["template"]["spec"]["containers"]
    assert container["name"] == "model"
    assert "{model}" not in " ".join(texts(template))
