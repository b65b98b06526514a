"""Finding and reading the config file: every mistake at once, each with its line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse_sync.config import Config, Feed, Grouping, Server, find_config, load, loads, locations
from synapse_sync.config.toml_text import toml_text
from synapse_sync.errors import ConfigError

SOURCE = Path("/conf/config.toml")

GOOD = """\
[[feeds]]
name = "scans"
data_collection = 1
path = "/srv/scans"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loads(text, SOURCE)
    assert refused.value.exit_code == 2
    return list(refused.value.problems)


def test_the_shortest_config_has_every_default_of_the_design() -> None:
    config = loads(GOOD, SOURCE)
    feed = config.feeds[0]
    assert (config.source, config.warnings) == (SOURCE, [])
    assert (config.server.url, config.server.api, config.server.checksum) == ("https://api.synapse.sh", "auto", "auto")
    assert (config.schedule.run_every, config.schedule.rescan_every) == (60, 3600)
    assert config.ledger.keep_history == 180 * 86400
    assert (config.upload.workers, config.upload.route, config.upload.chunk_size) == ("auto", "auto", 50 * 2**20)
    assert (config.upload.batch_size, config.upload.max_file_size, config.log.format) == (200, None, "auto")
    assert (feed.settle, feed.wait_optional, feed.incomplete_after) == (30, 300, 86400)
    assert (feed.watch, feed.duplicates, feed.on_change, feed.late_files, feed.existing) == (
        "auto",
        "skip",
        "hold",
        "hold",
        "adopt",
    )
    assert (feed.recursive, feed.follow_symlinks, feed.grouping.by, feed.grouping.depth) == (True, False, "auto", 1)
    assert feed.metadata.missing_row is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a = {'[' * 5000}{']' * 5000}", "too deep"),
        (f"{GOOD}[{'.'.join('a' * 3000)}]\nx = 1", "too deep"),
        (f"{GOOD}[x]\ny = {'9' * 5000}", "can't be read"),
        (f"{GOOD}[log]\nlevel = 0x{'f' * 9000}", "can't be read"),
    ],
)
def test_what_python_will_not_read_is_a_mistake_of_the_file(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loads(text, SOURCE)


def test_a_number_is_one_that_the_ledger_can_hold() -> None:
    (problem,) = problems(GOOD.replace("data_collection = 1", f"data_collection = {2**63}"))
    assert "must be at most 9223372036854775807" in problem


def test_five_mistakes_are_all_reported_at_once_with_their_lines() -> None:
    text = """\
[server]
url = "api.synapse.sh"
api = "v1"

[upload]
chunk_size = 50

[[feeds]]
name = "scans"
data_collection = 1
path = "/srv/scans"
setle = "30s"

[feeds.metadata]
update_meta = true

[[feeds]]
name = "scans"
path = "/srv/others"
data_collection = 2
"""
    assert problems(text) == [
        'line 2, server.url: "api.synapse.sh" is not a URL; write it with https:// in front',
        'line 6, upload.chunk_size: 50 is not a size; write a number and a unit: "9KB", "50MiB", "200MB", "2GiB"',
        "line 12, feeds[0].setle: unknown key; did you mean 'settle'?",
        "line 15, feeds[0].metadata.update_meta: only v2 can change registered units; "
        'write server.api = "auto" or "v2", or remove the line',
        'line 18, feeds[1].name: "scans" is the name of feeds[0] already',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD + "Poll-Every = '1m'", "line 5, feeds[0].Poll-Every: unknown key; did you mean 'poll_every'?"),
        (
            GOOD + "[feeds.grouping]\nsettle = '1m'",
            "line 6, feeds[0].grouping.settle: unknown key here; 'settle' belongs in [[feeds]]",
        ),
        (
            "path = '/x'\n" + GOOD,
            "line 1, path: unknown key here; 'path' belongs in [ledger] or [[feeds]] or [feeds.assets.SPEC]",
        ),
        (GOOD + "[log]\nzzz = 1", "line 6, log.zzz: unknown key; known are level, format"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_a_token_in_the_file_is_refused_and_not_repeated() -> None:
    found = problems(GOOD + "[server]\naccess_token = 'syn_hunter2'\naccess_token_file = 'syn_0123456789abcdefghij'")
    assert [words.split(":")[0] for words in found] == [
        "line 6, server.access_token",
        "line 7, server.access_token_file",
    ]
    assert "synapse-sync login" in found[0]
    assert "looks like a token" in found[1]
    assert not any("hunter2" in words or "0123" in words for words in found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("watch = 'pol'", 'must be "auto", "events" or "poll", not "pol"'),
        ("recursive = 'yes'", "must be true or false"),
        ("include = '*.png'", "must be a list in [brackets]"),
        ("project = '7'", "must be a whole number"),
        ("project = 0", "must be at least 1"),
        ("grouping = 'stem'", "must be a table"),
        ("metadata.values = 5", "must be a table"),
        ("metadata.values = {a = {b = nan}}", '"a.b" is nan, which JSON does not have; write a number or text'),
        ("settle = 30", "30 is not a duration"),
        ("poll_every = '10ms'", 'must be at least "100ms"'),
        ("include = ['ok', '!']", '"!" is not a valid pattern'),
        ("exclude = ['[z-a]']", '"[z-a]" is not a valid pattern'),
        ("exclude = ['# comment']", '"# comment" matches nothing'),
        ("storage = 'a'", "must be a whole number"),
    ],
)
def test_a_wrong_value_is_explained(line: str, words: str) -> None:
    (problem,) = problems(GOOD + line)
    assert problem.startswith(f"line 5, feeds[0].{line.split(' ')[0]}")
    assert words in problem


@pytest.mark.parametrize(
    ("section", "line", "words"),
    [
        ("upload", "workers = 0", 'must be "auto" or a whole number from 1 to 64'),
        ("upload", "workers = true", 'must be "auto" or a whole number from 1 to 64'),
        ("upload", "batch_size = 1001", "must be at most 1000"),
        ("ledger", "path = 5", "must be text in quotes"),
        ("ledger", "path = 's3://bucket/x'", "must be a local file"),
        ("ledger", "path = ''", "is empty"),
        ("schedule", "run_every = '0'", 'must be at least "100ms"'),
        ("schedule", "ping_url = 'ping.example.org'", "is not an http or https URL"),
        ("log", "level = 'loud'", 'must be "debug", "info", "warning" or "error", not "loud"'),
    ],
)
def test_a_wrong_value_outside_a_feed_is_explained(section: str, line: str, words: str) -> None:
    (problem,) = problems(f"[{section}]\n{line}\n{GOOD}")
    assert problem.startswith(f"line 2, {section}.{line.split(' ')[0]}: ")
    assert words in problem


def test_a_missing_setting_is_reported_at_its_table_with_an_example() -> None:
    assert problems("\n[[feeds]]\npath = '/srv/scans'") == [
        'line 2, feeds[0].name: is missing; add a line like: name = "scans"',
        "line 2, feeds[0].data_collection: is missing; add a line like: data_collection = 42",
    ]


def test_feeds_with_single_brackets_are_explained() -> None:
    assert problems(GOOD.replace("[[feeds]]", "[feeds]")) == [
        "line 1, feeds: must be written [[feeds]], with two brackets on each side"
    ]


def test_a_wrong_value_hides_no_other_problem_of_its_feed_and_causes_none() -> None:
    text = """\
[[feeds]]
data_collection = "1"
path = 5
include = ["*.png", "!"]
duplicates = "register"
[feeds.grouping]
by = "folder"
depth = 2
[feeds.assets.image_1]
storage = 3
[server]
api = "v2"
"""
    assert [words.split(": ")[0] for words in problems(text)] == [
        "line 1, feeds[0].name",
        "line 2, feeds[0].data_collection",
        "line 3, feeds[0].path",
        "line 4, feeds[0].include[1]",
        "line 5, feeds[0].duplicates",
        "line 7, feeds[0].grouping.by",
        "line 9, feeds[0].assets.image_1.path",
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[server]\nurl = http://x", "line 2, column 7"),
        ("a = 1\na = 2", "line 2, column 6: the file ends"),
        ("[server]\nurl = ", "line 2, column 7: the file ends"),
        ('path = "C:\\Users\\scans"', "line 1, column 13"),
    ],
)
def test_what_is_no_toml_is_reported_with_line_and_column(text: str, where: str) -> None:
    with pytest.raises(ConfigError, match="not valid TOML") as refused:
        loads(text, SOURCE)
    assert where in refused.value.message
    assert "double quotes" in refused.value.hint


def test_a_relative_path_starts_from_the_config_files_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    text = """\
[server]
access_token_file = "token"
[ledger]
path = "~/ledger.db"
[[feeds]]
name = "a"
data_collection = 1
path = "../srv/scans/"
[[feeds]]
name = "b"
data_collection = 2
assets.image_1 = {path = "~/images"}
"""
    config = loads(text, Path("/etc/synapse-sync/config.toml"))
    assert config.feeds[0].path == "/etc/srv/scans"
    assert config.feeds[1].assets["image_1"].path == "/home/anna/images"
    assert config.server.access_token_file == Path("/etc/synapse-sync/token")
    assert config.ledger.path == Path("/home/anna/ledger.db")


def test_an_unknown_users_home_and_a_nul_are_refused() -> None:
    text = GOOD.replace('"/srv/scans"', '"~nobody-by-this-name/x"')
    assert "there is no such user" in problems(text)[0]
    assert "NUL" in problems(GOOD.replace('"/srv/scans"', '"/a\\u0000b"'))[0]


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(file).feeds[0].name == "scans"
    file.write_bytes(GOOD.replace("\n", "\r\n").encode() + b"setle = 1\r\n")
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert refused.value.problems == ("line 5, feeds[0].setle: unknown key; did you mean 'settle'?",)


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no config file") as refused:
        load(tmp_path / "absent.toml")
    assert "--config FILE init" in refused.value.hint
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match="is not UTF-8 text") as refused:
        load(tmp_path / "latin.toml")
    assert refused.value.hint == "save it as UTF-8"


def test_a_file_that_is_there_but_cannot_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locations, "SYSTEM_CONFIG", tmp_path / "absent")
    personal = tmp_path / ".config/synapse-sync/config.toml"
    personal.parent.mkdir(parents=True)
    personal.symlink_to(personal)  # a loop: even root can't read it
    found = find_config(None, {"HOME": str(tmp_path)})
    assert found == personal
    with pytest.raises(ConfigError, match="can't be read: Too many levels of symbolic links"):
        load(found)


def test_the_config_is_looked_for_in_the_order_of_the_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, home = tmp_path / "etc/config.toml", tmp_path / "home"
    monkeypatch.setattr(locations, "SYSTEM_CONFIG", system)
    personal = home / ".config/synapse-sync/config.toml"
    environ = {"HOME": str(home)}
    with pytest.raises(ConfigError, match="no config file was found") as refused:
        find_config(None, environ)
    looked = "\n".join(refused.value.problems)
    assert all(str(place) in looked for place in ("--config", "$SYNAPSE_SYNC_CONFIG", system, personal))
    personal.parent.mkdir(parents=True)
    personal.touch()
    assert find_config(None, environ) == personal
    system.parent.mkdir()
    system.touch()
    assert find_config(None, environ) == system
    environ["SYNAPSE_SYNC_CONFIG"] = "/named/by/environment.toml"
    assert find_config(None, environ) == Path("/named/by/environment.toml")
    assert find_config(Path("named.toml"), environ) == Path.cwd() / "named.toml"


def test_what_is_shown_of_a_config_reads_back_as_the_same_config() -> None:
    text = (
        GOOD
        + "assets = {}\nmetadata.values = {a = {b = [1, {c = 'x'}]}}\n[upload]\nworkers = 3\nmax_file_size = '20GB'"
    )
    config = loads(text, SOURCE)
    again = loads(toml_text(config.model_dump(mode="json")), SOURCE)
    assert again.model_dump() == config.model_dump()


KEYS = st.sampled_from(
    [
        *(key for section in (Config, Server, Feed, Grouping) for key in section.model_fields),
        *("values", "spec", "pattern", "workers", "image_1", "zzz"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans()
    | st.integers(-2, 10**6)
    | st.floats()
    | st.sampled_from(["", "stem", "10s", "50MiB", "v2", "s3://a/b", "/srv/scans", "*.png", "register", "~"])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


FEEDS = st.builds(
    lambda base, changes: base | changes,
    st.sampled_from([{}, {"name": "scans", "data_collection": 1, "path": "/srv/scans"}]),
    st.dictionaries(KEYS, VALUES, max_size=4),
)


@settings(max_examples=75)
@given(st.dictionaries(KEYS, VALUES, max_size=3), st.lists(FEEDS, max_size=3))
def test_any_toml_is_a_config_or_a_list_of_problems(top: dict[str, Any], feeds: list[dict[str, Any]]) -> None:
    text = toml_text(top | {"feeds": feeds})
    tomllib.loads(text)
    problems: tuple[str, ...] = ()
    config = None
    try:
        config = loads(text, SOURCE)
    except ConfigError as error:
        problems = error.problems
    assert (config is None) == bool(problems)
