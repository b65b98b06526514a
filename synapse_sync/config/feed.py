"""One [[feeds]] entry: where files come from, how they group, what metadata they get.

Attribute names are the keys of the file. Settings that this version refuses are listed in not_yet.py, rules between
several settings in rules.py.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from synapse_sync.config.meta_values import check_meta_values
from synapse_sync.config.paths import Pattern, is_remote
from synapse_sync.config.quantities import Duration, Interval, as_written
from synapse_sync.config.remote import Remote
from synapse_sync.config.section import Section
from synapse_sync.config.storage_paths import SourcePath, with_storage_of_feed
from synapse_sync.config.texts import ExpressionText, TemplateText
from synapse_sync.grants import Grant

LARGEST = 2**63 - 1
"""The largest whole number of a setting: the ledger's, and TOML's (toml.io/en/v1.0.0#integer)."""

_WHEN_NOT_WHAT: dict[str, Any] = {
    **dict.fromkeys(("name", "watch", "poll_every", "settle", "max_units_per_run", "remote"), True),
    "assets": {"__all__": {"remote"}},
}
"""Settings that decide when something happens, or how it is got at, never what a file becomes."""


def check_name(name: str) -> str:
    """The name itself if a feed can have it. Raises ValueError."""
    if not name or name != name.strip() or not name.isprintable():
        raise ValueError(f'"{name}" is no name; write one like "scans"')
    if ":" in name or "/" in name:
        raise ValueError(f'"{name}" must not contain ":" or "/", because a unit is called FEED:UNIT_KEY')
    return name


@dataclass(frozen=True, slots=True)
class AssetRoot:
    """One folder that a feed takes files from, with the filters that hold there (the feed's where it has none).

    remote: access to it where path is a URL, else None. storage: the server's storage below whose root path lies, until
    that was asked for; remote is then what the config says of access to it. grant: what hands out the credentials of a
    storage's place.
    """

    path: str
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    follow_symlinks: bool
    remote: Remote | None = None
    storage: int | None = None
    grant: Grant | None = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The place in words."""
        return self.path if self.storage is None else f"storage {self.storage}, path {self.path}"


class Rule(Section):
    """Which file specification the files that match a pattern are for."""

    pattern: Pattern = Field(description="Pattern of the file's path below the feed's path.", examples=["**/img/*.png"])
    spec: str = Field(description="Name of the file specification.", examples=["image_1"])


class Grouping(Section):
    """How the files of one unit find each other."""

    by: Literal["auto", "directory", "stem", "pattern"] = Field(
        default="auto",
        description='What the files of a unit have in common: a folder, the file name without its extension ("stem"), '
        'or "auto": find out from the files that are there.',
        examples=["stem"],
    )
    depth: int = Field(
        default=1,
        ge=1,
        le=LARGEST,
        description='How many folder levels below `path` make the unit key; used with by = "directory".',
        examples=[2],
    )
    key: ExpressionText = Field(
        default="",
        description="Regular expression (RE2) that finds the unit key in a path below the feed's path; its named "
        "groups become metadata too.",
        examples=["(?P<site>[^/]+)/(?P<patient>P[0-9]+)"],
    )
    unit_key: TemplateText = Field(
        default="",
        description="Template of the unit key: the named groups of `key`, {stem}, and the folders {dir1}, {dir2}, …",
        examples=["{site}-{patient}"],
    )
    rules: list[Rule] = Field(
        default=[], description="Which files belong to which file specification, first match wins."
    )
    on_ambiguous: Literal["hold", "newest"] = Field(
        default="hold",
        description="When two files want the same place in a unit: wait for a person, or take the newest.",
        examples=["hold"],
    )


class Metadata(Section):
    """What each unit's meta is made of."""

    table: str = Field(
        default="",
        description="Spreadsheet or CSV file with one row per unit, absolute, below the feed's path, or with `storage` "
        "below that storage's root; without it a meta or metadata table right below the path is found by itself.",
        examples=["tables/patients.xlsx"],
    )
    key_column: str = Field(
        default="",
        description="Column of the table that names the units; else filename, file_name, name, id, or the column that "
        "fits best.",
        examples=["patient"],
    )
    missing_row: Literal["wait", "register"] | None = Field(
        default=None,
        description='What a unit without a row in the table does; "wait" unless given where `table` is set, "register" '
        "where the table was found by itself.",
        examples=["wait"],
    )
    sidecar: bool = Field(
        default=False, description="Whether .meta.json and .meta.yaml files beside the files are read.", examples=[True]
    )
    filename: ExpressionText = Field(
        default="",
        description="Regular expression (RE2) whose named groups become metadata; it is searched in the name of the "
        "unit's first file, or in its path below the feed's path where the expression has a slash.",
        examples=["(?P<patient_id>P\\d+)_(?P<age>\\d+)"],
    )
    values: Annotated[dict[str, Any], AfterValidator(check_meta_values)] = Field(
        default={},
        description="Values that every unit of this feed gets; a date or time is sent as ISO text.",
        examples=[{"site": "Seoul"}],
    )
    update_meta: bool = Field(
        default=False, description="Whether metadata that changes later is sent to registered units.", examples=[False]
    )


class Asset(Section):
    """The source path of one file specification, where each has its own."""

    storage: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Id of the server's storage that `path` is in; the feed's where `path` is relative.",
        examples=[11],
    )
    path: SourcePath = Field(
        description="Folder with the files of this specification, a URL, or with `storage` a path below its root.",
        examples=["/srv/nas/images"],
    )
    recursive: bool | None = Field(
        default=None,
        description="Whether folders below are read too; the feed's setting unless given.",
        examples=[False],
    )
    include: list[Pattern] | None = Field(
        default=None, description="Patterns of the files to take; the feed's unless given.", examples=[["*.png"]]
    )
    exclude: list[Pattern] | None = Field(
        default=None,
        description="Patterns of files and folders to leave out; the feed's unless given.",
        examples=[["old/"]],
    )
    remote: Remote | None = Field(
        default=None,
        description="Access to a remote path; the feed's unless given.",
        examples=[{"region": "eu-west-1"}],
    )


class Feed(Section):
    """One stream of files into one data collection."""

    name: Annotated[str, AfterValidator(check_name)] = Field(
        description="Name of the feed, as shown everywhere; unique.", examples=["scans"]
    )
    data_collection: int = Field(
        ge=1, le=LARGEST, description="Id of the data collection that units go into.", examples=[42]
    )
    project: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Id of the project in which each unit gets a task; none unless given.",
        examples=[7],
    )
    storage: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="Id of the server's storage that `path`, and each asset's relative path, is in.",
        examples=[11],
    )
    path: SourcePath | None = Field(
        default=None,
        description="Folder that the files arrive in, a URL (s3://bucket/prefix), or with `storage` a path below its "
        "root; either this or `assets`.",
        examples=["/srv/nas/scans"],
    )
    recursive: bool = Field(default=True, description="Whether folders below are read too.", examples=[True])
    follow_symlinks: bool = Field(default=False, description="Whether symbolic links are followed.", examples=[False])
    include: list[Pattern] = Field(
        default=[],
        description="gitignore patterns of the files to take; all unless given.",
        examples=[["*.png", "*.json"]],
    )
    exclude: list[Pattern] = Field(
        default=[], description="gitignore patterns of files and folders to leave out.", examples=[["old/", "*.bak"]]
    )
    watch: Literal["auto", "events", "poll"] = Field(
        default="auto",
        description="How changes are noticed: the system's events, or listing every `poll_every` (network folders).",
        examples=["poll"],
    )
    poll_every: Interval = Field(
        default=as_written("5m"), description="How often a folder without events is listed.", examples=["5m"]
    )
    settle: Duration = Field(
        default=as_written("30s"),
        description="How long a file must not have changed before it is used; one that a program has open for writing "
        "waits longer.",
        examples=["30s"],
    )
    wait_optional: Duration = Field(
        default=as_written("5m"),
        description="How long after its last change a unit waits for files that it can do without.",
        examples=["5m"],
    )
    incomplete_after: Duration = Field(
        default=as_written("1d"),
        description="How long after its last change a unit that lacks a required file is shown as incomplete, and one "
        "with a file that is empty or ends in the middle is held.",
        examples=["1d"],
    )
    duplicates: Literal["skip", "register", "hold"] = Field(
        default="skip",
        description="A second unit with the same files: leave it out, register it too (v1 only), or wait for a person.",
        examples=["skip"],
    )
    on_change: Literal["hold", "new_unit", "ignore"] = Field(
        default="hold",
        description="A file of a registered unit changed: wait for a person, register a new unit, or leave it.",
        examples=["hold"],
    )
    late_files: Literal["hold", "new_unit", "ignore"] = Field(
        default="hold",
        description="A file arrives for a registered unit: wait for a person, register a new unit, or leave it.",
        examples=["hold"],
    )
    existing: Literal["adopt", "ignore"] = Field(
        default="adopt",
        description="Units that the collection has already: recognised, or made again without regard to them.",
        examples=["adopt"],
    )
    groups: list[TemplateText] = Field(
        default=[],
        description="Groups that each unit is put in, the outermost first; templates like unit_key.",
        examples=[["{dir1}", "day-2"]],
    )
    max_units_per_run: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST,
        description="At most so many units are registered in one run; no limit unless given.",
        examples=[1000],
    )
    grouping: Grouping = Field(default=Grouping(), description="How the files of one unit find each other.")
    metadata: Metadata = Field(default=Metadata(), description="What each unit's meta is made of.")
    assets: dict[str, Asset] = Field(
        default={}, description="One source path per file specification, by its name, instead of `path`."
    )
    remote: Remote | None = Field(
        default=None, description="Access to a remote path.", examples=[{"region": "eu-west-1"}]
    )

    def asset_roots(self) -> dict[str, AssetRoot]:
        """The folders to read: {"": root} for a feed with one `path`, {spec: root} for one with `assets`."""
        if self.path is not None:
            return {"": self._root(self.path, self.recursive, self.include, self.exclude, self.remote, self.storage)}
        return {
            spec: self._root(
                asset.path,
                self.recursive if asset.recursive is None else asset.recursive,
                self.include if asset.include is None else asset.include,
                self.exclude if asset.exclude is None else asset.exclude,
                asset.remote or self.remote,
                asset.storage,
            )
            for spec, asset in self.assets.items()
        }

    def fingerprint(self) -> str:
        """SHA-256 over every setting that decides what a file becomes, as 64 hexadecimal digits.

        Equal settings give equal fingerprints however they are written ("60s" or "1m"), so that the ledger can tell
        when a decision's input has changed. The order of patterns counts, as in gitignore; the order of assets doesn't.
        """
        settings = self.model_dump(mode="json", exclude=_WHEN_NOT_WHAT)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="before")
    @classmethod
    def _assets_in_storage(cls, data: Any) -> Any:
        return with_storage_of_feed(data)

    def _root(
        self,
        path: str,
        recursive: bool,
        include: list[str],
        exclude: list[str],
        remote: Remote | None,
        storage: int | None,
    ) -> AssetRoot:
        access = remote if storage is not None else (remote or Remote()) if is_remote(path) else None
        filters = (tuple(include), tuple(exclude))
        return AssetRoot(path, recursive, *filters, self.follow_symlinks, access, storage)
