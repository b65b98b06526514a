"""Really read paths, as the service's user: `python -m synapse_sync.installation.probe PATH…`, started by examine.py.

That it starts at all shows that this user can run the interpreter and import the package. Prints a JSON object of the
paths that can't be read, with the system's words.
"""

from __future__ import annotations

import json
import os
import sys


def unreadable(paths: list[str]) -> dict[str, str]:
    """The paths that this process can't list or open."""
    found = {}
    for path in paths:
        try:
            if os.path.isdir(path):
                os.listdir(path)
            else:
                with open(path, "rb"):
                    pass
        except OSError as error:
            found[path] = error.strerror or type(error).__name__
    return found


if __name__ == "__main__":
    json.dump(unreadable(sys.argv[1:]), sys.stdout)
