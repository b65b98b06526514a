"""What grouping promises for every tree, checked on random ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.grouping.assemble import Draft, assemble
from synapse_sync.grouping.layouts import layout_for
from synapse_sync.grouping.members import Member
from synapse_sync.grouping.pairing import Placed
from synapse_sync.grouping.places import Choice, Layout
from synapse_sync.grouping.type_folders import TypeFolders
from synapse_sync.records import Spec

SPECS = (
    Spec("image_1", "image", (".png", ".jpg")),
    Spec("label_1", "document", (".json",)),
    Spec("mask_1", "image", (".png",), required=False),
    Spec("scan_1", "medical", (".nii.gz",), required=False),
)
STEM = layout_for(Choice("stem"), SPECS)

# Few names, so that equal stems, twins in case and in Unicode form, type folders and forbidden extensions all meet.
folders = st.sampled_from(["images", "labels", "Mask", "p1", "P1", "é", unicodedata.normalize("NFD", "é"), "환자"])
stems = st.sampled_from(["a", "A", "aB", "Ab", "é", "É", unicodedata.normalize("NFD", "é"), "a.b", "mask", ".x"])
extensions = st.sampled_from([".png", ".PNG", ".jpg", ".json", ".nii.gz", ".meta.json", ".txt", ""])
paths = st.builds(
    lambda parents, stem, extension: "/".join([*parents, stem + extension]),
    st.lists(folders, max_size=3),
    stems,
    extensions,
)
assets = st.sampled_from(["", "", "", "image_1", "label_1"])
trees = st.lists(st.tuples(assets, paths, st.sampled_from([0, 5])), unique_by=lambda file: file[:2], max_size=14).map(
    lambda files: [Member(number, asset, path, size, 0) for number, (asset, path, size) in enumerate(files)]
)
choices = st.sampled_from(
    [
        Choice("stem"),
        Choice("directory", 1),
        Choice("directory", 2),
        Choice("pattern", rules=(("images/", "image_1"), ("*.json", "label_1"), ("mask/*", "mask_1"))),
        Choice("pattern", key="[ab]|[^/]+/"),
        Choice("pattern", unit_key="{dir1}-{stem}"),
    ]
)


def grouped(members: Sequence[Member], layout: Layout) -> tuple[list[Draft], dict[int, str]]:
    """All drafts of a tree, and for each file aside the reason."""
    buckets: dict[str, list[Placed]] = {}
    asides = {}
    for member in members:
        place = layout.place(member.asset, member.path)
        if place.aside:
            asides[member.id] = place.reason
        else:
            buckets.setdefault(place.bucket, []).append(Placed(member, place))
    return [draft for bucket in buckets.values() for draft in assemble(bucket, SPECS)], asides


@given(trees, choices, st.randoms(use_true_random=False))
def test_the_order_of_arrival_makes_no_difference(members: list[Member], choice: Choice, random: Random) -> None:
    """Any order of the same files makes the same drafts, words included."""
    layout = layout_for(choice, SPECS)
    drafts, asides = grouped(members, layout)
    random.shuffle(members)
    again, asides_again = grouped(members, layout)
    assert sorted(drafts, key=lambda draft: draft.members) == sorted(again, key=lambda draft: draft.members)
    assert asides == asides_again


@given(trees, choices)
def test_every_file_is_in_exactly_one_draft_or_aside_with_a_reason(members: list[Member], choice: Choice) -> None:
    """No file is lost, none counts twice, and no file stands aside without words."""
    drafts, asides = grouped(members, layout_for(choice, SPECS))
    seen = [file for draft in drafts for file in draft.members] + list(asides)
    assert sorted(seen) == [member.id for member in members]
    assert all(asides.values())


@given(trees, choices)
def test_a_draft_accounts_for_all_its_specs_and_files(members: list[Member], choice: Choice) -> None:
    """Each spec is filled or missing; a file that is not chosen is left out, empty or in dispute; keys are unique."""
    layout = layout_for(choice, SPECS)
    drafts, _ = grouped(members, layout)
    by_id = {member.id: member for member in members}
    assert len({draft.key for draft in drafts}) == len(drafts)
    for draft in drafts:
        required = {spec.name for spec in SPECS if spec.required}
        assert required <= set(draft.files) | set(draft.missing)
        assert sorted([*draft.files, *draft.missing, *draft.optional_missing]) == sorted(spec.name for spec in SPECS)
        for spec, file in draft.files.items():
            assert by_id[file].size > 0
            assert spec in layout.place(by_id[file].asset, by_id[file].path).specs
        unchosen = set(draft.members) - set(draft.files.values()) - set(draft.left_out)
        assert all(draft.problem or not by_id[file].size for file in unchosen)
        assert not set(draft.left_out) & set(draft.files.values())
        assert len(set(draft.files.values())) == len(draft.files)


@given(trees, choices)
def test_the_newest_is_chosen_only_among_files_for_one_spec(members: list[Member], choice: Choice) -> None:
    """With "newest" every file is still accounted for, and no file that goes is older than one left out for it."""
    layout = layout_for(choice, SPECS)
    aged = [Member(m.id, m.asset, m.path, m.size, mtime_ns=m.id * 7 % 5) for m in members]
    buckets: dict[str, list[Placed]] = {}
    for member in aged:
        if not (place := layout.place(member.asset, member.path)).aside:
            buckets.setdefault(place.bucket, []).append(Placed(member, place))
    by_id = {member.id: member for member in aged}
    for bucket in buckets.values():
        plain = {draft.key: draft for draft in assemble(bucket, SPECS)}
        for draft in assemble(bucket, SPECS, newest=True):
            assert draft.members == plain[draft.key].members
            assert "files for" not in draft.problem
            for file in draft.left_out:
                if by_id[file].size:
                    rivals = [chosen for spec, chosen in draft.files.items() if spec in draft.left_out[file]]
                    assert all(by_id[chosen].mtime_ns >= by_id[file].mtime_ns for chosen in rivals)
                    assert rivals


@given(trees)
def test_by_stem_files_of_different_places_never_share_a_unit(members: list[Member]) -> None:
    """Folders of one unit's files are the same, but for the deepest that names a type; stems are, but for case."""
    names = TypeFolders(SPECS)
    by_id = {member.id: member for member in members}

    def place(path: str) -> tuple[str, ...]:
        *parents, _ = unicodedata.normalize("NFC", path).split("/")
        types = [level for level, name in enumerate(parents) if names.named_by(name)]
        return tuple(name for level, name in enumerate(parents) if not types or level != types[-1])

    for draft in grouped(members, STEM)[0]:
        keys = {STEM.place(by_id[file].asset, by_id[file].path).key for file in draft.members}
        assert len({place(by_id[file].path) for file in draft.members}) == 1
        assert len({key.rpartition("/")[2].casefold() for key in keys}) == 1
        assert draft.key in keys


@given(trees, st.integers(1, 3))
def test_by_directory_a_unit_is_one_folder(members: list[Member], depth: int) -> None:
    """All files of a unit stand below the folder that is its key, and that folder has no other unit."""
    drafts, _ = grouped(members, layout_for(Choice("directory", depth), SPECS))
    by_id = {member.id: member for member in members}
    for draft in drafts:
        assert draft.key.count("/") == depth - 1
        for file in draft.members:
            assert unicodedata.normalize("NFC", by_id[file].path).startswith(draft.key + "/")


twins = st.lists(
    st.tuples(st.sampled_from(["ab", "Ab", "aB", "AB"]), st.sampled_from([".png", ".json", ".nii.gz"])), unique=True
)


@given(twins)
def test_twins_in_case_pair_only_where_nothing_else_is_possible(names: list[tuple[str, str]]) -> None:
    """Equal stems share a unit; a lone file shares one with its only candidate, if it is that one's only candidate."""
    specs = tuple(spec for spec in SPECS if spec.name != "mask_1")
    layout = layout_for(Choice("stem"), specs)
    members = [Member(number, "", stem + extension, 1, 0) for number, (stem, extension) in enumerate(names)]
    bucket = [Placed(member, layout.place(member.asset, member.path)) for member in members]
    unit_of = {file: draft.key for draft in assemble(bucket, specs) for file in draft.members}
    group = {stem: {extension for other, extension in names if other == stem} for stem, _ in names}
    fit = {
        stem: {
            other
            for other in group
            if other != stem and not group[stem] & group[other] and 1 in (len(group[stem]), len(group[other]))
        }
        for stem in group
    }
    for one, (stem, _) in enumerate(names):
        for two, (other, _) in enumerate(names):
            together = unit_of[one] == unit_of[two]
            if stem == other:
                assert together
            elif other not in fit[stem]:
                assert not together
            elif fit[stem] == {other} and fit[other] == {stem}:
                assert together
            elif together:
                assert fit[stem] | {stem} == fit[other] | {other}
