"""The server's address: what is valid, and which addresses are the same host."""

from __future__ import annotations

import pytest

from synapse_sync.config.urls import check_ping_url, is_unprotected, parse_url, same_host, without_secret


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.synapse.sh", "https://api.synapse.sh"),
        ("https://api.synapse.sh//", "https://api.synapse.sh"),
        (" http://nas.local:8000/synapse/ ", "http://nas.local:8000/synapse"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://v2.example.org", "https://v2.example.org"),
    ],
)
def test_a_url_loses_only_its_trailing_slashes(text: str, url: str) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api.synapse.sh", "write it with https:// in front"),
        ("ftp://api.synapse.sh", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https://a b", "not an http or https URL"),
        ("https://host:port", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("https://api.synapse.sh/v2", "must not contain /v2"),
        ("https://api.synapse.sh/v2/", "must not contain /v2"),
        ("https://api.synapse.sh/?a=1", "must end before"),
    ],
)
def test_what_is_no_server_address_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_url(text)


@pytest.mark.parametrize("text", ["", "https://ping.example.org/secret-id?x=1", "http://me:hunter2@[::1]:8000/a"])
def test_a_ping_may_go_to_any_address(text: str) -> None:
    assert check_ping_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("ping.example.org", "ftp://a/secret", "https://", "http:///secret", "http://[::1", "http://ho st/secret"),
        *("http://host:99999/secret", "http://a:b@h:x/secret", "https://host/secret\n"),
    ],
)
def test_what_can_not_be_called_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL") as refused:
        check_ping_url(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("https://me:hunter2@[::1]:8000/secret-id?key=1", "https://[::1]:8000/…"), ("http://a?b", "http://a/…")],
)
def test_of_an_address_to_call_the_host_alone_is_shown(text: str, shown: str) -> None:
    assert without_secret(text) == shown


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="no secret stands in the URL") as refused:
        parse_url("https://me:hunter2@api.synapse.sh")
    assert "hunter2" not in str(refused.value)


def test_hosts_are_equal_by_scheme_name_and_port_alone() -> None:
    base = "https://api.synapse.sh"
    assert same_host(base, "https://API.synapse.sh:443/below")
    assert not same_host(base, "http://api.synapse.sh")
    assert not same_host(base, "https://api.synapse.sh:8443")
    assert not same_host(base, "https://synapse.sh")


def test_http_is_unprotected_except_to_this_machine() -> None:
    assert is_unprotected("http://nas.local")
    assert is_unprotected("http://192.168.1.5:8000")
    assert not is_unprotected("https://nas.local")
    for host in ("localhost", "dev.localhost", "127.0.0.1", "127.1.2.3", "[::1]"):
        assert not is_unprotected(f"http://{host}:8000")
