"""The renderer: the FluidSynth program and a General MIDI soundfont, both free, neither part of the product."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ensemble.errors import DataError
from ensemble.types.music import FloatArray

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RENDER_RATE_HZ = 48_000
"""Always rendered at this rate: the synthesizer does not guard against aliasing at lower ones, soxr does."""
LATENCY_SAMPLES = 96
"""An event sounds one block of 64 samples late, and up to one more; what is left is at most 0.8 ms either way."""
TIMEOUT_S = 300.0
_INSTALL = "on Debian or Ubuntu: apt install fluidsynth fluid-soundfont-gm; or give another soundfont"


def check_renderer(soundfont: Path | None) -> Path:
    """The soundfont to use.

    Raises:
        DataError: FluidSynth or the soundfont is missing, or the file is not one; names the Debian packages.
    """
    if shutil.which("fluidsynth") is None:
        raise DataError("fluidsynth", "the program is not installed", _INSTALL)
    chosen = soundfont or SOUNDFONT
    if not chosen.is_file():
        raise DataError(str(chosen), "there is no such soundfont", _INSTALL)
    with chosen.open("rb") as stream:
        head = stream.read(12)
    if head[:4] + head[8:] != b"RIFFsfbk":
        raise DataError(str(chosen), "is not a soundfont", _INSTALL)
    return chosen


@functools.cache
def version() -> str:
    """What the program calls itself, such as `2.3.1`."""
    told = subprocess.run(["fluidsynth", "--version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    words = told.stdout.split()
    return words[words.index("version") + 1] if "version" in words[:-1] else "unknown"


def render(midi: Path, soundfont: Path, scratch: Path, num_samples: int, sample_rate: int) -> FloatArray:
    """Play a MIDI file, without reverb or chorus.

    Only the left channel is kept: a stereo sample is two detuned recordings, and their mean would beat.

    Args:
        midi: the file.
        soundfont: SF2 or SF3.
        scratch: a WAV that is written and removed.
        num_samples: of the result, at `sample_rate`; cut, or filled with silence.
        sample_rate: in Hz.

    Returns:
        [num_samples]

    Raises:
        DataError: the program failed, took longer than `TIMEOUT_S`, or wrote nothing.
    """
    options = ["-niq", "-R0", "-C0", "-g", "0.6", "-r", str(RENDER_RATE_HZ), "-O", "float", "-T", "wav"]
    settings = ["-o", "synth.dynamic-sample-loading=1", "-o", "synth.cpu-cores=1"]
    command = ["fluidsynth", *options, *settings, "-F", str(scratch), str(soundfont), str(midi)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(str(midi), f"FluidSynth did not finish in {TIMEOUT_S:.0f} s", "try again") from error
    told = done.stderr.decode(errors="replace").strip().splitlines()
    failures = [line for line in told if "error" in line.lower() or "fail" in line.lower()]
    if (
        done.returncode != 0 or failures or not scratch.is_file()
    ):  # it plays a default soundfont where one will not load
        reason = (failures or told or ["no message"])[0]
        raise DataError(str(midi), f"FluidSynth could not render it ({reason})", f"check {soundfont}")
    samples, _ = soundfile.read(scratch, dtype="float32", always_2d=True)
    scratch.unlink()
    left = np.ascontiguousarray(samples[LATENCY_SAMPLES:, 0])
    if sample_rate != RENDER_RATE_HZ:
        left = soxr.resample(left, RENDER_RATE_HZ, sample_rate, quality="HQ")
    if not np.abs(left).max(initial=0.0) > 0:
        raise DataError(str(midi), "FluidSynth rendered silence", f"check that {soundfont} is a General MIDI soundfont")
    result = np.zeros(num_samples, dtype=np.float32)
    result[: min(num_samples, len(left))] = left[:num_samples]
    return result
