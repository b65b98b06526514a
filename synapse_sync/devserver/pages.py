"""Pages for people: the collections, and each collection's units with their files, meta and thumbnails.

Rendered here, without scripts or anything from elsewhere; every value is escaped.
"""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from fastapi import Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from synapse_sync.devserver import catalogue, units
from synapse_sync.devserver.auth import COOKIE
from synapse_sync.devserver.backend import Backend
from synapse_sync.devserver.envelope import number
from synapse_sync.devserver.media import media_url
from synapse_sync.devserver.store import Database, Row

_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp")
_PER_PAGE = 60
_NEWEST_FILES = 12
_TEMPLATE = Template(files(__package__).joinpath("page.html").read_text("utf-8"))
_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"


def _page(request: Request, title: str, body: str, *, live: bool) -> Response:
    """The page; one opened with ?token= keeps the token in a cookie instead of in the address."""
    token = request.query_params.get("token")
    if token is not None:
        moved = RedirectResponse(request.url.path, 303)
        moved.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return moved
    refresh = '<meta http-equiv="refresh" content="5">' if live else ""
    text = _TEMPLATE.substitute(title=escape(title), body=body, refresh=refresh)
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"})


def size_words(size: int) -> str:
    """A number of bytes for people: "9.0 KiB"."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _count(amount: int, one: str) -> str:
    return f"{amount:,} {one}" if amount == 1 else f"{amount:,} {one}s"


def _collection_card(db: Database, row: Row) -> str:
    count = db.execute("SELECT count(*) FROM units WHERE collection = ?", (row["id"],)).fetchone()[0]
    specs = "".join(f'<span class="chip">{escape(spec["name"])}</span>' for spec in catalogue.spec_rows(db, row["id"]))
    return (
        f'<a class="card" href="/collections/{row["id"]}/"><b>{escape(row["name"])}</b>'
        f' <span class="soft">#{row["id"]}</span><div class="number">{count:,}</div>'
        f'<p class="soft">{"unit" if count == 1 else "units"}</p>{specs}</a>'
    )


async def overview(backend: Backend, request: Request) -> Response:
    """GET /: the collections, and the newest data files."""
    with backend.store.reading() as db:
        cards = [_collection_card(db, row) for row in db.execute("SELECT * FROM collections ORDER BY id")]
        count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM data_files").fetchone()
        newest = db.execute("SELECT * FROM data_files ORDER BY id DESC LIMIT ?", (_NEWEST_FILES,)).fetchall()
    rows = "".join(
        f'<tr><td><a href="{escape(media_url(backend, "", row))}">{row["checksum"]}</a></td>'
        f"<td>{escape(row['name'])}</td><td>{size_words(row['size'])}</td></tr>"
        for row in newest
    )
    body = (
        f'<h1>Synapse, embedded</h1><p class="soft">{_count(len(cards), "collection")} · '
        f"{_count(count, 'data file')} · {size_words(size)}</p><h2>Collections</h2>"
        f'<div class="grid">{"".join(cards) or "<p class=soft>None yet.</p>"}</div>'
        f'<h2>Newest data files</h2><table class="list">{rows or "<tr><td>None yet.</td></tr>"}</table>'
    )
    return _page(request, "Synapse, embedded", body, live=True)


def _picture(backend: Backend, unit_files: list[Row]) -> str:
    for file in unit_files:
        name = file["path"] or file["name"]
        if name.lower().endswith(_PICTURES):
            return f'<img loading="lazy" alt="" src="{escape(media_url(backend, "", file, name))}">'
    return " · ".join(sorted({escape((file["path"] or file["name"]).rpartition(".")[2]) for file in unit_files}))


def _meta_rows(meta: Any) -> str:
    if not isinstance(meta, dict):
        return f"<tr><td>meta</td><td>{escape(json.dumps(meta, ensure_ascii=False))}</td></tr>" if meta else ""
    return "".join(
        f"<tr><td>{escape(key)}</td><td>"
        f"{escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}</td></tr>"
        for key, value in meta.items()
    )


def _unit_card(backend: Backend, db: Database, row: Row) -> str:
    unit_files = units.files_of(db, row["id"])
    groups = "".join(f'<span class="chip">{escape(name)}</span>' for name in catalogue.group_path(db, row["group_id"]))
    lines = "".join(
        f'<tr><td>{escape(file["spec"])}</td><td><a href="{escape(media_url(backend, "", file, file["path"]))}">'
        f"{escape((file['path'] or file['name']).rpartition('/')[2])}</a>"
        f' <span class="soft">{size_words(file["size"])}</span></td></tr>'
        for file in unit_files
    )
    return (
        f'<div class="card"><div class="picture">{_picture(backend, unit_files)}</div>'
        f'<b>Unit {row["id"]}</b> <span class="soft">{row["created"][:16].replace("T", " ")}</span><br>{groups}'
        f"<table>{lines}{_meta_rows(json.loads(row['meta']))}</table></div>"
    )


async def collection_page(backend: Backend, request: Request) -> Response:
    """GET /collections/{id}/: the collection's units, newest first."""
    page = number(request.query_params.get("page"), 1, highest=1 << 31)
    with backend.store.reading() as db:
        row = catalogue.collection(db, request.path_params["collection_id"])
        count = db.execute("SELECT count(*) FROM units WHERE collection = ?", (row["id"],)).fetchone()[0]
        newest = db.execute(
            "SELECT * FROM units WHERE collection = ? ORDER BY id DESC LIMIT ? OFFSET ?",
            (row["id"], _PER_PAGE, (page - 1) * _PER_PAGE),
        ).fetchall()
        cards = "".join(_unit_card(backend, db, unit) for unit in newest)
        specs = "".join(
            f'<span class="chip">{escape(spec["name"])} · {escape(spec["file_type"])}'
            f"{'' if spec['is_required'] else ' · optional'}</span>"
            for spec in catalogue.spec_rows(db, row["id"])
        )
    older = f'<a href="?page={page + 1}">Older</a>' if page * _PER_PAGE < count else ""
    newer = f'<a href="?page={page - 1}">Newer</a>' if page > 1 else ""
    body = (
        f'<p><a href="/">Collections</a></p><h1>{escape(row["name"])}</h1>'
        f'<p class="soft">Collection {row["id"]} · {_count(count, "unit")}</p><p>{specs}</p>'
        f'<div class="grid">{cards or "<p class=soft>No units yet.</p>"}</div><nav>{newer}{older}</nav>'
    )
    return _page(request, row["name"], body, live=page == 1)


TABLE = (
    ("GET", "/", overview),
    ("GET", "/collections/{collection_id:int}/", collection_page),
)
