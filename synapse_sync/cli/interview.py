"""The wizard's questions, in order; each part looks for itself first, so that a person mostly agrees."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from synapse_sync.cli.connecting import Connecting
from synapse_sync.cli.dialogue import Dialogue, Ended
from synapse_sync.cli.report import tell_plan
from synapse_sync.cli.surveying import ask_folder, ask_layout, ask_metadata, ask_settle
from synapse_sync.config import Config
from synapse_sync.config.model import Ledger
from synapse_sync.destinations.base import Destination
from synapse_sync.errors import ConfigError, SynapseSyncError
from synapse_sync.planning import plan
from synapse_sync.records import Collection
from synapse_sync.wizard.answers import Answers, new_name, number, proposed_name
from synapse_sync.wizard.folder import Contents
from synapse_sync.wizard.target import Target, target_of

SHOWN = 5
"""Units, and files aside, of the plan that are shown."""
WRITE, LAYOUT, METADATA, FOLDER, QUIT = "write", "layout", "metadata", "folder", "quit"


@dataclass
class Given:
    """What was given as options: text as it was typed, None for what is asked."""

    url: str | None = None
    token_file: Path | None = None
    collection: str | None = None
    path: str | None = None
    name: str | None = None
    by: str | None = None
    table: str | None = None
    missing_row: str | None = None
    sidecars: bool | None = None
    settle: str | None = None
    project: str | None = None
    add: bool | None = None


class Interview:
    """One conversation, from the server to the written config."""

    def __init__(self, dialogue: Dialogue, given: Given, named: Path | None) -> None:
        self._dialogue = dialogue
        self._given = given
        self._named = named
        self._answers = Answers()
        self._contents = Contents()
        self._connecting = Connecting(dialogue, given.url, given.token_file, self._answers)

    def hold(self) -> int:
        """Ask, show, write, look at the outcome; the exit code. Raises Ended."""
        target = self._target()
        with ExitStack() as stack:
            destination = self._connecting.connect(stack, target)
            collection = self._connecting.ask_collection(destination, self._given.collection)
            self._ask_feed(target, collection, destination)
            self._until_content(target, collection, destination)
        path = target.write(self._answers)
        self._dialogue.say(f"\nWritten: {path}")
        return self._afterwards(target)

    @property
    def kept(self) -> str:
        """What stays even if it is ended before the config is written, in words."""
        return self._connecting.kept

    def _target(self) -> Target:
        """The file that will be written; one that is there already can get one more feed."""
        target = target_of(self._named)
        while target.there:
            words = f"There is a config already: {target.path}"
            if target.problem:
                self._dialogue.say(f"{words}, but it can't be used: {target.problem}")
            elif self._dialogue.confirm(
                f"Add a feed to it (it has {', '.join(target.taken) or 'none'})",
                f"{words}. It is not replaced; a feed can be added at its end.",
                "--add", given=self._given.add,
            ):  # fmt: skip
                return target
            self._given.add = None
            other: Path = self._dialogue.ask(
                "Another file for the config",
                "Commands are then told of it with --config FILE.",
                "--config", lambda text: Path(text).expanduser().absolute(),
            )  # fmt: skip
            target = target_of(other)
        return target

    def _ask_feed(self, target: Target, collection: Collection, destination: Destination) -> None:
        answers, given = self._answers, self._given
        self._contents = ask_folder(self._dialogue, answers, given.path, collection.specs)
        answers.name = self._dialogue.ask(
            "Name of this feed",
            "What you want to call this stream of files: it stands before its units everywhere.",
            "--name", lambda text: new_name(text, target.taken),
            default=proposed_name(answers.path, target.taken), given=given.name,
        )  # fmt: skip
        self._ask_meta(collection)
        ask_settle(self._dialogue, answers, given.settle)
        answers.project = self._dialogue.ask(
            "Project that gets a task for each unit",
            "Where people annotate in a project of Synapse, each new unit can get its task there.",
            "--project", lambda text: _project(destination, text, collection.id), default="none", given=given.project,
        )  # fmt: skip

    def _ask_meta(self, collection: Collection) -> None:
        """Metadata, and the layout, which depends on which files are metadata."""
        given = self._given
        ask_metadata(self._dialogue, self._answers, self._contents, given.table, given.sidecars, given.missing_row)
        ask_layout(self._dialogue, self._answers, self._contents, collection.specs, given.by)

    def _until_content(self, target: Target, collection: Collection, destination: Destination) -> None:
        """Show the plan, and change what is not as wanted, until it may be written. Raises Ended."""
        given = self._given
        while True:
            try:
                config = target.config_with(self._answers)
            except ConfigError as error:
                for problem in error.problems:
                    self._dialogue.say(f"  {problem}")
                if self._dialogue.yes:
                    raise
                given.path = given.name = None
                self._ask_feed(target, collection, destination)
                continue
            self._show_plan(config, destination)
            answer = self._dialogue.choose(
                "What now", f"This would be written to {target.path}.", "--yes",
                [
                    (WRITE, "write the config"),
                    (LAYOUT, "change how files group"),
                    (METADATA, "change what metadata is made of"),
                    (FOLDER, "take another folder"),
                    (QUIT, "end without writing"),
                ],
                default=WRITE,
            )  # fmt: skip
            if answer == WRITE:
                return
            if answer == QUIT:
                raise Ended
            given.by = None
            if answer == LAYOUT:
                ask_layout(self._dialogue, self._answers, self._contents, collection.specs, None, afresh=True)
            elif answer == METADATA:
                given.table = given.sidecars = given.missing_row = None
                self._ask_meta(collection)
            else:
                given.path = given.name = None
                self._ask_feed(target, collection, destination)

    def _show_plan(self, config: Config, destination: Destination) -> None:
        if not self._contents.files:
            self._dialogue.say("\nThe folder is empty: what would happen can be seen when there are files.")
            return
        self._dialogue.say("\nWhat a first run would do (nothing is sent or registered now):\n")
        # Beside the config no ledger is looked at: it may be another user's, and knows nothing of a new feed.
        fresh = config.model_copy(update={"ledger": Ledger(path=Path("/nonexistent/ledger.db"))})
        feed = next(feed for feed in config.feeds if feed.name == self._answers.name)
        found: dict[str, Any] = plan(fresh, [feed], destination, checksum=False, limit=SHOWN)["feeds"][0]
        tell_plan(found)
        more = sum(found["totals"]["units"].values()) - len(found["units"])
        if more > 0:
            self._dialogue.say(f"… and {more:,} more units; `synapse-sync plan` shows all")

    def _afterwards(self, target: Target) -> int:
        """Read it back, look at what matters, and say how to go on."""
        import os

        from synapse_sync.cli.doctor import tell
        from synapse_sync.doctor import examine, exit_code

        self._dialogue.say("Looking at everything that a run needs:")
        found = list(examine(target.path, os.environ))
        for finding in found:
            if finding.level == "problem" or (finding.level == "warning" and finding.area != "service"):
                tell(finding)
        if code := exit_code(found):
            self._dialogue.say("\nThis is to be repaired first; `synapse-sync doctor` looks again.")
        else:
            self._dialogue.say("  nothing has to be repaired")
        typer.echo(f"\nNext:\n  {target.command} once            # sync now\n  {target.service}")
        return code


def _project(destination: Destination, text: str, collection: int) -> int | None:
    """A project's number, looked up; it takes units of this collection. None for "none". Raises ValueError."""
    if text.lower() in ("none", "no", ""):
        return None
    found = number(text)
    try:
        project = destination.examination().project(found)
    except SynapseSyncError as error:
        raise ValueError(error.message) from None
    if misfit := project.misfit(collection):
        raise ValueError(f"project {found} {project.name}: {misfit}")
    return found
