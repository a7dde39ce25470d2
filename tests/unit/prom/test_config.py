"""The file of Prometheuses: what can be said in it, and what is said about what cannot be meant."""

from pathlib import Path
from textwrap import dedent

import pytest

from serin.prom.config import ConfigError, read_config
from serin.prom.credentials import Access, HeaderValues
from serin.prom.endpoints import Endpoint, same_address


def config(folder: Path, text: str) -> Path:
    path = folder / "prometheuses.yaml"
    path.write_text(dedent(text))
    return path


def test_all_of_it_is_understood(tmp_path: Path) -> None:
    for name in ("token", "password", "key"):
        (tmp_path / name).write_text("letmein")
    path = config(
        tmp_path,
        """
        prometheuses:
        - name: main
          url: https://prometheus.monitoring:9090/
          default: true
          scrape_interval: 30s
          timeout: 1m30s
          authorization: {credentials_file: token}
          tls_config: {server_name: prometheus.example.com}
        - name: team-a
          url: http://mimir:8080/prometheus
          namespaces: [a, a-dev]
          namespace_labels: [namespace, exported_namespace]
          basic_auth: {username: serin, password_file: password}
          http_headers:
            X-Scope-OrgID: {values: [a]}
            X-Key: {files: [key]}
        - name: bare
          url: http://elsewhere:9090
          bearer_token_file: token
        """,
    )

    main, team, bare = read_config(path)

    assert main == Endpoint(
        name="main",
        url="https://prometheus.monitoring:9090/",
        default=True,
        scrape_interval=30.0,
        timeout=90.0,
        access=Access(credentials_file=tmp_path / "token", server_name="prometheus.example.com"),
    )
    assert team == Endpoint(
        name="team-a",
        url="http://mimir:8080/prometheus",
        namespaces=frozenset({"a", "a-dev"}),
        namespace_labels=frozenset({"namespace", "exported_namespace"}),
        access=Access(
            username="serin",
            password_file=tmp_path / "password",
            headers={
                "X-Scope-OrgID": HeaderValues(values=("a",)),
                "X-Key": HeaderValues(files=(tmp_path / "key",)),
            },
        ),
    )
    assert bare.access == main.access.__class__(credentials_file=tmp_path / "token")


ENTRY = "prometheuses:\n- name: main\n  url: http://prometheus:9090\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", ", line 1: is not YAML; need a list under prometheuses"),
        ("", ": the whole: need an object"),
        ("prometheuses: []", ": prometheuses: need at least one entry"),
        ("prometheuses:\n- name: main", ": prometheuses[0].url: is needed"),
        (
            "prometheuses:\n- name: main\n  url: prometheus:9090",
            ": prometheuses[0].url: need an address such as http://prometheus.monitoring:9090",
        ),
        (
            "prometheuses:\n- name: main\n  url: http://serin:letmein@prometheus:9090",
            ": prometheuses[0].url: holds a user or password; give basic_auth instead",
        ),
        (
            ENTRY + "  password: letmein",
            ": prometheuses[0].password: secrets are not written into this file; write it into one of its own"
            " and give password_file",
        ),
        (
            ENTRY + "  authorization: {credentials: letmein}",
            ": prometheuses[0].authorization.credentials_file: is needed",
        ),
        (ENTRY + "  authorization: letmein", ": prometheuses[0].authorization: need an object"),
        (
            ENTRY + "  authorization: {type: Basic, credentials_file: x}",
            ": prometheuses[0].authorization.type: need one word such as Bearer; for Basic give basic_auth"
            " instead",
        ),
        (
            ENTRY + "  proxy_url: http://letmein",
            ": prometheuses[0].proxy_url: is not a field Serin knows; leave it out",
        ),
        (
            ENTRY + "  follow_redirects: true",
            ": prometheuses[0].follow_redirects: redirects are not followed, they could lead credentials"
            " elsewhere; leave it out",
        ),
        (ENTRY + "  scrape_interval: 15", ": prometheuses[0].scrape_interval: need a duration such as 15s"),
        (ENTRY + "  timeout: 10ms", ": prometheuses[0].timeout: need at least 1s and at most 1h"),
        (
            ENTRY + "  tls_config: {cert_file: x}",
            ": prometheuses[0].tls_config: a certificate needs its key: give both cert_file and key_file,",
        ),
        (
            ENTRY + "  http_headers: {Authorization: {values: [letmein]}}",
            ": prometheuses[0].http_headers: 'Authorization' cannot be set here",
        ),
        (
            ENTRY + "  bearer_token_file: x\n  basic_auth: {username: serin, password_file: y}",
            ": prometheuses[0]: give one of authorization, bearer_token_file and basic_auth",
        ),
        (
            ENTRY + "  bearer_token_file: /nowhere/token",
            ": prometheuses[0].authorization.credentials_file: /nowhere/token: No such file or directory;",
        ),
        (
            ENTRY + "- name: main\n  url: http://other:9090",
            ": prometheuses: the name main is given twice; give each entry its own",
        ),
        (
            ENTRY + "- name: other\n  url: http://prometheus:9090",
            ": prometheuses: http://prometheus:9090 for every namespace is given twice; leave one out",
        ),
        (
            ENTRY + "- name: other\n  url: http://other:9090",
            ": prometheuses: mark one of the entries without namespaces as default: true",
        ),
        (
            ENTRY
            + "- {name: a, url: 'http://a:9090', namespaces: [ml]}\n"
            + "- {name: b, url: 'http://b:9090', namespaces: [ml]}",
            ": prometheuses: the namespace ml is in two entries; name it in one",
        ),
    ],
)
def test_a_fault_is_said_with_file_field_and_cure(tmp_path: Path, text: str, said: str) -> None:
    path = config(tmp_path, text)

    with pytest.raises(ConfigError) as error:
        read_config(path)

    assert str(error.value).startswith(f"{path}{said}")
    assert "letmein" not in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory; mount it, or correct --prometheus-con"):
        read_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://prometheus:9090", "HTTP://Prometheus:9090/", True),
        ("http://mimir/prometheus", "http://mimir/prometheus/", True),
        ("http://prometheus:9090", "https://prometheus:9090", False),
        ("http://mimir/a", "http://mimir/b", False),
    ],
)
def test_an_address_may_be_spelt_in_ways(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same
