"""Whether the ledger is the one that was last at work in its place, or an older copy that was put back.

A number in the file grows with each durable commit, and none of our units is made without one. The lock beside the file
keeps a Mark: the number after the last of them, and which file it was in. An older copy has a lower number; one that
came back together with its lock is another file.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from synapse_sync.ledger.store import Ledger


class Mark(NamedTuple):
    """Which file (its inode) a ledger is, and the number of its last durable commit."""

    inode: int
    number: int

    @classmethod
    def read(cls, text: str) -> Self:
        """The mark that write() made; where the text is none, the mark of no ledger."""
        try:
            inode, number = map(int, text.split())
        except ValueError:
            return cls(0, 0)
        return cls(inode, number)

    def write(self) -> str:
        """The mark as text."""
        return f"{self.inode} {self.number}"


def may_be_older(found: Mark, left: Mark) -> bool:
    """Whether the ledger that was found may lack what became of requests; left: the mark beside it.

    A higher number is that of a process which was killed between its commit and the mark.
    """
    return found.inode != left.inode or found.number < left.number


def doubt(ledger: Ledger, left: Mark) -> None:
    """Have every collection looked through again before anything is registered there, and tasks looked for.

    Units that the server has may be our own, whatever the feeds say of those of others. The number rises above that
    of the mark: should the newer file come back, it is the older one by then.
    """
    with ledger.write(durable=True, above=left.number) as transaction:
        transaction.run("doubt_surveys")
        transaction.run("doubt_tasks")
