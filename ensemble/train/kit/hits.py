"""The recorded strokes a kit is fitted to: which files, on what terms, and how they are cut."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray

from ensemble.conduct.midi import DRUM_NOTES
from ensemble.data.compose import fluidsynth
from ensemble.errors import DataError
from ensemble.play.strokes import MADE_AT_HZ
from ensemble.types.music import DrumClass

Array = NDArray[np.float64]

SOFT_VELOCITY, HARD_VELOCITY = 0.375, 1.0
"""What the package calls soft was recorded some 10 dB below what it calls hard: with a level that goes with velocity to
the power of 1.2, that is three eighths of it."""
ENERGY_S = 0.15
"""Strokes are brought to one energy over so long: what remains between a soft and a hard one is timbre."""
_ONSET_SHARE, _BEFORE_S = 0.03, 0.0005
_LOWEST_HZ = 20.0
_STRUCK_VELOCITY, _STRUCK_S = 120, 4.0
_BEFORE_TICKS, _STRUCK_TICKS = 480, 4_800
_SILENT = 1e-3
_FADED_SHARE = 1e-4
_CURE = "give the samples folder of Debian's sonic-pi-samples (apt-get download, then dpkg -x)"

FITTED: dict[DrumClass, tuple[str, ...]] = {
    "kick": ("drum_bass_soft", "drum_bass_hard"),
    "snare": ("drum_snare_soft", "drum_snare_hard"),
    "closed_hat": ("drum_cymbal_closed",),
    "open_hat": ("drum_cymbal_open",),
    "crash": ("drum_splash_soft", "drum_splash_hard"),
    "ride": ("drum_cymbal_soft", "drum_cymbal_hard"),
    "tom": ("drum_tom_mid_soft", "drum_tom_mid_hard"),
    "high_tom": ("drum_tom_hi_soft", "drum_tom_hi_hard"),
    "low_tom": ("drum_tom_lo_soft", "drum_tom_lo_hard"),
}
"""Softest first."""
FROM_SOUNDFONT: tuple[DrumClass, ...] = (
    "rim", "ride_bell", "crash_2", "shaker", "tambourine", "high_conga", "low_conga", "clap", "woodblock",
)  # fmt: skip
"""What the package has no recording of."""
TILT_PAIRS = tuple((f"drum_tom_{one}_soft", f"drum_tom_{one}_hard") for one in ("lo", "mid", "hi"))
"""Where the package's soft strokes are clearly darker than its hard ones; the others are hardly more than softer."""
HELD_OUT: dict[DrumClass, tuple[str, ...]] = {
    "kick": ("drum_heavy_kick",),
    "snare": ("sn_dolf", "sn_zome"),
    "closed_hat": ("drum_cymbal_pedal",),
}
"""Other drums of the same class, never fitted to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHit:
    """One recorded stroke: samples at 48 kHz from half a millisecond before it is heard.  [samples]"""

    name: str
    drum: DrumClass
    velocity: float
    samples: Array


def read_hits(folder: Path, drum: DrumClass, names: tuple[str, ...]) -> tuple[RecordedHit, ...]:
    """Read strokes on one drum, softest first, and bring them to one energy.

    Args:
        folder: with the recordings, as FLAC.
        drum: what they are of.
        names: of the files, without their ending; where there are two, the first is soft.

    Raises:
        DataError: one is missing, cannot be read, or is silent.
    """
    hits = []
    for name in names:
        soft = len(names) > 1 and name.endswith("soft")
        samples = cut(_read(folder / f"{name}.flac"))
        hits.append(
            RecordedHit(name=name, drum=drum, velocity=SOFT_VELOCITY if soft else HARD_VELOCITY, samples=samples)
        )
    return tuple(hits)


def read_struck(soundfont: Path, drum: DrumClass) -> RecordedHit:
    """The recorded stroke that a soundfont plays on a drum, struck hard; see `read_hits`.

    Args:
        soundfont: with General MIDI percussion; its strokes are only more or less loud.
        drum: what is struck.

    Raises:
        DataError: there is no renderer or soundfont, or it is silent.
    """
    soundfont, note = fluidsynth.check_renderer(soundfont), DRUM_NOTES[drum]
    struck = mido.Message("note_on", channel=9, note=note, velocity=_STRUCK_VELOCITY, time=_BEFORE_TICKS)
    ended = mido.Message("note_off", channel=9, note=note, time=_STRUCK_TICKS)
    num_samples = round(_STRUCK_S * MADE_AT_HZ)
    sound = fluidsynth.render([mido.MidiTrack([struck, ended])], soundfont, num_samples, MADE_AT_HZ)
    if not np.abs(sound).max() > _SILENT:
        raise DataError(soundfont.name, f"has no sound for {drum}", "give another soundfont")
    samples = cut(sound.astype(np.float64))
    samples = samples[: np.flatnonzero(np.abs(samples) > _FADED_SHARE * np.abs(samples).max())[-1] + 1]
    return RecordedHit(name=f"{soundfont.stem} {note}", drum=drum, velocity=HARD_VELOCITY, samples=samples)


def cut(samples: Array) -> Array:
    """Begin where a stroke is heard, without what lies below 20 Hz, at the energy all strokes are brought to."""
    high_pass = scipy.signal.butter(2, _LOWEST_HZ, "highpass", fs=MADE_AT_HZ, output="sos")
    heard = scipy.signal.sosfilt(high_pass, samples)
    onset = int(np.argmax(np.abs(heard) > _ONSET_SHARE * np.abs(heard).max()))
    begins = heard[max(onset - round(_BEFORE_S * MADE_AT_HZ), 0) :]
    energy = np.square(begins[: round(ENERGY_S * MADE_AT_HZ)]).sum() / (ENERGY_S * MADE_AT_HZ)
    scaled: Array = begins * (0.1 / np.sqrt(energy))
    return scaled


def _read(path: Path) -> Array:
    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float64", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        problem = "cannot be read" if path.exists() else "is missing"
        raise DataError(str(path), problem, _CURE) from error
    mono = samples.mean(axis=1)
    if not (np.isfinite(mono).all() and np.abs(mono).max(initial=0.0) > _SILENT):
        raise DataError(str(path), "is silent, or not finite", _CURE)
    resampled: Array = soxr.resample(mono, rate, MADE_AT_HZ, quality="VHQ")
    return resampled


def check_licences(folder: Path, names: tuple[str, ...]) -> None:
    """Every recording's own stanza in the package's copyright file must say CC0.

    Args:
        folder: the package's, `.../usr/share/sonic-pi/samples`; `copyright` is looked for there, too.
        names: of the files, without their ending.

    Raises:
        DataError: there is no copyright file, or a recording has another licence or none of its own.
    """
    beside = folder / "copyright"
    packaged = folder / ".." / ".." / "doc" / "sonic-pi-samples" / "copyright"
    found = next((path for path in (beside, packaged) if path.is_file()), None)
    if found is None:
        raise DataError(str(folder), "has no copyright file beside it", _CURE)
    stanzas = re.split(r"\n\s*\n", found.read_text(encoding="utf-8"))
    for name in names:
        own = [one for one in stanzas if re.search(rf"^Files:.*/{re.escape(name)}\.flac$", one, re.MULTILINE)]
        if not own or not re.search(r"^License: CC0$", own[0], re.MULTILINE):
            raise DataError(str(found), f"does not put {name}.flac under CC0", "fit to recordings that are free")
