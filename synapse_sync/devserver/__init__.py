"""An embedded Synapse backend: both API versions, an object storage, and fault switches, over one folder.

    with DevServer(Options(data=Path("state"))) as server:
        collection = server.create_collection("scans", specs=[{"name": "image_1", "file_type": "image"}])
        ...  # point a client at server.url with the token "syn_dev"

`server.events()` tells what became of its data, whatever a client believes. `switches()` are the options that stand for
an unknown behaviour of the real backend, `route_keys()` and `applies()` the faults that can be met: what a test of all
of them is made from. It imports nothing of the package but errors, and can serve any Synapse script.
"""

from synapse_sync.devserver.app import route_keys
from synapse_sync.devserver.faults import applies
from synapse_sync.devserver.options import Options, switches
from synapse_sync.devserver.server import DevServer, serve

__all__ = ["DevServer", "Options", "applies", "route_keys", "serve", "switches"]
