"""Counts, sizes, runs and accounts in words, as every reader is told them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

RUN_WORDS = {
    "new": "{n} new",
    "changed": "{n} changed",
    "renamed": "{n} renamed",
    "gone": "{n} gone",
    "read_files": "{n} read",
    "vouched_files": "{n} not downloaded (the server has them)",
    "read_as_sample": "{n} downloaded to see whether their source's MD5s are right",
    "read_lacking": "{n} downloaded (the server lacks them)",
    "read_not_vouched_for": "{n} downloaded (their source tells no MD5)",
    "read_not_believed": "{n} downloaded (their source's MD5s are not those of the contents)",
    "read_unknown_by_md5": "{n} downloaded (the server does not know contents by MD5)",
    "read_for_sha1": "{n} downloaded (v1 recognises their units by SHA-1)",
    "read_twice": "{n} read twice",
    "present": "{n} already there",
    "sent_files": "{n} sent",
    "sent_bytes": "{size} sent",
    "registered": "{n} registered",
    "reused": "{n} reused",
    "duplicates": "{n} duplicates",
    "rejected": "{n} refused",
    "unknown_outcomes": "{n} of unknown outcome",
    "tasks": "{n} tasks",
    "rows_without_unit": "{n} rows of the table without a unit",
    "units_without_row": "{n} units without a row",
    "meta_changed": "{n} with other metadata than was sent",
    "meta_updated": "{n} updated",
    "being_written": "{n} open for writing",
    "incomplete_files": "{n} empty or cut off",
    "unreadable_files": "{n} unreadable",
    "unreadable_folders": "{n} folders unreadable",
}


def run_in_words(counts: Mapping[str, int]) -> str:
    """What a run did, shortly."""
    words = [
        text.format(n=f"{counts[name]:,}", size=size(counts[name]))
        for name, text in RUN_WORDS.items()
        if counts.get(name)
    ]
    if requests := counts.get("list_requests"):  # nothing that it did: a run that found nothing has them too
        words.append(f"listed with {many(requests, 'request')}")
    return ", ".join(words) or "nothing new"


def account_in_words(account: Mapping[str, int]) -> str:
    """Where every file went: the sum is all that were seen."""
    return (
        f"{many(account['seen'], 'file')} seen = {account['registered']:,} registered "
        f"+ {account['in_progress']:,} in progress + {account['aside']:,} aside"
    )


def audited_in_words(counts: Mapping[str, int]) -> str:
    """What an audit found, shortly: whatever is not there as it was registered."""
    words = {
        "missing": "{n} of {ours} units missing on the server",
        "different": "{n} units made of other files",
        "lacking": "{n} contents lacking",
        "extra": "{n} units there that this ledger does not know",
    }
    ours = f"{counts['ours']:,}"
    found = [text.format(n=f"{counts[name]:,}", ours=ours) for name, text in words.items() if counts[name]]
    return ", ".join(found) or f"all {ours} units are there"


def size(count: float) -> str:
    """Bytes as people read them: 9 B, 61.0 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def many(count: int, word: str) -> str:
    """A count with its word: 1 file, 2 files."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
