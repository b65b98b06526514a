"""The access token: where it comes from, and who may read it. It is never shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from synapse_sync.config import Credentials, masked, resolve
from synapse_sync.config.locations import service_name
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import CredentialsError
from synapse_sync.installation.place import CREDSTORES, NAME, Place

AREA = "token"


def the_token(situation: Situation) -> Iterator[Finding]:
    """Where it comes from; where this user has none, whether the service has."""
    if situation.config is None:
        return
    try:
        found = resolve(situation.config, situation.environ)
    except CredentialsError as error:
        of_service = _of_service(situation)
        if of_service is None:
            yield problem(AREA, "found", error.message, error.hint)
            return
        situation.credentials = of_service
        words = f"{masked(of_service.token)} from {of_service.origin}, for the service alone: commands have none"
        yield warning(
            AREA, "found", words, f"{situation.command} login   # where commands are to reach the server, too"
        )
        return
    situation.credentials = found
    yield well(AREA, "found", f"{masked(found.token)} from {found.origin}, for {found.url}")
    for words in found.warnings:
        told, _, remedy = words.partition(": chmod ")
        yield warning(AREA, "safe", told, f"chmod {remedy.replace(' it', f' {found.origin}')}" if remedy else words)
    if not found.warnings:
        yield well(AREA, "safe", "nobody else can read it here")


def _of_service(situation: Situation) -> Credentials | None:
    """The credential that systemd hands to the service of this config file, where this user may read it."""
    assert situation.config is not None
    name = service_name(situation.config.source)
    place = Place(instance=name.removeprefix(NAME).removeprefix("-"))
    if situation.config.source != place.config:
        return None
    for path in (folder / place.credential for folder in CREDSTORES):
        try:
            text = path.read_text(encoding="utf-8")
            found = resolve(situation.config, {**situation.environ, "SYNAPSE_ACCESS_TOKEN": text})
        except (OSError, UnicodeDecodeError, CredentialsError):
            continue  # `service install` and the service itself say what is wrong with it
        return replace(found, origin=str(path))
    return None
