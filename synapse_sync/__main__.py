"""Entry point of `synapse-sync` and `python -m synapse_sync`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; --version answers without loading it."""
    if sys.argv[1:] == ["--version"]:
        from synapse_sync import __version__

        sys.stdout.write(f"synapse-sync {__version__}\n")
        return
    from synapse_sync.cli.app import run

    run()


if __name__ == "__main__":
    main()
