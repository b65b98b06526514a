"""The config's text reads back as what was answered, whatever the names are, and comments stay comments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.config import loads
from synapse_sync.errors import UsageError
from synapse_sync.grouping.places import Choice
from synapse_sync.wizard.answers import Answers, proposed_name
from synapse_sync.wizard.text import config_text, feed_text
from synapse_sync.wizard.writing import append, appended, write_new

SOURCE = Path("/etc/synapse-sync/config.toml")
CHOICES = [None, Choice("stem"), Choice("directory"), Choice("directory", 3)]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def answers(**changed: object) -> Answers:
    told = Answers(
        url="https://api.synapse.sh", collection=42, collection_name="Scans", path="/srv/scans", name="scans"
    )
    for name, value in changed.items():
        setattr(told, name, value)
    return told


@given(
    collection_name=st.text(max_size=30), folder=texts, choice=st.sampled_from(CHOICES), sidecar=st.booleans(),
    table=st.sampled_from(["", "meta.xlsx", 'a "table".csv']), project=st.none() | st.integers(1, 99), says=st.text(),
)  # fmt: skip
def test_what_was_answered_is_what_is_read(
    collection_name: str, folder: str, choice: Choice | None, sidecar: bool, table: str, project: int | None, says: str
) -> None:
    path = f"/srv/{folder}/x"
    told = answers(
        collection_name=collection_name, path=path, name=proposed_name(path, set()), choice=choice, sidecar=sidecar,
        table=table, missing_row="register", project=project, layout_says=" ".join(says.split()), settle="2m",
        token_file=Path("/etc/synapse-sync/token"),
    )  # fmt: skip

    config = loads(config_text(told), SOURCE)

    [feed] = config.feeds
    assert (config.server.url, config.server.access_token_file) == (told.url, told.token_file)
    assert (feed.name, feed.data_collection, feed.project, feed.settle) == (told.name, 42, project, 120.0)
    assert Path(feed.path or "") == Path(path).parent / "x" or ".." in folder
    assert feed.grouping.by == (choice.by if choice else "auto")
    assert feed.grouping.depth == (choice.depth if choice else 1)
    assert (feed.metadata.sidecar, feed.metadata.table) == (sidecar, table)
    assert feed.metadata.missing_row == ("register" if table else None)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("rest", [{}, {"table": "meta.csv", "left_out": ["/b.csv"], "sidecar": True, "polled": "nfs"}])
def test_every_line_has_a_comment_and_fits_a_screen(choice: Choice | None, rest: dict[str, object]) -> None:
    for line in config_text(answers(choice=choice, **rest)).splitlines():
        assert not line or line.startswith("[") or "#" in line
        assert len(line) <= 130


def test_settings_that_are_commented_out_are_valid_when_the_mark_is_taken_away() -> None:
    text = config_text(answers())
    assert loads(text, SOURCE).feeds
    for line in text.splitlines():
        if line.startswith("#") and not line.startswith("# ") and "ca_bundle" not in line:
            key = line[1:].partition(" =")[0]
            one = "\n".join(other for other in text.splitlines() if not other.startswith(f"{key} ="))
            assert loads(one.replace(line, line[1:]), SOURCE).feeds, line


def test_a_feed_is_added_at_the_end_and_nothing_else_is_touched() -> None:
    for before in (b'# mine\n[server]\nurl = "https://a.example"', b"# mine\r\n[log]\r\n", "# 한글\n".encode()):
        after = appended(before, feed_text(answers()))

        assert after.startswith(before)
        assert [feed.name for feed in loads(after.decode(), SOURCE).feeds] == ["scans"]
        assert (b"\r\n" in before) == (b"\r\n" in after)
        assert after.count(b"\n") == after.count(b"\r\n") or b"\r\n" not in after


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        write_new(path, "other")

    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


def test_a_new_file_is_made_with_its_folders(tmp_path: Path) -> None:
    write_new(tmp_path / "a/b/config.toml", "text\n")

    assert (tmp_path / "a/b/config.toml").read_text() == "text\n"
    assert (tmp_path / "a/b/config.toml").stat().st_mode & 0o777 == 0o644


def test_adding_keeps_mode_and_link_and_notices_another_hand(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_bytes(b"# mine\n")
    real.chmod(0o640)
    link.symlink_to(real)

    append(link, b"# mine\n", "more\n")

    assert real.read_bytes() == b"# mine\n\nmore\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    with pytest.raises(UsageError, match="has changed meanwhile"):
        append(link, b"# mine\n", "twice\n")
    assert real.read_bytes() == b"# mine\n\nmore\n"
