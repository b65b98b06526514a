"""Where a feed's roots are, for commands that ask no server: one in a storage is where the last listing saw it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from synapse_sync.config import AssetRoot, Feed
from synapse_sync.ledger import Ledger


def known_roots(ledger: Ledger, feed: Feed) -> Mapping[str, AssetRoot]:
    """The feed's roots by asset; one in a storage that was never listed is as the config has it."""
    rows = ledger.query("feed_by_name", name=feed.name)
    listed = json.loads(rows[0]["roots"]) if rows else {}
    return {asset: _as_listed(root, listed.get(asset, [])) for asset, root in feed.asset_roots().items()}


def _as_listed(root: AssetRoot, listed: list[int | str]) -> AssetRoot:
    """listed: device and inode, and of a root in a storage its path or URL."""
    if root.storage is None or len(listed) < 3:
        return root
    return replace(root, path=str(listed[2]), storage=None)
