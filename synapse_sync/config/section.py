"""What all tables of the config file share: unknown keys and wrong types are errors, and values never change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the config file. Defaults are written as in the file and go through the same checks."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)
