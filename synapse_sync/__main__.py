"""Entry point of `synapse-sync` and `python -m synapse_sync`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; --version answers without loading it."""
    if sys.argv[1:] == ["--version"]:
        from synapse_sync import __version__

        sys.stdout.write(f"synapse-sync {__version__}\n")
        return
    from synapse_sync.cli import app

    app.main()


if __name__ == "__main__":
    main()
