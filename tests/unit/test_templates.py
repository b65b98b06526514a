"""Templates: names in braces stand for parts of a path."""

import pytest

from synapse_sync.templates import Template, path_fields


def test_names_are_replaced_and_doubled_braces_are_braces() -> None:
    assert Template("{site}-{dir2}/{{x}}").fill({"site": "s", "dir2": "p"}) == "s-p/{x}"


def test_a_path_has_its_folders_from_the_top_and_its_stem() -> None:
    assert path_fields("seoul/p1", "scan") == {"dir1": "seoul", "dir2": "p1", "stem": "scan"}
    assert path_fields("", "scan") == {"stem": "scan"}


def test_a_name_without_a_value_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="dir3"):
        Template("{dir3}").fill(path_fields("a/b", "c"))


def test_names_that_nothing_has_are_known_beforehand() -> None:
    assert Template("{site}{dir12}{stem}{dir0}{day}").unknown(["site"]) == ["dir0", "day"]


@pytest.mark.parametrize("text", ["{", "{site", "}", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>3}", "{a-b}"])
def test_what_is_no_template_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no template"):
        Template(text)
