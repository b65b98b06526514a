"""What environment variables hold that the config names: no secret stands in the config itself."""

from __future__ import annotations

import os

from synapse_sync.errors import SourceUnavailable

_SET = "set it where synapse-sync is started (Environment= or EnvironmentFile= of the service)"


def password_of(variable: str) -> str:
    """What a variable holds that the config names; "" where it names none. Raises SourceUnavailable if it isn't set."""
    value = os.environ.get(variable, "") if variable else ""
    if variable and not value:
        raise SourceUnavailable(f"the environment variable {variable}, which the config names, is not set", hint=_SET)
    return value
