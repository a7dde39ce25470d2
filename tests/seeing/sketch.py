"""Draws the dashboards with what a Prometheus has of the last minutes: to be looked at where no Grafana is.

Lines, tables and large figures are told apart; colours and units are Grafana's business.
"""

import time
from collections import defaultdict
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import aiohttp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.seeing.answers import Question, questions

STEP = 2


async def sketch(url: str, folder: Path, *, namespace: str, name: str, minutes: float = 3) -> None:
    """One picture for each dashboard."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nobody waits for it here
    pages: dict[str, dict[str, list[Question]]] = defaultdict(lambda: defaultdict(list))
    for question in questions(namespace=namespace, name=name, rate_interval="10s"):
        page, _, panel = question.panel.partition(": ")
        pages[page][panel].append(question)
    async with aiohttp.ClientSession(url) as http:
        for page, panels in pages.items():
            figure = Figure(figsize=(24, 4 * ceil(len(panels) / 4)))
            for place, (title, asked) in enumerate(panels.items(), start=1):
                axes = figure.add_subplot(ceil(len(panels) / 4), 4, place)
                axes.set_title(title, fontsize=9)
                for question in asked:
                    _draw(axes, question, await _answer(http, question, minutes))
                if asked[0].kind in ("timeseries", "state-timeline"):
                    axes.legend(fontsize=6)
            figure.tight_layout()
            figure.savefig(folder / f"{page}.png", dpi=60)


async def _answer(http: aiohttp.ClientSession, question: Question, minutes: float) -> list[dict[str, Any]]:
    now = time.time()
    params = {"query": question.expr, "start": str(now - 60 * minutes), "end": str(now), "step": str(STEP)}
    async with http.get("/api/v1/query_range", params=params) as answer:
        found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
        return found


def _draw(axes: Axes, question: Question, answer: list[dict[str, Any]]) -> None:
    if question.kind in ("timeseries", "state-timeline"):
        for one in answer:
            points = [(at, float(value)) for at, value in one["values"] if isfinite(float(value))]
            axes.plot(
                [at for at, _ in points],
                [value for _, value in points],
                label=question.name(one["metric"]),
                drawstyle="steps-post" if question.kind == "state-timeline" else "default",
            )
        return
    axes.set_axis_off()
    lines = [f"{question.name(one['metric'])}  {one['values'][-1][1]}" for one in answer]
    above = sum(len(text.get_text().split("\n")) for text in axes.texts)
    axes.text(0, 0.9 - 0.08 * above, "\n".join(lines[-12:]), fontsize=9, va="top")
