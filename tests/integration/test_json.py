"""What docs/json.md says of `--json` is what the commands print: the same keys everywhere, the same kinds of values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import synapse_sync
from synapse_sync.devserver import DevServer, Options

from .conftest import DIRECTORY, PAIR, Installation

DOCS = Path(__file__).parents[2] / "docs/json.md"
EXAMPLE = re.compile(r"```json\n(.*?)```", re.DOTALL)
SECTIONS = {text.partition("`\n")[0]: text for text in DOCS.read_text(encoding="utf-8").split("\n## `")[1:]}
COMMANDS = {
    "once": ["once"],
    "status": ["status"],
    "plan": ["plan"],
    "files": ["files"],
    "files show PATH": ["files", "show", "p1/image.png"],
    "units": ["units"],
    "units show KEY": ["units", "show", "p1"],
    "runs": ["runs"],
    "why PATH": ["why", "p1/image.png"],
    "runs show RUN": ["runs", "show", "1"],
    "verify": ["verify"],
    "config check": ["config", "check"],
    "config show": ["config", "show"],
    "doctor": ["doctor"],
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation in which there is something to say everywhere."""
    folder = tmp_path_factory.mktemp("busy")
    with DevServer(Options(data=folder / "backend")) as server:
        site = Installation(folder, server)
        site.configure(extra=DIRECTORY, project=True, head='api = "v1"')  # v1 brings a warning
        site.write({**PAIR, "p1/extra.png": "", "p2/a.png": "a", "p2/b.png": "b", "p3/image.png": "i", "p3/x.xyz": "x"})
        site.sync()
        site.write({"p1/image.png": "a better image"})
        server.fault("PUT object/", "html", times=None)
        site.write({"p4/image.png": "4", "p4/label.json": "4", "p5/image.png": ""})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("synapse_sync.cli.sync.RETRYING", 0.0)
            site.sync()
            yield site


def differences(documented: Any, printed: Any, place: str = "") -> Iterator[str]:
    """Where two values differ in their shape; a key in capitals stands for any keys, null for any value."""
    if documented is None or printed is None:
        return
    kinds = (int, float) if type(documented) in (int, float) else type(documented)
    if not isinstance(printed, kinds):
        yield f"{place}: {printed!r} is not like {documented!r}"
    elif isinstance(documented, dict):
        open_keys = [key for key in documented if key.isupper()]
        fixed = documented.keys() - set(open_keys)
        if fixed - printed.keys() or (printed.keys() - fixed and not open_keys):
            yield f"{place}: {sorted(documented)} is documented, {sorted(printed)} is printed"
        for key in fixed & printed.keys():
            yield from differences(documented[key], printed[key], f"{place}.{key}")
        for key in printed.keys() - fixed if place.endswith((".files", ".units", ".counts")) else ():
            yield from differences(documented[open_keys[0]], printed[key], f"{place}.{key}")
    elif isinstance(documented, list):
        for index, item in enumerate(printed):
            yield from differences(documented[0], item, f"{place}[{index}]")


def test_every_command_with_json_is_documented() -> None:
    assert SECTIONS.keys() == {*COMMANDS, "ledger export"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_is_documented(busy: Installation, name: str) -> None:
    [example] = EXAMPLE.findall(SECTIONS[name])

    printed = busy.run(*COMMANDS[name], "--json").json

    assert printed, "there is something to look at"
    assert list(differences(json.loads(example), printed)) == []


def test_every_list_of_the_examples_was_seen_with_something_in_it(busy: Installation) -> None:
    """Otherwise the comparison above would say nothing of its items."""
    feed = busy.run("once", "--json").json["feeds"][0]
    assert {item["kind"] for item in feed["attention"]} == {"unit", "content"}
    assert [item["what"] for item in feed["waiting"]] == ["p5/image.png"]
    assert any(run["problems"] for run in busy.run("runs", "--json").json)
    plan = busy.run("plan", "--json").json["feeds"][0]
    assert plan["units"]
    assert plan["aside"]
    assert busy.run("config", "check", "--json").json["warnings"]
    [first, second] = busy.run("units", "show", "p1", "--json").json
    assert first["intents"]
    assert first["history"]
    assert second["other_files"]


def test_every_state_and_count_that_is_printed_has_a_word_in_the_documents() -> None:
    """Counts stand in docs/json.md: those that any step counts, and no others."""
    package = Path(synapse_sync.__file__).parent
    source = "\n".join(path.read_text() for folder in ("steps", ".") for path in (package / folder).glob("*.py"))
    counted = set(re.findall(r"""(?:\.count|\.count_once|\.measure)\(\s*"(\w+)"|tally\["(\w+)"\]""", source))
    counted_names = {first or second for first, second in counted} | {"reused"}
    table = re.findall(r"^\| (`.+?`) \|", SECTIONS["once"], re.MULTILINE)
    documented = {name for row in table for name in re.findall(r"`(\w+)`", row)}

    assert documented == counted_names


def test_an_export_has_a_row_for_every_row_of_every_table(busy: Installation) -> None:
    rows = [json.loads(line) for line in busy.type("ledger", "export").stdout.splitlines()]

    tables = {row["table"] for row in rows}
    names = {
        name
        for (name,) in busy.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name[0] != "_" and not name.startswith("sqlite_")
    }
    assert tables == names - {"uploads", "table_rows", "found_units", "upkeep", "audits", "vouchers"}, (
        "nothing of these happened here"
    )
    for table in tables:
        assert len([row for row in rows if row["table"] == table]) == busy.rows(f"SELECT count(*) FROM {table}")[0][0]
    assert [row["path"] for row in rows if row["table"] == "unit_files"][:1] == ["p1/image.png"]
