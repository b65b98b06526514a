"""`doctor`: everything that a run needs, looked at one by one, each with the line that repairs it.

    examine(config file) ─► Situation ─► CHECKS, in order ─► Findings
                            (config, token, server, as far as they are known)

Nothing is written, here or on the server, no lock is taken, and a check goes on where another failed.
"""

from synapse_sync.doctor.checks import examine
from synapse_sync.doctor.findings import Finding, exit_code

__all__ = ["Finding", "examine", "exit_code"]
