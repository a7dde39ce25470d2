"""The command line: what stands where, which words are understood, and what is said of those that are not."""

from pathlib import Path

import pytest
import yaml

from serin.plugin.exits import Exit, Trouble
from serin.plugin.parsing import COMMANDS, ELSEWHERE, parser
from serin.plugin.places import Place, contexts_in, place_of
from serin.plugin.session import Session
from serin.plugin.terminal import Terminal, line, table
from serin.plugin.waiting import duration
from serin.plugin.words import span
from tests.plugin.seen import text
from tests.plugin.typed import Screen, typed


def kubeconfig(path: Path, *contexts: str, current: str | None = None) -> Path:
    """One with these contexts, each in a namespace of its own name."""
    entries = [{"name": name, "context": {"cluster": name, "namespace": f"in-{name}"}} for name in contexts]
    document = {"contexts": entries} | ({"current-context": current} if current else {})
    path.write_text(yaml.safe_dump(document))
    return path


def session(*words: str) -> Session:
    return Session(parser("kubectl serin").parse_args(words), Terminal(Screen(), Screen(), environment={}))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two kubeconfigs, of which KUBECONFIG tells."""
    first = kubeconfig(tmp_path / "first", "lab", current="lab")
    second = kubeconfig(tmp_path / "second", "prod", "staging", current="prod")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")
    return tmp_path


def test_options_may_stand_before_and_after_the_command() -> None:
    before = session("-n", "ml", "--context", "prod", "get", "fraud").options
    after = session("get", "fraud", "-n", "ml", "--context", "prod").options

    assert (before.namespace, before.context) == (after.namespace, after.context) == ("ml", "prod")


@pytest.mark.parametrize(
    "words", [["fraud"], ["modeldeployment/fraud"], ["mdep", "fraud"], ["rollout", "fraud"]]
)
def test_a_model_is_named_as_kubectl_users_name_it(home: Path, words: list[str]) -> None:
    assert session("get", *words).key() == ("in-lab", "fraud")


def test_another_kind_is_refused(home: Path) -> None:
    with pytest.raises(Trouble, match="deployment/fraud is no ModelDeployment"):
        session("get", "deployment/fraud").named()


def test_the_first_current_context_counts_and_any_may_be_chosen(home: Path) -> None:
    assert place_of(None, None, None) == Place(home / "first", "lab", "in-lab")
    assert place_of(None, "staging", None) == Place(home / "second", "staging", "in-staging")
    assert place_of(None, "staging", "ml") == Place(home / "second", "staging", "ml")
    assert contexts_in(None) == ["lab", "prod", "staging"]


def test_a_context_that_is_missing_is_told_with_those_there_are(home: Path) -> None:
    with pytest.raises(Trouble, match="no context prd; it has lab, prod, staging"):
        place_of(None, "prd", None)


def test_a_kubeconfig_without_a_current_context_is_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="names no current context; choose one with --context"):
        place_of(kubeconfig(tmp_path / "config", "lab"), None, None)


def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a: [")

    with pytest.raises(Trouble, match="cannot be used"):
        place_of(tmp_path / "config", None, None)


@pytest.mark.parametrize("word", ELSEWHERE)
async def test_words_of_other_tools_lead_to_what_takes_their_place(word: str) -> None:
    answer = await typed(word, "fraud", "--to-revision=2")

    assert (answer.code, answer.out) == (Exit.USAGE, "")
    assert answer.err == f"error: there is no {word}; {ELSEWHERE[word]}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frob"], "there is no command 'frob'; kubectl serin --help shows how"),
        (["get", "--frob"], "unrecognized arguments: --frob; kubectl serin --help shows how"),
        (["status", "x", "-t", "soon"], "need a duration such as 90s, 5m or 1h30m, found soon"),
        (["plan", "-f", "x", "--requests-per-second", "0"], "need a number above 0, found 0"),
        ([], "the following arguments are required: COMMAND"),
        (["lint"], "no file is named; name files or folders"),
        (["get", "-w"], "no model is named; name one to watch"),
    ],
)
async def test_a_bad_command_line_is_one_line_with_its_cure(words: list[str], told: str) -> None:
    answer = await typed(*words)

    assert answer.code == Exit.USAGE
    assert told in answer.err
    assert answer.err.count("\n") == 1


async def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, one in COMMANDS.items():
        assert (await typed(name, "--help")).code == Exit.OK
        assert one.meaning in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text_", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0", 0)]
)
def test_durations_are_read_as_people_write_them(text_: str, seconds: float) -> None:
    assert duration(text_) == seconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (200, "3m20s"),
        (1800, "30m"),
        (4 * 3600 + 60, "4h1m"),
        (90000, "25h"),
        (9e5, "10d"),
    ],
)
def test_times_are_shown_as_kubectl_shows_them(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    assert Terminal(Screen(terminal=terminal), Screen(), environment=environment).colour is coloured


def test_tables_stand_under_each_other() -> None:
    assert text(table([("a", "bbb", "c"), ("aaaa", "b", "c c")])) == "a     bbb  c\naaaa  b    c c"


def test_a_screen_is_cut_to_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "3")
    out = Screen(terminal=True)

    Terminal(out, Screen(), environment={}).draw([line("0123456789abc"), line("b"), line("c")])

    assert "0123456789\x1b[K" in out.getvalue()
    assert "abc" not in out.getvalue()
    assert "c\x1b[K" not in out.getvalue()
