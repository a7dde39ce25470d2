"""Which Prometheus a model's samples are in: the operator's list, the namespace's own, the model's choice."""

from pathlib import Path

import pytest

from serin.api.invalid import InvalidSpec
from serin.prom.config import ConfigError
from serin.prom.endpoints import Endpoint
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.settings import Settings

MAIN = Endpoint(name="main", url="http://main:9090", default=True)
SPARE = Endpoint(name="spare", url="http://spare:9090")
TENANT = Endpoint(name="tenant", url="http://main:9090", namespaces=frozenset({"a"}))
ALL = Prometheuses([SPARE, TENANT, MAIN])


@pytest.mark.parametrize(
    ("namespace", "address", "place"),
    [
        ("ml", None, MAIN),
        ("ml", "http://spare:9090/", SPARE),
        ("ml", "http://main:9090", MAIN),
        ("a", None, TENANT),
        ("a", "http://main:9090", TENANT),
        ("a", "http://spare:9090", SPARE),
    ],
)
def test_a_model_is_judged_by_the_one_that_is_meant(
    namespace: str, address: str | None, place: Endpoint
) -> None:
    assert ALL.chosen(namespace, address) == place


def test_an_address_that_is_not_allowed_is_refused_with_those_that_are() -> None:
    refusal = Prometheuses([MAIN, TENANT]).chosen("ml", "http://elsewhere")

    assert refusal == InvalidSpec(
        "spec.prometheus.address",
        'spec.prometheus.address is "http://elsewhere"; need one that the operator may ask: http://main:9090,'
        " or leave it out",
    )


def test_another_tenants_address_is_neither_allowed_nor_shown() -> None:
    private = Endpoint(name="private", url="http://private:9090", namespaces=frozenset({"a"}))

    refusal = Prometheuses([MAIN, private]).chosen("ml", "http://private:9090")

    assert isinstance(refusal, InvalidSpec)
    assert "need one that the operator may ask: http://main:9090," in refusal.message


def test_a_namespace_that_nothing_is_listed_for_is_not_judged() -> None:
    only = Prometheuses([TENANT])

    assert only.chosen("ml", None) is None
    refusal = only.chosen("ml", "http://main:9090")
    assert isinstance(refusal, InvalidSpec)
    assert refusal.message.endswith("the operator has no Prometheus for this namespace; leave it out")


def test_one_address_on_the_command_line_is_for_everybody() -> None:
    [place] = Prometheuses.of(Settings(prometheus="http://main:9090", scrape_interval=5)).endpoints

    assert place == Endpoint(name="default", url="http://main:9090", default=True, scrape_interval=5)
    assert Prometheuses.of(Settings()).endpoints == ()


def test_an_address_and_a_file_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="--prometheus and --prometheus-config are both given"):
        Prometheuses.of(Settings(prometheus="http://main:9090", prometheus_config=Path("x")))


def test_an_address_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="--prometheus: need an address such as"):
        Prometheuses.of(Settings(prometheus="main:9090"))
