"""The other side of end_to_end.py: the real SDK sends a folder, under its own Python, in one of its two ways.

    python sdk_upload.py WAY URL COLLECTION FOLDER       prints {"seconds": …, "units": …}: what the calls alone took

collection: upload_data_collection, each file through the API
bulk: upload_files_bulk, into the storage by presigned URLs, then create_data_units, 1000 at once as the other way does

The units are those that synapse-sync finds: each .png, with the .json of the same stem where there is one.
"""

import json
import sys
import time
from pathlib import Path

from synapse_sdk.clients.backend import BackendClient

BATCH = 1000


def unit(image: Path) -> dict[str, dict[str, str]]:
    """One unit as the SDK takes it, with as much meta as synapse-sync gives by itself."""
    files = {"image_1": str(image)}
    label = image.with_suffix(".json")
    if label.exists():
        files["label_1"] = str(label)
    meta = {"data_unit_key": image.stem, "origin_file_stem": image.stem, "origin_file_extension": image.suffix}
    return {"files": files, "meta": meta}


def upload_bulk(client: BackendClient, collection: int, units: list[dict[str, dict[str, str]]]) -> None:
    """As the SDK's own upload action does it: all files, then all units."""
    paths = [Path(path) for unit in units for path in unit["files"].values()]
    sent = client.upload_files_bulk(paths, strategy="presigned")
    if sent.failed_count:
        sys.exit(f"{sent.failed_count} files failed: {next(one.error for one in sent.results if not one.success)}")
    checksums = {result.file_key: result.checksum for result in sent.results}
    bound = [
        {
            "data_collection": collection,
            "files": {spec: {"checksum": checksums[path], "path": path} for spec, path in unit["files"].items()},
            "meta": unit["meta"],
        }
        for unit in units
    ]
    for start in range(0, len(bound), BATCH):
        client.create_data_units(bound[start : start + BATCH])


if __name__ == "__main__":
    way, url, collection, folder = sys.argv[1:]
    units = [unit(image) for image in sorted(Path(folder).rglob("*.png"))]
    client = BackendClient(url, access_token="syn_dev")
    began = time.perf_counter()
    if way == "bulk":
        upload_bulk(client, int(collection), units)
    else:
        client.upload_data_collection(int(collection), units)
    print(json.dumps({"seconds": time.perf_counter() - began, "units": len(units)}))
