"""Log lines a machine can read: one event a line, about a model and its revision, and nothing forged."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from serin.domain.names import Key
from serin.runtime.logs import FORMATS, About, EcsLines, JsonLines, TextLines, log_to, looked_at

FORGED = 'x"\n{"event": "promoted"} \x1b[2J\u2028'


def record(message: str, **extra: object) -> logging.LogRecord:
    name = "serin.test"
    return logging.getLogger(name).makeRecord(name, logging.INFO, "f.py", 1, message, (), None, extra=extra)


def line(message: str, form: type[logging.Formatter] = JsonLines, **extra: object) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(form().format(record(message, **extra)))
    return read


def fault() -> logging.LogRecord:
    try:
        raise ValueError("bug")
    except ValueError:
        return logging.LogRecord("serin", logging.ERROR, "f.py", 1, "look failed", (), sys.exc_info())


@pytest.fixture
def about() -> About:
    made = About()
    made.revision = {Key("ml", "fraud"): "fraud-r2"}.get
    return made


@pytest.fixture
def look() -> Iterator[None]:
    token = looked_at.set(Key("ml", "fraud"))
    yield
    looked_at.reset(token)


def test_a_line_is_an_event_and_its_fields() -> None:
    read = line("step advanced", key="ml/fraud", weight=25)

    assert {name: read[name] for name in ("level", "event", "key", "weight")} == {
        "level": "info",
        "event": "step advanced",
        "key": "ml/fraud",
        "weight": 25,
    }
    assert set(read) == {"time", "level", "event", "key", "weight"}


def test_a_line_of_kopfs_tells_of_the_object_and_not_of_its_settings() -> None:
    read = line("handler failed", settings=object(), k8s_skip=False, k8s_ref={"name": "fraud"})

    assert set(read) == {"time", "level", "event", "k8s_ref"}


def test_a_fault_is_one_line_with_its_trace() -> None:
    (text,) = JsonLines().format(fault()).splitlines()

    assert "ValueError: bug" in json.loads(text)["trace"]


def test_ecs_has_the_fields_that_elastic_knows_in_the_order_it_wants() -> None:
    read = line("phase changed", EcsLines, key="ml/fraud", revision="fraud-r2", phase="Baking", reason="why")

    assert list(read)[:3] == ["@timestamp", "log.level", "message"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read["@timestamp"])
    assert read["log.level"] == "info"
    assert read["message"] == "phase changed"
    assert read["event.action"] == "phase-changed"
    assert read["event.reason"] == "why"
    assert (read["service.name"], read["ecs.version"]) == ("serin", "8.11.0")
    assert read["orchestrator.resource.name"] == "fraud"
    labels = {name: value for name, value in read.items() if name.startswith("labels.")}
    assert labels == {
        "labels.namespace": "ml",
        "labels.model": "fraud",
        "labels.revision": "fraud-r2",
        "labels.phase": "Baking",
    }


def test_ecs_labels_are_texts_whatever_is_told() -> None:
    read = line("judged", EcsLines, step=1, boundary=15.5, late=None, pods=["a"])

    labels = {name: value for name, value in read.items() if name.startswith("labels.")}
    assert labels == {"labels.step": "1", "labels.boundary": "15.5", "labels.pods": '["a"]'}


def test_ecs_parts_a_fault_into_type_message_and_trace() -> None:
    read = json.loads(EcsLines().format(fault()))

    assert (read["error.type"], read["error.message"]) == ("ValueError", "bug")
    assert "Traceback" in read["error.stack_trace"]


def test_ecs_tells_an_events_words_in_its_message() -> None:
    read = line("told", EcsLines, reason="StepStarted", message_text="fraud-r2 at 25 %")

    assert read["message"] == "told: fraud-r2 at 25 %"


def test_text_is_read_by_people() -> None:
    text = TextLines().format(record("phase changed", key="ml/fraud", reason="all is well", weight=25))

    assert text.endswith('INFO    phase changed key=ml/fraud reason="all is well" weight=25')


@pytest.mark.parametrize("form", FORMATS)
def test_what_others_have_written_makes_no_line_of_its_own(form: str) -> None:
    text = FORMATS[form]().format(record("told", key="ml/fraud", message_text=FORGED))

    assert len(text.splitlines()) == 1
    assert text.isascii()


@pytest.mark.usefixtures("look")
def test_line_of_a_look_says_which_model_and_revision_it_is_about(about: About) -> None:
    told = record("told", reason="Promoted")
    about.filter(told)

    assert (vars(told)["key"], vars(told)["revision"]) == ("ml/fraud", "fraud-r2")


@pytest.mark.usefixtures("look")
def test_line_that_says_itself_what_it_is_about_is_believed(about: About) -> None:
    told = record("judged", key="ml/iris", attempt="iris-r7.2")
    about.filter(told)

    assert (vars(told)["key"], vars(told)["revision"]) == ("ml/iris", "iris-r7")


@pytest.mark.usefixtures("look")
def test_line_of_a_library_is_about_no_model(about: About) -> None:
    told = record("connection lost")
    told.name = "aiohttp.client"
    about.filter(told)

    assert "key" not in vars(told)


def test_spoilt_status_loses_no_line(about: About) -> None:
    def spoilt(key: Key) -> str:
        raise TypeError(key)

    about.revision = spoilt
    told = record("told", key="ml/fraud")

    assert about.filter(told)
    assert "revision" not in vars(told)


def test_every_line_of_the_process_goes_the_chosen_way() -> None:
    before = logging.getLogger().handlers[:]
    stream = io.StringIO()
    try:
        log_to(stream, form="ecs")
        logging.getLogger("any.library").warning("something")
    finally:
        logging.getLogger().handlers[:] = before

    assert json.loads(stream.getvalue())["log.logger"] == "any.library"
