"""Our client asks where a storage is: by a session, or as an older backend tells it (protocol §2.1, rows 16 to 18)."""

import json
import time

import pytest

from synapse_sync.destinations.synapse import SynapseDestination
from synapse_sync.errors import Busy, StorageUnusable, SynapseSyncError, TokenRefused, Unreachable
from tests.contract.client import TOKEN
from tests.contract.scripted import answer, scripted

SECRET = "s3cr3t-of-the-storage"
BUCKET = {
    "bucket_name": "scans",
    "region_name": "eu",
    "access_key": "AK",
    "secret_key": SECRET,
    "of_tomorrow": [SECRET],
}
NOT_FOUND = answer({"detail": "Not found."}, "404 Not Found")
NOT_ALLOWED = answer({"detail": "Method not allowed."}, "405 Method Not Allowed")
PAGE = answer("<html>404</html>", "404 Not Found")


def asked(*answers, number=11):
    """(what the client makes of these answers, or raises; the requests)."""
    with scripted(*answers) as server:
        destination = SynapseDestination(server.url, TOKEN, api="v1", read_timeout=0.3)
        try:
            made = destination.storage(number)
        except SynapseSyncError as error:
            made = error
        destination.close()
    return made, [(head.split()[0], head.split()[1], body) for head, body in server.requests]


def test_a_session_is_asked_for_reading_and_its_secrets_are_shown_to_nobody():
    ends = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 900))
    session, requests = asked(answer({"provider": "minio", "configuration": BUCKET, "expires_at": ends}))
    assert [(method, path, json.loads(body)) for method, path, body in requests] == [
        ("POST", "/storages/11/session/", {"purpose": "read"})
    ]
    assert session.provider == "minio"
    assert session.settings == {"bucket_name": "scans", "region_name": "eu"}
    assert session.secrets.get("secret_key") == SECRET
    assert 0 < session.ends - time.time() <= 901
    assert SECRET not in repr(session)


@pytest.mark.parametrize("old", [NOT_FOUND, NOT_ALLOWED, PAGE])
def test_an_older_backend_tells_the_configuration(old):
    session, requests = asked(old, answer({"id": 11, "name": "NAS", "provider": "s3", "configuration": BUCKET}))
    assert requests[1][:2] == ("GET", "/storages/11/?with_configuration=true")
    assert session.settings["bucket_name"] == "scans"
    assert session.ends is None


@pytest.mark.parametrize("code", ["provider_unsupported", "credential_not_registered", "expired"])
def test_a_code_is_final(code):
    error, requests = asked(answer({"code": code, "detail": "no"}, "400 Bad Request"))
    assert isinstance(error, StorageUnusable)
    assert error.message.startswith("storage 11: ")
    assert error.hint
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ([NOT_FOUND, NOT_FOUND], StorageUnusable, "storage 11"),
        ([answer({"purpose": ["what?"]}, "400 Bad Request")], StorageUnusable, "what?"),
        ([answer({"detail": "no"}, "403 Forbidden")], StorageUnusable, "the token may not use it"),
        ([NOT_FOUND, answer({"detail": "no"}, "403 Forbidden")], StorageUnusable, "the token may not use it"),
        ([answer({"detail": "no"}, "401 Unauthorized")], TokenRefused, "no"),
        ([answer({"detail": "no"}, "503 Service Unavailable")], Busy, "503"),
        ([answer("<html>no</html>", "403 Forbidden")], Busy, "proxy"),
        ([answer({})], Busy, "names no provider"),
        ([answer([])], Busy, "names no provider"),
        ([answer({"provider": "s3", "configuration": [SECRET]})], Busy, "names no provider"),
        ([answer({"provider": 5, "configuration": BUCKET})], Busy, "names no provider"),
        ([None], Unreachable, "storage 11"),
    ],
)
def test_what_else_it_may_say(answers, kind, words):
    error, _ = asked(*answers)
    assert type(error) is kind
    assert words in error.message
    assert SECRET not in str(error)


@pytest.mark.parametrize("told", [{"name": "NAS"}, {"name": None}, []])
def test_the_name_of_a_storage_is_told_where_it_can_be_had(told):
    with scripted(answer(told)) as server:
        destination = SynapseDestination(server.url, TOKEN, api="v1")
        assert destination.examination().storage_name(11) == ("NAS" if told == {"name": "NAS"} else "")
        destination.close()
