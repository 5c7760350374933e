"""Does brightness follow dynamics? Centroid against loudness, per instrument, before the two cures and after."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import scipy.ndimage
import soundfile
from numpy.typing import NDArray

from ensemble.audio.spectra import bin_frequencies_hz, power_spectra
from ensemble.clock import FRAME_RATE_HZ
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
    """One instrument: how many percent its spectral centroid rises per dB of loudness, at equal pitch.

    before: with the filter's control taken out and without the tilt. correlation: of the two at equal pitch.
    """

    instrument: str
    minutes: float
    before_percent_per_db: float
    before_correlation: float
    after_percent_per_db: float
    after_correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """Frames inside notes.  pitch_midi, loudness_db, log_centroid [frames]"""

    pitch_midi: NDArray[np.int64]
    loudness_db: NDArray[np.float64]
    log_centroid: NDArray[np.float64]


def colour_of(samples: FloatArray, sample_rate: int, f0_hz: FloatArray) -> Colour:
    """Loudness and power-weighted spectral centroid of the frames well inside notes.

    Args:
        samples: [samples], mono.
        sample_rate: in Hz.
        f0_hz: [frames] at 100 Hz, 0 where silent.
    """
    midi = np.rint(69 + 12 * np.log2(np.maximum(f0_hz, 1.0) / 440)).astype(np.int64) * (f0_hz > 0)
    edges = np.flatnonzero(np.diff(midi, prepend=-1, append=-1))
    inside = np.ones(len(f0_hz) + 1, dtype=bool)
    inside[edges] = False
    inside = scipy.ndimage.binary_erosion(inside, iterations=EDGE_FRAMES, border_value=1)[: len(f0_hz)]
    loudness = loudness_db(samples, sample_rate, len(f0_hz))
    window_samples = 2 * round(WINDOW_S * sample_rate / 2)
    frequency_hz = bin_frequencies_hz(window_samples, sample_rate)
    centroid = np.ones(len(f0_hz))
    for at, power in power_spectra(samples, len(f0_hz), sample_rate // FRAME_RATE_HZ, window_samples):
        centroid[at] = (power * frequency_hz).sum(axis=1) / (power.sum(axis=1, dtype=np.float64) + 1e-20)
    kept = inside & (midi > 0) & (loudness > QUIETEST_DB) & (centroid > 20)
    return Colour(
        pitch_midi=midi[kept], loudness_db=loudness[kept].astype(np.float64), log_centroid=np.log(centroid[kept])
    )


def slope(colours: list[Colour]) -> tuple[float, float]:
    """Percent of centroid per dB and the correlation, over all frames, each pitch against its own mean."""
    if not colours or not sum(len(colour.pitch_midi) for colour in colours):
        return float("nan"), float("nan")
    midi = np.concatenate([colour.pitch_midi for colour in colours])
    loud, bright = (
        _without_mean(np.concatenate([getattr(colour, name) for colour in colours]), midi)
        for name in ("loudness_db", "log_centroid")
    )
    both, loud_square, bright_square = ((x * y).sum() for x, y in ((loud, bright), (loud, loud), (bright, bright)))
    return float(100 * np.expm1(both / loud_square)), float(both / np.sqrt(loud_square * bright_square))


def _without_mean(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    sums, counts = np.bincount(group, values), np.maximum(np.bincount(group), 1)
    return np.asarray(values - (sums / counts)[group])


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
    before: dict[str, list[Colour]] = {}
    after: dict[str, list[Colour]] = {}
    for track, stem, instrument in _pitched_stems(root, max_tracks):
        f0_hz = read_labels(track / "labels" / f"{stem}.npz")["f0_hz"]
        samples, sample_rate = soundfile.read(track / "stems" / f"{stem}.wav", dtype="float32")
        bare = _bare(track / "MIDI" / f"{stem}.mid", chosen, len(samples), sample_rate)
        bare *= np.float32(np.sqrt(np.square(samples).mean() / np.square(bare).mean()))
        after.setdefault(instrument, []).append(colour_of(samples, sample_rate, f0_hz))
        before.setdefault(instrument, []).append(colour_of(bare, sample_rate, f0_hz))
    rows = []
    for instrument, colours in sorted(after.items()):
        (was, was_tight), (now, now_tight) = slope(before[instrument]), slope(colours)
        minutes = sum(len(colour.pitch_midi) for colour in colours) / FRAME_RATE_HZ / 60
        rows.append(
            ColourRow(
                instrument=instrument,
                minutes=minutes,
                before_percent_per_db=was,
                before_correlation=was_tight,
                after_percent_per_db=now,
                after_correlation=now_tight,
            )
        )
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


def _bare(path: Path, soundfont: Path, num_samples: int, sample_rate: int) -> FloatArray:
    """The stem as the soundfont alone would sound it: the filter's control is taken out of the MIDI."""
    document = mido.MidiFile(str(path))
    for track in document.tracks:
        is_filter = False
        for message in track:
            if message.type == "control_change" and message.control == 98:
                is_filter = message.value == FILTER_CUTOFF
            if is_filter and message.type == "control_change" and message.control in (38, 6):
                message.value = 64 if message.control == 6 else 0  # 8192: no change
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        copy = Path(folder) / "bare.mid"
        document.save(str(copy))
        return fluidsynth.render(copy, soundfont, Path(folder) / "bare.wav", num_samples, sample_rate)
