"""Every error that this product raises on purpose; nothing of the package is imported here.

    SynapseSyncError                  message + hint (what to do), exit_code, retry ("now" | "later" | "never")
    ├── UsageError                    2  never   the command line asks for something that is not there
    ├── ConfigError                   2  never   the config file, with every problem and its place
    ├── CredentialsError              2  never   no token, or a token that belongs to another host
    ├── LedgerError                   4  never   the ledger can't be opened, read or written
    │   ├── LedgerMissing             4          there is none yet
    │   ├── LedgerLocked              4  later   another process holds it
    │   ├── LedgerCorrupt             4          integrity_check failed
    │   ├── LedgerNewer               4          written by a newer version
    │   ├── LedgerFull                4  later   no space left on its disk
    │   └── LedgerCrowded             4  later   this process may open no more files
    ├── SourceError                   1  later   a folder or file that is to be read
    │   ├── SourceUnavailable         1  later   the root is missing, empty where it should not be, or not readable
    │   ├── FileChanged               1  now     the file is not what was observed; look again before use
    │   └── FileUnreadable            1  later   gone, no permission, an I/O error
    ├── FeedPaused                    1  later   a feed waits for a person or for its folder
    ├── ControlRefused                …  later   the running daemon can't be spoken to, or refuses, in its words
    │   └── NotRunning                1  later   there is none
    ├── InstallationError             4  never   the service can't be put in place on this machine, with all reasons
    ├── ServerError                   1  later   the embedded backend could not start (port taken, folder not writable)
    └── DestinationError              1  …       scope (call, unit, collection, destination), applied (no, maybe)
        ├── Unreachable               3  later   destination: no connection, no answer
        ├── TokenRefused              3  later   destination: 401 or 403 on every call
        ├── Busy                      1  later   destination: 429, 5xx; call: a proxy's refusal
        ├── OutcomeUnknown            1  never   call, applied = "maybe": the answer to a change was lost
        ├── Rejected                  1  never   call: the server refused what was sent, in its words
        ├── ContentMismatch           1  later   call: the server's checksum is not ours: bytes were changed on the way
        ├── CollectionUnusable        1  later   collection: it does not exist, may not be read, or needs what we lack
        └── StorageUnusable           1  later   call: a storage that files are to be read from can't be used, in words

Columns: exit code of the command line; when the same thing may be tried again; what it means.
"""

from __future__ import annotations

from typing import Literal

Retry = Literal["now", "later", "never"]
Scope = Literal["call", "unit", "collection", "destination"]


class SynapseSyncError(Exception):
    """Root of the tree: `message` says what happened and to what, `hint` what to do about it."""

    exit_code = 1
    retry: Retry = "never"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    @property
    def sign(self) -> str:
        """What tells that something is still wrong, and not wrong anew: words that may hold a figure don't."""
        return str(self)


class UsageError(SynapseSyncError):
    """The command line asks for something that is not there."""

    exit_code = 2


class ConfigError(SynapseSyncError):
    """The configuration is unusable; `problems` lists each one with its place, all at once."""

    exit_code = 2

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class CredentialsError(SynapseSyncError):
    """There is no token, or the token at hand belongs to another host."""

    exit_code = 2


class LedgerError(SynapseSyncError):
    """The ledger can't be opened, read or written."""

    exit_code = 4


class LedgerMissing(LedgerError):
    """There is no ledger yet at this path."""


class LedgerLocked(LedgerError):
    """Another process holds the ledger's lock."""

    retry: Retry = "later"


class LedgerCorrupt(LedgerError):
    """SQLite's integrity check failed, or the file is not a ledger."""


class LedgerNewer(LedgerError):
    """The ledger was written by a newer version of synapse-sync."""


class LedgerFull(LedgerError):
    """The disk that holds the ledger is full."""

    retry: Retry = "later"


class LedgerCrowded(LedgerError):
    """The process has as many files open as it may."""

    retry: Retry = "later"


class SourceError(SynapseSyncError):
    """A folder or file that is to be read."""

    retry: Retry = "later"


class SourceUnavailable(SourceError):
    """The root of a feed or asset is missing, not readable, or empty where it should not be."""


class FileChanged(SourceError):
    """The file is no longer what was observed; it must be looked at again before use."""

    retry: Retry = "now"


class FileUnreadable(SourceError):
    """The file can't be read: it is gone, permission is denied, or the disk reports an error."""


class FeedPaused(SynapseSyncError):
    """A feed waits: for a person's decision, or for what it needs to come back."""

    retry: Retry = "later"


class ControlRefused(SynapseSyncError):
    """The running daemon may not be spoken to by this user, does not answer, or refuses what it is asked."""

    retry: Retry = "later"


class NotRunning(ControlRefused):
    """No daemon runs with this config."""


class InstallationError(SynapseSyncError):
    """The service can't be put in place, or systemd refuses it; `problems` lists each reason with its remedy."""

    exit_code = 4

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class ServerError(SynapseSyncError):
    """The embedded backend could not start or stopped by itself."""

    retry: Retry = "later"


class DestinationError(SynapseSyncError):
    """A call to the destination failed; says how far the failure reaches and whether a change may have happened."""

    retry: Retry = "later"
    scope: Scope = "call"
    applied: Literal["no", "maybe"] = "no"

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after

    @property
    def sign(self) -> str:
        """A server that is away or refuses the token fails in ever other words."""
        return type(self).__name__ if self.scope == "destination" else str(self)


class Unreachable(DestinationError):
    """No connection to the server, or no answer from it; nothing was changed."""

    exit_code = 3
    scope: Scope = "destination"


class TokenRefused(DestinationError):
    """The server refuses the token (401, 403)."""

    exit_code = 3
    scope: Scope = "destination"


class Busy(DestinationError):
    """The server or a proxy before it can't answer now (429, 5xx, an HTML refusal)."""

    scope: Scope = "destination"


class OutcomeUnknown(DestinationError):
    """The answer to a change was lost: it may or may not have been applied, and must not be repeated blindly."""

    retry: Retry = "never"
    applied: Literal["no", "maybe"] = "maybe"


class Rejected(DestinationError):
    """The server refused what was sent; the message carries its words, code its own name for why ("" for none)."""

    retry: Retry = "never"
    code = ""


class ContentMismatch(DestinationError):
    """The checksum that the server reports is not that of the bytes we hold."""


class CollectionUnusable(DestinationError):
    """The data collection does not exist, may not be read, or has specs that can't be served."""

    scope: Scope = "collection"


class StorageUnusable(DestinationError):
    """A storage of the server's does not exist, may not be used, or is of a kind that can't be read from here."""
