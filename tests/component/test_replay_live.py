"""serin replay on a real Prometheus: what it remembers is judged as the same samples in a file are."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from serin.__main__ import main
from serin.workbench.corpus.catalogue import examples
from serin.workbench.corpus.making import START, document_of
from tests.cluster.needed import needed
from tests.cluster.network import free_port
from tests.cluster.prometheus import find_prometheus, over

HOST = "127.0.0.1"
ROLLOUT = document_of(examples()["five-times-the-errors-after-ten-minutes"])
ENDED = START + 1200
ARMS = ('--stable={pod=~"stable-.*"}', '--canary=pod=~"canary-.*"')
TIMES = (f"--from={START}", f"--to={ENDED}")


def history() -> Iterator[str]:
    """The samples of the recording as OpenMetrics, each series in one piece."""
    for arm in ("stable", "canary"):
        for series in ROLLOUT[arm]["requests"]["result"]:
            labels = ",".join(f'{k}="{v}"' for k, v in series["metric"].items() if k != "__name__")
            for t, value in series["values"]:
                yield f"requests_total{{{labels}}} {value} {t}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where a Prometheus is that has seen it all."""
    promtool = needed(find_prometheus).with_name("promtool")
    folder, listen = tmp_path_factory.mktemp("prometheus"), f"{HOST}:{free_port(HOST)}"
    (folder / "prometheus.yml").write_text("{}")
    text = folder / "history.om"
    text.write_text("\n".join(["# TYPE requests counter", *history(), "# EOF", ""]))
    command = ("tsdb", "create-blocks-from", "openmetrics", text, folder / "data")
    done = await asyncio.create_subprocess_exec(promtool, *command, stdout=asyncio.subprocess.DEVNULL)
    assert await done.wait() == 0
    async with over(folder, listen, "--storage.tsdb.retention.time=100y"):
        yield f"http://{listen}"


async def replayed(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["replay", "--json", *arguments])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_a_prometheus_is_judged_as_a_file_is(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, saved = tmp_path / "file.json", tmp_path / "saved.json"
    file.write_text(json.dumps(ROLLOUT | {"pods": {}, "weights": []}))
    counters = ("--requests=requests_total", '--bad=requests_total{code=~"5.."}')

    assert await replayed(f"--prometheus={address}", *TIMES, *ARMS, *counters, f"--save={saved}") == 0
    live = told(capsys)
    assert await replayed(str(saved)) == 0
    kept = told(capsys)
    assert await replayed(str(file)) == 0
    filed = told(capsys)

    assert live == kept
    assert live["verdict"] == filed["verdict"] == "Harm"
    assert START + 600 < live["decidedAt"] == filed["decidedAt"] < START + 800
    for one, other in zip(live["timeline"], filed["timeline"], strict=False):
        assert one["t"] == other["t"]
        assert one["logEvidence"] == pytest.approx(other["logEvidence"], abs=1e-9)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_selector_without_series_is_named(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    counters = ("--requests=requests_total", '--bad=requests_total{code=~"5.."}')
    arms = ('--stable={pod=~"stable-.*"}', '--canary={pod="nobody"}')

    assert await replayed(f"--prometheus={address}", *TIMES, *arms, *counters) == 2
    assert '--canary: no series of requests_total{pod="nobody"} in that time' in capsys.readouterr().err


async def test_nobody_at_the_address_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = f"http://{HOST}:{free_port(HOST)}"

    assert await replayed(f"--prometheus={nobody}", *TIMES, *ARMS, "--preset=mlserver") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"serin replay: {nobody}/api/v1/query cannot be reached")


@pytest.mark.parametrize(
    ("arguments", "need"),
    [
        ([], "--prometheus needs --from, --stable, --canary too"),
        ([*TIMES, *ARMS], "say what to compare: --requests and --bad, or --histogram, or --preset"),
        ([*TIMES, *ARMS, "--preset=fortran"], "--preset fortran: need one of "),
        ([f"--from={ENDED}", f"--to={START}", *ARMS], "--to: need a time after --from"),
        ([*TIMES, *ARMS, "--requests=sum(a)", "--bad=b"], "'sum(a)' is an aggregation"),
    ],
    ids=["nothing", "no counters", "unknown preset", "times", "an expression"],
)
async def test_words_that_do_not_say_are_answered_with_the_cure(
    arguments: list[str], need: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await replayed("--prometheus=http://127.0.0.1:9", *arguments) == 2
    assert f"serin replay: {need}" in capsys.readouterr().err
