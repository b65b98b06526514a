"""The way to the server: its name, the connection, the certificate, the token, the API, and the clock."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from synapse_sync.destinations.base import Reached
from synapse_sync.doctor.findings import Finding, problem, warning, well
from synapse_sync.doctor.situation import Situation
from synapse_sync.errors import SynapseSyncError, TokenRefused

AREA = "server"
SLOW = 2.0
"""Seconds for a small call from which on it is told; each batch of files needs several."""
EXPIRES_SOON = 14
"""Days."""
SKEWED = 60.0
"""Seconds by which two clocks may differ before it is told."""


def connection(situation: Situation) -> Iterator[Finding]:
    """Name, connection and certificate, unless a proxy does all that for us."""
    credentials, destination = situation.credentials, situation.destination
    if credentials is None or destination is None:
        return
    if proxy := destination.examination().proxy:
        yield well(AREA, "proxy", f"calls go through the proxy {proxy}, as the environment says")
        return
    parts = urlsplit(credentials.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        words = f"the name {host} can't be found: {getattr(error, 'strerror', None) or error}"
        yield problem(AREA, "name", words, f"getent hosts {host}   # then correct server.url, or this machine's DNS")
        return
    yield well(AREA, "name", f"{host} is {', '.join(sorted(map(str, addresses)))}")
    try:
        reached = destination.examination().reach()
    except SynapseSyncError as error:
        yield problem(AREA, "connection", error.message, error.hint)
        return
    yield well(AREA, "connection", f"port {port} answers after {reached.seconds * 1000:.0f} ms")
    if reached.secured:
        yield _certificate(reached, host)


def _certificate(reached: Reached, host: str) -> Finding:
    days = (reached.valid_until - time.time()) / 86400
    words = f"{reached.secured}, and its certificate is trusted and valid for {days:.0f} more days"
    if days < EXPIRES_SOON:
        return warning(AREA, "certificate", words, f"have the operators of {host} renew it before then")
    return well(AREA, "certificate", words)


def account(situation: Situation) -> Iterator[Finding]:
    """Whether the server takes the token, and how long a small call takes."""
    destination, credentials = situation.destination, situation.credentials
    if destination is None or credentials is None:
        return
    examination = destination.examination()
    try:
        who = examination.account()
    except TokenRefused as refused:
        remedy = f"{situation.command} login --host {credentials.url}   # the token is from {credentials.origin}"
        yield problem(AREA, "token", refused.message, remedy)
        return
    except SynapseSyncError as error:
        yield problem(AREA, "token", error.message, error.hint)
        return
    tenant = f", tenant {credentials.tenant}" if credentials.tenant else ""
    yield well(AREA, "token", f"takes the token{f' of {who}' if who else ''}{tenant}")
    took = _seconds(examination.account)
    words = f"a small call takes {took * 1000:.0f} ms"
    if took > SLOW:
        yield warning(
            AREA,
            "latency",
            words,
            f"see where it is lost: curl -so /dev/null -w '%{{time_total}}\\n' {credentials.url}",
        )
    else:
        yield well(AREA, "latency", words)


def api(situation: Situation) -> Iterator[Finding]:
    """Which API registrations go through, and why."""
    if situation.destination is None or situation.config is None:
        return
    wanted = situation.config.server.api
    try:
        situation.destination.learn()
    except SynapseSyncError as error:
        yield problem(AREA, "api", error.message, error.hint)
        return
    used = situation.destination.api
    why = (
        f'as server.api = "{wanted}" says'
        if wanted != "auto"
        else f"as the server has {'it' if used == 'v2' else 'no v2'}"
    )
    yield well(AREA, "api", f"units are registered through {used}, {why}")


def clock(situation: Situation) -> Iterator[Finding]:
    """Our clock against the server's. Times of v1 units, and certificates, are judged by it."""
    skew = situation.destination.examination().skew if situation.destination is not None else None
    if skew is None:
        return
    words = f"this machine's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the server's"
    if abs(skew) > SKEWED:
        yield warning(
            "clock", "skew", words, "sudo timedatectl set-ntp true   # or set the time by hand: sudo date -s …"
        )
    else:
        yield well("clock", "skew", words if abs(skew) >= 2 else "this machine's clock and the server's agree")


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
