"""The ledger: the SQLite database that remembers every file and unit; the only state the product has."""

from synapse_sync.ledger.inspecting import inspected
from synapse_sync.ledger.integrity import integrity_problems
from synapse_sync.ledger.opening import open_for_reading, open_for_writing
from synapse_sync.ledger.replacing import replacing
from synapse_sync.ledger.store import Ledger, Row, Transaction

__all__ = [
    "Ledger",
    "Row",
    "Transaction",
    "inspected",
    "integrity_problems",
    "open_for_reading",
    "open_for_writing",
    "replacing",
]
