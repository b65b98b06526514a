"""A backend that costs next to nothing, so that a benchmark of clients measures the clients.

It speaks as much of the protocol as both clients need: of v1 collections, units, checksums and all ways of uploading
(§2.1, §4.2 to §4.5), of v2 collections, presigned uploads and bulk-create (§2.2). Presigned URLs lead to a second port,
the storage. It keeps digests, units and counts in memory and forgets the bytes. It is honest where it matters: it
hashes every file, and it refuses a unit whose checksum it does not have.

    python benchmarks/lean_server.py [--latency SECONDS] [--no-presign] [--no-v2]
                                                           prints its URL, serves until its standard input ends
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lean_http import Collected, Connection, Open, Receiver, Reply
from lean_uploads import Uploads

IMAGE = {"id": 1, "name": "image_1", "file_type": "image", "extensions": [".png"], "is_required": True}
LABEL = {"id": 2, "name": "label_1", "file_type": "data", "extensions": [".json"], "is_required": True}
COLLECTIONS = {"1": ("images", [IMAGE]), "2": ("images with labels", [IMAGE, LABEL])}
FILE_TYPES = {"image": {"extensions": ["png"]}, "data": {"extensions": ["json"]}}
Unit = dict[str, Any]


class Backend:
    """What the server knows, and what it answers to each request."""

    def __init__(self, uploads: Uploads, v2: bool) -> None:
        self._uploads = uploads
        self._v2 = v2
        self._units: list[Unit] = []
        self._by_composition: dict[tuple[object, ...], int] = {}
        self._unit_files = 0
        self._v2_units = 0
        self._posts: dict[str, Callable[[Any], Reply]] = {
            "/data_files/verify_checksums/": self._present,
            "/data_files/presigned_upload/upload/": lambda body: uploads.issue(body["files"]),
            "/data_files/presigned_upload/confirm_upload/": lambda body: uploads.confirm(body["files"]),
            "/data_units/": self._add_v1,
            "/v2/data-units/bulk-create/": lambda body: self._add_v2(body["data_collection"], body["units"]),
        }
        for number in COLLECTIONS:
            own = f"/v2/data-collections/{number}"
            self._posts[f"{own}/upload-urls/"] = self._posts["/data_files/presigned_upload/upload/"]
            self._posts[f"{own}/finalize-upload/"] = self._posts["/data_files/presigned_upload/confirm_upload/"]

    def open(self, method: str, path: str, query: str, headers: bytes) -> Receiver:
        """Begin a request."""
        if path == "/counts/":
            return Collected(lambda _: Reply(200, self._counted()))
        uploads = self._uploads
        uploads.counts["requests"] += 1
        if path == "/data_files/" and method == "POST":
            return uploads.whole(headers)
        if path.startswith("/chunked_upload/"):
            return uploads.chunked(method, int(path.split("/")[2] or 0), headers)
        if path.startswith("/v2/"):
            return Collected(lambda body: _enveloped(self._answer(method, path, query, body)))
        return Collected(lambda body: self._answer(method, path, query, body))

    def _answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """What a small request leads to, as v1 shapes it."""
        if path.startswith("/v2/") and not self._v2:
            return Reply(404, {"detail": "there is no v2"})
        if method == "POST" and path in self._posts:
            return self._posts[path](json.loads(body))
        return self._get(path, query) if method == "GET" else Reply(404, {"detail": "not found"})

    def _counted(self) -> dict[str, int]:
        units = {"units": len(self._units), "v2_units": self._v2_units, "unit_files": self._unit_files}
        return {**self._uploads.counts, "contents": len(self._uploads.files), **units}

    def _get(self, path: str, query: str) -> Reply:
        words = path.strip("/").split("/")
        match words:
            case ["data_collections", number] if number in COLLECTIONS:
                return Reply(200, _collection(number))
            case ["v2", "data-collections", number] if number in COLLECTIONS:
                return Reply(200, _collection_v2(number))
            case ["data_collections"]:
                found = [_collection(number) for number in COLLECTIONS]
                return Reply(200, {"count": len(found), "next": None, "previous": None, "results": found})
            case ["v2", "data-collections"]:
                return Reply(200, [_collection_v2(number) for number in COLLECTIONS])
            case ["data_units"]:
                return self._page(query)
            case ["v2", "data-units"]:
                return self._page_v2(query)
            case ["data_units", number] if 0 < int(number) <= len(self._units):
                return Reply(200, self._units[int(number) - 1])
            case ["users", "me"]:
                return Reply(200, {"id": 1, "email": "dev@example.org"})
            case ["v2", "schemas", "file-specifications"]:
                return Reply(200, {"file_types": FILE_TYPES})
        return Reply(404, {"detail": "not found"})

    def _listed(self, asked: dict[str, str]) -> list[Unit]:
        """The units of the collection that is asked for, newest first unless asked otherwise."""
        number = int(asked.get("data_collection", 0))
        units = [unit for unit in self._units if number in (0, unit["data_collection"])]
        return units if asked.get("ordering") == "id" else units[::-1]

    def _page(self, query: str) -> Reply:
        """GET data_units/."""
        asked = dict(parse_qsl(query))
        page, size = int(asked.get("page", 1)), int(asked.get("page_size", 100))
        units = self._listed(asked)
        shown = units[(page - 1) * size : page * size]
        if not shown and page > 1:
            return Reply(404, {"detail": "Invalid page."})
        following = f"/data_units/?{urlencode({**asked, 'page': page + 1})}" if page * size < len(units) else None
        return Reply(200, {"count": len(units), "next": following, "previous": None, "results": shown})

    def _page_v2(self, query: str) -> Reply:
        """GET v2/data-units/; a cursor is the number of units before it."""
        asked = dict(parse_qsl(query))
        start, size = int(asked.get("cursor", 0)), int(asked.get("per_page", 100))
        units = self._listed(asked)
        shown = [_unit_v2(unit) for unit in units[start : start + size]]
        following = str(start + size) if start + size < len(units) else None
        pagination = {"next_cursor": following, "previous_cursor": None, "per_page": size}
        return Reply(200, {"data": shown, "meta": {"request_id": "lean", "pagination": pagination}})

    def _present(self, body: Any) -> Reply:
        return Reply(200, {"existing_checksums": [one for one in body["checksums"] if one in self._uploads.files]})

    def _unknown(self, units: list[Unit]) -> list[str]:
        files = self._uploads.files
        return [file["checksum"] for unit in units for file in unit["files"].values() if file["checksum"] not in files]

    def _add(self, collection: int, unit: Unit) -> Unit:
        files = {spec: {**file, "url": None} for spec, file in unit["files"].items()}
        made = {
            "id": len(self._units) + 1,
            "data_collection": collection,
            "meta": unit.get("meta", {}),
            "files": files,
            "created": datetime.now(UTC).isoformat(),
        }
        self._units.append(made)
        self._unit_files += len(files)
        return made

    def _add_v1(self, units: Any) -> Reply:
        if unknown := self._unknown(units):
            return Reply(400, {"files": [f"unknown checksum {unknown[0]}"]})
        return Reply(201, [self._add(unit["data_collection"], unit) for unit in units])

    def _add_v2(self, collection: int, units: list[Unit]) -> Reply:
        """Equal compositions are the same unit."""
        if unknown := self._unknown(units):
            return Reply(400, {"detail": f"unknown checksum {unknown[0]}"})
        results = []
        for unit in units:
            bound = sorted((spec, file["checksum"]) for spec, file in unit["files"].items())
            composition = (collection, *bound)
            known = self._by_composition.get(composition)
            number = known or self._add(collection, unit)["id"]
            self._by_composition[composition] = number
            results.append({"data_unit_id": number, "checksum": f"{number:040x}", "created": known is None})
        created = sum(bool(result["created"]) for result in results)
        self._v2_units += created
        return Reply(201, {"results": results, "created_count": created, "reused_count": len(results) - created})


def _collection(number: str) -> dict[str, Any]:
    name, specs = COLLECTIONS[number]
    return {"id": int(number), "name": name, "meta": {}, "file_specifications": specs}


def _collection_v2(number: str) -> dict[str, Any]:
    """v2 tells extensions by file type only."""
    described = _collection(number)
    specs = [
        {name: value for name, value in spec.items() if name != "extensions"}
        for spec in described["file_specifications"]
    ]
    return {**described, "file_specifications": specs}


def _unit_v2(unit: Unit) -> Unit:
    """v2 lists neither files nor meta."""
    number = unit["id"]
    collection = unit["data_collection"]
    return {
        "id": number,
        "data_collection_id": collection,
        "checksum": f"{number:040x}",
        "created": unit["created"],
    }


def _enveloped(reply: Reply) -> Reply:
    """As v2 shapes it; a page of a list is so already."""
    if reply.status < 400 and isinstance(reply.value, dict) and "data" in reply.value:
        return reply
    if reply.status < 400:
        return reply._replace(value={"data": reply.value, "meta": {"request_id": "lean"}})
    code = "NOT_FOUND" if reply.status == 404 else "VALIDATION_ERROR"
    error = {"code": code, "message": reply.value["detail"], "details": None}
    return reply._replace(value={"error": error, "meta": {"request_id": "lean"}})


async def serve(latency: float, presign: bool, v2: bool) -> None:
    """Listen on two free ports of this machine, print the URL of the API, end with the standard input."""
    uploads = Uploads(presign)
    loop = asyncio.get_running_loop()

    async def listen(open_request: Open) -> tuple[asyncio.Server, str]:
        server = await loop.create_server(partial(Connection, open_request, latency), "127.0.0.1", 0, backlog=128)
        return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    storage, uploads.storage = await listen(uploads.put)
    api, url = await listen(Backend(uploads, v2).open)
    print(url, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    api.close()
    storage.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="added to every request")
    parser.add_argument("--no-presign", action="store_true", help="the storage can't presign")
    parser.add_argument("--no-v2", action="store_true", help="v1 only")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.latency, not chosen.no_presign, not chosen.no_v2))
