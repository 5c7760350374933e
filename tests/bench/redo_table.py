"""What edits of a render cost: `python -m tests.bench.redo_table LEADER`: seconds of each command, and its share.

Every command is a process of its own, with everything that it imports. Seconds are those of the processor, of the
fastest of some rounds, so that other work on the machine counts little.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from ensemble.config import load_band
from ensemble.manifest import Manifest

ROUNDS = 3
ADDED = {"name": "violin", "instrument": "violin", "role": "counter", "pan": -0.4, "voice": "violin"}
EDITS = {
    "gain of the bass": ["--gain", "bass=+2"],
    "pan of the drums": ["--pan", "drums=0.5"],
    "the drums again": ["--part", "drums", "--seed", "{seed}"],
    "the bass again": ["--part", "bass", "--seed", "{seed}"],
    "another violin": ["--instrument", "violin=flute", "--voice", "violin=flute"],
}


def main() -> None:
    """Print the table."""
    leader = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        out, band = Path(name) / "out", Path(name) / "band.yaml"
        settings = load_band("rock").model_dump(mode="json", exclude_unset=True)
        band.write_text(yaml.safe_dump(settings | {"followers": [*settings["followers"], ADDED]}))
        command = ("render", str(leader), "--band", str(band), "--out", str(out), "--local", "--force", "--no-report")
        render_s = min(_seconds(*command) for _ in range(ROUNDS))
        before = _files(out)
        megabytes = (out / ".memory").stat().st_size / 1e6
        minutes = Manifest.read(out / "manifest.json").execution.duration_s / 60
        print(
            f"render: {render_s:.1f} s; memory: {megabytes / minutes / 4:.1f} MB for each minute and part", flush=True
        )
        for what, options in EDITS.items():
            seconds, undo_s = [], []
            for seed in range(3, 3 + ROUNDS):  # another one each time: what was played once is remembered
                asked = [option.format(seed=seed) for option in options]
                seconds.append(_seconds("redo", str(out), "--local", "--no-report", *asked))
                kept = sum(before.get(file) == sha256 for file, sha256 in _files(out).items())
                undo_s.append(_seconds("redo", str(out), "--undo"))
            assert _files(out) == before
            share, same = f"{min(seconds) / render_s:.0%}", f"{kept} of {len(before)} files as before"
            print(
                f"{what:18s} {min(seconds):5.2f} s, {share} of the render; {same}; undo {min(undo_s):.2f} s", flush=True
            )


def _seconds(*command: str) -> float:
    """Seconds of the processor that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "cluster", *command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _files(out: Path) -> dict[str, str]:
    takes = Manifest.read(out / "manifest.json").takes
    return {f"{take}/{name}": receipt.sha256 for take, kept in takes.items() for name, receipt in kept.files.items()}


if __name__ == "__main__":
    main()
