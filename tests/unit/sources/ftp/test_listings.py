"""What FTP servers say of files, as they write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Entry
from synapse_sync.sources.ftp.kept import Kept
from synapse_sync.sources.ftp.listings import answered_entry, machine_entry, plain_entry, time_of
from synapse_sync.sources.remote_reading import Lost

NAMES = st.binary(min_size=1).filter(lambda name: not set(b"\r\n") & set(name))
MOMENT = 1_735_689_599_000_000_000  # 2024-12-31 23:59:59


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"20241231235959", MOMENT),
        (b"20241231235959.5", MOMENT + 500_000_000),
        (b"20241231235959.1234567891", MOMENT + 123_456_789),
        (b"19700101000000", 0),
        (b"19691231235959", -1_000_000_000),
        (b"99991231235959", (1 << 63) - 1),
        (b"20241331235959", None),
        (b"20241231", None),
        (b"191001231235959", None),  # of a server from before 2000
        (b"", None),
    ],
)
def test_a_time_is_the_servers_in_nanoseconds_as_far_as_a_ledger_holds_it(written: bytes, meant: int | None) -> None:
    assert time_of(written) == meant


def file(name: bytes, token: str = "") -> Entry:
    return Entry(name, "file", Observation(5, MOMENT, 0, token))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (b"type=file;size=5;modify=20241231235959; a b.png", file(b"a b.png")),
        (b"Size=5;Type=FILE;Modify=20241231235959;UNIX.mode=0644;unique=fd01g2a;  a", file(b" a", "2a")),
        (b"type=file;size=5;modify=20241231235959;unique=FD01U2A; x;y=z ", file(b"x;y=z ", "2A")),
        (b"type=file;size=5;modify=20241231235959;unique=8+x%; a", file(b"a", "8+x%")),
        (b"type=file;size=5;modify=20241231235959 a", file(b"a")),
        (b"type=file;modify=20241231235959; a", Entry(b"a", "unsaid")),
        (b"type=file;size=5; a", Entry(b"a", "unsaid")),
        (b"type=file;size=5;modify=2024; a", Entry(b"a", "unsaid")),
        (b"type=file;size=-5;modify=20241231235959; a", Entry(b"a", "unsaid")),
        (b" a", Entry(b"a", "unsaid")),
        (b"type=dir; d", Entry(b"d", "folder")),
        (b"type=cdir; /srv/d", Entry(b".", "folder")),
        (b"type=pdir; /srv", Entry(b"..", "folder")),
        (b"type=OS.unix=slink:/srv/x; l", Entry(b"l", "link")),
        (b"type=OS.unix=symlink; l", Entry(b"l", "link")),
        (b"type=OS.unix=pipe; p", Entry(b"p", "special")),
        (b"type=file;size=5;modify=20241231235959; a\rb", Entry(b"a\rb", "nameless", Observation(5, MOMENT, 0, ""))),
    ],
)
def test_a_line_of_mlsd(line: bytes, meant: Entry) -> None:
    assert machine_entry(line) == meant


@pytest.mark.parametrize("line", [b"", b"type=file;size=5;", b"type=file; ", b"a name and no facts", b"type; a"])
def test_what_is_no_line_of_mlsd_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match="no line of MLSD"):
        machine_entry(line)


def test_a_folder_is_told_from_others_by_its_number_also_on_another_disk() -> None:
    one, other = (machine_entry(b"type=dir;unique=%sg2; d" % disk).identity for disk in (b"1", b"2"))
    assert one
    assert other not in (0, one)
    assert machine_entry(b"type=cdir;unique=1g2; .").identity == one


@given(NAMES, st.integers(0, 1 << 62))
def test_any_name_of_any_file_comes_as_it_is(name: bytes, size: int) -> None:
    found = machine_entry(b"type=file;size=%d;modify=20241231235959; %s" % (size, name))
    assert (found.name, found.kind) == (name, "file")
    assert found.observed == Observation(size, MOMENT, 0, "")


@given(st.binary())
def test_whatever_comes_is_an_entry_or_none(line: bytes) -> None:
    for parse in (machine_entry, plain_entry, answered_entry):
        try:
            found = parse(line)
        except ValueError:
            continue
        assert found is None or found.name


@pytest.mark.parametrize(
    "answer",
    [
        b'250-Listing "/a":\r\n type=file;size=5;modify=20241231235959; /a\r\n250 End MLST.',
        b"250-Start of list for /a\n type=file;size=5;modify=20241231235959; /a\n250 End",
        b"250-Start of list\n250-type=file;size=5;modify=20241231235959; /a\n250 End",
        b"250- a=b c\ntype=file;size=5;modify=20241231235959; /a\n250 End",
    ],
)
def test_an_answer_to_mlst(answer: bytes) -> None:
    assert answered_entry(answer) == file(b"/a")


@pytest.mark.parametrize("answer", [b"250 done", b"250-List\n250 End", b"250-a=b; /a", b""])
def test_an_answer_without_facts_is_none(answer: bytes) -> None:
    with pytest.raises(ValueError, match="MLST was answered by"):
        answered_entry(answer)


@pytest.mark.parametrize(
    ("line", "name", "kind"),
    [
        (b"-rw-r--r--    1 0        0               3 Nov 22 04:26 a.png", b"a.png", "unsaid"),
        (b"-rw-r--r--   1 kim      users 123456789012 Jan  1  2020  a b ", b" a b ", "unsaid"),
        (b"-rw-rw-r--+  1 kim Domain Users 5 Feb 29 2024 12 Mar 11:11 x", b"12 Mar 11:11 x", "unsaid"),
        (b"-rwsr-xr-t. 1 1000 1000 5 Dec 31 23:59 \xed\x95\x9c", b"\xed\x95\x9c", "unsaid"),
        (b"-rw-r--r--   1 kim          5 Feb 29  2024 no group", b"no group", "unsaid"),
        (b"drwxr-xr-x    2 0        0            4096 Nov 22 04:26 d", b"d", "folder"),
        (b"lrwxrwxrwx    1 0        0               1 Nov 22 04:26 l -> /srv/x", b"l", "link"),
        (b"lrwxrwxrwx    1 0        0               1 Nov 22 04:26 l", b"l", "link"),
        (b"lrwxrwxrwx    1 0        0               1 Nov 22 04:26 a -> b -> c", b"a", "nameless"),
        (b"prw-r--r--    1 0        0               0 Nov 22 04:26 p", b"p", "special"),
        (b"crw-r--r--    1 0        0        1,   3 Nov 22 04:26 null", b"null", "special"),
        (b"02-15-24  10:31AM       <DIR>          a folder", b"a folder", "folder"),
        (b"02-15-2024  23:31                 1,234 a file", b"a file", "unsaid"),
        (b"02-15-24  10:31PM       <JUNCTION>     j [C:\\x]", b"j", "link"),
        (b"-rw-r--r--    1 0        0               3 Nov 22 04:26 a\rb", b"a\rb", "nameless"),
    ],
)
def test_a_line_of_list_tells_names_and_kinds_and_no_times(line: bytes, name: bytes, kind: str) -> None:
    assert plain_entry(line) == Entry(name, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", [b"", b"total 12"])
def test_some_lines_are_of_no_file(line: bytes) -> None:
    assert plain_entry(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"+i8388621.48594,m825718503,r,s280,\tdjb.html",  # EPLF
        "-rw-r--r-- 1 0 0 3 11월 22 04:26 a".encode(),
        b"-rw-r--r-- 1 0 0 3 2024-11-22 04:26 a",
        b"a.png",
        b"total 12 a.png",
        b"-rw-r--r-- 1 0 0 3 Nov 22 04:26 ",
    ],
)
def test_a_list_in_another_form_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match="no line of a list"):
        plain_entry(line)


@given(NAMES)
def test_any_name_in_a_list_of_unix_comes_as_it_is(name: bytes) -> None:
    assert plain_entry(b"-rw-r--r--    1 0        0               3 Nov 22 04:26 " + name) == Entry(name, "unsaid")


@given(st.lists(NAMES | st.just(b"x" * 500), max_size=20), st.integers(1, 700))
def test_a_list_that_is_kept_comes_line_by_line(lines: list[bytes], size: int) -> None:
    whole = b"".join(line + b"\r\n" for line in lines)
    kept = Kept()
    for start in range(0, len(whole), size):
        kept.add(whole[start : start + size])
    kept.ended()
    assert list(kept.lines()) == lines


def test_a_list_that_ends_within_a_line_is_none_and_neither_is_one_without_lines() -> None:
    cut, endless = Kept(), Kept()
    cut.add(b"type=file; a\r\ntype=fi")
    with pytest.raises(Lost, match="middle of a line"):
        cut.ended()
    endless.add(b"x" * 60_000)
    with pytest.raises(Lost, match="no list"):
        endless.add(b"x" * 60_000)
