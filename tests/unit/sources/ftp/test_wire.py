"""Where a control connection goes to."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from synapse_sync.config import Host, Remote
from synapse_sync.sources.ftp.wire import Wire


@pytest.mark.parametrize(
    ("named", "implicit", "port"), [(0, False, 21), (0, True, 990), (2121, False, 2121), (2121, True, 2121)]
)
def test_without_a_port_it_is_the_usual_one_of_the_way_in_which_tls_begins(
    monkeypatch: pytest.MonkeyPatch, named: int, implicit: bool, port: int
) -> None:
    reached: list[Any] = []

    def refused(address: Any, **_: Any) -> socket.socket:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(ConnectionRefusedError):
        Wire(Host("", "nas", named, "/"), Remote(implicit_tls=implicit), None, "", "")

    assert reached == [("nas", port)]
