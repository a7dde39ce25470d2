"""`serin corpus`: write the recordings of the corpus, or judge it all and tell how often that was right."""

import argparse
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from serin.workbench.corpus.catalogue import corpus, examples
from serin.workbench.corpus.described import Described
from serin.workbench.corpus.making import document_of
from serin.workbench.corpus.scoring import Judged, judged
from serin.workbench.corpus.tables import tables

INDEX: Final = "index.jsonl"
PAGE: Final = "README.md"
BEGIN: Final = "<!-- measured by serin corpus judge -->"
END: Final = "<!-- end of what was measured -->"


def register(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "corpus",
        help="write or judge the corpus of rollouts whose truth is known",
        description="The corpus of docs/corpus: recordings that serin replay reads, made from a line each.",
    )
    deeds = parser.add_subparsers(dest="deed", required=True)
    write = deeds.add_parser("write", help="write the recordings, packed, one file each")
    write.add_argument("folder", type=Path)
    judge = deeds.add_parser("judge", help="judge all of them, and print how often that was right")
    judge.add_argument("--docs", type=Path, metavar="FOLDER", help="write index, table and examples there")
    for deed, act in ((write, _write), (judge, _judge)):
        deed.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th rollout")
        deed.set_defaults(act=act)


def _write(parsed: argparse.Namespace) -> int:
    parsed.folder.mkdir(parents=True, exist_ok=True)
    for told in tqdm(corpus()[:: parsed.every], unit="rollout"):
        text = json.dumps(document_of(told), separators=(",", ":"))
        # Without the time of packing the same rollout is the same file.
        (parsed.folder / f"{told.name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return 0


def _judge(parsed: argparse.Namespace) -> int:
    chosen = corpus()[:: parsed.every]
    results = list(tqdm(judged_in_parallel(chosen), total=len(chosen), unit="rollout"))
    told = tables(results)
    print(told)
    if parsed.docs is not None:
        write_docs(parsed.docs, results, told)
    return 0


def judged_in_parallel(chosen: Sequence[Described], *, foretell: bool = True) -> Iterator[Judged]:
    """Judge on all processors, in order."""
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        yield from pool.imap(partial(judged, foretell=foretell), chosen, chunksize=4)


def write_docs(folder: Path, results: Sequence[Judged], told: str) -> None:
    """Put the index, the measured tables and the examples where people read them."""
    index = "".join(f"{json.dumps(one.line())}\n" for one in results)
    (folder / INDEX).write_text(index)
    page = (folder / PAGE).read_text()
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    (folder / PAGE).write_text(f"{before}{BEGIN}\n{told}\n{END}{after}")
    for name, one in examples().items():
        text = json.dumps(document_of(one), separators=(",", ":"))
        (folder / f"{name}.json").write_text(f"{text}\n")
