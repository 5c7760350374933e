"""What is true of a stem, written beside it: pitch, loudness, notes or strokes, and the dynamics that it followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ensemble.data.compose.beat import DRUM_OF
from ensemble.data.compose.performance import ComposedPerformance
from ensemble.data.compose.piece import Piece
from ensemble.listen.loudness import loudness_db
from ensemble.types.music import DRUM_CLASSES, FloatArray

CLASS_DTYPE = f"<U{max(map(len, DRUM_CLASSES))}"


def label_arrays(
    piece: Piece, voices: list[ComposedPerformance], f0_hz: FloatArray, samples: FloatArray, sample_rate: int
) -> dict[str, np.ndarray]:
    """Every label of one stem; curves have one value per frame of 10 ms, centred on its instant.

    Args:
        piece: gives the shared dynamics.
        voices: give the notes.
        f0_hz: the played pitch, [frames]; of several voices [voices, frames].
        samples: the finished stem, [samples].
        sample_rate: in Hz.

    Returns:
        f0_hz, f0_intended_hz, loudness_db, dynamics_curve (dB, shared by all parts), dynamics_own (with this part's
        gain and lag) [frames] float32; note_onset_s, note_stop_s [notes] float64; note_midi, note_velocity [notes];
        gain, lag_beats, lag_s; and for drums hit_time_s, hit_class (fixed-width text), hit_velocity (1..127) [hits].
    """
    part = voices[0].part
    notes = sorted((note for voice in voices for note in voice.notes), key=lambda note: (note.onset_s, note.midi))
    intended_hz = np.stack([voice.intended_f0_hz for voice in voices]).reshape(f0_hz.shape)
    arrays: dict[str, np.ndarray] = {
        "f0_hz": f0_hz.astype(np.float32),
        "f0_intended_hz": intended_hz.astype(np.float32),
        "loudness_db": loudness_db(samples, sample_rate, piece.num_frames),
        "dynamics_curve": piece.dynamics_db.astype(np.float32),
        "dynamics_own": piece.level_db(part).astype(np.float32),
        "note_onset_s": np.array([note.onset_s for note in notes], dtype=np.float64),
        "note_stop_s": np.array([note.stop_s for note in notes], dtype=np.float64),
        "note_midi": np.array([note.midi for note in notes], dtype=np.int16),
        "note_velocity": np.array([note.velocity for note in notes], dtype=np.int16),
        "gain": np.array(part.gain),
        "lag_beats": np.array(part.lag_beats),
        "lag_s": np.array(part.lag_beats * 60 / piece.tempo_bpm),
    }
    if part.player.is_drums:
        arrays["hit_time_s"] = arrays["note_onset_s"]
        arrays["hit_class"] = np.array([DRUM_OF[note.midi] for note in notes], dtype=CLASS_DTYPE)
        arrays["hit_velocity"] = arrays["note_velocity"]
    return arrays


def write_labels(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An NPZ without pickles; equal arrays give equal bytes, for its members carry no time."""
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_labels(path: Path) -> dict[str, np.ndarray]:
    """The labels of a stem."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
