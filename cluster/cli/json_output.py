"""The `--json` option, and what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, default=str) + "\n")


def print_result(as_json: bool, document: object, show: Callable[[], None]) -> None:
    """What came of a command: one JSON document for programs, or what `show` prints for people."""
    if as_json:
        print_json(document)
    else:
        show()
