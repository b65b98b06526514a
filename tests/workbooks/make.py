"""Makes the workbooks beside it with LibreOffice (Debian: libreoffice-calc-nogui).

    python tests/workbooks/make.py

One sheet, written as flat ODF and saved as .xlsx, .xls and .ods: a title above, a header of two rows with merged
cells, text with leading zeros, whole and broken numbers, dates, truth values, a formula, an error, a blank row.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FORMATS = ("xlsx", "xls", "ods")
NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("number", "datastyle"),
    )
)
FORMULAS = 'xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"'
STYLES = """<office:automatic-styles>
<number:date-style style:name="D">
<number:year number:style="long"/><number:text>-</number:text>
<number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/>
</number:date-style>
<number:date-style style:name="T">
<number:year number:style="long"/><number:text>-</number:text>
<number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/>
<number:text> </number:text><number:hours/><number:text>:</number:text><number:minutes number:style="long"/>
</number:date-style>
<number:boolean-style style:name="B"><number:boolean/></number:boolean-style>
<style:style style:name="day" style:family="table-cell" style:data-style-name="D"/>
<style:style style:name="time" style:family="table-cell" style:data-style-name="T"/>
<style:style style:name="truth" style:family="table-cell" style:data-style-name="B"/>
</office:automatic-styles>"""


def text(value: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p></table:table-cell>'


def number(value: float) -> str:
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def day(value: str) -> str:
    style = "time" if "T" in value else "day"
    return f'<table:table-cell table:style-name="{style}" office:value-type="date" office:date-value="{value}"/>'


def truth(value: bool) -> str:
    told = str(value).lower()
    return f'<table:table-cell table:style-name="truth" office:value-type="boolean" office:boolean-value="{told}"/>'


def formula(expression: str) -> str:
    return f'<table:table-cell table:formula="of:={expression}" office:value-type="float" office:value="0"/>'


EMPTY = "<table:table-cell/>"
COVERED = "<table:covered-table-cell/>"
WIDE = 'table:number-columns-spanned="2"'
ROWS = (
    (text("환자 목록 2024"),),
    (EMPTY,),
    (text("filename"), text("size", WIDE), COVERED, text("code"), text("taken"), text("ok"), text("sum"), text("bad")),
    (EMPTY, text("width"), text("height")),
    (text("P1.png"), number(640), number(480.5), text("0042"), day("2024-01-05"), truth(True), formula("1+2"), EMPTY),
    (EMPTY,),
    (text("환자2"), number(1), number(2), text("7"), day("2024-12-31T10:30:00"), truth(False), EMPTY, formula("1/0")),
)


def main() -> None:
    rows = "".join(f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in ROWS)
    table = f'<table:table table:name="환자">{rows}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    mime = 'office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet"'
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "meta.fods"
        source.write_text(
            f'<?xml version="1.0" encoding="UTF-8"?><office:document {NAMESPACES} {FORMULAS} {mime}>'
            f"{STYLES}{body}</office:document>"
        )
        for kind in FORMATS:
            profile = f"-env:UserInstallation=file://{folder}/profile"
            command = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir", str(HERE), str(source)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
