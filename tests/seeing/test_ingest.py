"""The examples of docs/logs.md read what the operator writes: by the fields that its lines have.

Neither Filebeat nor Alloy can be had here, so their files are held against their documented options and
against our lines.
"""

import json
import logging
import re
from typing import Any, Final

import yaml

from serin.runtime.logs import About, EcsLines, JsonLines
from tests.seeing.documented import DOCS
from tests.seeing.ecs import KNOWN, faults

TEXT: Final = (DOCS / "logs.md").read_text(encoding="utf-8")
FIELDS: Final = {
    "key": "ml/fraud",
    "attempt": "fraud-r2.1",
    "verdict": "Harm",
    "reason": "Harm",
    "message_text": "worse",
    "error": "none",
}


def block(kind: str) -> str:
    [found] = re.findall(rf"```{kind}[^\n]*\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def line(form: logging.Formatter) -> dict[str, Any]:
    record = logging.LogRecord("serin", logging.INFO, "f.py", 1, "told", (), None)
    vars(record).update(FIELDS)
    About().filter(record)
    read: dict[str, Any] = json.loads(form.format(record))
    return read


def test_line_that_is_tried_is_as_elastic_wants_it() -> None:
    assert list(faults(line(EcsLines()))) == []


def test_filebeat_takes_our_lines_as_documents() -> None:
    read = yaml.safe_load(block("yaml"))
    [source] = read["filebeat.inputs"]

    assert source["type"] == "filestream"
    assert [next(iter(parser)) for parser in source["parsers"]] == ["container", "ndjson"], "in this order"
    ndjson = source["parsers"][1]["ndjson"]
    assert ndjson["target"] == "", "at the root, or the fields are not the schema's"
    assert ndjson["overwrite_keys"] and ndjson["expand_keys"], "our time and level, as objects"
    assert read["output.elasticsearch"]["index"].split("-")[1] == line(EcsLines())["event.dataset"]
    assert re.fullmatch(r"[^*]*serin-\*_serin-system_serin-\*\.log", source["paths"][0].rpartition("/")[2])


def test_questions_of_kibana_are_about_fields_that_there_are() -> None:
    asked = set(re.findall(r"([\w.]+) :", block("kql")))

    assert asked
    for name in asked:
        assert KNOWN.fullmatch(name), name
    labels = {name for name in asked if name.startswith("labels.")}
    assert labels <= set(line(EcsLines()))


def test_alloy_reads_fields_that_our_lines_have_and_labels_few_of_them() -> None:
    text, ours = block("alloy"), line(JsonLines())
    [expressions] = re.findall(r"expressions = \{(.*?)\}", text)
    read = dict(re.findall(r'(\w+) = "(\w+)"', expressions))

    assert set(read.values()) <= set(ours)
    stages = dict(re.findall(r"stage\.(labels|structured_metadata) \{\s+values = \{(.*?)\}", text))
    labels, metadata = (set(re.findall(r"(\w+) =", stages[kind])) for kind in stages)
    assert labels == {"level", "event"}, "each further value would be a stream of its own"
    assert metadata <= set(read)
    assert text.count("{") == text.count("}")
    for component in re.findall(r"= \[?(\w+\.\w+)\.(\w+)\.", text):
        assert f'{component[0]} "{component[1]}"' in text, "what is referred to is there"


def test_questions_to_loki_are_about_fields_that_there_are() -> None:
    text = block("logql")

    assert set(re.findall(r"\{\{\.(\w+)\}\}", text)) <= set(line(JsonLines()))
    assert set(re.findall(r"[{,] ?(\w+)=", text)) <= {"service_name", "event", "level"}


def test_every_field_of_the_table_is_one_of_a_line() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]*) \| ([^|]*) \|$", TEXT, re.MULTILINE)[1:]
    ours = {name for one, _ in rows for name in re.findall(r"`([a-z_]+)`", one)}
    ecs = {name for _, other in rows for name in re.findall(r"`(@?[a-z_.]+\.[a-z_]+|@timestamp)`", other)}

    assert ours >= {"time", "level", "event", "key", "revision", "attempt"}
    assert all(KNOWN.fullmatch(name) or name == "serin.operator" for name in ecs), ecs
