"""The other side of end_to_end.py: the real SDK sends a folder with upload_data_collection, under its own Python.

    python sdk_upload.py URL COLLECTION FOLDER       prints {"seconds": …, "units": …}: what the call alone took

The units are those that synapse-sync finds: each .png, with the .json of the same stem where there is one.
"""

import json
import sys
import time
from pathlib import Path

from synapse_sdk.clients.backend import BackendClient


def unit(image: Path) -> dict[str, object]:
    """One unit as the SDK takes it, with as much meta as synapse-sync gives by itself."""
    files = {"image_1": str(image)}
    label = image.with_suffix(".json")
    if label.exists():
        files["label_1"] = str(label)
    meta = {"data_unit_key": image.stem, "origin_file_stem": image.stem, "origin_file_extension": image.suffix}
    return {"files": files, "meta": meta}


if __name__ == "__main__":
    url, collection, folder = sys.argv[1:]
    units = [unit(image) for image in sorted(Path(folder).rglob("*.png"))]
    client = BackendClient(url, access_token="syn_dev")
    began = time.perf_counter()
    client.upload_data_collection(int(collection), units)
    print(json.dumps({"seconds": time.perf_counter() - began, "units": len(units)}))
