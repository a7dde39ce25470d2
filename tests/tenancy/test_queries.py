"""Attacks on the namespace of a guard by what nobody thought of: queries made from PromQL's own parts.

Those that somebody did think of are in `tests.unit.analysis.test_confined`, and are asked of a real
Prometheus beside another namespace's secret in `tests.component.test_guarding`.
"""

from contextlib import suppress
from typing import Final

from hypothesis import event, given, settings
from hypothesis import strategies as st

from serin.domain.analysis.confined import NotConfinable, Place, confined
from serin.domain.analysis.selectors import NotACounter, parse_counter
from tests.unit.analysis.test_confined import selectors

TENANT: Final = Place(
    namespace="tenant-a", words={"canary": "fraud-7c9f-[a-z0-9]+", "stable": "fraud-55d1-[a-z0-9]+"}
)
LABELS: Final = st.sampled_from(
    ["namespace", '"namespace"', "pod", '"a.b"', "__name__", "le", "tenant_id", "on"]
)
VALUES: Final = st.sampled_from(
    [
        '"victim"',
        '".*"',
        '""',
        '"tenant-a|victim"',
        '"$canary"',
        '"$victim"',
        '"\\"} or secret{namespace=\\"victim"',
        "'\\'} or secret{namespace=\\'victim'",
        "`\\`",
        '"\\u0022}"',
        '"\\x22,namespace=\\x22victim"',
        '"\\n#"',
        '"é\\U0001F4A9"',
    ]
)
MATCHERS: Final = st.builds("{}{}{}".format, LABELS, st.sampled_from(["=", "!=", "=~", "!~"]), VALUES)
SELECTORS: Final = st.builds(
    "{}{}{}".format,
    st.sampled_from(["secret", "a:b", "sum", "", "or", "NaN"]),
    st.one_of(
        st.just(""),
        st.builds(
            lambda parts, joint: "{" + joint.join(parts) + "}",
            st.lists(st.one_of(MATCHERS, st.just('"secret"')), max_size=3),
            st.sampled_from([",", " or ", ",#\n", ", "]),
        ),
    ),
    st.sampled_from(["", "", " offset 5m", " offset -1h", " @ 1", " @ end()", " @ start() offset 1m"]),
)
RANGES: Final = st.sampled_from(
    ["[5m]", "[1h:1m]", "[5m:]", "[1d]", "[5m] offset 1m", "[5m:1m] @ 0", "[ 5m : 30s ]"]
)
KEYS: Final = st.sampled_from(["", " by (namespace)", " without (le)", ' by ("a b")', " by ()"])
JOINTS: Final = st.sampled_from(
    [
        " + ",
        " or ",
        " and on (pod) ",
        " unless ignoring (le) ",
        " / on (pod) group_left (namespace) ",
        " == bool ",
        "^",
    ]
)


def _around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("{} # {{namespace='tenant-a'}}\n".format, inner),
        st.builds("({}){}".format, inner, RANGES),
        st.builds("rate({}[5m])".format, SELECTORS),
        st.builds("max_over_time(({}){})".format, inner, RANGES),
        st.builds("sum{} ({})".format, KEYS, inner),
        st.builds("topk(scalar({}), {})".format, inner, inner),
        st.builds("count_values({}, {})".format, VALUES, inner),
        st.builds('label_replace({}, "namespace", "victim", {}, {})'.format, inner, VALUES, VALUES),
        st.builds("absent({})".format, inner),
        st.builds("info({}, {{namespace='victim'}})".format, inner),
        st.builds("{}{}{}".format, inner, JOINTS, inner),
    )


QUERIES: Final = st.recursive(SELECTORS, _around, max_leaves=6)


@settings(max_examples=400, deadline=None)
@given(QUERIES)
def test_whatever_is_asked_is_asked_of_the_own_namespace(text: str) -> None:
    try:
        written = confined(text, TENANT)
    except NotConfinable:
        event("refused")
        return

    event("asked")
    for selector in selectors(written):
        assert not selector.matchers.or_matchers
        own = [
            m.value
            for m in selector.matchers.matchers
            if (m.name, str(m.op)) == ("namespace", "MatchOp.Equal")
        ]
        assert "tenant-a" in own
        assert set(own) == {"tenant-a"}
    assert confined(written, TENANT)


@settings(max_examples=400, deadline=None)
@given(SELECTORS)
def test_a_counter_is_a_name_and_matchers_and_nothing_else(text: str) -> None:
    with suppress(NotACounter):
        counter = parse_counter(text)
        assert counter.metric
        assert all(label != "__name__" for label, _, _ in counter.matchers)
