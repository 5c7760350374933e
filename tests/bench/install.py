"""How long installing takes, how large it is, and when the first sound is there: `python -m tests.bench.install`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.checkout import ROOT

MB = 1_000_000


def main() -> None:
    """Install into a new environment, render the bundled guitar with it, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", default="", help="of pyproject.toml: train, studio, all ...; none is the base")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ensemble-install-") as folder:
        place = Path(folder) / "venv"
        began = time.monotonic()
        _run(sys.executable, "-m", "venv", str(place))
        what = f"{ROOT}[{asked.extra}]" if asked.extra else str(ROOT)
        _run(str(place / "bin" / "pip"), "install", "--quiet", "-c", str(ROOT / "constraints.txt"), what)
        installed_s = time.monotonic() - began
        _run(str(place / "bin" / "ensemble"), "render", "--out", str(Path(folder) / "out"))
        sizes = [path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
        measured = {
            "extra": asked.extra,
            "install_s": round(installed_s, 1),
            "install_mb": round(sum(sizes) / MB),
            "heard_s": round(time.monotonic() - began, 1),
        }
    print(json.dumps(measured, indent=2))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
