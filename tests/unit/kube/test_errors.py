"""Which error an answer of the API server becomes, and what it tells a person."""

import json

import pytest

from serin.kube.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Request,
    Throttled,
    Unavailable,
    refusal,
    unanswered,
)

APPLY = Request("apply", "Deployment", "ml", "fraud-1")


def answer(message: str, **details: object) -> bytes:
    return json.dumps({"kind": "Status", "message": message, "details": details}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Unavailable),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (422, Invalid),
        (429, Throttled),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_a_status_becomes_its_error(status: int, kind: type[KubeError]) -> None:
    assert type(refusal(APPLY, status, {}, answer("no"))) is kind


def test_a_uid_that_would_change_is_a_fence_that_held() -> None:
    causes = [{"field": "metadata.uid", "reason": "FieldValueInvalid"}]

    assert isinstance(refusal(APPLY, 422, {}, answer("immutable", causes=causes)), Conflict)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.1), ("nan", 0.1), ("inf", 300.0), (None, 1.0), ("Wed, 21 Oct", 1.0)],
)
def test_the_pause_is_the_servers_within_reason(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"Retry-After": header}

    error = refusal(APPLY, 429, headers, answer("too many"))

    assert isinstance(error, Throttled)
    assert error.retry_after == seconds


def test_an_error_reads_as_what_was_asked_and_what_was_answered() -> None:
    error = refusal(APPLY, 409, {}, answer("the object has been modified"))

    assert str(error) == "apply Deployment ml/fraud-1: 409 the object has been modified"


def test_an_answer_that_is_no_status_still_is_an_error() -> None:
    assert str(refusal(APPLY, 502, {}, b"<html>")) == "apply Deployment ml/fraud-1: 502 no reason given"
    assert isinstance(refusal(APPLY, 502, {}, b"[]"), Unavailable)


def test_silence_is_told_with_its_cause() -> None:
    assert str(unanswered(APPLY, TimeoutError())) == "apply Deployment ml/fraud-1: TimeoutError"
