"""Takes an upload in: another process, with limits of its own, decodes the file once and measures it.

    python -m cluster.serve.intake

reads from its input, as a list in JSON, the path of an upload and where its peaks belong, and prints `UploadFacts` or
an error as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agents.node_check import python_path
from cluster.serve.sound import pairs_of
from ensemble.audio.recording import opened
from ensemble.errors import AudioError, EnsembleError
from ensemble.scores.score import is_score, read_score
from ensemble.scores.symbolic import play_melody
from ensemble.types.music import FloatArray

TIMEOUT_S = 120.0
MEMORY_BYTES = 4 << 30
CPU_S = 100
_FILE_BYTES = 8 << 30
_NO_SOUND = (
    b"<", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"\x7fELF", b"MZ",
)  # fmt: skip
"""How files begin that hold no sound, whatever they are called: pages and SVG, pictures, archives, programs."""
_SUFFIXES = {
    "aac", "aif", "aifc", "aiff", "au", "caf", "flac", "m4a", "mka", "mp3", "mp4", "oga", "ogg", "opus", "wav", "webm",
    "wma", "wv",
}  # fmt: skip
"""Endings that are kept of a name; they decide nothing."""


class UploadFacts(NamedTuple):
    """What an upload is."""

    duration_s: float
    """In seconds."""
    num_channels: int
    """Number of channels."""
    sample_rate: int
    """In Hz."""
    is_score: bool
    """Whether it is a score, which is played as the leader."""


def suffix_of(name: str, beginning: bytes) -> str:
    """The ending that an upload gets: a score's by its first bytes, else one that its name has, if it is known.

    Raises:
        AudioError: the bytes are those of something that is no sound and no score.
    """
    if beginning.startswith(b"MThd") or (beginning[:4] == b"RIFF" and beginning[8:12] == b"RMID"):
        return ".mid" if beginning.startswith(b"MThd") else ".rmi"
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"**kern", b"!!")):
        return ".krn"
    if not beginning or text.startswith(_NO_SOUND):
        raise AudioError("the file", "is no sound", "give a WAV, FLAC, OGG, MP3 or MIDI file")
    ending = name.rpartition(".")[2].lower()
    return f".{ending}" if ending in _SUFFIXES else ".wav"


class Intake:
    """Decodes uploads, each in a process of its own that may die; one is always started ahead."""

    def __init__(self) -> None:
        self._spare: asyncio.Task[asyncio.subprocess.Process] | None = None

    def prepare(self) -> None:
        """Start the next process, unless it is there."""
        if self._spare is None:
            self._spare = asyncio.create_task(_started())

    async def measure(self, upload: Path, peaks: Path) -> UploadFacts:
        """Decode a file and measure it.

        Args:
            upload: the file.
            peaks: where its peaks are written; see `sound.peaks`.

        Raises:
            AudioError: it cannot be used, or whoever decodes it died or took too long.
        """
        self.prepare()
        spare, self._spare = self._spare, None
        process = await spare if spare is not None else await _started()
        self.prepare()
        question = json.dumps([str(upload), str(peaks)]).encode()
        try:
            said, _ = await asyncio.wait_for(process.communicate(question), TIMEOUT_S)
            answer = json.loads(said)
        except (TimeoutError, ValueError) as error:
            raise AudioError("the file", "cannot be decoded", "convert it to WAV or FLAC") from error
        finally:
            _end(process)
        if "error" in answer:
            raise AudioError("the file", answer["error"], answer["cure"])
        return UploadFacts(**answer)

    async def close(self) -> None:
        """End the process that waits."""
        if self._spare is not None:
            process = await self._spare
            _end(process)
            await process.wait()
            self._spare = None


async def _started() -> asyncio.subprocess.Process:
    """A process that decodes the file that it is told of; it knows no secret."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "HOME", "LANG", "LC_ALL") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, env=kept | {"PYTHONPATH": python_path()}, start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what decodes, with whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _measured(upload: Path, peaks: Path) -> UploadFacts:
    if is_score(upload):
        sound = play_melody(read_score(upload).melody, 16_000)
        peaks.write_bytes(pairs_of(sound.pieces(), sound.sample_rate))
        return UploadFacts(round(sound.duration_s, 3), 1, sound.sample_rate, is_score=True)
    num_samples = 0
    with opened(upload) as recording:

        def pieces() -> Iterator[FloatArray]:
            nonlocal num_samples
            for piece in recording.pieces():
                num_samples += piece.shape[1]
                yield piece

        peaks.write_bytes(pairs_of(pieces(), recording.sample_rate))
        rate = recording.sample_rate
    return UploadFacts(round(num_samples / rate, 3), recording.num_channels, rate, is_score=False)


def _limit() -> None:
    """Keep this process from taking the machine with it."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def main() -> None:
    """Decode the file that the input names."""
    _limit()
    try:
        answer: dict[str, object] = _measured(*map(Path, json.load(sys.stdin)))._asdict()
    except EnsembleError as error:
        answer = {"error": error.problem, "cure": error.cure}
    except MemoryError:
        answer = {"error": "takes too much memory", "cure": "cut it"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
