"""Does brightness follow dynamics? Centroid against loudness, per instrument, before the two cures and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import scipy.ndimage
import scipy.stats
from numpy.typing import NDArray

from ensemble.audio.files import read_clip
from ensemble.audio.spectra import bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.data.compose import fluidsynth
from ensemble.data.compose.labels import read_labels
from ensemble.data.compose.midi import FILTER_CUTOFF
from ensemble.errors import DataError
from ensemble.listen.loudness import loudness_db
from ensemble.types.music import FloatArray

WINDOW_S = 0.064
EDGE_FRAMES = 4
"""Frames left out at both ends of a note, where the window reaches beyond it."""
QUIETEST_DB = -70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRow:
    """How much the spectral centroid of one instrument rises with its loudness, at equal pitch."""

    instrument: str
    minutes: float
    """Sound that was looked at."""
    before_percent_per_db: float
    """With the filter's control taken out and without the tilt."""
    before_correlation: float
    after_percent_per_db: float
    """As it was composed."""
    after_correlation: float


def colour_of(samples: FloatArray, sample_rate: int, f0_hz: FloatArray) -> NDArray[np.float64]:
    """What the frames well inside notes sound like.

    Args:
        samples: [samples], mono.
        sample_rate: in Hz.
        f0_hz: [frames] at 100 Hz, 0 where silent.

    Returns:
        The whole MIDI pitch, the loudness in dB and the log of the power-weighted spectral centroid.  [3, frames]
    """
    midi = np.rint(69 + 12 * np.log2(np.maximum(f0_hz, 1.0) / 440)) * (f0_hz > 0)
    inside = scipy.ndimage.binary_erosion(np.diff(midi, prepend=-1) == 0, iterations=EDGE_FRAMES)
    loudness = loudness_db(samples, sample_rate, len(f0_hz))
    window_samples = 2 * round(WINDOW_S * sample_rate / 2)
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)
    centroid = np.ones(len(f0_hz))
    for at, power in power_spectra(samples, len(f0_hz), hop_samples(sample_rate), window_samples):
        centroid[at] = (power * frequency_hz).sum(axis=1) / (power.sum(axis=1, dtype=np.float64) + 1e-20)
    kept = inside & (midi > 0) & (loudness > QUIETEST_DB) & (centroid > 20)
    return np.stack([midi, loudness, np.log(np.maximum(centroid, 1.0))])[:, kept]


def slope(colours: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Percent of centroid per dB and the correlation, over all frames, each pitch against its own mean."""
    pitch, *values = np.concatenate(colours, axis=1)
    if len(pitch) < 2:
        return float("nan"), float("nan")
    midi = pitch.astype(np.int64)
    count = np.maximum(np.bincount(midi), 1)
    loud, bright = (value - (np.bincount(midi, value) / count)[midi] for value in values)
    line = scipy.stats.linregress(loud, bright)
    return float(100 * np.expm1(line.slope)), float(line.rvalue)


def colour_table(root: Path, soundfont: Path | None = None, max_tracks: int = 6) -> tuple[ColourRow, ...]:
    """Measure a composed set; `before` is rendered anew from its own MIDI.

    Args:
        root: what `compose` wrote.
        soundfont: the one it was composed with.
        max_tracks: how many tracks are looked at.

    Raises:
        DataError: no composed tracks, or FluidSynth or the soundfont is missing.
    """
    chosen = fluidsynth.check_renderer(soundfont)
    found: dict[str, tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = {}
    for track, stem, instrument in _pitched_stems(root, max_tracks):
        f0_hz = read_labels(track / "labels" / f"{stem}.npz")["f0_hz"]
        clip = read_clip(track / "stems" / f"{stem}.wav")
        samples, sample_rate = clip.samples[0], clip.sample_rate
        bare = fluidsynth.render(_without_filter(track / "MIDI" / f"{stem}.mid"), chosen, len(samples), sample_rate)
        bare *= np.float32(np.sqrt(np.square(samples).mean() / np.square(bare).mean()))
        for colours, sound in zip(found.setdefault(instrument, ([], [])), (bare, samples), strict=True):
            colours.append(colour_of(sound, sample_rate, f0_hz))
    rows = []
    for instrument, (before, after) in sorted(found.items()):
        (was, was_tight), (now, now_tight) = slope(before), slope(after)
        rows.append(
            ColourRow(
                instrument=instrument, minutes=sum(one.shape[1] for one in after) / FRAME_RATE_HZ / 60,
                before_percent_per_db=was, before_correlation=was_tight, after_percent_per_db=now,
                after_correlation=now_tight,
            )
        )  # fmt: skip
    return tuple(rows)


def written_out(rows: tuple[ColourRow, ...]) -> str:
    """The table as plain lines."""
    lines = [f"{'instrument':<15}{'min':>6}{'before %/dB':>13}{'r':>7}{'after %/dB':>12}{'r':>7}"]
    lines += [
        f"{row.instrument:<15}{row.minutes:6.1f}{row.before_percent_per_db:13.2f}{row.before_correlation:7.2f}"
        f"{row.after_percent_per_db:12.2f}{row.after_correlation:7.2f}"
        for row in rows
    ]
    return "\n".join(lines)


def _pitched_stems(root: Path, max_tracks: int) -> Iterator[tuple[Path, str, str]]:
    found = sorted(root.glob("Track*/composer.json"))[:max_tracks]
    if not found:
        raise DataError(str(root), "holds no composed track", "run `ensemble data compose` first")
    for path in found:
        for part in json.loads(path.read_text(encoding="utf-8"))["parts"]:
            if part["role"] != "drums":
                yield path.parent, part["stem"], part["instrument"]


def _without_filter(path: Path) -> list[mido.MidiTrack]:
    """A stem's MIDI tracks as the soundfont alone would sound it: the filter's control is taken out."""
    tracks: list[mido.MidiTrack] = mido.MidiFile(str(path)).tracks
    for track in tracks:
        is_filter = False
        for message in track:
            if message.type == "control_change" and message.control == 98:
                is_filter = message.value == FILTER_CUTOFF
            if is_filter and message.type == "control_change" and message.control in (38, 6):
                message.value = 64 if message.control == 6 else 0  # 8192: no change
    return tracks
