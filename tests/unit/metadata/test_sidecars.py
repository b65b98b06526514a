"""Names of sidecars, and what is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.metadata.sidecars import beside, of_folder, parse


def test_the_name_with_its_extension_is_stronger_than_the_stem_and_meta_than_plain() -> None:
    names = beside("a.nii.gz", "a")
    strength = ["a.json", "a.meta.json", "a.nii.gz.json", "a.nii.gz.meta.yml"]
    assert sorted(strength, key=names.index) == strength
    assert "a.json" not in beside("a.json", "a")


def test_a_folder_has_two_names() -> None:
    assert of_folder() == ["meta.json", "meta.yaml", "meta.yml", ".meta.json", ".meta.yaml", ".meta.yml"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '\ufeff{"a": 1}', {"a": 1}),
        ("a.JSON", '{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("a.yaml", "a: 1\nb: 2024-01-05 10:00:00\n", {"a": 1, "b": "2024-01-05T10:00:00"}),
        ("a.yml", "{}", {}),
    ],
)
def test_tables_are_read(name: str, content: str, said: object) -> None:
    assert parse(name, content.encode()) == said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"", "is no JSON"),
        ("a.json", b"\xff\xfe", "is no JSON"),
        ("a.json", b"3", "is no table"),
        ("a.yaml", b"a: [", "is no YAML"),
        ("a.yaml", b"!!python/object:os.system {}", "is no YAML"),
        ("a.yaml", b"1: 2", "is no table"),
        ("a.yaml", b"", "is no table"),
        ("a.yaml", b"a: .inf", "which JSON does not have"),
    ],
)
def test_all_else_is_refused_in_words(name: str, content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(name, content)


@given(st.binary(max_size=200), st.sampled_from(["a.json", "a.yaml"]))
def test_nothing_but_words_is_raised(content: bytes, name: str) -> None:
    try:
        parse(name, content)
    except ValueError as refused:
        assert str(refused)  # noqa: PT017 - most contents are refused, some are not
