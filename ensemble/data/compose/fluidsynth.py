"""The renderer: the FluidSynth program and a General MIDI soundfont, both free, neither part of the product."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import mido
import numpy as np
import soxr

from ensemble.audio.files import read_clip
from ensemble.data.compose.tempo import TICKS_PER_QUARTER
from ensemble.errors import AudioError, DataError
from ensemble.files.midi import save_midi
from ensemble.types.music import FloatArray

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
RENDER_RATE_HZ = 48_000
"""Always rendered at this rate: the synthesizer does not guard against aliasing at lower ones, soxr does."""
LATENCY_SAMPLES = 96
"""An event sounds one block of 64 samples late, and up to one more; what is left is at most 0.8 ms either way."""
TIMEOUT_S = 300.0
_INSTALL = "on Debian or Ubuntu: apt install fluidsynth fluid-soundfont-gm; or give another soundfont"
_OPTIONS = (
    "-niq", "-R0", "-C0", "-g", "0.6", "-r", str(RENDER_RATE_HZ), "-O", "float", "-T", "wav",
    "-o", "synth.dynamic-sample-loading=1", "-o", "synth.cpu-cores=1",
    "-o", "synth.default-soundfont=",
)  # fmt: skip
"""No reverb, no chorus, and silence where the soundfont will not load, not another soundfont's sound."""


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


def render(tracks: Iterable[mido.MidiTrack], soundfont: Path, num_samples: int, sample_rate: int) -> FloatArray:
    """Play MIDI, without reverb or chorus.

    Only the left channel is kept: a stereo sample is two detuned recordings, and their mean would beat.

    Args:
        tracks: tempos and notes, in ticks of `TICKS_PER_QUARTER`.
        soundfont: SF2 or SF3.
        num_samples: of the result, at `sample_rate`; cut, or filled with silence.
        sample_rate: in Hz.

    Returns:
        [num_samples]

    Raises:
        DataError: the program failed, took longer than `TIMEOUT_S`, or rendered silence.
    """
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "sound.wav"
        save_midi(midi, tracks, TICKS_PER_QUARTER)
        command = ["fluidsynth", *_OPTIONS, "-F", str(wav), str(soundfont), str(midi)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DataError("FluidSynth", f"did not finish in {TIMEOUT_S:.0f} s", "try again") from error
        try:
            left = read_clip(wav).samples[0, LATENCY_SAMPLES:]
        except AudioError as error:  # it is silent, cut short or not there
            reason = (done.stderr.decode(errors="replace").strip().splitlines() or [error.problem])[0]
            problem = f"FluidSynth could not render with it ({reason})"
            raise DataError(str(soundfont), problem, "give another soundfont") from error
    if sample_rate != RENDER_RATE_HZ:
        left = soxr.resample(left, RENDER_RATE_HZ, sample_rate, quality="HQ")
    result = np.zeros(num_samples, dtype=np.float32)
    result[: min(num_samples, len(left))] = left[:num_samples]
    return result
