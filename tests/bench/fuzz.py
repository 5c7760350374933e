"""Damages real-looking files at random and reads them: `make fuzz`.

A reader may refuse a file in one line. It may not end in a traceback, take longer than `MAX_S` or more than `MAX_BYTES`
of memory, counted for each file anew, or write anything. Whatever does is a finding: its input is kept, so that it can
become a test.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from cluster.batch.leaders import read_leaders
from cluster.main import main
from ensemble.audio.recording import opened
from ensemble.chart.files import read_chart
from ensemble.chart.text import parse_chart, write_chart
from ensemble.config import load_band
from ensemble.data.inspect_notes import read_notes
from ensemble.errors import EnsembleError
from ensemble.listen.chords_file import read_chords
from ensemble.measure.annotations import read_annotation
from ensemble.scores.score import read_score
from ensemble.scores.symbolic import hear_melody
from ensemble.settings.style_file import load_style
from tests.audio.made_sounds import FORMS, made_m4a, made_sound
from tests.bench.made_texts import (
    made_band,
    made_beats,
    made_chart,
    made_chordpro,
    made_chords,
    made_harte,
    made_ireal,
    made_leaders,
    made_notes,
    made_style,
)
from tests.scores.made_scores import made_kern, made_midi

MAX_S = 10
WAITS = 6
"""So many times as long may pass while it waits for something."""
MAX_BYTES = 10**9
NUM_FILES = 200
"""Whole files that are damaged, of each kind."""
Generator = np.random.Generator


class Reader(NamedTuple):
    """What is fuzzed."""

    suffix: str
    """Of the files that it reads."""
    made: Callable[[Generator], bytes]
    """Makes a whole file."""
    read: Callable[[Path], object]
    """Reads a file to the end; may raise an `EnsembleError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A file that a reader did not survive."""

    reader: str
    """Its name in `READERS`."""
    problem: str
    """What it did: a traceback, or what it exceeded."""
    kept: str
    """Where the file is kept."""


def _understand(path: Path) -> None:
    hear_melody(read_score(path).melody)


def _decode(path: Path) -> None:
    with opened(path) as recording:
        clip = recording.clip()
        found = recording.span(clip.num_samples // 2, clip.num_samples).shape[1]
    if found != clip.num_samples - clip.num_samples // 2 and not recording.diagnostics:
        raise AssertionError(f"{found} samples in the second half of {clip.num_samples}")


def _play_by(path: Path) -> None:
    chart = read_chart(path)
    if parse_chart(write_chart(chart)).bars != chart.bars:
        raise AssertionError("plays otherwise when it is written and read again")


READERS = {
    "kern": Reader(".krn", made_kern, _understand),
    "midi": Reader(".mid", made_midi, _understand),
    **{kind: Reader(f".{kind}", made_sound(kind), _decode) for kind in FORMS},
    "m4a": Reader(".m4a", made_m4a, _decode),
    "chart": Reader(".txt", made_chart, _play_by),
    "chordpro": Reader(".cho", made_chordpro, _play_by),
    "ireal": Reader(".html", made_ireal, _play_by),
    "band": Reader(".yaml", made_band, lambda path: load_band(str(path))),
    "style": Reader(".yaml", made_style, lambda path: load_style(str(path), path.parent)),
    "leaders": Reader(".yaml", made_leaders, read_leaders),
    "chords": Reader(".lab", made_chords, read_chords),
    "harte": Reader(".lab", made_harte, read_annotation),
    "beats": Reader(".beats", made_beats, read_annotation),
    "notes": Reader(".txt", made_notes, read_notes),
}


def damaged(content: bytes, others: list[bytes], rng: Generator) -> bytes:
    """Flip bits, cut off, splice with another file, repeat, remove or overwrite: one to four times."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
        match rng.integers(7):
            case 0:
                for place in rng.integers(0, len(data), rng.integers(1, 9)).tolist():
                    data[place] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                other = others[rng.integers(len(others))]
                data[at:] = other[int(rng.integers(len(other))) :]
            case 3:
                data[at:at] = data[at : at + length] * int(rng.integers(1, 40))
            case 4:
                del data[at : at + length]
            case 5:
                data[at : at + length] = rng.bytes(length)
            case _:
                data[at : at + 4] = bytes([rng.choice([0x00, 0x7F, 0x80, 0xFF])]) * 4
    return bytes(data)


def fuzz(
    name: str, keep: Path, *, seed: int = 0, num_files: int = NUM_FILES, num_cases: int | None = None,
    seconds: float = 1e9,
) -> list[Finding]:  # fmt: skip
    """Damage and read, until so many cases or seconds are over.

    Args:
        name: of the reader.
        keep: a folder for the inputs of findings; made when there is one.
        seed: of the files and of their damage.
        num_files: whole ones, which are read first.
        num_cases: at most; None is no limit.
        seconds: at most.
    """
    reader, rng = READERS[name], np.random.default_rng(seed)
    files = [reader.made(rng) for _ in range(num_files)]
    findings: list[Finding] = []
    end_s = time.monotonic() + seconds
    number = 0
    with tempfile.TemporaryDirectory(prefix="ensemble-fuzz-") as folder, _alone_in(Path(folder)):
        path = Path(folder) / f"case{reader.suffix}"
        while time.monotonic() < end_s and (num_cases is None or number < num_cases):
            # Whole files come first: they are survived, too.
            content = files[number] if number < len(files) else damaged(files[rng.integers(len(files))], files, rng)
            path.write_bytes(content)
            problem = _problem(reader, path)
            if problem:
                keep.mkdir(parents=True, exist_ok=True)
                kept = keep / f"{name}-{seed}-{number}{reader.suffix}"
                kept.write_bytes(content)
                findings.append(Finding(reader=name, problem=problem, kept=str(kept)))
            number += 1
    return findings


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Temporary files and relative paths land in a folder that is looked at afterwards."""
    before, temporary, chosen = Path.cwd(), os.environ.get("TMPDIR"), tempfile.tempdir
    os.chdir(folder)
    os.environ["TMPDIR"], tempfile.tempdir = str(folder), str(folder)
    try:
        yield
    finally:
        os.chdir(before)
        tempfile.tempdir = chosen
        os.environ.pop("TMPDIR")
        os.environ.update({"TMPDIR": temporary} if temporary is not None else {})


def _problem(reader: Reader, path: Path) -> str:
    """What a reader did wrong; empty where it read or refused the file."""
    content, before_bytes, child_bytes = path.read_bytes(), _memory_bytes("VmRSS"), _largest_child_bytes()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    for kind in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(kind, _too_long)
    signal.setitimer(signal.ITIMER_PROF, MAX_S)  # of the processor's time: the machine may have other work
    signal.setitimer(signal.ITIMER_REAL, WAITS * MAX_S)
    try:
        reader.read(path)
    except EnsembleError as error:
        if "\n" in str(error):
            return f"refuses in several lines: {error}"
    except _TooLongError:
        return f"takes more than {MAX_S} s"
    except Exception:  # noqa: BLE001  a fuzzer is there for whatever else is raised
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    taken = max(_memory_bytes("VmHWM") - before_bytes, _largest_child_bytes() - child_bytes)
    if taken > MAX_BYTES:
        return f"takes {taken / 1e6:.0f} MB"
    if [*path.parent.iterdir()] != [path] or path.read_bytes() != content:
        return f"writes {[one.name for one in path.parent.iterdir() if one != path]}"
    return ""


class _TooLongError(BaseException):
    """No reader takes it for an error of a file."""


def _too_long(*_: object) -> None:
    raise _TooLongError


def _memory_bytes(kind: str) -> int:
    """Of this process: what it holds (VmRSS), or held at most since the peak began anew (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def _largest_child_bytes() -> int:
    """What the largest program held that this process ran, until now."""
    return 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def fuzz_readers(
    readers: Annotated[
        list[str] | None, typer.Option("--reader", help=f"Only this one of {', '.join(READERS)}; may be given again.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds for all readers together.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    keep: Annotated[Path, typer.Option(help="Folder for the inputs of findings.")] = Path("fuzz-findings"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Damage real-looking files at random and read them; the exit status is 1 where a reader does not survive."""
    if unknown := set(readers or ()) - READERS.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose of {', '.join(READERS)}", param_hint="--reader")
    names, keep = readers or [*READERS], keep.resolve()
    findings = [
        finding for name in names for finding in fuzz(name, keep, seed=seed, seconds=seconds / len(names))
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            typer.echo(f"{finding.kept}: {finding.problem}")
        typer.echo(f"{len(findings)} findings in {seconds:.0f} s: {dict(Counter(one.reader for one in findings))}")
    raise typer.Exit(int(bool(findings)))


if __name__ == "__main__":
    main(partial(typer.run, fuzz_readers))
