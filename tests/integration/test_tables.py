"""Metadata tables: found or named, in every format, read before any unit goes, never in part."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from .conftest import IMAGE, Installation

BY_STEM = '[feeds.grouping]\nby = "stem"\n'
IMAGES = ["P1.png", "P2.png"]
NAMED = '[feeds.metadata]\ntable = "{}"\n'


def workbook(*rows: list[Any], title: str = "Sheet") -> bytes:
    book = Workbook()
    assert book.active is not None
    book.active.title = title
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def configure(site: Installation, metadata: str = "", **more: Any) -> None:
    site.configure(specs=[IMAGE], extra=BY_STEM + metadata, **more)


def meta(site: Installation) -> dict[str, dict[str, Any]]:
    return {unit["meta"]["data_unit_key"]: unit["meta"] for unit in site.server.units(site.collection)}


@pytest.mark.parametrize("name", ["meta.xlsx", "Metadata.CSV", "META.tsv"])
def test_a_table_is_found_by_its_name_and_each_value_tells_its_cell(site: Installation, name: str) -> None:
    configure(site)
    rows = [["filename", "age", "site"], ["P1", 45, "Seoul"], ["P2.png", 46, None]]
    text = "\n".join("\t".join(str(cell or "") for cell in row) for row in rows)
    text = text if name == "META.tsv" else text.replace("\t", ",")
    site.write(IMAGES)
    site.write({name: workbook(*rows, title="환자") if name == "meta.xlsx" else text})

    outcome = site.sync()

    assert outcome.exit_code == 0, outcome.stdout
    typed = (45, 46) if name == "meta.xlsx" else ("45", "46")
    assert (meta(site)["P1"]["age"], meta(site)["P2"]["age"]) == typed
    assert "site" not in meta(site)["P2"]
    story = site.run("units", "show", "P1", "--json").json[0]
    sheet = "sheet 환자, " if name == "meta.xlsx" else ""
    assert story["meta_sources"]["age"] == f"{name}, {sheet}row 2, column age"
    assert outcome.counts["table_rows"] == 2


def test_a_table_that_was_found_lets_units_without_a_row_go_and_counts_both(site: Installation) -> None:
    configure(site)
    site.write(IMAGES)
    site.write({"meta.csv": "filename,age\nP1,45\nP9,1\n"})

    outcome = site.sync()

    assert outcome.exit_code == 0
    assert meta(site).keys() == {"P1", "P2"}
    assert (outcome.counts["rows_without_unit"], outcome.counts["units_without_row"]) == (1, 1)


def test_a_table_that_is_named_makes_units_wait_for_their_rows(site: Installation) -> None:
    configure(site, NAMED.format("tables/p.csv"))
    site.write(IMAGES)
    site.write({"tables/p.csv": "filename,age\nP1,45\n"})

    assert site.sync().exit_code == 0
    assert site.states() == {"P1": "registered", "P2": "complete"}
    assert site.reason("P2") == "no row for P2 in tables/p.csv"

    site.write({"tables/p.csv": "filename,age\nP1,45\nP2,46\n"})
    assert site.sync().exit_code == 0
    assert meta(site)["P2"]["age"] == "46"
    site.server.reset_stats()
    assert site.sync().exit_code == 0
    assert site.received() == 0


def test_missing_row_decides_for_both_kinds_of_table(site: Installation) -> None:
    configure(site, '[feeds.metadata]\nmissing_row = "wait"\n')
    site.write(IMAGES)
    site.write({"meta.csv": "filename,age\nP1,45\n"})
    site.sync()
    assert site.states() == {"P1": "registered", "P2": "complete"}

    configure(site, '[feeds.metadata]\nmissing_row = "register"\n')
    site.sync()
    assert site.states() == {"P1": "registered", "P2": "registered"}


def test_a_table_outside_the_feed_is_read_too(site: Installation) -> None:
    elsewhere = site.folder / "elsewhere.csv"
    elsewhere.write_text("filename,age\nP1,45\nP2,46\n")
    configure(site, NAMED.format(elsewhere))
    site.write(IMAGES)

    assert site.sync().exit_code == 0
    assert meta(site)["P1"]["age"] == "45"


@pytest.mark.parametrize("how", ["excluded", "a symlink", "hidden from a flat listing"])
def test_a_table_that_is_named_is_read_although_no_listing_shows_it(site: Installation, how: str) -> None:
    name = "deep/p.csv" if how == "hidden from a flat listing" else "p.csv"
    line = {"excluded": 'exclude = ["*.csv"]', "hidden from a flat listing": "recursive = false"}.get(how, "")
    configure(site, NAMED.format(name), feed=line)
    site.write(IMAGES)
    site.write({name: "filename,age\nP1,45\nP2,46\n"})
    if how == "a symlink":
        (site.share / name).rename(site.folder / "real.csv")
        (site.share / name).symlink_to(site.folder / "real.csv")

    assert site.sync().exit_code == 0
    assert meta(site)["P2"]["age"] == "46"


def test_a_table_that_comes_before_the_first_unit_waits_for_it(site: Installation) -> None:
    configure(site)
    site.write({"meta.csv": "age,case\n45,P1\n46,P2\n"})
    assert site.sync().exit_code == 0
    site.write(IMAGES)
    assert site.sync().exit_code == 0
    assert meta(site)["P1"]["age"] == "45"


def test_without_a_usual_name_the_column_that_fits_is_the_key(site: Installation) -> None:
    configure(site)
    site.write(IMAGES)
    site.write({"meta.csv": "age,case\n45,P1\n46,P2\n"})

    assert site.sync().exit_code == 0
    assert (meta(site)["P1"]["age"], meta(site)["P1"]["case"]) == ("45", "P1")


WORKBOOKS = Path(__file__).parent.parent / "workbooks"  # saved by LibreOffice: make.py there


@pytest.mark.parametrize("ending", ["xlsx", "xls", "ods"])
def test_workbooks_of_libreoffice_are_read_alike(site: Installation, ending: str) -> None:
    """A title, a header of two rows with merged cells, Korean, leading zeros, dates, a formula, an error."""
    configure(site)
    site.write(["P1.png", "환자2.png"])
    site.write({f"meta.{ending}": (WORKBOOKS / f"meta.{ending}").read_bytes()})

    assert site.sync().exit_code == 0

    def told(key: str) -> dict[str, Any]:
        automatic = ("data_unit_key", "origin_file_stem", "origin_file_extension", "sync_key")
        return {name: value for name, value in meta(site)[key].items() if name not in automatic}

    first = {"size width": 640, "size height": 480.5, "code": "0042", "taken": "2024-01-05", "ok": True, "sum": 3}
    assert told("P1") == first
    assert told("환자2") == {
        "size width": 1, "size height": 2, "code": "7", "taken": "2024-12-31T10:30:00", "ok": False,
    }  # fmt: skip
    source = site.run("units", "show", "환자2", "--json").json[0]["meta_sources"]["code"]
    assert source == f"meta.{ending}, sheet 환자, row 7, column code"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_text_in_the_encodings_of_korean_offices_is_read(site: Installation, encoding: str) -> None:
    configure(site)
    site.write(["환자1.png"])
    site.write({"meta.csv": "filename,이름\n환자1,김철수\n".encode(encoding)})

    assert site.sync().exit_code == 0
    assert meta(site)["환자1"]["이름"] == "김철수"


BAD = {
    "no such column": ("meta.csv", "filename,age\n", 'key_column = "patient"', "has no column patient"),
    "nothing names the units": ("meta.csv", "a,b\nx,y\n", "", "set key_column to one of: a, b"),
    "two columns of one name": ("meta.csv", "filename,a,a\n", "", "has two columns called a"),
    "no workbook": ("meta.xlsx", "not a zip", "", "is no workbook"),
    "a broken workbook": ("meta.ods", b"PK\x05\x06" + bytes(18), "", "is no workbook that can be read"),
    "an old workbook that is none": ("meta.xls", "not an xls", "", "is no workbook that can be read"),
    "nothing": ("meta.csv", "\n", "", "has no header row"),
}


@pytest.mark.parametrize(("name", "content", "setting", "words"), BAD.values(), ids=BAD.keys())
def test_a_table_that_cannot_be_used_pauses_the_feed_until_it_can(
    site: Installation, name: str, content: bytes | str, setting: str, words: str
) -> None:
    configure(site, f"[feeds.metadata]\n{setting}\n")
    site.write(IMAGES)
    site.write({name: content})

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert words in outcome.feed["paused"]
    assert name in outcome.feed["paused"]
    assert site.server.units(site.collection) == []

    configure(site)
    (site.share / name).unlink()
    site.write({"metadata.csv": "filename,age\nP1,45\n"})
    assert site.sync().exit_code == 0
    assert meta(site).keys() == {"P1", "P2"}


def test_a_bomb_is_refused_before_it_is_unpacked(site: Installation) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/sharedStrings.xml", "w") as part,
    ):
        for _ in range(301):
            part.write(bytes(1 << 20))
    configure(site)
    site.write(IMAGES)
    site.write({"meta.xlsx": stream.getvalue()})

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "bytes when unpacked" in outcome.feed["paused"]


def test_a_table_that_is_named_and_not_there_pauses_the_feed(site: Installation) -> None:
    configure(site, NAMED.format("/nowhere/p.csv"))
    site.write(IMAGES)

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "its table /nowhere/p.csv is not there" in outcome.feed["paused"]
    assert site.server.units(site.collection) == []


def test_rows_that_contradict_each_other_hold_their_unit(site: Installation) -> None:
    configure(site)
    site.write(IMAGES)
    site.write({"meta.csv": "filename,age\nP1,45\nP2,1\nP1,46\nP2,1\n"})

    assert site.sync().exit_code == 1
    assert site.states() == {"P1": "held", "P2": "registered"}
    assert site.reason("P1") == "2 rows for P1 (rows 2, 4) differ in age, in meta.csv"

    site.write({"meta.csv": "filename,age\nP1,45\nP2,1\n"})
    assert site.sync().exit_code == 0
    assert meta(site)["P1"]["age"] == "45"


def test_the_schema_types_cells_and_dates_are_iso(site: Installation) -> None:
    schema = {"properties": {"age": {"type": "integer"}, "code": {"type": "string"}}}
    configure(site, schema=schema)
    taken = datetime(2024, 1, 5)
    site.write(["P1.png"])
    site.write({"meta.xlsx": workbook(["filename", "age", "code", "taken"], ["P1", "45", 7.0, taken])})

    assert site.sync().exit_code == 0
    assert [meta(site)["P1"][name] for name in ("age", "code", "taken")] == [45, "7", "2024-01-05"]


def test_a_plan_shows_the_same_meta_and_writes_nothing(site: Installation) -> None:
    configure(site, NAMED.format("p.csv"))
    site.write(IMAGES)
    site.write({"p.csv": "filename,age\nP1,45\n"})

    (feed,) = site.run("plan", "--json").json["feeds"]

    assert not site.ledger.exists()
    planned = {unit["key"]: unit for unit in feed["units"]}
    assert planned["P1"]["meta_sources"]["age"] == "p.csv, row 2, column age"
    assert planned["P2"]["reason"] == "no row for P2 in p.csv"
    assert site.sync().exit_code == 0
    assert meta(site)["P1"]["age"] == "45"


def test_a_table_that_goes_or_turns_into_another_is_noticed(site: Installation, impatient: None) -> None:
    configure(site)
    site.write(["P1.png"])
    site.server.fault("POST v2/data-units/bulk-create/", "status", code=503, times=None)
    steps: list[tuple[str, str | None, object]] = [
        ("meta.csv", "filename,age\nP1,1\n", "1"),
        ("meta.csv", None, None),
        ("metadata.csv", "filename,age\nP1,2\n", "2"),
    ]
    for name, content, age in steps:
        if content is None:
            (site.share / name).unlink()
        else:
            site.write({name: content})
        site.sync()
        assert site.run("units", "show", "P1", "--json").json[0]["meta"].get("age") == age


def test_a_folder_in_the_tables_place_is_no_table(site: Installation) -> None:
    configure(site)
    site.write([*IMAGES, "meta.csv/inside.png"])

    assert site.sync().exit_code == 0
    assert Path(site.share / "meta.csv").is_dir()


def test_a_few_bytes_that_stand_for_a_gigabyte_of_cells_are_refused(site: Installation) -> None:
    configure(site)
    site.write(IMAGES)
    long = "x" * 32_000
    site.write({"meta.xlsx": workbook(["filename", *"abcdefghij"], *[[f"P{n}", *[long] * 10] for n in range(300)])})

    outcome = site.sync()

    assert outcome.exit_code == 1
    assert "has more than 64 MiB of cells" in outcome.feed["paused"]


@pytest.mark.parametrize(
    ("content", "age"),
    [
        ("Name,Study X\n\nfilename,age\nP1,45\n", "45"),
        ("Patients\nid,filename,age\n7,P1,45\n", "45"),
    ],
)
def test_a_title_is_not_taken_for_the_header(site: Installation, content: str, age: str) -> None:
    configure(site)
    site.write(["P1.png"])
    site.write({"meta.csv": content})
    assert site.sync().exit_code == 0
    assert meta(site)["P1"]["age"] == age
    assert "Study X" not in meta(site)["P1"]


def test_a_quote_that_never_ends_swallows_no_rows(site: Installation) -> None:
    configure(site)
    site.write(IMAGES)
    site.write({"meta.csv": 'filename,n\nP1,"unclosed\nP2,2\n'})
    outcome = site.sync()
    assert outcome.exit_code == 1
    assert "can't be read as text with columns" in outcome.feed["paused"]


def test_explicitly_waiting_for_rows_waits_for_the_table_too(site: Installation) -> None:
    configure(site, '[feeds.metadata]\nmissing_row = "wait"\n')
    site.write(IMAGES)
    assert site.sync().exit_code == 0
    assert site.states() == {"P1": "complete", "P2": "complete"}
    site.write({"meta.csv": "filename,age\nP1,45\nP2,46\n"})
    assert site.sync().exit_code == 0
    assert meta(site)["P2"]["age"] == "46"


def test_a_table_outside_is_given_time_to_settle(site: Installation) -> None:
    table = site.folder / "p.csv"
    configure(site, NAMED.format(table))
    config = site.folder / "config.toml"
    site.write(IMAGES)
    table.write_text("filename,age\n")
    site.sync()
    config.write_text(config.read_text().replace('settle = "0s"', 'settle = "1s"'))
    table.write_text("filename,age\nP1,45\nP2,46\n")
    assert site.sync().exit_code == 0
    assert meta(site)["P2"]["age"] == "46"


def test_a_plan_counts_only_what_would_go(site: Installation) -> None:
    configure(site, NAMED.format("p.csv"))
    site.write(IMAGES)
    site.write({"p.csv": "filename,age\nP1,45\n"})
    (feed,) = site.run("plan", "--json").json["feeds"]
    assert feed["totals"]["to_register"] == 1
    assert feed["totals"]["bytes_to_send"] == len("content of P1.png")


def test_types_that_the_schema_tells_by_reference_or_alternative_are_met(site: Installation) -> None:
    schema = {
        "properties": {"age": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "day": {"$ref": "#/$defs/day"}},
        "$defs": {"day": {"type": "string", "format": "date"}},
    }
    configure(site, schema=schema)
    site.write(["P1.png"])
    site.write({"meta.csv": "filename,age,day\nP1,45,2024/1/5\n"})
    assert site.sync().exit_code == 0
    assert (meta(site)["P1"]["age"], meta(site)["P1"]["day"]) == (45, "2024-01-05")
