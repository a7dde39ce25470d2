"""`python -m tests.plugin.screens`: the screens of `docs/kubectl.md`, as a real terminal showed them.

A real operator drives the model `fraud` in the namespace `ml`. What an hour of real traffic had shown of the
models in `risk` was recorded before: nobody drives those, and so they stand still.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster import binaries, network
from tests.cluster.api import Patch
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.resources import NAMESPACES, SERVICE_ACCOUNTS, Object
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.plugin import tmux
from tests.plugin.seen import recorded
from tests.plugin.tmux import PROMPT, Terminal
from tests.stage.model import IMAGE, Model, condition, spec, state
from tests.stage.operator import ACCESS, ACCOUNT, Operator

REPOSITORY: Final = Path(__file__).parents[2]
OURS: Final = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
"""Where a shell finds kubectl and its plugin."""
PAGE: Final = REPOSITORY / "docs" / "kubectl.md"
DRIVEN, STILL = "ml", "risk"
STEPS: Final = {20: 600, 60: 600}
SHOWN: Final = {
    "scores": "rolled-back",
    "fraud": "undecided",
    "iris": "awaiting-promotion",
    "churn": "pods-not-ready",
}
"""The models that stand still, and the recordings they are."""
_SCREEN: Final = re.compile(r"<!-- screen: (?P<name>[a-z-]+) -->\n```console\n(?P<text>.*?)```\n", re.DOTALL)


async def screens(cluster: Cluster, folder: Path) -> dict[str, str]:
    """Every screen of the page, by its name."""
    model = Model(cluster.api, DRIVEN, "fraud")
    await _stand_still(cluster)
    _write(folder / "fraud.yaml", model, spec("2", replicas=2, steps=STEPS, bake=300))
    _write(folder / "scores.yaml", Model(cluster.api, STILL, "scores"), _of_scores())
    (folder / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    environment = {
        "KUBECONFIG": str(_kubeconfig(cluster, folder)),
        "KUBECACHEDIR": str(folder / "cache"),
        "PATH": OURS,
    }
    async with Terminal(folder, environment) as terminal, Terminal(folder / "second", environment) as second:
        for one in (terminal, second):
            await one.run(f"cd {folder}")
        return await _told(model, terminal, second)


async def _told(model: Model, terminal: Terminal, second: Terminal) -> dict[str, str]:
    """A person's session: a new version is planned, followed, promoted, held, and taken back."""
    planned = asyncio.create_task(_without_an_operator(terminal))
    await model.apply(spec("1", replicas=2, bake=300))
    await model.until(condition("Ready"))
    await model.apply(spec("2", replicas=2, steps=STEPS, bake=300))
    await model.until(state("Stepping"))
    await model.until_weights(20)
    await second.begin("kubectl serin get fraud --watch")
    await second.until_seen("Step: +1/2 to-20")
    shown = await planned
    shown["promote"] = await terminal.run("kubectl serin promote fraud")
    await model.until_weights(60)
    picture = await second.until_seen("canary, 60 %, ready 2/2", "Step: +2/2 to-60", "at 60 %", "4 ready")
    shown["watch"] = f"{PROMPT}kubectl serin get fraud --watch\n{picture.rstrip()}"
    await second.keys("C-c")
    left = await second.until_prompt()
    assert "Step:            2/2 to-60" in left, left
    shown["pause"] = await terminal.run("kubectl serin pause fraud")
    await model.until(condition("Ready", "Unknown", reason="Paused"))
    shown["status"] = await terminal.run("kubectl serin status fraud --timeout 1s; echo $?")
    shown["abort"] = await terminal.run("kubectl serin abort fraud")
    await model.until(condition("Stalled", reason="RolledBack"))
    shown["failed"] = await terminal.run("kubectl serin status fraud; echo $?")
    shown["history"] = await terminal.run("kubectl serin history fraud")
    return shown


async def _without_an_operator(terminal: Terminal) -> dict[str, str]:
    """What can be asked of models that stand still, and of files."""
    return {
        "list": await terminal.run(f"kubectl serin list -n {STILL}"),
        "evidence": await terminal.run(f"kubectl serin evidence scores -n {STILL}"),
        "explain": await terminal.run(f"kubectl serin explain churn -n {STILL}"),
        "plan": await terminal.run(f"kubectl serin plan -f scores.yaml -n {STILL} --requests-per-second 50"),
        "lint": await terminal.run("kubectl serin lint broken.yaml"),
    }


async def _stand_still(cluster: Cluster) -> None:
    for name, state_ in SHOWN.items():
        found = recorded(state_)["model"]
        made = await cluster.api.apply(
            {
                "apiVersion": found["apiVersion"],
                "kind": found["kind"],
                "metadata": {"name": name},
                "spec": found["spec"],
            },
            STILL,
        )
        told = {**found["status"], "observedGeneration": made["metadata"]["generation"]}
        await cluster.api.patch(
            MODEL_DEPLOYMENTS, name, {"status": told}, STILL, kind=Patch.MERGE, subresource="status"
        )


def _of_scores() -> Object:
    """The spec of the model whose second version did harm, with a third one and what is usually allowed."""
    wanted: Object = recorded("rolled-back")["model"]["spec"]
    container = wanted["template"]["spec"]["containers"][0]
    container["image"] = "registry.example/scores:3"
    for step in wanted["rollout"]["canary"]["steps"]:
        step["minSeconds"] = 60
    wanted["rollout"]["bakeSeconds"] = 600
    del wanted["analysis"]["promote"]
    return wanted


def _write(path: Path, model: Model, wanted: Object) -> None:
    body: Object = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment"}
    body |= {"metadata": {"name": model.name}, "spec": wanted}
    path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")


def _kubeconfig(cluster: Cluster, folder: Path) -> Path:
    """The admin's, for the namespace of the model that is driven."""
    document: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    for entry in document["contexts"]:
        entry["context"]["namespace"] = DRIVEN
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


BROKEN: Final = """\
apiVersion: serin.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: fraud
spec:
  model:
    format: sklearn
  replicas: 4
  rollout:
    canary:
      steps:
      - {name: first, weight: 5}
      - {name: half, weight: 500}
    bakeSecond: 3
"""


# The page


def on_the_page() -> dict[str, str]:
    """The screens that the page has."""
    return {one["name"]: one["text"].rstrip() for one in _SCREEN.finditer(PAGE.read_text(encoding="utf-8"))}


def written(shown: Mapping[str, str]) -> None:
    """Put screens in the places of those that the page has."""

    def replaced(one: re.Match[str]) -> str:
        return f"<!-- screen: {one['name']} -->\n```console\n{shown[one['name']]}\n```\n"

    PAGE.write_text(_SCREEN.sub(replaced, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def timeless(screen: str) -> str:
    """A screen without what differs from time to time: what is random in names, times, and so the gaps.

    Revisions are numbered: their hashes are those of a pod template that other tests have, too.
    """
    # Names first: the middle of a pod's name may look like an age.
    hashes = list(dict.fromkeys(re.findall(r"\b[a-z]+-([0-9a-f]{10})\b", screen)))
    for number, found in enumerate(hashes, start=1):
        screen = screen.replace(found, f"<revision {number}>")
    screen = re.sub(r"(<revision \d+>)-[a-z0-9]{6,10}-[a-z0-9]{5}\b", r"\1-<pod>", screen)
    screen = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?", "<time>", screen)
    screen = re.sub(r"(?<![-\w])(\d+[ydhms]){1,2}\b", "<age>", screen)
    return re.sub(r"[ \n]+", " ", screen)


@asynccontextmanager
async def driven(cluster: Cluster, account: Path) -> AsyncIterator[Operator]:
    """Both namespaces, and an operator that looks at the one of the model that is driven."""
    for name in (DRIVEN, STILL):
        await cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await cluster.api.until(SERVICE_ACCOUNTS, "default", bool, name)
    async with Operator(cluster, DRIVEN, account) as running:
        yield running
    for name in (DRIVEN, STILL):
        await cluster.api.delete(NAMESPACES, name)


@asynccontextmanager
async def stage(found: Binaries) -> AsyncIterator[Cluster]:
    """A cluster with a gateway, and an operator that looks at the namespace of the model that is driven."""
    async with Cluster(found, manifests=[REPOSITORY / "crds"], images={IMAGE: SERVER}) as cluster:
        await cluster.install(*ACCESS)
        account = await cluster.service_account_kubeconfig(*ACCOUNT)
        envoy = await cluster.attach(Envoy(cluster.folder / "envoy", address=network.GATEWAY))
        await cluster.attach(Gateway(cluster.api, envoy))
        async with driven(cluster, account):
            yield cluster


async def _made(found: Binaries) -> None:
    async with stage(found) as cluster:
        folder = cluster.folder / "typed"
        (folder / "second").mkdir(parents=True)
        written(await screens(cluster, folder))


def main() -> int:
    """Returns the exit code."""
    try:
        tmux.find()
        network.require()
        found = binaries.ready(print)
        network.enter()
    except Missing as missing:
        print(f"no screens can be made: {missing}", file=sys.stderr)
        return 2
    asyncio.run(_made(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
