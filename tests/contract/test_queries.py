"""The query in the status shows on a Prometheus what the judge had counted there, first errors included."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.queries import Window, query
from serin.domain.analysis.request import LabelNames
from tests.cluster.needed import needed
from tests.cluster.prometheus import find_prometheus

STABLE, CANARY = "fraud-55d1aa00bb-6d5f-00000", "fraud-7c9faa00bb-7b8c-00000"
WINDOW = Window(
    namespace="ml",
    stable="fraud-55d1aa00bb",
    canary="fraud-7c9faa00bb",
    labels=LabelNames(),
    start=600,
    end=900,
)
ERRORS = SignalPolicy(
    name="errors",
    requests=Counter(metric="requests_total"),
    bad=Counter(metric="requests_total", matchers=(("code", "=", "500"),)),
)
STORED = {
    # Per minute, from minute 0: the stable has a past, and is scraped on.
    f'requests_total{{namespace="ml",pod="{STABLE}",code="200"}}': "0+60x20",
    f'requests_total{{namespace="ml",pod="{STABLE}",code="500"}}': "3+1x20",
    # The canary is first scraped in minute 11, and its error series is born with five errors in minute 13.
    f'requests_total{{namespace="ml",pod="{CANARY}",code="200"}}': "_x11 40+10x8",
    f'requests_total{{namespace="ml",pod="{CANARY}",code="500"}}': "_x13 5+0x6",
    # A stranger's.
    f'requests_total{{namespace="other",pod="{CANARY}",code="500"}}': "1000+1000x20",
}


@pytest.fixture
def promtool() -> Path:
    return needed(find_prometheus).with_name("promtool")


def shown(
    promtool: Path, folder: Path, expected: dict[tuple[str, str], float]
) -> subprocess.CompletedProcess[str]:
    """What Prometheus says of the query, evaluated long after, as against what is expected."""
    samples = [
        {"labels": f'{{counted="{counted}", pod="{pod}"}}', "value": value}
        for (counted, pod), value in expected.items()
    ]
    test = {
        "rule_files": [],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in STORED.items()],
                "promql_expr_test": [
                    {"expr": query(ERRORS, WINDOW), "eval_time": "20m", "exp_samples": samples}
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(test))), encoding="utf-8")
    return subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)


def test_query_shows_each_pods_requests_and_first_errors(promtool: Path, tmp_path: Path) -> None:
    done = shown(
        promtool,
        tmp_path,
        {
            ("requests", STABLE): 5 * 61,
            ("bad", STABLE): 5,
            ("requests", CANARY): 40 + 4 * 10 + 5,
            ("bad", CANARY): 5,
        },
    )

    assert done.returncode == 0, done.stdout + done.stderr
