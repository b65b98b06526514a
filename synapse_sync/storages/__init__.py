"""The server's storages that feeds read from: what the server tells of one becomes a folder or URL with access to it.

    AssetRoot(storage=11, path="scans") ──► Storages.session(11) ──► translation ──► AssetRoot(path="s3://…/scans")
                                               │ the server, remembered                │ grant: credentials in memory

Where the server can't be asked, an Unplaced source stands in, and says so when it is listed.
"""

from synapse_sync.storages.placing import Placed, placed
from synapse_sync.storages.sessions import Storages
from synapse_sync.storages.telling import Told, told

__all__ = ["Placed", "Storages", "Told", "placed", "told"]
