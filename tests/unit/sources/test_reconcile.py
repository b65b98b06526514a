"""A listing against what is known: only differences come out, absence is never more than a candidate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.records import Directory, Observation, RootIdentity
from synapse_sync.sources.reconcile import Belief, Changes, KnownFile, Place, believable, reconcile, renames

SEEN = Observation(size=5, mtime_ns=10, ctime_ns=11, token=3)


def row(identifier: int, observed: Observation = SEEN, gone: int = 0) -> KnownFile:
    return KnownFile(identifier, *observed, gone)


def listed(**files: Observation) -> Directory:
    return Directory(b"scans", 1, {name.encode(): observed for name, observed in files.items()})


def everything(_directory: bytes, _name: bytes) -> bool:
    return True


def nothing(_directory: bytes, _name: bytes) -> bool:
    return False


def never_asked(_directory: bytes, _name: bytes) -> bool:
    raise AssertionError("the filters were asked about a file that they have already let through")


def test_an_unchanged_listing_changes_nothing_and_asks_no_filter() -> None:
    assert reconcile(listed(a=SEEN), {b"a": row(1)}, never_asked, trust_known=True) == Changes([], [], [], 0)


def test_plain_tuples_as_sqlite_gives_them_do_as_well() -> None:
    assert reconcile(listed(a=SEEN), {b"a": (1, 5, 10, 11, 3, 0)}, never_asked, trust_known=True) == Changes(
        [], [], [], 0
    )


def test_each_part_of_an_observation_counts_as_a_change() -> None:
    for part in Observation._fields:
        other = SEEN._replace(**{part: 99})
        changes = reconcile(listed(a=other), {b"a": row(1)}, never_asked, trust_known=True)
        assert changes == Changes([], [(1, other)], [], 0)


def test_a_file_that_is_back_counts_as_changed_even_if_it_is_the_same() -> None:
    changes = reconcile(listed(a=SEEN), {b"a": row(1, gone=1)}, everything, trust_known=True)
    assert changes == Changes([], [(1, SEEN)], [], 0)


def test_a_file_taken_out_by_the_filters_does_not_come_back_while_they_stay_the_same() -> None:
    assert reconcile(listed(a=SEEN), {b"a": row(1, gone=1)}, nothing, trust_known=True) == Changes([], [], [], 1)


def test_new_files_are_those_that_the_filters_keep_and_the_filters_see_directory_and_name() -> None:
    asked = []

    def only_b(directory: bytes, name: bytes) -> bool:
        asked.append((directory, name))
        return name == b"b"

    assert reconcile(listed(a=SEEN, b=SEEN), {}, only_b, trust_known=True) == Changes([(b"b", SEEN)], [], [], 1)
    assert asked == [(b"scans", b"a"), (b"scans", b"b")]


def test_files_that_are_not_listed_are_absent_unless_they_are_gone_already() -> None:
    known = {b"a": row(1), b"b": row(2), b"c": row(3, gone=1)}
    assert reconcile(listed(a=SEEN), known, everything, trust_known=True) == Changes([], [], [2], 0)


def test_under_new_filters_a_known_file_that_they_refuse_is_absent_and_excluded() -> None:
    known = {b"a": row(1), b"b": row(2)}
    assert reconcile(listed(a=SEEN, b=SEEN), known, nothing, trust_known=False) == Changes([], [], [1, 2], 2)
    assert reconcile(listed(a=SEEN, b=SEEN), known, everything, trust_known=False) == Changes([], [], [], 0)


_observed = st.builds(Observation, st.integers(0, 1), st.integers(0, 1), st.just(0), st.integers(0, 1))
_name = st.sampled_from([b"a", b"b", b"c", b"d"])
_files = st.dictionaries(_name, _observed)
_known = st.dictionaries(_name, st.tuples(_observed, st.integers(0, 1)))


@given(_files, _known, st.frozensets(_name), st.booleans())
def test_every_file_is_accounted_for_and_a_second_listing_finds_nothing(
    files: dict[bytes, Observation],
    known: dict[bytes, tuple[Observation, int]],
    kept: frozenset[bytes],
    trust_known: bool,
) -> None:
    """After the changes are recorded, the kept files are exactly those not gone, and nothing is left to change."""
    if trust_known:
        kept |= {name for name, (_, gone) in known.items() if not gone}
    rows = {name: row(number, observed, gone) for number, (name, (observed, gone)) in enumerate(known.items())}
    names = {known_row.id: name for name, known_row in rows.items()}
    directory = Directory(b"", 1, files)

    def keeps(_directory: bytes, name: bytes) -> bool:
        return name in kept

    changes = reconcile(directory, rows, keeps, trust_known=trust_known)
    for number, (name, observed) in enumerate(changes.new):
        rows[name] = row(100 + number, observed)
    for identifier, observed in changes.changed:
        rows[names[identifier]] = row(identifier, observed)
    for identifier in changes.absent:
        rows[names[identifier]] = rows[names[identifier]]._replace(gone=1)

    assert {name: known_row[1:5] for name, known_row in rows.items() if not known_row.gone} == {
        name: observed for name, observed in files.items() if name in kept
    }
    assert changes.excluded == len(files.keys() - kept)
    again = reconcile(directory, rows, keeps, trust_known=trust_known)
    assert (again.new, again.changed, again.absent) == ([], [], [])


def test_a_renamed_file_is_found_by_its_inode() -> None:
    assert renames([Place(1, 8, 30, 5, 10)], [Place(2, 8, 31, 5, 10), Place(3, 8, 30, 5, 10)]) == [(1, 3)]


def test_another_device_size_or_time_is_another_file() -> None:
    for other in (Place(2, 9, 30, 5, 10), Place(2, 8, 30, 6, 10), Place(2, 8, 30, 5, 11)):
        assert renames([Place(1, 8, 30, 5, 10)], [other]) == []


def test_among_several_that_fit_none_is_guessed() -> None:
    one, two, three = Place(1, 8, 30, 5, 10), Place(2, 8, 30, 5, 10), Place(3, 8, 30, 5, 10)
    assert renames([one], [two, three]) == []
    assert renames([one, two], [three]) == []


def test_remote_files_are_never_paired() -> None:
    assert renames([Place(1, 8, "etag", 5, 10)], [Place(2, 8, "etag", 5, 10)]) == []
    assert renames([Place(1, 0, 30, 5, 10)], [Place(2, 0, 30, 5, 10)]) == []


HERE, ELSEWHERE = RootIdentity(8, 2), RootIdentity(9, 2)


def test_under_the_same_root_a_listing_is_believed_even_if_it_is_empty() -> None:
    assert believable(HERE, HERE, files_listed=0, files_known=7) == Belief("use")
    assert believable(None, HERE, files_listed=0, files_known=7) == Belief("use")


def test_an_empty_mount_point_pauses_the_feed() -> None:
    belief = believable(HERE, ELSEWHERE, files_listed=0, files_known=7)
    assert belief.use == "pause"
    assert "7 files" in belief.reason


def test_another_root_with_files_is_used_but_its_absences_are_not_believed() -> None:
    assert believable(HERE, ELSEWHERE, files_listed=3, files_known=7).use == "use_without_absences"


def test_another_root_is_no_matter_while_nothing_is_known() -> None:
    assert believable(HERE, ELSEWHERE, files_listed=0, files_known=0) == Belief("use")
