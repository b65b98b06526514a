"""A folder of a WebDAV server as a source."""

from __future__ import annotations

from synapse_sync.records import Observation
from synapse_sync.sources.conversing import Folders
from synapse_sync.sources.web.client import Client
from synapse_sync.sources.web.source import WebSource
from synapse_sync.sources.webdav.talk import Talk


class WebdavSource(WebSource):
    """One request for each folder, and none for a file. Implements sources.base.Source; see RemoteSource."""

    def _talk(self, client: Client) -> Folders:
        return Talk(client, self._path, self._count)

    def _is_still(self, path: bytes, observed: Observation, client: Client) -> bool:
        return Talk(client, self._path, lambda: None).looked(path).observed == observed
