"""The wizard's questions about the folder: which one, how its files group, metadata, when a file is done."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from synapse_sync.cli.dialogue import Dialogue
from synapse_sync.config.paths import is_remote
from synapse_sync.config.quantities import parse_duration
from synapse_sync.doctor.folders import look
from synapse_sync.errors import SourceError
from synapse_sync.grouping.inference import account, compared, infer, words
from synapse_sync.grouping.places import Choice
from synapse_sync.grouping.scoring import Score
from synapse_sync.records import Spec
from synapse_sync.sources.mounts import mount_of, mounted, tells
from synapse_sync.status.words import many
from synapse_sync.wizard.answers import Answers
from synapse_sync.wizard.folder import Contents, contents_of, like

KINDS = 8
"""Extensions that are named when the folder is described."""
LAYOUTS = 4
"""Layouts that are offered, those that explain most."""
LIKELY, CLEARLY = 0.5, 0.25
"""Shares of the files from which on, and by which over the next, a layout is proposed to a person."""
AUTO, NONE = "auto", "none"
MEANING = {
    "stem": "files with the same name but for the extension are a unit, in whatever folder",
    "directory": "all files of one folder are a unit",
}


def ask_folder(dialogue: Dialogue, answers: Answers, given: str | None, specs: Sequence[Spec]) -> Contents:
    """Which folder; what lies in it is told."""
    answers.path = dialogue.ask(
        "Folder",
        "The folder in which the files arrive. It is only read, with all folders below it.",
        "--path", _folder, given=given,
    )  # fmt: skip
    dialogue.say(f"  looking through {answers.path} …")
    try:
        found = contents_of(answers.path, specs)
    except SourceError as error:  # gone between the answer and the look
        dialogue.say(f"  {error}")
        found = Contents()
    least = "" if found.whole else "at least "
    counted = sorted(found.extensions.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(f"{count:,} {ending or 'without extension'}" for ending, count in counted[:KINDS])
    dialogue.say(
        f"  {least}{many(found.files, 'file')} in {many(found.folders, 'folder')}{': ' if kinds else ''}{kinds}"
    )
    if found.unreadable:
        dialogue.say(f"  {many(found.unreadable, 'folder')} can't be read; `synapse-sync doctor` says which and why")
    return found


def ask_metadata(
    dialogue: Dialogue, answers: Answers, found: Contents,
    table: str | None, sidecars: bool | None, missing_row: str | None,
) -> None:  # fmt: skip
    """Whether a table and sidecars that are there are used; a table elsewhere can be named."""
    answers.table, answers.left_out, answers.sidecar = "", [], False
    if table is not None or found.tables:
        default = found.tables[0] if found.tables else None
        answers.table = dialogue.ask(
            "Metadata table (none for no table)",
            f"A row for each unit; its columns become metadata. There is {', '.join(found.tables) or 'none'}.",
            "--table", lambda text: _table(text, answers.path), default=default, given=table,
        )  # fmt: skip
        answers.left_out = [f"/{name}" for name in found.tables if name != answers.table]
    if answers.table:
        answers.missing_row = dialogue.choose(
            "A unit without a row",
            "What a unit does whose row is missing in the table.", "--missing-row",
            [("wait", "waits until it has one"), ("register", "is registered without")],
            default="wait", given=missing_row,
        )  # fmt: skip
    if found.sidecars or sidecars is not None:
        answers.sidecar = dialogue.confirm(
            "Read sidecars for metadata",
            f"{many(found.sidecars, 'file')} seem to say something of others beside them (scan.meta.json, scan.json).",
            "--sidecars", given=sidecars,
        )  # fmt: skip


def ask_layout(
    dialogue: Dialogue, answers: Answers, found: Contents, specs: Sequence[Spec], given: str | None,
    *, afresh: bool = False,
) -> None:  # fmt: skip
    """How files group: what they say themselves, and what else might be meant."""
    metadata = found.metadata(sidecar=answers.sidecar, table=answers.table)
    samples = found.samples()
    inferred = infer(samples, specs, metadata)
    scores = {key_of(score.choice): score for score in compared(samples, specs, metadata) if score.files}
    if found.files and (given is None or afresh):
        dialogue.say(f"\n{inferred.summary}")
    telling = [key for key, score in scores.items() if score.explained > 0] or list(scores)
    default = key_of(inferred.choice) if inferred.choice else (None if scores else AUTO)
    if default is None and not dialogue.yes:
        default = _likeliest(scores)
    keys = list(dict.fromkeys([*([default] if default in scores else []), *telling[:LAYOUTS]]))
    chosen = dialogue.choose(
        "How the files group", "A unit is made of the files that belong together.", "--by",
        [*((key, _described(scores[key])) for key in keys), (AUTO, "leave it open: a first run finds out")],
        default=default, given=given, other=_layout,
    )  # fmt: skip
    answers.choice = choice_of(chosen)
    answers.layout_says = account(scores[chosen]) if chosen in scores else ""


def ask_settle(dialogue: Dialogue, answers: Answers, given: str | None) -> None:
    """How long a file must not have changed; longer where it comes over a network, which may pause."""
    mount = mount_of(os.fsencode(os.path.realpath(answers.path)), mounted())
    remote = not tells(mount)
    answers.polled = ""
    if remote and mount is not None:
        answers.polled = f"{mount.kind} does not tell of changes made elsewhere: its folders are looked at regularly."
    where = f"This is {mount.kind}, where a copy may pause: longer is safer." if remote and mount else ""
    answers.settle = dialogue.ask(
        "Time a file must not have changed",
        f"A file is used when nobody has written to it for so long (30s, 5m, 1h). {where}".strip(),
        "--settle", _duration, default="2m" if remote else "30s", given=given,
    )  # fmt: skip


def key_of(choice: Choice) -> str:
    """How a layout is answered: stem, directory, directory-2, …"""
    if choice.by != "directory":
        return choice.by
    return "directory" if choice.depth == 1 else f"directory-{choice.depth}"


def choice_of(key: str) -> Choice | None:
    """The layout of such an answer; None for "auto"."""
    kind, _, depth = key.partition("-")
    if kind == "stem":
        return Choice("stem")
    return Choice("directory", int(depth or 1)) if kind == "directory" else None


def _likeliest(scores: Mapping[str, Score]) -> str | None:
    """The layout to propose where the files alone do not decide it; None where a person must think."""
    ranked = sorted(scores, key=lambda key: -scores[key].explained)
    shares = [*(scores[key].explained for key in ranked), 0.0]
    return ranked[0] if shares[0] >= LIKELY and shares[0] - shares[1] >= CLEARLY else None


def _described(score: Score) -> str:
    return f"{words(score.choice)}: {MEANING[score.choice.by]} ({score.explained:.0%} of the files: {account(score)})"


def _layout(text: str) -> str:
    """A layout that was named, though it was not offered. Raises ValueError."""
    kind, _, depth = text.partition("-")
    if kind == "directory" and depth.isdigit() and int(depth) > 0:
        return key_of(Choice("directory", int(depth)))
    if text in ("stem", "directory", AUTO):
        return text
    raise ValueError(f'"{text}" is no layout; write stem, directory, directory-2 (two levels), … or auto')


def _folder(text: str) -> str:
    """The absolute path of a folder that can be read. Raises ValueError."""
    if not text:
        raise ValueError("write the path of a folder, like /volume1/scans")
    if is_remote(text):
        raise ValueError(f"{text} is no folder of this machine; a remote path is written into the config by hand")
    path = os.path.abspath(os.path.expanduser(text))
    found = look(path, "")
    if found.level == "problem":
        near = like(path) if not os.path.lexists(path) else []
        hint = f"did you mean {' or '.join(near)}?" if near else found.remedy
        raise ValueError(f"{found.words}\n  → {hint}")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(
            "its name is not UTF-8, and can't stand in a config: rename it, or name a link to it"
        ) from None
    return path


def _table(text: str, folder: str) -> str:
    """The table as the config names it; "" for none. Raises ValueError."""
    if text.lower() in (NONE, "no", ""):
        return ""
    path = os.path.expanduser(text)
    if not os.path.isfile(os.path.join(folder, path)):
        raise ValueError(f"there is no file {os.path.join(folder, path)}")
    return path


def _duration(text: str) -> str:
    parse_duration(text)
    return text
