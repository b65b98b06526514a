"""From a file to a Config: find it, read it, and report everything that is wrong with it at once, with lines."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from synapse_sync.config.feed import Feed
from synapse_sync.config.locations import config_places, ledger_path
from synapse_sync.config.model import Config
from synapse_sync.config.not_yet import not_yet
from synapse_sync.config.places import Place, line_of, lines_of, written
from synapse_sync.config.problems import Problem, translated
from synapse_sync.config.rules import broken_rules, warnings
from synapse_sync.errors import ConfigError


def find_config(explicit: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The absolute path of the config file to use: the named one, else $SYNAPSE_SYNC_CONFIG, else the first that exists
    in /etc/synapse-sync and ~/.config/synapse-sync. A named one need not exist: loading it says so.

    Raises ConfigError with all places looked at where there is none.
    """
    named = explicit or environ.get("SYNAPSE_SYNC_CONFIG")
    if named:
        return Path(os.path.abspath(os.path.expanduser(named)))
    places = config_places(environ)
    for place in places:
        if _is_there(place):
            return place
    looked = ("--config FILE: not given", "$SYNAPSE_SYNC_CONFIG: not set", *(f"{place}: not there" for place in places))
    hint = "`synapse-sync init` asks what it needs and writes one; config.example.toml explains every setting"
    raise ConfigError("no config file was found", problems=looked, hint=hint)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file. Raises ConfigError with every problem and its place."""
    source = Path(os.path.abspath(path))
    try:
        text = source.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "name another with --config, or have it written: synapse-sync --config FILE init"
        raise ConfigError(f"there is no config file {source}", hint=hint) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{source} is not UTF-8 text: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from None
    except OSError as error:
        hint = f"see who may read it: ls -l {source}"
        raise ConfigError(f"{source} can't be read: {error.strerror}", hint=hint) from error
    return loads(text, source, environ)


def loads(text: str, source: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a TOML text; `source` is its file, whose folder relative paths start from.

    Raises ConfigError with every problem and its place.
    """
    try:
        return _read(text.replace("\r\n", "\n"), source, environ)
    except RecursionError:
        hint = "nothing in a config stands deeper than three tables"
        raise ConfigError(f"{source} can't be read: lists or tables stand too deep in each other", hint=hint) from None
    except ValueError as error:  # Python's limit for digits: docs.python.org/3/library/stdtypes.html#int-max-str-digits
        found = str(error).partition(";")[0]  # behind it stands what a programmer can do about the limit
        raise ConfigError(f"{source} can't be read: {found}", hint="is a number in it far too long?") from error


def _read(text: str, source: Path, environ: Mapping[str, str]) -> Config:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, text, source) from None
    config, problems = _examined(data, source, environ)
    if problems:
        lines = lines_of(text)
        found = sorted(((line_of(lines, place) or 0, place, words) for place, words in problems), key=itemgetter(0))
        sentences = tuple(_sentence(*one) for one in found)
        count = f"{len(sentences)} problems" if len(sentences) > 1 else "a problem"
        raise ConfigError(f"{source} has {count}", problems=sentences)
    return config.loaded_from(source, warnings(config))


def _examined(data: dict[str, Any], source: Path, environ: Mapping[str, str]) -> tuple[Config, list[Problem]]:
    """The configuration, and all its problems; with problems, the configuration is what is left without them."""
    context = {"folder": source.parent}
    problems: list[Problem] = []
    try:
        config = Config.model_validate(data, context=context)
        feeds = dict(enumerate(config.feeds))
    except ValidationError as error:
        # A second look, without the values that are wrong in themselves, finds the rules that the others break.
        problems = translated(error)
        rest = _without(data, [problem.place for problem in problems])
        feeds = _readable_feeds(rest.pop("feeds", []), context)
        config = Config.model_validate(rest, context=context)
    config.loaded_from(source, ())
    second = [*not_yet(feeds), *broken_rules(config, feeds, ledger_path(config, environ))]
    known = [problem.place for problem in problems]
    problems += [problem for problem in second if not any(_lies_in(place, problem.place) for place in known)]
    return config, problems


def _without(data: dict[str, Any], places: list[Place]) -> dict[str, Any]:
    """A copy of the data without the values at these places; a list with a wrong item goes as a whole."""
    rest = copy.deepcopy(data)
    for place in places:
        item = next((at for at, part in enumerate(place) if at > 1 and isinstance(part, int)), len(place))
        *path, key = place[:item]
        node: Any = rest
        with suppress(KeyError, TypeError):
            for part in path:
                node = node[part]
            if isinstance(node, dict):
                del node[key]
    return rest


def _readable_feeds(items: list[Any], context: dict[str, Any]) -> dict[int, Feed]:
    """The feeds by their index; required settings that are missing or were wrong get a value that breaks no rule."""
    feeds = {}
    for index, item in enumerate(items):
        if isinstance(item, dict):
            nowhere = f"{os.devnull}/{index}"
            assets = {
                spec: {"path": "nowhere" if asset.get("storage") else nowhere, **asset}
                for spec, asset in item.get("assets", {}).items()
            }
            stand_ins = {"name": f"feeds[{index}]", "data_collection": 2**31 + index}
            feeds[index] = Feed.model_validate({**stand_ins, **item, "assets": assets}, context=context)
    return feeds


def _lies_in(place: Place, outer: Place) -> bool:
    return place[: len(outer)] == outer


def _sentence(line: int, place: Place, words: str) -> str:
    return f"line {line}, {written(place)}: {words}" if line else f"{written(place)}: {words}"


def _not_toml(error: tomllib.TOMLDecodeError, text: str, source: Path) -> ConfigError:
    lines = text.rstrip("\n").split("\n")
    words = str(error).replace(
        "at end of document", f"at line {len(lines)}, column {len(lines[-1]) + 1}: the file ends"
    )
    hint = "text stands in \"double quotes\", a path with \\ in 'single quotes', true and false are written small"
    return ConfigError(f"{source} is not valid TOML: {words}", hint=hint)


def _is_there(path: Path) -> bool:
    """Whether something stands at this path; a folder that may not be entered counts, so that loading says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
