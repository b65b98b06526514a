"""Rules between several settings, and what is allowed but unwise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from synapse_sync.config.addresses import host_and_path, scheme_of
from synapse_sync.config.feed import AssetRoot, Feed
from synapse_sync.config.model import Config, Server
from synapse_sync.config.paths import is_remote
from synapse_sync.config.places import Place
from synapse_sync.config.problems import Problem
from synapse_sync.config.remote import KINDS, Remote, extra_of
from synapse_sync.config.storage_paths import is_relative, storage_path
from synapse_sync.config.urls import is_unprotected
from synapse_sync.expressions import Expression
from synapse_sync.loopback import is_loopback
from synapse_sync.templates import Template

Feeds = Mapping[int, Feed]
"""The readable feeds by their index in the file."""


def broken_rules(config: Config, feeds: Feeds, ledger: Path) -> Iterator[Problem]:
    """Every rule that these settings break; `ledger` is where the ledger is going to be."""
    if not feeds:
        yield Problem(("feeds",), "there is none yet; add one that begins with the line [[feeds]]")
    for index, feed in feeds.items():
        yield from _one_feed(("feeds", index), feed, config.server)
    yield from _same_names(feeds)
    yield from _same_folders(feeds)
    yield from _ledger_watched(config, feeds, ledger)
    yield from _spool_watched(config, feeds)


def warnings(config: Config) -> tuple[str, ...]:
    """What is allowed but unwise, in words."""
    found = []
    if is_unprotected(config.server.url):
        found.append(
            f"server.url: {config.server.url} is not encrypted: the token can be read on its way; use https://"
        )
    if config.server.api == "v1":
        found.append(
            'server.api = "v1": where the server does not show what its units are made of, a registration whose answer '
            'was lost waits for a person; "v2" has no such case'
        )
    found += [
        f'feed {feed.name}: duplicates = "register" works with v1 only; on a server with v2 this feed will pause'
        for feed in config.feeds
        if feed.duplicates == "register" and config.server.api == "auto"
    ]
    found += _overlaps(config)
    found += _remote_access(config)
    return tuple(found)


def _remote_access(config: Config) -> Iterator[str]:
    roots = [(feed, root) for feed in config.feeds for root in feed.asset_roots().values() if root.remote]
    for scheme, kind in KINDS.items():
        feeds = ", ".join(dict.fromkeys(feed.name for feed, root in roots if scheme_of(root.path) == scheme))
        if feeds and kind.package and not _is_installed(kind.package):
            yield f"feed {feeds}: what reads {scheme}:// is not installed: {extra_of(scheme)}"
    for path in dict.fromkeys(root.path for _, root in roots if scheme_of(root.path) in ("ftp", "http", "webdav")):
        if not is_loopback(host_and_path(path).name):
            yield f"{path} is not encrypted: what is read can be seen and changed on its way; use {scheme_of(path)}s://"
    addresses = [root.remote.endpoint_url for _, root in roots if root.remote]
    for address in dict.fromkeys(address for address in addresses if is_unprotected(address)):
        yield f"endpoint_url {address} is not encrypted: what is read can be seen and changed on its way; use https://"


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # what it is a part of is not there either
        return False


def _overlaps(config: Config) -> Iterator[str]:
    """Feeds of one collection whose folders lie in one another: each file there would belong to both."""
    roots = [(feed, root) for feed in config.feeds for root in feed.asset_roots().values()]
    for inner, root in roots:
        for outer, above in roots:
            inside = root.path != above.path and Path(root.path).is_relative_to(above.path)
            inside = inside and root.storage == above.storage
            if outer is not inner and outer.data_collection == inner.data_collection and inside:
                yield (
                    f"feed {inner.name}: its folder {root.shown} lies inside that of feed {outer.name}, for the same "
                    f"collection: leave it out there with exclude, or both take its files"
                )


def _one_feed(place: Place, feed: Feed, server: Server) -> Iterator[Problem]:
    if feed.path is None and not feed.assets:
        yield Problem(
            (*place, "path"), "is missing; a feed has a path, or a [feeds.assets.SPEC] for each specification"
        )
    if feed.path is not None and feed.assets:
        yield Problem((*place, "path"), "a feed has either path or assets; remove one of them")
    if "" in feed.assets:
        yield Problem((*place, "assets"), "an asset needs the name of a file specification")
    if feed.duplicates == "register" and server.api == "v2":
        words = 'v2 keeps one unit per set of files; write "skip" or "hold", or server.api = "v1"'
        yield Problem((*place, "duplicates"), words)
    if feed.metadata.update_meta and server.api == "v1":
        words = 'only v2 can change registered units; write server.api = "auto" or "v2", or remove the line'
        yield Problem((*place, "metadata", "update_meta"), words)
    if feed.grouping.depth > 1 and feed.grouping.by != "directory":
        yield Problem((*place, "grouping", "by"), 'must be "directory" for depth to count; write that, or remove depth')
    yield from _access(place, feed)
    yield from _patterns(place, feed)
    yield from _says_nothing(place, feed)
    yield from _names_in_templates(place, feed)


def _access(place: Place, feed: Feed) -> Iterator[Problem]:
    """Access to remote paths: of use to one of those it is for, and without contradictions."""
    roots = feed.asset_roots()
    tables: list[tuple[Place, Remote | None, list[AssetRoot]]] = [((*place, "remote"), feed.remote, [*roots.values()])]
    for spec, asset in feed.assets.items():
        tables.append(((*place, "assets", spec, "remote"), asset.remote, [roots[spec]] if spec in roots else []))
    for where, remote, served in tables:
        if remote is None:
            continue
        schemes = {scheme_of(root.path) for root in served if is_remote(root.path)}
        in_storages = any(root.storage is not None for root in served)  # of whatever kind: the server knows
        if not schemes and not in_storages:
            yield Problem(where, "is for a URL as path, like s3://bucket/prefix, or a storage; remove it")
        foreign = {} if in_storages else remote.foreign(schemes)
        for name, words in {**foreign, **remote.contradictions()}.items():
            yield Problem((*where, name), words)
    for spec, root in feed.asset_roots().items():
        if root.remote is None or "user" not in _options(root.path):
            continue
        where = (*place, "assets", spec, "path") if spec else (*place, "path")
        user = host_and_path(root.path).user
        if user and root.remote.user:
            yield Problem(where, "names a user, as [feeds.remote] does; remove one of them")
        is_named = user or root.remote.user or scheme_of(root.path) == "sftp"  # there it is who runs this
        if root.remote.password_env and not is_named:
            yield Problem(where, "needs a user for its password_env; write user in [feeds.remote]")


def _options(path: str) -> frozenset[str]:
    """Those that are for a kind of remote path."""
    kind = KINDS.get(scheme_of(path))
    return kind.options if kind else frozenset()


def _patterns(place: Place, feed: Feed) -> Iterator[Problem]:
    grouping = feed.grouping
    given = [name for name in ("rules", "key", "unit_key") if getattr(grouping, name)]
    if grouping.by == "pattern" and not given:
        yield Problem((*place, "grouping"), 'by = "pattern" needs rules, a key or a unit_key')
    if grouping.by != "pattern" and given:
        words = f'must be "pattern" for {" and ".join(given)} to count; write that, or remove what does not'
        yield Problem((*place, "grouping", "by"), words)
    if grouping.rules and feed.assets:
        yield Problem(
            (*place, "grouping", "rules"), "an asset says itself which specification its files are for; remove them"
        )


def _says_nothing(place: Place, feed: Feed) -> Iterator[Problem]:
    """Settings that are valid by themselves and can never do anything."""
    filename = feed.metadata.filename
    if filename and not Expression(filename).names:
        words = "has no named group, so it finds nothing; write (?P<name>…) around what is to become metadata"
        yield Problem((*place, "metadata", "filename"), words)
    for index, rule in enumerate(feed.grouping.rules):
        if rule.pattern.startswith("!"):
            words = f'"{rule.pattern}" takes nothing; a rule says which files are for a specification'
            yield Problem((*place, "grouping", "rules", index, "pattern"), words)
    for index, text in enumerate(feed.groups):
        if not text:
            yield Problem((*place, "groups", index), "is empty; a group has a name")
    if feed.storage is not None and feed.path is None and all(a.storage != feed.storage for a in feed.assets.values()):
        yield Problem(
            (*place, "storage"), "is for paths without scheme and leading slash, and there are none; remove it"
        )
    if feed.storage is not None and is_relative(feed.metadata.table):
        try:
            storage_path(feed.metadata.table)
        except ValueError as error:
            yield Problem((*place, "metadata", "table"), str(error))
    if is_remote(feed.metadata.table):
        yield Problem((*place, "metadata", "table"), "this version reads local tables only")


def _names_in_templates(place: Place, feed: Feed) -> Iterator[Problem]:
    """Every name in a template is a named group of `key`, or one that every path has."""
    groups = Expression(feed.grouping.key).names if feed.grouping.key else ()
    templates: list[tuple[Place, str]] = [((*place, "grouping", "unit_key"), feed.grouping.unit_key)]
    templates += [((*place, "groups", index), text) for index, text in enumerate(feed.groups)]
    for where, text in templates:
        if unknown := Template(text).unknown(groups):
            known = ", ".join((*groups, "stem", "dir1", "dir2", "…"))
            yield Problem(where, f'"{text}" has no {", ".join(unknown)} to take; known are {known}')


def _same_names(feeds: Feeds) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, feed in feeds.items():
        if first.setdefault(feed.name, index) != index:
            yield Problem(("feeds", index, "name"), f'"{feed.name}" is the name of feeds[{first[feed.name]}] already')


def _same_folders(feeds: Feeds) -> Iterator[Problem]:
    """Two feeds may overlap; the same folders into the same collection would be each unit twice."""
    first: dict[tuple[int, frozenset[tuple[str, str, int | None]]], int] = {}
    for index, feed in feeds.items():
        roots = feed.asset_roots().values()
        paths = frozenset((root.path, root.remote.service if root.remote else "", root.storage) for root in roots)
        other = first.setdefault((feed.data_collection, paths), index)
        if paths and other != index:
            words = f"feeds[{other}] sends the same folder to collection {feed.data_collection} already"
            yield Problem(("feeds", index, "path" if feed.path else "assets"), words)


def _ledger_watched(config: Config, feeds: Feeds, ledger: Path) -> Iterator[Problem]:
    for index, feed in feeds.items():
        for spec, root in feed.asset_roots().items():
            if root.storage is not None or not ledger.is_relative_to(root.path):
                continue
            if config.ledger.path is not None:
                yield Problem(
                    ("ledger", "path"), f"lies inside {root.path}, which is watched; put the ledger elsewhere"
                )
            else:
                asset: Place = ("assets", spec, "path") if spec else ("path",)
                words = f"holds the ledger {ledger}; choose a folder without it, or set ledger.path"
                yield Problem(("feeds", index, *asset), words)


def _spool_watched(config: Config, feeds: Feeds) -> Iterator[Problem]:
    spool = config.upload.spool
    roots = {root.path for feed in feeds.values() for root in feed.asset_roots().values()}
    for path in sorted(roots):
        if spool is not None and spool.is_relative_to(path):
            yield Problem(("upload", "spool"), f"lies inside {path}, which is watched; name a folder elsewhere")
