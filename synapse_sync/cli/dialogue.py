"""Questions to a person, on a terminal or with the answers on standard input: each is asked until it is answered.

What was given as an option is taken first. A wrong answer is explained and asked again; where nobody can answer, the
error names the options that say the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import typer

from synapse_sync.errors import UsageError
from synapse_sync.shown import plain

Answer = TypeVar("Answer")

ALL = "synapse-sync init --url URL --token-file FILE --collection NUMBER --path FOLDER --yes"


class Ended(Exception):
    """The person has ended it: Ctrl-C, Ctrl-D, or an answer that says so."""


def confirmed(question: str) -> bool:
    """Yes or no, of a command that takes --yes. Raises UsageError where nobody answers."""
    try:
        return typer.confirm(plain(question), err=True)
    except typer.Abort:
        typer.echo(err=True)
        if sys.stdin.isatty():
            raise
        message = f'there is no terminal, and standard input ended before it was answered: "{question}"'
        raise UsageError(message, hint="give --yes: then nothing is asked") from None


class Dialogue:
    """One conversation. yes: nothing is asked, each question is answered by its default."""

    def __init__(self, *, yes: bool) -> None:
        self.yes = yes
        self._person = sys.stdin.isatty()

    def say(self, words: str = "") -> None:
        """What is no question; several lines are several."""
        for line in words.split("\n"):
            typer.echo(plain(line))

    def ask(
        self,
        question: str,
        why: str,
        option: str,
        parse: Callable[[str], Answer],
        *,
        default: str | None = None,
        given: str | None = None,
        hidden: bool = False,
    ) -> Answer:
        """What `parse` makes of the first valid answer; it raises ValueError, in words, for the others.

        given: the option's value. Raises Ended, and UsageError where nobody answers.
        """
        if given is not None:
            try:
                return parse(given)
            except ValueError as error:
                if self.yes:
                    raise UsageError(f"{option} {error}") from None
                self.say(f"  {option}: {error}")
        elif self.yes:
            if default is None:
                raise UsageError(
                    f"with --yes nothing is asked, and {option} is not given", hint=f"give {option}: {why}"
                )
            return self._parsed_default(parse, default, option)
        if why:
            self._explain(why)
        while True:
            text = self._read(question, option, default, hidden=hidden).strip()
            try:
                return parse(text)
            except ValueError as error:
                self.say(f"  {error}")

    def confirm(self, question: str, why: str, option: str, *, default: bool = True, given: bool | None = None) -> bool:
        """Yes or no."""
        from synapse_sync.wizard.answers import yes_or_no

        told = None if given is None else "yes" if given else "no"
        return self.ask(f"{question} (y/n)", why, option, yes_or_no, default="y" if default else "n", given=told)

    def choose(
        self, question: str, why: str, option: str, choices: Sequence[tuple[str, str]], *,
        default: str | None, given: str | None = None,
        other: Callable[[str], str] | None = None,
    ) -> str:  # fmt: skip
        """The key of one of these (key, words); it may be answered by its key or by its number in the list.

        other: makes a key of an answer that is none of them; it raises ValueError.
        """
        keys = [key for key, _ in choices]

        def parse(text: str) -> str:
            if text in keys:
                return text
            if text.isdigit() and 1 <= int(text) <= len(keys):
                return keys[int(text) - 1]
            if other is not None:
                return other(text)
            raise ValueError(f'"{text}" is none of them; answer with a number from 1 to {len(keys)}')

        if given is None and not self.yes:
            self._explain(why)
            for count, (_, words) in enumerate(choices, 1):
                self.say(f"  {count}. {words}")
        number = str(keys.index(default) + 1) if default in keys else None
        return self.ask(question, "", option, parse, default=number, given=given)

    def _explain(self, why: str) -> None:
        typer.secho(f"\n{plain(why)}", dim=True)

    def _parsed_default(self, parse: Callable[[str], Answer], default: str, option: str) -> Answer:
        try:
            return parse(default)
        except ValueError as error:
            raise UsageError(f"{option} {error}", hint=f"give {option}") from None

    def _read(self, question: str, option: str, default: str | None, *, hidden: bool) -> str:
        """One line of a person, or of standard input. Raises Ended, UsageError."""
        if hidden and not self._person:  # getpass would look for a terminal
            typer.echo(f"{question}: ", nl=False)
            line = sys.stdin.readline()
            typer.echo()
            if not line:
                self._nobody(question, option)
            return line
        try:
            text: str = typer.prompt(plain(question), default=default, hide_input=hidden, show_default=bool(default))
        except typer.Abort:
            if self._person:
                raise Ended from None
            self._nobody(question, option)
        return text

    def _nobody(self, question: str, option: str) -> NoReturn:
        raise UsageError(
            f'there is no terminal, and standard input ended before it was answered: "{question}"',
            hint=f"give {option}; all that has no default: {ALL}",
        )
