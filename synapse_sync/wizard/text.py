"""The text of a config from a person's answers, with comments for whoever opens it next year. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from synapse_sync.config.toml_text import toml_value
from synapse_sync.wizard.answers import Answers

_WIDTH = 52  # column of the comments, as in config.example.toml


def config_text(answers: Answers) -> str:
    """A whole config file."""
    return "\n".join((*_head(answers), "", *_feed(answers))) + "\n"


def feed_text(answers: Answers) -> str:
    """One more feed, for the end of a config file."""
    return "\n".join(_feed(answers)) + "\n"


def _head(answers: Answers) -> Iterator[str]:
    yield "# Configuration of synapse-sync, written by `synapse-sync init`. A line that begins with # is a comment."
    yield "# After a change: synapse-sync config check   (and, where it runs as a service: sudo synapse-sync reload)"
    yield "# All settings: config.example.toml. No secret stands here."
    yield ""
    yield "[server]"
    yield _line("url", answers.url, "address of your Synapse server, without /v2")
    if answers.token_file is not None:
        yield _line("access_token_file", str(answers.token_file), "holds the access token and nothing else")
    yield '#ca_bundle = "/etc/ssl/certs/nas.pem"               # certificates to trust, if the server has its own'


def _feed(answers: Answers) -> Iterator[str]:
    yield "# A feed: one stream of files into one data collection. A second one begins with another line [[feeds]]."
    yield "[[feeds]]"
    yield _line("name", answers.name, "what you call it; shown everywhere")
    yield _line("path", answers.path, "the folder in which the files arrive; it is only read")
    named = f" ({answers.collection_name})" if answers.collection_name else ""
    yield _line("data_collection", answers.collection, f"number of the data collection that they go into{named}")
    if answers.project is not None:
        yield _line("project", answers.project, "number of a project in which each unit gets a task")
    else:
        yield "#project = 7                                        # number of a project in which each unit gets a task"
    yield _line("settle", answers.settle, 'a file is used when it has not changed for so long: "30s" "5m" "1h"')
    if answers.polled:
        yield f"# {answers.polled}"
        yield '#poll_every = "5m"                                  # how often folders there are looked at'
    if answers.left_out:
        yield _line("exclude", answers.left_out, "leave these out; patterns are those of .gitignore")
    else:
        yield '#exclude = ["old/", "*.bak"]                        # leave these out; patterns are those of .gitignore'
    yield '#include = ["*.png", "*.json"]                      # take only these'
    yield '#on_change = "hold"                                 # a sent file changes: "hold" "new_unit" "ignore"'
    yield '#late_files = "hold"                                # a file comes for a sent unit: the same choice'
    yield ""
    yield from _grouping(answers)
    yield ""
    yield from _metadata(answers)


def _grouping(answers: Answers) -> Iterator[str]:
    yield "# How the files of one unit find each other. Look at the outcome with: synapse-sync plan"
    if answers.layout_says:
        yield f"# When this was written: {_one_line(answers.layout_says)}"
    yield "[feeds.grouping]"
    choice = answers.choice
    if choice is None:
        yield _line("by", "auto", "finds out from the files that come; or say it: see below")
        yield '#by = "stem"                                        # same name but for the extension, in any folder'
        yield '#by = "directory"                                   # each folder is a unit; depth = 2 for SITE/PATIENT/'
    elif choice.by == "directory":
        yield _line("by", "directory", 'each folder is a unit; or "stem": the same name but for the extension')
        yield _line("depth", choice.depth, "how many folder levels below the path make a unit")
    else:
        yield _line("by", "stem", 'the same name but for the extension; or "directory": each folder is a unit')
    yield '#on_ambiguous = "hold"                              # two files for one place: "hold", or the "newest"'


def _metadata(answers: Answers) -> Iterator[str]:
    yield "# What each unit's metadata is made of, the later the stronger."
    yield "[feeds.metadata]"
    yield '#values = {site = "Seoul"}                          # goes with every unit'
    if answers.sidecar:
        yield _line("sidecar", True, "scan.meta.json, or scan.json, beside scan.png speaks of it")
    else:
        yield "#sidecar = true                                     # scan.meta.json beside scan.png speaks of it"
    if answers.table:
        yield _line("table", answers.table, "a row for each unit")
        yield _line("missing_row", answers.missing_row, 'a unit without a row: "wait" for one, or "register" without')
    else:
        yield '#table = "patients.xlsx"                            # a spreadsheet or CSV file with a row for each unit'


def _line(key: str, value: object, comment: str) -> str:
    return f"{f'{key} = {toml_value(value)}':<{_WIDTH - 1}} # {_one_line(comment)}"


def _one_line(text: str) -> str:
    """Names come from elsewhere: nothing in them may end the comment."""
    return "".join(character if character.isprintable() else " " for character in text)
