"""Where this checkout lies, and how a bench starts its modules as programs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def program(module: str) -> list[str]:
    """The command that runs a module of this checkout, in whatever folder and environment it is started."""
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", module]
