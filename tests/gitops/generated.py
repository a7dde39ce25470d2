"""`manifests/integrations/argo-cd/argocd-cm.yaml`: the Lua files as Argo CD is configured with them.

After a change of one of them run `python -m tests.gitops.generated`.
"""

from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parents[2] / "manifests" / "integrations" / "argo-cd"
TARGET: Final = FOLDER / "argocd-cm.yaml"
ACTIONS: Final = ("promote", "promote-full", "abort", "retry", "pause", "resume")
"""In the order in which a rollout may need them."""
HEALTH_KEY: Final = "resource.customizations.health.serin.dev_ModelDeployment"
ACTIONS_KEY: Final = "resource.customizations.actions.serin.dev_ModelDeployment"
HOW: Final = """\
# How Argo CD shows a ModelDeployment and what it can ask of one. It owns its two keys and no others:
#   kubectl apply --server-side -f argocd-cm.yaml
"""


class Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


def script(name: str) -> str:
    """One of the Lua files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def config_map() -> str:
    """The ConfigMap, as YAML in YAML as Argo CD reads it."""
    actions = {
        "discovery.lua": script("actions/discovery.lua"),
        "definitions": [{"name": name, "action.lua": script(f"actions/{name}.lua")} for name in ACTIONS],
    }
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {"app.kubernetes.io/part-of": "argocd"},
        },
        "data": {HEALTH_KEY: script("health.lua"), ACTIONS_KEY: _dumped(actions)},
    }
    return HOW + _dumped(body)


def _dumped(body: Any) -> str:
    text: str = yaml.dump(body, Dumper=Dumper, sort_keys=False, width=110)
    return text


if __name__ == "__main__":
    TARGET.write_text(config_map(), encoding="utf-8")
