"""Decodes files that libsndfile cannot read (m4a, wma, video) with the ffmpeg program, where it is installed."""

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
    "mov,matroska,aac,loas,ac3,eac3,dts,truehd,mlp,asf,mp3,ape,wv,tta,dsf,iff,caf,amr,flv,avi,mpegts,mpeg,ogg,wav,w64,"
    "au,flac,aiff,tak,mpc,mpc8,rm,mxf,oma,shn"
)
"""The formats that ffmpeg may open; others, such as playlists, could make it open more files or the network."""
TABLED = {"mov", "caf", "wv", "tta", "ape"}
"""The formats with a table of packets, or a count of samples, from which ffprobe knows the length of a sound track."""
FULL_BELOW_BYTES = 1 << 16
"""A disk with less room is full."""
_FIRST_BOXES = (b"ftyp", b"wide", b"free", b"skip", b"mdat")
"""What an MP4 or QuickTime file may begin with, where that is not its table."""
INSTALL = "convert it to WAV or FLAC, or install ffmpeg"


def is_installed() -> bool:
    """Whether both ffmpeg and ffprobe are on the path."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def _source(path: Path) -> list[str | bytes]:
    """Arguments that name the input so that a file name is never read as an option, and no file opens another."""
    name = b"file:" + os.fsencode(path.absolute())
    return ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, "-i", name]


def _run(command: list[str | bytes], what: str) -> bytes:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise AudioError(what, f"ffmpeg did not finish in {TIMEOUT_S:.0f} s", "convert it to WAV or FLAC") from error
    except OSError as error:
        raise AudioError(what, f"ffmpeg did not start ({error.strerror})", INSTALL) from error
    if done.returncode != 0:
        problem = "is not a recording, it cannot be decoded by libsndfile or ffmpeg"
        raise AudioError(what, problem, "give a WAV, FLAC, OGG or MP3")
    return done.stdout


def declared_duration_s(path: Path, what: str) -> float:
    """How long the sound track is by what the file says; 0 where it says nothing and ffprobe would estimate.

    Matroska and WebM tell the length of all tracks together, which counts where there is only one.

    Raises:
        AudioError: the file is not a recording, has no sound track, or ffprobe failed.
    """
    fields = [
        "-show_entries",
        "format=format_name,duration,nb_streams:stream=duration",
        "-select_streams",
        "a:0",
        "-of",
        "json",
    ]
    try:
        found = json.loads(_run(["ffprobe", "-v", "error", *fields, *_source(path)], what) or b"{}")
    except AudioError as error:
        if not _lacks_table(path):
            raise
        problem = "is cut short before the table (moov) that says where its sound lies"
        raise AudioError(what, problem, "copy it again, or record again") from error
    if not found.get("streams"):
        raise AudioError(what, "holds no sound", "give a recording")
    whole, track = found.get("format", {}), found["streams"][0]
    names = set(whole.get("format_name", "").split(","))
    said = track.get("duration") if TABLED & names else None
    if "matroska" in names and whole.get("nb_streams") == 1:
        said = whole.get("duration")
    try:
        return float(said or 0.0)
    except ValueError:
        return 0.0


def _lacks_table(path: Path) -> bool:
    """Whether an MP4 or QuickTime file ends before its table, as a recording that was never finished does.

    Source: ISO/IEC 14496-12, section 4.2; Apple, QuickTime File Format, "Movie Atoms".
    """
    file_bytes, at = path.stat().st_size, 0
    with path.open("rb") as stream:
        while len(head := stream.read(16)) == 16:
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            size = {0: file_bytes - at, 1: int.from_bytes(head[8:], "big")}.get(size, size)  # 0: up to the end
            if kind == b"moov" or size < 8 or (at == 0 and kind not in _FIRST_BOXES):
                return kind == b"moov" and at + size > file_bytes
            stream.seek(at := at + size)
    return at > 0


@contextmanager
def decoded(path: Path, what: str, limit_s: float, limit_bytes: int) -> Iterator[Path]:
    """Decode the first sound track of `path` into a temporary float WAV at its own rate, cut at either limit.

    Raises:
        AudioError: ffmpeg is not installed, failed, or took longer than `TIMEOUT_S`.
    """
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        wav = Path(folder) / "decoded.wav"
        limits = ["-t", f"{limit_s:.3f}", "-fs", str(limit_bytes)]
        output = ["-map", "0:a:0", *limits, "-c:a", "pcm_f32le", "-f", "wav", "-rf64", "auto", str(wav)]
        try:
            _run(["ffmpeg", "-v", "error", "-nostdin", *_source(path), *output], what)
        except AudioError as error:
            if shutil.disk_usage(folder).free >= FULL_BELOW_BYTES:
                raise
            place = tempfile.gettempdir()
            raise AudioError(what, f"cannot be decoded, {place} is full", "make room there, or set TMPDIR") from error
        yield wav
