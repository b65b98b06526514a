"""A sheet of cells as a table: its header, its rows, its key column."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_sync.metadata.cells import decoded, sheets
from synapse_sync.metadata.lookup import Row, best_column, meta_of, names_of, row_for
from synapse_sync.metadata.tables import NoTable, key_of, plain, row_key, table


def read(rows: list[list[Any]], key_column: str = "") -> tuple[tuple[str, ...], int, list[tuple[int, dict[str, Any]]]]:
    header, below = table(enumerate(rows, 1), key_column)
    return header.columns, header.row, list(below)


def test_rows_have_names_and_numbers_and_leave_out_what_is_empty() -> None:
    rows = [["filename", "age", "site"], ["a", 45.0, " Seoul "], [None, "", None], ["b", None, 0]]
    assert read(rows) == (
        ("filename", "age", "site"),
        1,
        [(2, {"filename": "a", "age": 45, "site": "Seoul"}), (4, {"filename": "b", "site": 0})],
    )


def test_the_header_is_found_below_a_title_by_the_key_column() -> None:
    rows = [["Patients of 2024"], [], ["this list", "is old"], ["Patient", "age"], ["P1", 45]]
    assert read(rows, "patient") == (("Patient", "age"), 4, [(5, {"Patient": "P1", "age": 45})])


def test_without_a_known_name_the_first_full_row_of_text_is_the_header() -> None:
    assert read([["Title"], ["case", "age"], ["c1", 3]])[1:] == (2, [(3, {"case": "c1", "age": 3})])


def test_a_header_of_two_rows_is_joined() -> None:
    rows = [["filename", "size", None, "site"], [None, "width", "height", None], ["a", 1, 2, "s"]]
    assert read(rows) == (
        ("filename", "size width", "size height", "site"),
        2,
        [(3, {"filename": "a", "size width": 1, "size height": 2, "site": "s"})],
    )


def test_a_row_of_text_below_the_header_is_a_row_where_it_has_a_key() -> None:
    assert read([["filename", "a", None], ["x", "y", "z"]])[2] == [(2, {"filename": "x", "a": "y", "column_3": "z"})]


@pytest.mark.parametrize(
    ("rows", "key_column", "words"),
    [
        ([], "", "has no header row"),
        ([[1, 2], [3, 4]], "", "has no header row"),
        (
            [["filename", "age"]],
            "patient",
            "has no column patient within its first 20 rows; its fullest row is: filename",
        ),
        ([["filename", "age", "age"]], "", "has two columns called age"),
        ([["filename", *map(str, range(1000))]], "", "has 1,001 columns"),
    ],
)
def test_what_is_no_table_is_told(rows: list[list[Any]], key_column: str, words: str) -> None:
    with pytest.raises(NoTable, match=words):
        read(rows, key_column)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (42.0, 42),
        (1.5, 1.5),
        (float("nan"), None),
        ("  0042 ", "0042"),
        ("", None),
        (True, True),
        (datetime(2024, 1, 5), "2024-01-05"),
        (datetime(2024, 1, 5, 10, 30), "2024-01-05T10:30:00"),
        (date(2024, 1, 5), "2024-01-05"),
        (time(10, 30), "10:30:00"),
        (timedelta(minutes=1), 60.0),
    ],
)
def test_cells_become_what_json_has(cell: Any, value: Any) -> None:
    assert (plain(cell), type(plain(cell))) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("filename,나이\n환자1,마흔다섯\n", "utf-8"),
        ("filename,나이\n환자1,마흔다섯\n", "utf-8-sig"),
        ("filename,나이\n환자1,마흔다섯\n", "utf-16"),
        ("filename,나이\n환자1,마흔다섯\n", "cp949"),
        ("filename,뷁\n환자,똠방각하 펲시콜라\n", "cp949"),
        ("filename,âge\nété,Müller\n", "cp1252"),
        ("filename,age\na,1\n", "ascii"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


@given(st.text())
def test_what_is_utf8_is_read_as_utf8(text: str) -> None:
    assert decoded(b"\xef\xbb\xbf" + text.encode()) == text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str, tmp_path: Any) -> None:
    file = tmp_path / "t.csv"
    file.write_text("\n".join(delimiter.join(row) for row in (["filename", "a b"], ['"x' + delimiter + '1"', "y"])))
    with file.open("rb") as stream:
        ((name, rows),) = sheets(stream, ".csv")
        assert (name, [cells for _, cells in rows]) == ("", [["filename", "a b"], [f"x{delimiter}1", "y"]])


def test_the_key_column_is_found_by_its_name_in_the_usual_order() -> None:
    assert key_of(["id", "File_Name", "name"], "") == "File_Name"
    assert key_of(["patient", "x"], "PATIENT") == "patient"
    assert key_of(["patient", "x"], "") is None


def test_the_column_that_names_units_most_often_is_the_key() -> None:
    rows = [{"a": "x1", "case": f"c{number}"} for number in range(10)]
    assert best_column(["a", "case"], rows, frozenset({f"c{number}" for number in range(6)})) == "case"
    assert best_column(["a", "case"], rows, frozenset({"c1"})) is None
    assert best_column([], [], frozenset()) is None


def test_a_row_is_looked_for_by_key_path_name_stem_and_what_a_numbered_stem_comes_from() -> None:
    names = names_of("s1/scan_0001", ["s1/img/scan_0001.png", "s1/ann/scan_0001.json"], "scan_0001")
    assert names == [
        "s1/scan_0001", "s1/img/scan_0001.png", "scan_0001.png", "scan_0001", "s1/ann/scan_0001.json",
        "scan_0001.json", "scan",
    ]  # fmt: skip
    assert "scan" not in names_of("scan1", ["scan1.png"], "scan1")


def by_key(rows: list[Row]) -> dict[str, list[Row]]:
    return {key: [row for row in rows if row.key == key] for key in {row.key for row in rows}}


def test_the_best_name_wins_and_a_part_of_a_name_is_no_name() -> None:
    rows = [Row(2, "scan", {}), Row(3, "scan_0001", {}), Row(4, "1.png", {})]
    assert row_for(names_of("11", ["11.png"], "11"), by_key(rows)) == (None, "")
    assert row_for(names_of("scan_0001", ["scan_0001.png"], "scan_0001"), by_key(rows))[0] == rows[1]
    assert row_for(names_of("scan_2", ["scan_2.png"], "scan_2"), by_key(rows))[0] == rows[0]


def test_rows_of_one_key_pass_where_they_say_the_same_and_are_told_where_they_differ() -> None:
    same = [Row(2, "a", {"age": 1}), Row(7, "a", {"age": 1})]
    assert row_for(["a"], by_key(same)) == (same[0], "")
    row, problem = row_for(["a"], by_key([*same, Row(9, "a", {"age": 2, "x": 1})]))
    assert (row, problem) == (None, "3 rows for a (rows 2, 7, 9) differ in age, x")


def test_a_key_column_with_a_usual_name_is_no_meta() -> None:
    assert meta_of(Row(2, "a", {"filename": "a", "age": 1}), "filename") == {"age": 1}
    assert meta_of(Row(2, "a", {"patient": "a", "age": 1}), "patient") == {"patient": "a", "age": 1}


def test_keys_are_compared_in_one_unicode_form_and_numbers_as_text() -> None:
    assert row_key("  \u1112\u116a\u11ab1 ") == "환1"
    assert row_key(42) == "42"
