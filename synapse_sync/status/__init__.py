"""Read-only views of the ledger as plain data, for the command line and every other reader."""
