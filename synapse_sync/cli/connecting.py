"""The wizard's way to the server: its address, a token that it takes, and the collection that files go into."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from synapse_sync.assembly import open_destination
from synapse_sync.cli.dialogue import Dialogue
from synapse_sync.cli.output import table
from synapse_sync.config import Config, Credentials, resolve
from synapse_sync.config.credentials import checked_token, effective_url, login_file
from synapse_sync.config.locations import SYSTEM_CONFIG
from synapse_sync.config.model import DEFAULT_URL
from synapse_sync.config.stored_login import read_login, store_login
from synapse_sync.config.urls import is_unprotected, parse_url, same_host
from synapse_sync.destinations.base import Destination
from synapse_sync.doctor.collection import described
from synapse_sync.errors import CredentialsError, DestinationError, SynapseSyncError, TokenRefused, UsageError
from synapse_sync.grouping.matching import sequential_problem
from synapse_sync.installation.place import CREDSTORES, Place
from synapse_sync.records import Collection
from synapse_sync.wizard.answers import Answers
from synapse_sync.wizard.target import Target
from synapse_sync.wizard.writing import store_secret

SHOWN = 15
"""Collections that are shown at once; of more a part of the name is asked for."""
MOST = 10_000
"""Collections that are listed at most."""


@dataclass
class Connecting:
    """kept: what was stored of a login, for whoever ends it before the config is written."""

    dialogue: Dialogue
    url: str | None
    token_file: Path | None
    answers: Answers
    kept: str = ""
    refused: set[str] = field(default_factory=set)

    def connect(self, stack: ExitStack, target: Target) -> Destination:
        """Ask until a server has taken a token; the connection is closed with `stack`. Raises Ended.

        With a config that is there already, its server is the one.
        """
        while True:
            config = target.config or self._server(target)
            try:
                credentials, entered = self._credentials(config)
                destination = stack.enter_context(open_destination(config, credentials))
                who = destination.examination().account()
                destination.learn()
            except (TokenRefused, CredentialsError) as error:
                if self.dialogue.yes or (target.config is not None and not self._asks_for(target.config)):
                    raise
                self.dialogue.say(f"  {error.message}")
                if isinstance(error, TokenRefused):
                    self.refused.add(credentials.token)
                self.token_file = None
                self.url = self.url or (None if target.config else self.answers.url)
                continue
            except SynapseSyncError as error:
                if self.dialogue.yes or target.config is not None:
                    raise
                self.dialogue.say(f"  {error.message}")
                self.url = None
                continue
            self.dialogue.say(f"  connected to {credentials.url}{f' as {who}' if who else ''}, API {destination.api}")
            if entered:
                self._keep(credentials)
            if target.path == SYSTEM_CONFIG:
                self._keep_for_service(credentials)
            return destination

    def ask_collection(self, destination: Destination, given: str | None) -> Collection:
        """Show the collections and have one chosen; by its number, or first by a part of its name."""
        try:
            listed = dict(islice(destination.examination().collections(), MOST))
        except DestinationError as error:
            self.dialogue.say(f"  the collections can't be listed: {error.message}")
            listed = {}
        few = len(listed) <= SHOWN
        if few and given is None and not self.dialogue.yes:
            self._show(destination, listed)
        elif given is None and not self.dialogue.yes:
            self.dialogue.say(f"\n{len(listed):,} data collections")
        words = "number" if few else "number, or part of a name to see those"
        chosen: Collection = self.dialogue.ask(
            f"Data collection ({words})",
            "Each complete set of files becomes one data unit of this collection.",
            "--collection", lambda text: self._chosen(destination, listed, text),
            default=str(next(iter(listed))) if len(listed) == 1 else None, given=given,
        )  # fmt: skip
        self.answers.collection, self.answers.collection_name = chosen.id, chosen.name
        self.dialogue.say(f"  {described(chosen)}")
        return chosen

    def _server(self, target: Target) -> Config:
        """The server as it would stand in the config."""
        environ_url = os.environ.get("SYNAPSE_HOST")
        self.answers.url = self.dialogue.ask(
            "Address of the Synapse server",
            "The address of Synapse's API, with https:// in front.",
            "--url", _reached, default=environ_url or _stored_host() or DEFAULT_URL, given=self.url,
        )  # fmt: skip
        self.url = None
        if is_unprotected(self.answers.url):
            self.dialogue.say("  http:// is not encrypted: the token can be read on its way; https:// is better")
        self.answers.token_file = Path(os.path.abspath(self.token_file.expanduser())) if self.token_file else None
        server = {
            "url": self.answers.url,
            "access_token_file": self.answers.token_file and str(self.answers.token_file),
        }
        return Config.model_validate({"server": server}).loaded_from(target.path, ())

    def _credentials(self, config: Config) -> tuple[Credentials, bool]:
        """The token that is there, unless the server refused it; else one that is entered (True)."""
        try:
            found = resolve(config, _environment(config))
        except CredentialsError as error:
            if self.dialogue.yes or self.token_file is not None:
                raise
            if _stored_host():
                self.dialogue.say(f"  {error.message}")  # a token that is there, and can't be used
        else:
            if found.token not in self.refused:
                self.dialogue.say(f"  using the token from {found.origin}")
                return found, False
        url = config.server.url
        token = self.dialogue.ask(
            "Access token (not shown)",
            "Synapse shows it where you make one, in your profile; it begins with syn_.",
            "--token-file", _token, hidden=True,
        )  # fmt: skip
        return Credentials(url, token, config.server.tenant, "what was entered"), True

    def _asks_for(self, config: Config) -> bool:
        """Whether a token that is entered, and stored as a login, would be the one that this config takes."""
        return config.server.access_token_file is None and not os.environ.get("SYNAPSE_ACCESS_TOKEN")

    def _keep_for_service(self, credentials: Credentials) -> None:
        """The machine's service sees no user's login or file: systemd hands it the token from a place of root's."""
        place = Place()
        file = CREDSTORES[0] / place.credential
        if any((folder / place.credential).exists() for folder in CREDSTORES):
            return
        question = f"Store the token for the service, too, in {file}"
        why = "The service has a user of its own, who may not see yours; systemd hands it what is stored there."
        if self.dialogue.confirm(question, why, "--yes"):
            store_secret(file, credentials.token)
            self.kept += f" It is in {file} as well."

    def _keep(self, credentials: Credentials) -> None:
        """Store a token that the server has taken, as `login` does; another host's login is not replaced unasked."""
        path = login_file()
        stored = read_login(path)
        if stored is not None and not same_host(stored.host, credentials.url):
            question = f"Replace the login for {stored.host} in {path}"
            if not self.dialogue.confirm(question, "One login can be stored.", "--token-file", default=False):
                hint = "put this token into a file that only you can read, and name it with --token-file"
                raise UsageError(f"the token has no place: {path} holds that of {stored.host}", hint=hint)
        store_login(path, credentials.url, credentials.token)
        if os.environ.get("SYNAPSE_ACCESS_TOKEN"):
            self.dialogue.say("  SYNAPSE_ACCESS_TOKEN is set, and goes before what is stored: unset it")
        self.kept = f" The token is stored in {path}."
        self.dialogue.say(f"  the token is stored in {path}, readable by you alone")

    def _chosen(self, destination: Destination, listed: Mapping[int, str], text: str) -> Collection:
        """The collection of this number. Raises ValueError, with the collections that a text finds."""
        if not (text.isascii() and text.isdigit()):
            found = {number: name for number, name in listed.items() if text and text.casefold() in name.casefold()}
            if not found:
                raise ValueError(f'no collection has "{text}" in its name')
            self._show(destination, dict(islice(found.items(), SHOWN)))
            more = f" (of {len(found):,}; a longer part of the name finds fewer)" if len(found) > SHOWN else ""
            raise ValueError(f"now its number{more}")
        try:
            collection = destination.open(int(text))
        except SynapseSyncError as error:
            raise ValueError(error.message) from None
        if problem := sequential_problem(collection.specs):
            raise ValueError(f"collection {collection.id} ({collection.name}) can't be used: {problem}")
        return collection

    def _show(self, destination: Destination, some: Mapping[int, str]) -> None:
        rows = []
        for number, name in some.items():
            try:
                specs = described(destination.open(number)).partition(": ")[2]
            except SynapseSyncError as error:
                specs = f"can't be used: {error.message}"
            rows.append((number, name, specs))
        if rows:
            table(("number", "data collection", "what a unit is made of"), rows)


def _environment(config: Config) -> dict[str, str]:
    """The environment, without a host and token that belong to another server than was answered."""
    environ = dict(os.environ)
    if "url" in config.server.model_fields_set and environ.get("SYNAPSE_HOST"):
        try:
            other = not same_host(effective_url(config, environ), config.server.url)
        except CredentialsError:
            other = True
        for name in ("SYNAPSE_HOST", "SYNAPSE_ACCESS_TOKEN") if other else ():
            environ.pop(name, None)
    return environ


def _reached(text: str) -> str:
    """An address at which something answers, before a token is asked for. Raises ValueError."""
    url = parse_url(text)
    config = Config.model_validate({"server": {"url": url}})
    with open_destination(config, Credentials(url, "none", "", "")) as destination:  # no token is sent by reach()
        examination = destination.examination()
        try:
            if not examination.proxy:
                examination.reach()
        except DestinationError as error:
            raise ValueError(f"{error.message}\n  → {error.hint}") from None
    return url


def _stored_host() -> str:
    try:
        stored = read_login(login_file())
    except CredentialsError:
        return ""
    return stored.host if stored is not None else ""


def _token(text: str) -> str:
    try:
        return checked_token(text, "this")
    except CredentialsError as error:
        raise ValueError(str(error)) from None
