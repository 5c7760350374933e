"""What libsndfile cannot read (m4a, wma, video), decoded by the ffmpeg program where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ensemble.errors import AudioError

TIMEOUT_S = 120.0
CONTAINERS = (
    "mov,matroska,aac,ac3,eac3,asf,mp3,ape,wv,tta,dsf,iff,caf,amr,flv,avi,mpegts,mpeg,ogg,wav,flac,aiff,tak,mpc,mpc8"
)
"""Only these are opened: a playlist could name other files, or the network."""
INSTALL = "convert it to WAV or FLAC, or install ffmpeg"


def is_installed() -> bool:
    """Whether both ffmpeg and ffprobe are on the path."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def _source(path: Path) -> list[str | bytes]:
    """The input, so that no file name is taken for an option or for a protocol, and no file opens another."""
    return [
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        CONTAINERS,
        "-i",
        b"file:" + os.fsencode(path.absolute()),
    ]


def _run(command: list[str | bytes], what: str) -> bytes:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise AudioError(what, f"ffmpeg did not finish in {TIMEOUT_S:.0f} s", "convert it to WAV or FLAC") from error
    except OSError as error:
        raise AudioError(what, f"ffmpeg did not start ({error.strerror})", INSTALL) from error
    if done.returncode != 0:
        raise AudioError(what, "is not a recording that libsndfile or ffmpeg can read", "give a WAV, FLAC, OGG or MP3")
    return done.stdout


def declared_duration_s(path: Path, what: str) -> float | None:
    """The length that the container declares, in seconds; None where it declares none.

    Raises:
        AudioError: not a recording, no sound in it, or ffprobe failed.
    """
    fields = ["-show_entries", "format=duration:stream=channels", "-select_streams", "a:0", "-of", "json"]
    found = json.loads(_run(["ffprobe", "-v", "error", *fields, *_source(path)], what) or b"{}")
    if not found.get("streams"):
        raise AudioError(what, "holds no sound", "give a recording")
    try:
        return float(found["format"]["duration"])
    except (KeyError, ValueError):
        return None


@contextmanager
def decoded(path: Path, what: str, limit_s: float, limit_bytes: int) -> Iterator[Path]:
    """A float WAV with the first sound track of `path`, at its own rate, cut at either limit; gone after the block.

    Raises:
        AudioError: ffmpeg is not installed, failed, or took longer than `TIMEOUT_S`.
    """
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        wav = Path(folder) / "decoded.wav"
        output = [
            "-map",
            "0:a:0",
            "-t",
            f"{limit_s:.3f}",
            "-fs",
            str(limit_bytes),
            "-c:a",
            "pcm_f32le",
            "-f",
            "wav",
            "-rf64",
            "auto",
            str(wav),
        ]
        _run(["ffmpeg", "-v", "error", "-nostdin", *_source(path), *output], what)
        yield wav
