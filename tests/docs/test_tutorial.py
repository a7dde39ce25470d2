"""The tutorial's code runs, and a real MLServer serves what it makes to what it sends."""

import asyncio
import json
import os
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import yaml

from serin.api.intent import intent_of
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from serin.domain.render import MODEL_PATH, render_template
from tests.cluster.modelserver import environment
from tests.cluster.modelserver.environment import Environment
from tests.cluster.needed import needed
from tests.cluster.network import free_port
from tests.cluster.processes import Program, answers
from tests.docs.pages import titled

PAGE: Final = "tutorial.md"
HOST: Final = "127.0.0.1"


@pytest.fixture(scope="module")
def installed() -> Environment:
    return needed(environment.ready)


async def test_what_is_trained_answers_what_is_asked(installed: Environment, tmp_path: Path) -> None:
    [code], [question] = titled(PAGE, "train.py"), titled(PAGE, "request.json")
    (tmp_path / "train.py").write_text(code)
    training = await asyncio.create_subprocess_exec(
        *(installed.python, "train.py", "wine/1"), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await training.communicate()
    assert said.endswith(b"% right\n")
    http, metrics, grpc = free_port(HOST), free_port(HOST), free_port(HOST)
    served = _served(yaml.safe_load(titled(PAGE, "wine.yaml")[0]), tmp_path / "wine" / "1")
    ports = {"HTTP": http, "GRPC": grpc, "METRICS": metrics}
    served |= {f"MLSERVER_{kind}_PORT": str(port) for kind, port in ports.items()}
    url = f"http://{HOST}:{http}/v2/models/wine"
    program = Program(
        "mlserver",
        [installed.mlserver, "start", tmp_path / "wine" / "1"],
        log=tmp_path / "mlserver.log",
        environment={**os.environ, **served, "MLSERVER_PARALLEL_WORKERS": "0"},
        ready=answers(f"{url}/ready"),
    )

    async with (
        program,
        aiohttp.ClientSession() as session,
        session.post(f"{url}/infer", json=json.loads(question)) as got,
    ):
        answer = await got.json()

    assert answer["outputs"][0]["data"] in ([0], [1], [2])


def _served(model: dict[str, object], folder: Path) -> dict[str, str]:
    """The variables that the operator gives the container, for a folder of this machine."""
    intent = intent_of(model)
    assert isinstance(intent, Intent), intent
    [container] = render_template(intent, builtin().runtime("mlserver"))["spec"]["containers"]
    return {one["name"]: one["value"].replace(MODEL_PATH, str(folder)) for one in container["env"]}
