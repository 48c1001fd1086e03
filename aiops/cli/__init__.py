"""The command line: `aiops COMMAND`. Exit 0 ok, 1 findings or a gate failed, 2 usage, 3 a source cannot be reached."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from aiops.cli.app import app

    app()
