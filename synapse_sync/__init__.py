"""synapse-sync: turns files that land in folders into Synapse data units, exactly once."""

__version__ = "0.1.0"
