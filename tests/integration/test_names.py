"""Names as people and file systems make them: kept byte by byte, never mistaken for another, never let loose."""

from __future__ import annotations

import os
import unicodedata

from .conftest import DIRECTORY, STEM, Installation, stored


def write_raw(site: Installation, files: dict[bytes, bytes]) -> None:
    """Put files with these very names into the share."""
    for name, content in files.items():
        path = os.path.join(os.fsencode(site.share), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


STEMS = {
    "a newline": (b"two\nlines", "two\nlines"),
    "a tab, a quote and a backslash": (b'a\tb"c\\d', 'a\tb"c\\d'),
    "bytes that are not UTF-8": (b"caf\xe9", "caf%E9"),
    "a percent sign beside such bytes": (b"50%\xff", "50%25%FF"),
    "a percent sign": (b"100% sure", "100% sure"),
    "what looks like such an escape": (b"caf%E9", "caf%25E9"),
    "a percent escape of another byte": (b"a%20b", "a%20b"),
    "emoji": ("🫁 스캔 😀".encode(), "🫁 스캔 😀"),
    "255 bytes": (b"n" * 250, "n" * 250),
    "a name of dots and blanks": (b" .. a ", " .. a "),
    "a leading dash": (b"--all", "--all"),
    "right-to-left marks": ("a\u202egnp".encode(), "a\u202egnp"),
    "markup": (b"[red]<b>&amp;", "[red]<b>&amp;"),
}


def test_names_arrive_as_they_are_shown_and_contents_are_the_files(site: Installation) -> None:
    """As the unit's key, as the path, in lists and stories; and a story is found by what was listed."""
    site.configure(extra=STEM)
    for stem, shown in STEMS.values():
        write_raw(site, {stem + b".png": f"image of {shown}".encode(), stem + b".json": f"label of {shown}".encode()})

    assert site.sync().exit_code == 0

    names = {shown for _, shown in STEMS.values()}
    assert site.units() == {name: {"image_1": name + ".png", "label_1": name + ".json"} for name in names}
    for unit in site.server.units(site.collection):
        name = unit["meta"]["data_unit_key"]
        assert unit["files"]["image_1"]["checksum"] == stored(f"image of {name}")
        assert unit["files"]["label_1"]["checksum"] == stored(f"label of {name}")
    assert site.files().keys() == {name + end for name in names for end in (".png", ".json")}
    for name in names:
        story = site.run("files", "show", "--json", "--", name + ".png").json
        assert [one["path"] for one in story] == [name + ".png"]
        assert site.run("units", "show", "--json", "--", f"scans:{name}").json[0]["key"] == name
    assert "new" not in site.sync().counts


def test_names_that_differ_in_one_invalid_byte_stay_two_units(site: Installation) -> None:
    site.configure(extra=STEM)
    files = {b"caf\xe9": b"1", b"caf\xe8": b"2", b"caf%E9": b"3", "café".encode(): b"4"}
    write_raw(site, {stem + end: content for stem, content in files.items() for end in (b".png", b".json")})

    assert site.sync().exit_code == 0

    contents = {unit["meta"]["data_unit_key"]: unit["files"] for unit in site.server.units(site.collection)}
    assert {key: files["image_1"]["checksum"] for key, files in contents.items()} == {
        "caf%E9": stored("1"),
        "caf%E8": stored("2"),
        "caf%25E9": stored("3"),
        "café": stored("4"),
    }


def test_a_name_as_a_mac_writes_it_pairs_with_one_that_a_keyboard_writes(site: Installation) -> None:
    site.configure(extra=STEM)
    composed, decomposed = unicodedata.normalize("NFC", "스캔 1"), unicodedata.normalize("NFD", "스캔 1")
    write_raw(site, {f"{decomposed}.png".encode(): b"an image", f"{composed}.json".encode(): b"a label"})

    assert site.sync().exit_code == 0

    assert site.units() == {composed: {"image_1": f"{decomposed}.png", "label_1": f"{composed}.json"}}


def test_one_name_in_both_unicode_forms_is_held_and_says_so(site: Installation) -> None:
    site.configure(extra=STEM)
    composed, decomposed = unicodedata.normalize("NFC", "스캔"), unicodedata.normalize("NFD", "스캔")
    write_raw(site, {f"{name}.png".encode(): name.encode() for name in (composed, decomposed)})
    site.write([f"{composed}.json"])

    assert site.sync().exit_code == 1

    assert site.states() == {composed: "held"}
    assert "one name in two Unicode forms" in site.reason(composed)


def test_names_that_differ_in_case_are_two_units_where_each_is_complete(site: Installation) -> None:
    site.configure(extra=STEM)
    site.write(["Scan.png", "Scan.json", "scan.png", "scan.json"])

    assert site.sync().exit_code == 0

    assert site.units() == {
        "Scan": {"image_1": "Scan.png", "label_1": "Scan.json"},
        "scan": {"image_1": "scan.png", "label_1": "scan.json"},
    }


def test_names_that_differ_in_case_pair_where_nothing_else_is_possible(site: Installation) -> None:
    site.configure(extra=STEM)
    site.write(["SCAN_1.PNG", "scan_1.json"])

    assert site.sync().exit_code == 0

    assert site.units() == {"SCAN_1": {"image_1": "SCAN_1.PNG", "label_1": "scan_1.json"}}


def test_an_extension_of_two_parts_is_one(site: Installation) -> None:
    volume = {"name": "volume_1", "file_type": "medical", "extensions": [".nii.gz"], "is_required": True}
    label = {"name": "label_1", "file_type": "document", "extensions": [".json"], "is_required": True}
    site.configure(extra=STEM, specs=[volume, label])
    site.write(["brain.v2.nii.gz", "brain.v2.json"])

    assert site.sync().exit_code == 0

    assert site.units() == {"brain.v2": {"volume_1": "brain.v2.nii.gz", "label_1": "brain.v2.json"}}


def test_a_path_that_the_server_would_not_take_is_held_before_a_byte_is_sent(site: Installation) -> None:
    site.configure(extra=STEM)
    folder = "/".join(["f" * 200] * 5)
    site.write([f"{folder}/{'n' * 30}.png", f"{folder}/{'n' * 30}.json", f"{folder}/ok.png", f"{folder}/ok.json"])

    assert site.sync().exit_code == 1

    assert site.units().keys() == {f"{folder}/ok"}
    held = [path for path, (state, _) in site.files().items() if state == "held"]
    assert [len(path) for path in held] == [1040, 1039]
    assert "its path has 1040 characters, the server takes 1024; shorten it" in site.why(held[0])
    assert site.server.stats()["data_files"] == 2


DANGEROUS = b"\x1b]0;pwned\x07\x1b[31mred\x9b2J\xc2\x9b2J\x7f\r\n\xe2\x80\xae"


def test_control_characters_never_reach_the_terminal(site: Installation) -> None:
    """In no list, story, summary or error of any command, nor in JSON; the raw name is still the file's."""
    site.configure(extra=DIRECTORY)
    write_raw(site, {DANGEROUS + b"/a.png": b"1", DANGEROUS + b"/b.png": b"2", DANGEROUS + b"/x" + DANGEROUS: b"3"})
    text = DANGEROUS.decode(errors="surrogateescape").replace("\udc9b", "%9B")
    commands = [
        ["plan"],
        ["once"],
        ["once", "--json"],
        ["status"],
        ["status", "--json"],
        ["files"],
        ["files", "--json"],
        ["files", "show", f"{text}/a.png"],
        ["files", "show", f"{text}/nothing"],
        ["units"],
        ["units", "--json"],
        ["units", "show", text],
        ["units", "show", text + "?"],
        ["runs"],
        ["ledger", "export"],
        ["retry", text],
    ]

    for command in commands:
        printed = site.type(*command)
        for character in printed.stdout + printed.stderr:
            assert character == "\n" or character.isprintable(), (command, character)
        assert "red" in printed.stdout + printed.stderr or command[0] in ("runs", "retry")

    assert [unit["key"] for unit in site.run("units", "--json").json] == [text]
