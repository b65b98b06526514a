"""What is written about the work, and how."""

from __future__ import annotations

import logging

from synapse_sync.config import Log


def configure(config: Log) -> None:
    """Write messages of the configured level to stderr."""
    logging.basicConfig(level=config.level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
