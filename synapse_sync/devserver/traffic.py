"""What has been asked of the backend: the number of requests per route, and the bytes of uploads."""

from __future__ import annotations

import re
from collections import Counter

_IDENTIFIER = re.compile(r"/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/)")


class Traffic:
    """Counters since the start or the last reset. `bytes_received` counts file bytes, not multipart framing."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes_received = 0

    def reset(self) -> None:
        """Count from zero again."""
        self.requests.clear()
        self.bytes_received = 0


def route_key(method: str, path: str) -> str:
    """The name of a route, as statistics and fault switches use it: "POST data_units/", "GET data_units/{id}/"."""
    if path.startswith("/media/"):
        return f"{method} media/"
    return f"{method} {_IDENTIFIER.sub('/{id}', path)[1:]}"
