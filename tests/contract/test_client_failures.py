"""Our client when things go wrong: what may have happened is never lost, and the token goes nowhere else."""

import hashlib
import io
import json
import logging
import re
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from synapse_sync.destinations.synapse import SynapseDestination, tasks, units
from synapse_sync.destinations.synapse.calls import REGISTER
from synapse_sync.destinations.synapse.unfinished import Pace
from synapse_sync.devserver import DevServer, Options
from synapse_sync.errors import Busy, CollectionUnusable, ConfigError, OutcomeUnknown, Rejected, Unreachable
from synapse_sync.records import ContentRef, Digests, OutgoingUnit, UploadProgress

SPECS = [{"name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}]
TOKEN = "syn_tr0ub4dor"
APIS = pytest.mark.parametrize("api", ["v1", "v2"])

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


CLOSE = "Connection: close"


def answer(body, status="200 OK", *headers):
    """A whole HTTP answer, the connection's last; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(text.encode())}", CLOSE, *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def kept(raw):
    """The same answer without the word that it is the connection's last."""
    return raw.replace(f"{CLOSE}\r\n".encode(), b"")


HTML_404 = answer("<h1>Not Found</h1>", "404 Not Found")
CUT = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[{"id"'
EMPTY = answer("", "201 Created")
NOTHING = b""


class Scripted:
    """A server that answers each connection's one request with the next raw answer; None: not at all.

    It closes the connection afterwards, or keeps it open but deaf.
    """

    def __init__(self, answers, keep, tls):
        self.requests = []
        self.closed = threading.Semaphore(0)
        self._answers, self._keep, self._tls = answers, keep, tls
        self._kept = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"

    def serve(self):
        for raw in self._answers:
            connection, _ = self._socket.accept()
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._exchange(connection, raw)
            except OSError:
                connection.close()

    def _exchange(self, connection, raw):
        with connection.makefile("rb") as stream:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    raise ConnectionError("the client went away")
                head += line
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            self.requests.append((head.decode(), stream.read(int(length[1])) if length else b""))
        if raw is not None:
            connection.sendall(raw)
        if self._keep or raw is None:
            self._kept.append(connection)
        else:
            connection.close()
            self.closed.release()

    def stop(self):
        self._socket.close()
        for connection in self._kept:
            connection.close()


@contextmanager
def scripted(*answers, keep=False, tls=None):
    server = Scripted(answers, keep, tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        while thread.is_alive():  # answers that nobody asked for
            with socket.create_connection(server.address.split(":")) as unused:
                unused.shutdown(socket.SHUT_RDWR)
            thread.join(0.05)
        server.stop()


@contextmanager
def connected(url, token=TOKEN, **options):
    destination = SynapseDestination(url, token, **options)
    try:
        yield destination
    finally:
        destination.close()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Nothing of the machine's own proxies and CA bundles."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def running_server(tmp_path_factory):
    with DevServer(Options(data=tmp_path_factory.mktemp("server"), token=TOKEN)) as running:
        yield running


@pytest.fixture
def server(running_server):
    running_server.clear_faults()
    running_server.reset_stats()
    return running_server


def digests(data):
    return Digests(hashlib.md5(data).hexdigest(), hashlib.sha1(data).hexdigest(), len(data))


def send(destination, data, name="a.png"):
    return destination.put(io.BytesIO(data), name, digests(data), None, lambda state, sent: None)


def unit(number, checksum):
    return OutgoingUnit(number, f"unit-{number}", {"image_1": (checksum, f"{number}.png")}, {}, f"key-{number}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


# What may have happened.


CALLS = {
    "check": lambda destination: destination.check(),
    "open": lambda destination: destination.open(1),
    "present": lambda destination: destination.present([digests(b"x")]),
    "put": lambda destination: send(destination, b"x"),
    "register": lambda destination: destination.register(1, [unit(1, "0" * 32)]),
    "create_tasks": lambda destination: destination.create_tasks(1, 1, [1]),
}
EVERY_CALL = pytest.mark.parametrize("call", CALLS)
CHANGES = ("put", "register", "create_tasks")


@APIS
@EVERY_CALL
def test_a_server_that_is_down_is_unreachable_and_nothing_was_applied(call, api):
    with (
        connected(f"http://127.0.0.1:{free_port()}", api=api) as destination,
        pytest.raises(Unreachable, match="no connection") as down,
    ):
        CALLS[call](destination)
    assert (down.value.scope, down.value.retry, down.value.applied) == ("destination", "later", "no")


@APIS
@EVERY_CALL
@pytest.mark.parametrize("raw", [NOTHING, CUT])
def test_a_lost_answer_leaves_changes_unknown_and_everything_else_worth_another_try(call, api, raw):
    with (
        scripted(raw) as server,
        connected(server.url, api=api) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Unreachable) as lost,
    ):
        CALLS[call](destination)
    assert lost.value.applied == ("maybe" if call in CHANGES else "no")
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["check", "register", "create_tasks"])
def test_silence_is_given_up_after_the_read_timeout(call, monkeypatch):
    impatient = REGISTER._replace(answer=0.2)
    monkeypatch.setattr(units, "REGISTER", impatient)
    monkeypatch.setattr(tasks, "REGISTER", impatient)
    with (
        scripted(None) as server,
        connected(server.url, read_timeout=0.2) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Unreachable, match="timed out"),
    ):
        CALLS[call](destination)
    assert len(server.requests) == 1


def test_an_empty_answer_to_a_registration_leaves_its_units_unknown():
    with scripted(EMPTY) as server, connected(server.url) as destination:
        outcomes = destination.register(1, [unit(1, "0" * 32), unit(2, "1" * 32)])
    assert [outcome.kind for outcome in outcomes] == ["unknown", "unknown"]


def test_an_empty_answer_to_an_upload_leaves_it_unknown_and_to_a_question_means_busy():
    with scripted(EMPTY, EMPTY, EMPTY) as server, connected(server.url) as destination:
        with pytest.raises(OutcomeUnknown):
            CALLS["put"](destination)
        with pytest.raises(Busy, match="existing_checksums"):
            CALLS["present"](destination)
        with pytest.raises(Busy, match="no data collection"):
            CALLS["open"](destination)


@EVERY_CALL
def test_a_success_that_is_a_web_page_is_no_success(call):
    with (
        scripted(answer("<h1>Welcome to this hotel</h1>")) as server,
        connected(server.url) as destination,
        pytest.raises(OutcomeUnknown if call in CHANGES else Busy, match="not JSON"),
    ):
        CALLS[call](destination)


@EVERY_CALL
def test_a_proxys_page_is_busy_and_no_refused_token(call, server):
    server.fault("*", "html", code=403)
    with connected(server.url) as destination, pytest.raises(Busy, match=r"403 .*by a proxy before the server") as busy:
        CALLS[call](destination)
    assert (busy.value.scope, busy.value.retry, busy.value.applied) == ("call", "later", "no")
    assert server.stats()["units"] == 0 or call != "register"


@pytest.mark.parametrize("code", [408, 425, 429, 503])
@EVERY_CALL
def test_a_server_that_is_busy_says_how_long_and_nothing_was_applied(call, code, server):
    server.fault("*", "status", code=code, retry_after=7)
    with connected(server.url) as destination, pytest.raises(Busy) as busy:
        CALLS[call](destination)
    assert (busy.value.retry_after, busy.value.applied, busy.value.status) == (7, "no", code)


@pytest.mark.parametrize("code", [500, 502, 504])
@pytest.mark.parametrize("processed", [False, True])
def test_a_v1_registration_that_ends_in_5xx_is_unknown_whether_processed_or_not(server, code, processed):
    collection = server.create_collection("scans", SPECS)
    with connected(server.url) as destination:
        one = unit(1, send(destination, b"x").checksum)
        server.fault("POST data_units/", "status", code=code, processed=processed)
        with pytest.raises(OutcomeUnknown) as unknown:
            destination.register(collection, [one])
    assert unknown.value.status == code
    assert len(server.units(collection)) == int(processed)


def test_a_v1_registration_whose_answer_was_dropped_is_unknown_and_sent_once(server):
    collection = server.create_collection("scans", SPECS)
    with connected(server.url) as destination:
        one = unit(1, send(destination, b"x").checksum)
        server.fault("POST data_units/", "drop_after")
        with pytest.raises(OutcomeUnknown, match="register unit unit-1"):
            destination.register(collection, [one])
    assert len(server.units(collection)) == 1
    assert server.stats()["requests"]["POST data_units/"] == 1


def test_a_v2_registration_whose_answer_was_dropped_is_unknown_and_sending_it_again_makes_no_second_unit(server):
    collection = server.create_collection("scans", SPECS)
    with connected(server.url, api="v2") as destination:
        one = unit(1, send(destination, b"x").checksum)
        server.fault("POST v2/data-units/bulk-create/", "drop_after")
        with pytest.raises(OutcomeUnknown):
            destination.register(collection, [one])
        assert destination.register(collection, [one])[0].kind == "reused"
    assert len(server.units(collection)) == 1


@APIS
def test_tasks_whose_answer_was_dropped_are_unknown(server, api):
    collection = server.create_collection("scans", SPECS)
    project = server.create_project("annotate", collection)
    with connected(server.url, api=api) as destination:
        made = destination.register(collection, [unit(1, send(destination, b"x").checksum)])[0].server_id
        server.fault("*tasks/*", "drop_after")
        with pytest.raises(OutcomeUnknown):
            destination.create_tasks(project, collection, [made])
    assert len(server.tasks(project)) == 1


# Connections.


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


def test_many_threads_share_one_destination(server):
    contents = [b"shared %d" % number for number in range(200)]
    with connected(server.url, workers=4) as destination, ThreadPoolExecutor(8) as threads:
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


@pytest.mark.parametrize("call", ["check", "register"])
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
        scripted(answer({}, "404 Not Found")) as server,
        connected(server.url + "/sub", api=api) as destination,
        pytest.raises(CollectionUnusable),
    ):
        destination.open(5)
    head = server.requests[0][0]
    expected = {
        "v1": "GET /sub/data_collections/5/?expand=file_specifications",
        "v2": "GET /sub/v2/data-collections/5/",
    }
    assert head.startswith(expected[api] + " HTTP/1.1\r\n")
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


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "500 Oops", "503 Busy"])
def test_a_token_that_the_server_quotes_is_blacked_out(status):
    body = {"detail": f"Invalid token: Token {TOKEN}"}
    with (
        scripted(answer(body, status)) as server,
        connected(server.url) as destination,
        pytest.raises(Exception, match=r"Invalid token: Token \*\*\*") as refused,
    ):
        destination.present([digests(b"x")])
    assert TOKEN not in repr(refused.value) + str(refused.value)


def test_the_token_is_in_no_log_and_no_repr(server, caplog):
    caplog.set_level(logging.DEBUG)
    collection = server.create_collection("scans", SPECS)
    with connected(server.url) as destination:
        destination.check()
        destination.register(collection, [unit(1, send(destination, b"x").checksum)])
        server.fault("*", "drop_before")
        with pytest.raises(Unreachable):
            destination.check()
        assert TOKEN not in repr(destination) + repr(vars(destination))
    assert caplog.records
    assert TOKEN not in caplog.text


# Servers that lack something.


@pytest.mark.parametrize("missing", [HTML_404, answer({"detail": "Not found."}, "404 Not Found")])
def test_check_is_content_with_collections_where_the_server_tells_no_user(missing):
    with scripted(missing, answer({"results": []})) as server, connected(server.url) as destination:
        destination.check()
    assert server.requests[1][0].startswith("GET /data_collections/?page_size=1 ")


COLLECTION = {"id": 5, "name": "scans", "file_specifications": [{"name": "image_1", "file_type": "image"}]}


@pytest.mark.parametrize(
    ("reply", "extensions"),
    [
        (answer({"data": {"file_types": {"image": {"extensions": ["JPG", "png"]}}}, "meta": {}}), (".jpg", ".png")),
        (answer({"file_types": {"image": {"extensions": ["png"]}}}), (".png",)),
        (answer({"file_types": {"video": {"extensions": ["mp4"]}}}), ()),
        (HTML_404, ()),
        (answer({"detail": "no"}, "403 Forbidden"), ()),
    ],
)
def test_specs_without_extensions_take_their_types_or_are_unrestricted(reply, extensions):
    with scripted(answer(COLLECTION), reply) as server, connected(server.url) as destination:
        opened = destination.open(5)
    assert opened.specs[0].extensions == extensions


@pytest.mark.parametrize("specs", [[], None, [1, 2]])
def test_a_collection_without_specs_is_unusable(specs):
    body = {**COLLECTION, "file_specifications": specs}
    with (
        scripted(answer(body)) as server,
        connected(server.url) as destination,
        pytest.raises(CollectionUnusable, match="data collection 5 has no file specifications"),
    ):
        destination.open(5)


def test_checksums_are_asked_in_lowercase_compared_in_any_case_and_kept_verbatim():
    ours = digests(b"x")
    reply = answer({"existing_checksums": [ours.md5.upper(), ours.sha1, "f" * 40]})
    for checksum, kept in (("auto", ours.sha1), ("sha1", ours.sha1), ("md5", ours.md5.upper())):
        with scripted(reply) as server, connected(server.url, checksum=checksum) as destination:
            assert destination.present([ours]) == {ours: ContentRef(kept)}
        assert json.loads(server.requests[0][1]) == {"checksums": [ours.md5, ours.sha1]}


def test_what_is_too_large_for_a_proxy_is_rejected_whatever_page_it_answers_with():
    with (
        scripted(answer("<h1>413</h1>", "413 Too Large")) as server,
        connected(server.url) as destination,
        pytest.raises(Rejected, match="too large"),
    ):
        send(destination, b"x")


# Chunked uploads whose server is not where one would think.


DATA = bytes(range(256)) * 40
CLAIMED = answer({"id": 1, "checksum": digests(DATA).md5}, "201 Created")


def state(offset, completed_at=None, status="200 OK"):
    return answer({"id": 7, "offset": offset, "completed_at": completed_at}, status)


def put_in_chunks(server, resume=None, chunk_size=4096):
    options = {"direct_limit": 0, "chunk_size": chunk_size, "pace": Pace(pause=0.01, patience=0.2)}
    with connected(server.url, **options) as destination:
        destination.put(io.BytesIO(DATA), "a.bin", digests(DATA), resume, lambda state, sent: None)


def sent(server):
    """What was sent: method and path, and for chunks the range and whether the bytes are those of the range."""
    for head, body in server.requests:
        line = " ".join(head.split(" ")[:2])
        span = re.search(r"Content-Range: bytes (\d+)-(\d+)/10240", head)
        if span is None:
            yield line
        else:
            first, last = int(span[1]), int(span[2])
            assert DATA[first : last + 1] + b"\r\n--" in body
            yield f"{line} {first}-{last}"


def test_after_a_chunk_that_was_taken_in_part_the_rest_follows_from_the_servers_offset():
    with scripted(state(4096), state(6000), state(10096), state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server)
    assert list(sent(server)) == [
        "PUT /chunked_upload/ 0-4095",
        "PUT /chunked_upload/7/ 4096-8191",
        "PUT /chunked_upload/7/ 6000-10095",
        "PUT /chunked_upload/7/ 10096-10239",
        "POST /chunked_upload/7/",
        "POST /data_files/",
    ]


def test_after_a_chunk_of_an_earlier_attempt_arrived_late_the_upload_goes_on_behind_it():
    """The server stands at 8192 and refuses what starts at 4096; that is no reason to give up, nor to resend."""
    differ = answer({"detail": "Offsets do not match", "expected_offset": 8192}, "400 Bad Request")
    late = (state(4096), differ, state(6000), state(8192), state(8192))
    with scripted(*late, state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server, resume=UploadProgress("chunked", "7", 4096))
    assert list(sent(server)) == [
        "GET /chunked_upload/7/",
        "PUT /chunked_upload/7/ 4096-8191",
        *["GET /chunked_upload/7/"] * 3,
        "PUT /chunked_upload/7/ 8192-10239",
        "POST /chunked_upload/7/",
        "POST /data_files/",
    ]


def test_an_upload_longer_than_the_file_is_not_ours_and_a_new_one_begins():
    with scripted(state(10241), state(10240), answer({}), CLAIMED) as server:
        put_in_chunks(server, resume=UploadProgress("chunked", "7", 4096), chunk_size=20000)
    assert list(sent(server))[1] == "PUT /chunked_upload/ 0-10239"


@pytest.mark.parametrize("offset", [0, 4096, -1, 99999])
def test_a_server_whose_offset_makes_no_sense_is_left_and_the_upload_forgotten(offset):
    with (
        scripted(state(4096), state(offset)) as server,
        pytest.raises(Busy, match="sent anew"),
    ):
        put_in_chunks(server)


def test_a_finalize_that_an_earlier_process_sent_is_waited_for_and_not_sent_again():
    """The process was killed while the server put the file together."""
    killed = UploadProgress("chunked", "7", 10240, {"finalizing": time.time() - 0.05})
    with scripted(state(10240), state(10240), state(10240, "2026-01-01T00:00:00Z"), CLAIMED) as server:
        put_in_chunks(server, resume=killed)
    assert list(sent(server)) == [*["GET /chunked_upload/7/"] * 3, "POST /data_files/"]
