"""Render the same music with two checkouts and compare every sample, note and number: `make same-bytes BASE=REVISION`.

The bundled guitar is played by both shipped bands and, with two continuations, by the default one; so is every
recording that is named. Whatever does not keep the bytes is listed, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUFFIXES = {".wav", ".mid", ".csv"}
OPTIONS = {
    "rock": ("--band", "rock"),
    "quartet": ("--band", "quartet"),
    "extended": ("--extend", "12", "--top-k", "2"),
}


def hashes(checkout: Path, leaders: list[str], out: Path) -> dict[str, str]:
    """Render all cases with one checkout: the sha256 of every file that holds music, by case and path."""
    found = {}
    for leader in leaders:
        for name, options in OPTIONS.items():
            case = f"{Path(leader).stem or 'bundled'}/{name}"
            folder = out / case
            command = [sys.executable, "-m", "cluster", "render", *([leader] if leader else []), "--local", *options]
            environment = os.environ | {"PYTHONPATH": str(checkout)}
            subprocess.run(
                [*command, "--out", str(folder)], cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL
            )
            for path in sorted(folder.rglob("*")):
                if path.suffix in SUFFIXES:
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    found[f"{case}/{path.relative_to(folder)}"] = digest
    return found


def worktree(revision: str, folder: Path) -> Path:
    """Check a revision out beside this one."""
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), revision], cwd=ROOT, check=True)
    return folder


def main() -> int:
    """Compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("leaders", nargs="*", default=[], help="further recordings")
    asked = parser.parse_args()
    leaders = ["", *(str(Path(leader).resolve()) for leader in asked.leaders)]
    with tempfile.TemporaryDirectory() as name:
        before = hashes(worktree(asked.base, Path(name) / "base"), leaders, Path(name) / "before")
        after = hashes(ROOT, leaders, Path(name) / "after")
        subprocess.run(["git", "worktree", "remove", "--force", str(Path(name) / "base")], cwd=ROOT, check=True)
    for path in sorted(before | after):
        print("same   " if before.get(path) == after.get(path) else "DIFFERS", after.get(path, "absent")[:16], path)
    differing = sum(before.get(path) != after.get(path) for path in before | after)
    print(f"{len(before | after)} files, {differing} differ")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
