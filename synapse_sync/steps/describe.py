"""Complete units get their meta and groups, held against the collection's schema before a byte is read or sent.

So is the size of their files against max_file_size.
"""

from __future__ import annotations

import json
import os.path
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_sync.expressions import Expression
from synapse_sync.ledger import Row
from synapse_sync.metadata.automatic import automatic, primary_spec
from synapse_sync.metadata.lookup import Row as TableRow
from synapse_sync.metadata.lookup import meta_of, names_of, row_for
from synapse_sync.metadata.merge import Described, Layer, layer, merge
from synapse_sync.metadata.schema import violations
from synapse_sync.states import Code
from synapse_sync.steps.sidecars import NotYet, Sidecars, Unfit
from synapse_sync.steps.table_state import TableInUse
from synapse_sync.steps.work import Work
from synapse_sync.templates import Template

BATCH = 2000
LONGEST_GROUP = 255  # characters of a group's name that the server takes (protocol §2.4)


def describe(work: Work) -> int:
    """Merge and check the meta of complete units; returns how many were worked on."""
    if work.layout is None or work.table.pending:
        return 0
    units = work.ledger.query("units_to_describe", feed=work.id, now=work.clock(), limit=BATCH)
    if not units:
        return 0
    files: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in work.ledger.query("files_of_units", units=[unit["id"] for unit in units]):
        files[row["unit"]][row["spec"]] = row
    describer = Describer(work)
    with work.ledger.write() as transaction:
        stamp = work.stamp(transaction)
        for unit in units:
            guard = {"id": unit["id"], "revision": unit["revision"]}
            try:
                described, groups, problem = describer.describe(unit["key"], files[unit["id"]])
            except NotYet:
                transaction.run("await_metadata", **guard, awaits="sidecar", reason="its sidecar is still settling")
                continue
            except NoRow as lacking:
                transaction.run("await_metadata", **guard, awaits="row", reason=str(lacking))
                work.run.count_once("units_without_row", unit["id"])
                continue
            transaction.run(
                "describe_unit", **guard, meta=described.meta, groups=groups,
                sources=described.sources, overruled=described.overruled, **stamp,
            )  # fmt: skip
            if work.table.in_use is not None and describer.row is None:
                work.run.count_once("units_without_row", unit["id"])
            if describer.row is not None:
                transaction.run("row_taken", feed=work.id, row=describer.row.number, unit=unit["id"])
            if problem:
                transaction.run("hold_unit", id=unit["id"], code=Code.HELD, reason=problem, **stamp)
    return len(units)


class NoRow(Exception):
    """A unit has no row in the feed's table, and is not to go without."""


@dataclass(frozen=True)
class _Origin:
    """The file that names a unit's origin: its path, name and extension, and what the path's parts are called."""

    path: str
    stem: str
    extension: str
    fields: Mapping[str, str]


class Describer:
    """Describes units of one feed: what their meta and groups are now."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._groups = [Template(text) for text in work.feed.groups]
        filename = work.feed.metadata.filename
        self._filename = Expression(filename) if filename else None
        self._whole_path = "/" in filename
        self._sidecars = Sidecars(work)
        metadata = work.feed.metadata
        self._needs_row = (metadata.missing_row or ("wait" if metadata.table else "register")) == "wait"
        self.row: TableRow | None = None

    def describe(self, key: str, files: Mapping[str, Row]) -> tuple[Described, list[str], str]:
        """A unit's meta and groups, and why it can't go with them ("" where it can). Raises NotYet or NoRow.

        `row` is then the one that was taken for it.
        """
        work = self._work
        schema = work.collection.meta_schema
        origin = self._origin(files)
        try:
            layers = [*self._layers(key, origin), *self._beside(files), *self._of_row(key, origin, files)]
        except Unfit as unfit:
            return Described(), [], str(unfit)
        described = merge(layers, schema)
        groups, problem = self._groups_of(origin)
        problem = problem or _too_large(list(files.values()), work.config.upload.max_file_size)
        if not problem and (broken := violations(described.meta, schema, described.sources)):
            problem = f"its meta does not fit the collection's schema: {'; '.join(broken)}"
        return described, groups, problem

    def _origin(self, files: Mapping[str, Row]) -> _Origin:
        assert self._work.layout is not None
        path = files[primary_spec(self._work.collection.specs, files)]["path"]
        stem, extension = os.path.splitext(os.path.basename(path))
        return _Origin(path, stem, extension, self._work.layout.fields(path))

    def _layers(self, key: str, origin: _Origin) -> list[Layer]:
        """What each source says of the unit, the later the stronger."""
        named = {name: value for name, value in origin.fields.items() if name in self._key_names}
        return [
            automatic(key, origin.stem, origin.extension),
            layer(self._work.feed.metadata.values, "values in the config"),
            layer(named, f"key, in {origin.path}", optional=True),
            layer(self._from_name(origin.path), f"filename, in {origin.path}"),
        ]

    def _beside(self, files: Mapping[str, Row]) -> Iterator[Layer]:
        return self._sidecars.layers(files) if self._work.feed.metadata.sidecar else iter(())

    def _of_row(self, key: str, origin: _Origin, files: Mapping[str, Row]) -> Iterator[Layer]:
        """What the table says of the unit. Raises NoRow or Unfit."""
        self.row = None
        table = self._work.table.in_use
        if table is None:
            return
        others = [file["path"] for file in files.values() if file["path"] != origin.path]
        names = names_of(key, [origin.path, *others], origin.fields["stem"])
        rows = self._work.ledger.query("rows_with_keys", feed=self._work.id, keys=names)
        self.row, problem = row_for(names, (TableRow(row["row"], row["key"], json.loads(row["cells"])) for row in rows))
        if problem:
            raise Unfit(f"{problem}, in {table.name}")
        if self.row is not None:
            source = table.source(self.row.number)
            yield Layer({name: (value, f"{source}, column {name}") for name, value in self._cells(table).items()})
        elif self._needs_row:
            raise NoRow(f"no row for {key} in {table.name}")

    def _cells(self, table: TableInUse) -> dict[str, Any]:
        assert self.row is not None
        return meta_of(self.row, table.key_column)

    def _from_name(self, path: str) -> dict[str, str]:
        """What the expression `filename` finds: in the whole path where it speaks of folders, else in the name."""
        if self._filename is None:
            return {}
        found = self._filename.find(path if self._whole_path else os.path.basename(path))
        return found.named if found else {}

    @property
    def _key_names(self) -> frozenset[str]:
        key = self._work.feed.grouping.key
        return frozenset(Expression(key).names) if key else frozenset()

    def _groups_of(self, origin: _Origin) -> tuple[list[str], str]:
        groups = []
        for template in self._groups:
            try:
                name = template.fill(origin.fields)
            except KeyError as missing:
                return [], f'{origin.path} has no {missing.args[0]} for the group "{template}"'
            if not 1 <= len(name) <= LONGEST_GROUP:
                return (
                    [],
                    f'the name of the group "{template}" has {len(name)} characters, 1 to {LONGEST_GROUP} are allowed',
                )
            groups.append(name)
        return groups, ""


def _too_large(files: Sequence[Row], limit: int | None) -> str:
    """Which files are above the limit, in words; "" where none is."""
    large = [f"{row['path']} has {row['size']} bytes" for row in files if limit is not None and row["size"] > limit]
    return f"{', '.join(large)}, [upload] max_file_size is {limit}" if large else ""
