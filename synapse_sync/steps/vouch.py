"""Files whose content the server has, by the word of a source that is believed: they need not be read.

The server is asked by the MD5 that the source vouches for (vouching.py). What it has is bound under the checksum that
it answers (protocol §3); what it lacks, and what may be no other content's MD5 as far as this ledger knows, is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from synapse_sync.ledger import Row, Transaction
from synapse_sync.records import ContentRef, Digests
from synapse_sync.states import Code, ContentState
from synapse_sync.steps.checksum import take_content
from synapse_sync.steps.vouching import Vouching, read_all_the_same
from synapse_sync.steps.work import Work

BATCH = 1000  # files a question: one checksum of each (protocol §3)


def vouch(work: Work) -> int:
    """Take the word of sources for what the server has; returns how many files were decided on."""
    moved = _read_what_is_lacking(work)
    vouching = Vouching(work)
    if not vouching.believed or work.verification.under_way:  # its answer tells what the server knows contents by
        return moved
    wanted = {"feed": work.id, "assets": vouching.believed, "limit": BATCH}
    rows = work.ledger.query("files_to_vouch", now=work.clock(), **wanted)
    offered = {row["id"]: Digests(md5, "", row["size"]) for row in rows if (md5 := _fresh(vouching, row))}
    known = _known(work.ledger.query("contents_known_as", **_asked(work, offered.values())))
    unknown = {digests for digests in offered.values() if not _present(known[digests.md5])}
    found = work.destination.present(list(unknown)) if unknown else {}
    if rows:
        _record(work, rows, offered, found)
    return moved + len(rows)


def _fresh(vouching: Vouching, row: Row) -> str:
    """The MD5 that is vouched for; "" where it says nothing, or stays what it was while the file has changed."""
    md5 = vouching.md5(row)
    return md5 if md5 != row["md5"] else ""


def _asked(work: Work, contents: Iterable[Digests]) -> dict[str, object]:
    return {"md5s": [digests.md5 for digests in contents], "destination": work.destination.name}


def _known(rows: Iterable[Row]) -> dict[str, list[Row]]:
    known: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        known[row["md5"]].append(row)
    return known


def _present(known: list[Row]) -> bool:
    return any(row["state"] == ContentState.PRESENT for row in known)


def _record(work: Work, rows: list[Row], offered: Mapping[int, Digests], found: Mapping[Digests, ContentRef]) -> None:
    """Write down which files are what their source says, and which are to be read."""
    read, taken = [], []
    with work.ledger.write() as transaction:
        known = _known(transaction.query("contents_known_as", **_asked(work, offered.values())))
        sent_rows = transaction.query("sent_contents", files=[row["id"] for row in rows])
        sent = {row["file"]: row["content"] for row in sent_rows}
        for row in rows:
            digests = offered.get(row["id"])
            content = _content(work, transaction, digests, known[digests.md5], found) if digests else None
            if content is None:
                read.append(row["id"])
            else:
                take_content(work, transaction, row, content, sent.get(row["id"]), vouched=True)
                taken.append(row["size"])
        transaction.run("read_all_the_same", files=read)
    work.run.count("vouched_files", len(taken))
    work.run.count("vouched_bytes", sum(taken))


def _content(
    work: Work, transaction: Transaction, digests: Digests, known: list[Row], found: Mapping[Digests, ContentRef]
) -> int | None:
    """The row of a content that the server has; None where it lacks it, or others have the same MD5."""
    if len(known) > 1 or any(row["size"] != digests.size for row in known):
        return None
    if _present(known):
        return int(known[0]["id"])
    if digests not in found:
        return None
    content = known[0]["id"] if known else None
    if content is None:
        content = transaction.one("vouched_id", destination=work.destination.name, **_named(digests))["id"]
    reference, stamp = found[digests]._asdict(), work.stamp(transaction)
    transaction.run("content_present", id=content, code=Code.PRESENT, **reference, **stamp)
    known[:] = transaction.query("contents_known_as", **_asked(work, [digests]))
    return int(content)


def _named(digests: Digests) -> dict[str, object]:
    return {"md5": digests.md5, "size": digests.size}


def _read_what_is_lacking(work: Work) -> int:
    """Contents that the server turned out to lack can't be sent on anybody's word."""
    rows = work.ledger.query("units_lacking_vouched", feed=work.id)
    if rows:
        with work.ledger.write() as transaction:
            read_all_the_same(transaction, [row["id"] for row in rows], work.stamp(transaction))
    return len(rows)
