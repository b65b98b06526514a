"""Our client's connections: kept, new, through TLS and proxies; and where the token goes, and where it doesn't."""

import logging
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.errors import CollectionUnusable, ConfigError, Unreachable
from tests.contract.client import CALLS, EVERY_CALL, SPECS, TOKEN, connected, digests, send, unit
from tests.contract.scripted import answer, free_port, kept, scripted

# Made for these tests alone: a certificate for 127.0.0.1 that signs itself, valid until 2126.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBoDCCAUagAwIBAgIUOOVuqN2l55LcYW+snd27B90PAvQwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRc3luYXBzZS1zeW5jIHRlc3QwIBcNMjYxMTIyMTAyNjMyWhgP
MjEyNjEwMjkxMDI2MzJaMBwxGjAYBgNVBAMMEXN5bmFwc2Utc3luYyB0ZXN0MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETcF9vbzqH1yQVpylmwqPYDIPxysswmQR
RVR4/QcCbd2/GOMTrWiokrObnNNAwyyXMdi8cbzeb+8AVcKRJ7viiqNkMGIwHQYD
VR0OBBYEFBMpq/uj/md3o2LdFUVL+kAmM493MB8GA1UdIwQYMBaAFBMpq/uj/md3
o2LdFUVL+kAmM493MA8GA1UdEwEB/wQFMAMBAf8wDwYDVR0RBAgwBocEfwAAATAK
BggqhkjOPQQDAgNIADBFAiEAsx4+GI4+mG7ptjlj5R9mWW4j3CpZRqGEQXX52Q/P
9YwCIER9qMUCYQEevqc0gDMt7iXawwQmp7MABcOBTt6QiMOd
-----END CERTIFICATE-----
"""
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/zOJGgrjwkLm6pWa
dXq3UeZEi3azSeVQkKp5aDXO74yhRANCAARNwX29vOofXJBWnKWbCo9gMg/HKyzC
ZBFFVHj9BwJt3b8Y4xOtaKiSs5uc00DDLJcx2LxxvN5v7wBVwpEnu+KK
-----END PRIVATE KEY-----
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Nothing of the machine's own proxies and CA bundles."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_kept_connection_that_the_server_closed_is_opened_again():
    with scripted(kept(answer({})), answer({})) as server, connected(server.url) as destination:
        destination.check()
        server.closed.acquire()
        destination.check()
    assert len(server.requests) == 2


@pytest.mark.parametrize("call", ["register", "create_tasks"])
def test_what_must_not_be_repeated_goes_out_on_a_new_connection(call):
    """The kept connection is dead without our knowing: on it, this would end as an unknown outcome."""
    with scripted(kept(answer({})), answer([{"id": 1}], "201 Created"), keep=True) as server:
        with connected(server.url, read_timeout=2) as destination:
            destination.check()
            CALLS[call](destination)
        assert len(server.requests) == 2


def test_many_threads_share_one_destination(devserver):
    contents = [b"shared %d" % number for number in range(200)]
    with connected(devserver.url, workers=4) as destination, ThreadPoolExecutor(8) as threads:
        references = list(threads.map(lambda data: send(destination, data), contents))
        found = destination.present([digests(data) for data in contents])
    assert [reference.checksum for reference in references] == [found[digests(data)].checksum for data in contents]


@pytest.fixture
def tls(tmp_path):
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return context, str(tmp_path / "certificate.pem")


@pytest.mark.parametrize("call", ["check", "put_small", "register"])
def test_a_certificate_that_is_not_trusted_sends_nothing_and_tells_what_to_set(tls, call):
    with (
        scripted(answer({}), tls=tls[0]) as server,
        connected(server.url) as destination,
        pytest.raises(Unreachable, match="ca_bundle"),
    ):
        CALLS[call](destination)
    assert server.requests == []


@pytest.mark.parametrize("variable", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_from_the_config_or_the_environment_is_trusted(tls, monkeypatch, variable):
    if variable:
        monkeypatch.setenv(variable, tls[1])
    with (
        scripted(answer({}), tls=tls[0]) as server,
        connected(server.url, ca_bundle=None if variable else tls[1]) as destination,
    ):
        destination.check()
    assert len(server.requests) == 1


def test_a_connection_that_is_only_tried_tells_how_it_is_protected_and_sends_no_token(tls):
    with scripted(answer({}), tls=tls[0]) as server, connected(server.url, ca_bundle=tls[1]) as destination:
        reached = destination.examination().reach()
    assert (reached.secured, datetime.fromtimestamp(reached.valid_until).year) == ("TLSv1.3", 2126)
    assert server.requests == []


def test_an_untrusted_certificate_is_told_when_the_connection_is_tried(tls):
    with (
        scripted(answer({}), tls=tls[0]) as server,
        connected(server.url) as destination,
        pytest.raises(Unreachable, match="not trusted"),
    ):
        destination.examination().reach()


def test_a_proxy_is_told_without_its_password(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy.example:3128")
    with connected("http://synapse.example") as destination:
        assert destination.examination().proxy == "http://proxy.example:3128"


def test_a_ca_bundle_that_is_not_there_is_a_config_error():
    with pytest.raises(ConfigError, match=r"/no/such/ca\.pem"):
        SynapseDestination("https://127.0.0.1", TOKEN, ca_bundle="/no/such/ca.pem")


@pytest.mark.parametrize("call", ["check", "register"])
def test_a_proxy_from_the_environment_is_used(call, monkeypatch):
    with scripted(answer([{"id": 1}])) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with connected("http://synapse.example/base") as destination:
            CALLS[call](destination)
    assert proxy.requests[0][0].split(" ")[1].startswith("http://synapse.example/base/")


def test_a_host_that_the_environment_excludes_is_reached_without_the_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with scripted(answer({})) as server, connected(server.url) as destination:
        destination.check()
    assert len(server.requests) == 1


# Where the token goes, and where it doesn't.


@pytest.mark.parametrize(("api", "shown"), [("v1", f"Token {TOKEN}"), ("v2", TOKEN)])
def test_each_api_gets_its_form_of_the_token_and_our_name(api, shown):
    with (
        scripted(*[answer({}, "404 Not Found")] * 2) as server,  # with v2 both are asked at the same time
        connected(server.url + "/sub", api=api) as destination,
        pytest.raises(CollectionUnusable),
    ):
        destination.open(5)
    expected = {
        "v1": "GET /sub/data_collections/5/?expand=file_specifications",
        "v2": "GET /sub/v2/data-collections/5/",
    }
    (head,) = [head for head, _ in server.requests if head.startswith(expected[api] + " HTTP/1.1\r\n")]
    assert f"\r\nSynapse-Access-Token: {shown}\r\n" in head
    assert "\r\nUser-Agent: synapse-sync/" in head


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
@EVERY_CALL
def test_a_redirect_is_not_followed(status, call):
    with scripted(answer({})) as elsewhere:
        redirect = answer("", status, f"Location: {elsewhere.url}/users/me/?ticket=1")
        with (
            scripted(redirect) as server,
            connected(server.url) as destination,
            pytest.raises(Unreachable, match="redirect") as refused,
        ):
            CALLS[call](destination)
        assert elsewhere.address in str(refused.value)
        assert elsewhere.requests == []


def test_netrc_and_cookies_are_not_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password lovelace\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted(answer({}, "200 OK", "Set-Cookie: a=b; Path=/"), answer({})) as server:
        with connected(server.url) as destination:
            destination.check()
            destination.check()
        assert "Set-Cookie" not in server.requests[0][0]
        assert not any(word in head for head, _ in server.requests for word in ("Authorization", "Cookie"))


def test_through_a_proxy_nothing_may_be_sent_as_small(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with connected("http://synapse.example") as destination:
        assert destination.small == 0


@pytest.mark.parametrize("call", ["present", "put_small"])
@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "500 Oops", "503 Busy"])
def test_a_token_that_the_server_quotes_is_blacked_out(status, call):
    body = {"detail": f"Invalid token: Token {TOKEN}"}
    with (
        scripted(answer(body, status)) as server,
        connected(server.url) as destination,
        pytest.raises(Exception, match=r"Invalid token: Token \*\*\*") as refused,
    ):
        CALLS[call](destination)
    assert TOKEN not in repr(refused.value) + str(refused.value)


def test_the_token_is_in_no_log_and_no_repr(devserver, caplog):
    caplog.set_level(logging.DEBUG)
    collection = devserver.create_collection("scans", SPECS)
    with connected(devserver.url) as destination:
        destination.check()
        destination.register(collection, [unit(1, send(destination, b"x").checksum)], destination.api)
        devserver.fault("*", "drop_before")
        with pytest.raises(Unreachable):
            destination.check()
        assert TOKEN not in repr(destination) + repr(vars(destination))
    assert caplog.records
    assert TOKEN not in caplog.text
