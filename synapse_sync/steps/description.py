"""What one unit is described with: its meta out of all sources, its groups, and why it can't go with them."""

from __future__ import annotations

import json
import os.path
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from synapse_sync.expressions import Expression
from synapse_sync.grouping.places import Layout
from synapse_sync.ledger import Row
from synapse_sync.metadata.automatic import automatic, primary_spec
from synapse_sync.metadata.lookup import Row as TableRow
from synapse_sync.metadata.lookup import meta_of, names_of, row_for
from synapse_sync.metadata.merge import Described, Layer, layer, merge
from synapse_sync.metadata.schema import violations
from synapse_sync.steps.sidecars import Sidecars, Unfit
from synapse_sync.steps.work import Work
from synapse_sync.templates import Template

LONGEST_GROUP = 255  # characters of a group's name that the server takes (protocol §2.4)


class NoRow(Exception):
    """A unit has no row in the feed's table, and is not to go without."""


@dataclass(frozen=True)
class _Origin:
    """The file that names a unit's origin: its path, name and extension."""

    path: str
    stem: str
    extension: str
    layout: Layout

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """What the path's parts are called."""
        return self.layout.fields(self.path)


class Description(NamedTuple):
    """What a unit goes with. problem: why it can't, "" where it can; row: its row in the feed's table, if any."""

    described: Described
    groups: list[str]
    problem: str
    row: TableRow | None = None


class Describer:
    """Describes some units of one feed (rows with id and key): what their meta and groups are now.

    What the ledger knows of them is fetched at once: unit by unit the table's rows alone take ten times as long.
    """

    def __init__(self, work: Work, layout: Layout, units: Sequence[Row]) -> None:
        self._work = work
        self._layout = layout
        self._groups = [Template(text) for text in work.feed.groups]
        filename = work.feed.metadata.filename
        self._filename = Expression(filename) if filename else None
        self._whole_path = "/" in filename
        key = work.feed.grouping.key
        self._key_names = frozenset(Expression(key).names) if key else frozenset()
        self._sidecars = Sidecars(work)
        metadata = work.feed.metadata
        self._needs_row = (metadata.missing_row or ("wait" if metadata.table else "register")) == "wait"
        self._files: dict[int, dict[str, Row]] = defaultdict(dict)
        for row in work.ledger.query("files_of_units", units=[unit["id"] for unit in units]):
            self._files[row["unit"]][row["spec"]] = row
        self._rows = self._rows_for(units) if work.table.in_use else {}

    def describe(self, unit: Row) -> Description:
        """What the unit goes with now. Raises NotYet or NoRow."""
        work = self._work
        schema = work.collection.meta_schema
        key, files = unit["key"], self._files[unit["id"]]
        origin = self._origin(files)
        try:
            beside = list(self._sidecars.layers(files)) if work.feed.metadata.sidecar else []
            row = self._row(key, origin, files)
        except Unfit as unfit:
            return Description(Described(), [], str(unfit))
        described = merge([*self._layers(key, origin), *beside, *self._of_row(row)], schema)
        groups, problem = self._groups_of(origin)
        problem = problem or _too_large(list(files.values()), work.config.upload.max_file_size)
        if not problem and (broken := violations(described.meta, schema, described.sources)):
            problem = f"its meta does not fit the collection's schema: {'; '.join(broken)}"
        return Description(described, groups, problem, row)

    def _rows_for(self, units: Sequence[Row]) -> dict[str, list[TableRow]]:
        """The table's rows by their keys, as far as these units may have them."""
        filed = [(unit["key"], self._files[unit["id"]]) for unit in units]
        names = {name for key, files in filed for name in self._names(key, self._origin(files), files)}
        rows: dict[str, list[TableRow]] = defaultdict(list)
        for row in self._work.ledger.query("rows_with_keys", feed=self._work.id, keys=list(names)):
            rows[row["key"]].append(TableRow(row["row"], row["key"], json.loads(row["cells"])))
        return rows

    def _origin(self, files: Mapping[str, Row]) -> _Origin:
        path = files[primary_spec(self._work.collection.specs, files)]["path"]
        stem, extension = os.path.splitext(os.path.basename(path))
        return _Origin(path, stem, extension, self._layout)

    def _layers(self, key: str, origin: _Origin) -> list[Layer]:
        """What each source says of the unit, the later the stronger."""
        layers = [automatic(key, origin.stem, origin.extension)]
        if values := self._work.feed.metadata.values:
            layers.append(layer(values, "values in the config"))
        if self._key_names:
            named = {name: value for name, value in origin.fields.items() if name in self._key_names}
            layers.append(layer(named, f"key, in {origin.path}", optional=True))
        if named := self._from_name(origin.path):
            layers.append(layer(named, f"filename, in {origin.path}"))
        return layers

    def _row(self, key: str, origin: _Origin, files: Mapping[str, Row]) -> TableRow | None:
        """The unit's row in the feed's table. Raises NoRow or Unfit."""
        table = self._work.table.in_use
        if table is None:
            if self._work.feed.metadata.missing_row == "wait":
                raise NoRow(f'no row for {key}: there is no table yet, and missing_row = "wait"')
            return None
        row, problem = row_for(self._names(key, origin, files), self._rows)
        if problem:
            raise Unfit(f"{problem}, in {table.name}")
        if row is None and self._needs_row:
            raise NoRow(f"no row for {key} in {table.name}")
        return row

    def _names(self, key: str, origin: _Origin, files: Mapping[str, Row]) -> list[str]:
        others = [file["path"] for file in files.values() if file["path"] != origin.path]
        return names_of(key, [origin.path, *others], origin.fields["stem"])

    def _of_row(self, row: TableRow | None) -> Iterator[Layer]:
        table = self._work.table.in_use
        if row is not None and table is not None:
            source = table.source(row.number)
            cells = meta_of(row, table.key_column)
            yield Layer({name: (value, f"{source}, column {name}") for name, value in cells.items()})

    def _from_name(self, path: str) -> dict[str, str]:
        """What the expression `filename` finds: in the whole path where it speaks of folders, else in the name."""
        if self._filename is None:
            return {}
        found = self._filename.find(path if self._whole_path else os.path.basename(path))
        return found.named if found else {}

    def _groups_of(self, origin: _Origin) -> tuple[list[str], str]:
        groups = []
        for template in self._groups:
            try:
                name = template.fill(origin.fields)
            except KeyError as missing:
                return [], f'{origin.path} has no {missing.args[0]} for the group "{template}"'
            if not 1 <= len(name) <= LONGEST_GROUP:
                said = f"has {len(name)} characters, 1 to {LONGEST_GROUP} are allowed"
                return [], f'the name of the group "{template}" {said}'
            groups.append(name)
        return groups, ""


def _too_large(files: Sequence[Row], limit: int | None) -> str:
    """Which files are above the limit, in words; "" where none is."""
    large = [f"{row['path']} has {row['size']} bytes" for row in files if limit is not None and row["size"] > limit]
    return f"{', '.join(large)}, [upload] max_file_size is {limit}" if large else ""
