"""One track from nothing to a finished folder in BabySlakh's layout, with labels beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.data.compose import fluidsynth, midi, stems
from ensemble.data.compose.colour import tilted
from ensemble.data.compose.labels import label_arrays, write_labels
from ensemble.data.compose.performance import ComposedPerformance, perform
from ensemble.data.compose.piece import Piece, draw_piece
from ensemble.data.compose.tempo import CLOCK
from ensemble.data.compose.truth import played_f0_hz
from ensemble.mix.loudness import integrated_lufs
from ensemble.types.music import FloatArray

GENERATOR_VERSION = 1
"""Counts up whenever the same seed gives other notes, sound or labels."""
COUPLES = (
    "loudness of all parts through one dynamics curve, each with its own gain and lag",
    "harmony through one chord loop",
    "time through one tempo map",
    "brightness to loudness, through a low-pass per note and a tilt",
)
DOES_NOT_COUPLE = (
    "rhythms and onsets of the parts beyond the common beat",
    "articulation, vibrato, scoops and accents of one part to another's",
    "density of the parts within a section",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """What is asked for, the same for every track of a set."""

    seed: int
    style: str
    sample_rate: int
    soundfont: Path
    length_s: tuple[float, float]

    def stamp(self, number: int) -> dict[str, Any]:
        """What makes two tracks the same composition."""
        return {
            "generator": "ensemble.data.compose", "generator_version": GENERATOR_VERSION, "seed": self.seed,
            "style": self.style, "number": number, "sample_rate": self.sample_rate, "soundfont": self.soundfont.name,
            "length_s": list(self.length_s),
        }  # fmt: skip


def track_name(number: int) -> str:
    """The folder of a track, from 1; it is the piece's name, by which splits are drawn."""
    return f"Track{number:05d}"


def make_track(root: Path, number: int, order: ComposeRequest) -> Path:
    """Compose, render, colour, label and write one track; it appears under its name only when it is whole.

    Raises:
        DataError: rendering failed.
    """
    target, draft = root / track_name(number), root / f".{track_name(number)}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    for folder in ("stems", "MIDI", "labels"):
        (draft / folder).mkdir(parents=True)
    piece = draw_piece(order.seed, number, order.style, order.length_s)
    performances = [perform(piece, seat) for seat in piece.seats]
    _write_midi(draft, piece, performances)
    num_samples = piece.num_frames * hop_samples(order.sample_rate)
    raw, pitches = [], []
    for name, performance in _named(performances):
        sound = _render(draft / name, piece, performance, order, num_samples)
        raw.append(stems.levelled(sound, order.sample_rate))
        is_drums = performance.seat.player.is_drums
        unpitched = np.zeros(piece.num_frames, dtype=np.float32)
        pitches.append(unpitched if is_drums else played_f0_hz(performance, raw[-1], order.sample_rate))
    room = stems.headroom_gain(raw)  # first, so that the tilt hears the loudness that the finished stem will have
    coloured = _coloured(performances, raw, pitches, room, order.sample_rate)
    rest = stems.headroom_gain(coloured)
    steps = [stems.quantised(sound * np.float32(rest)) for sound in coloured]
    loudness_lufs = []
    for (name, performance), stem, f0_hz in zip(_named(performances), steps, pitches, strict=True):
        stems.write_wav(draft / "stems" / f"{name}.wav", stem, order.sample_rate)
        samples = stems.as_samples(stem)
        arrays = label_arrays(piece, performance, f0_hz, samples, order.sample_rate)
        write_labels(draft / "labels" / f"{name}.npz", arrays)
        loudness_lufs.append(integrated_lufs([samples[None]], order.sample_rate))
    stems.write_wav(draft / "mix.wav", stems.mixed(steps), order.sample_rate)
    _write_metadata(draft / "metadata.yaml", piece, order, loudness_lufs, room * rest)
    description = order.stamp(number) | {"fluidsynth": fluidsynth.version()} | _describe(piece)
    (draft / "composer.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    draft.rename(target)
    return target


def digest(track: Path) -> str:
    """sha256 over the generator's version, every MIDI file and every label of a finished track."""
    total = hashlib.sha256(str(GENERATOR_VERSION).encode())
    for path in [track / "all_src.mid", *sorted(track.glob("MIDI/*.mid")), *sorted(track.glob("labels/*.npz"))]:
        total.update(path.relative_to(track).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _named(performances: list[ComposedPerformance]) -> list[tuple[str, ComposedPerformance]]:
    return [(f"S{index:02d}", performance) for index, performance in enumerate(performances)]


def _write_midi(draft: Path, piece: Piece, performances: list[ComposedPerformance]) -> None:
    lead = midi.conductor_track(piece.metre, piece.tempo)
    together = [lead]
    for index, (name, performance) in enumerate(_named(performances)):
        is_drums = performance.seat.player.is_drums
        alone = midi.player_track(performance, piece.tempo, midi.DRUM_CHANNEL if is_drums else 0)
        midi.save(draft / "MIDI" / f"{name}.mid", lead, alone)
        together.append(midi.player_track(performance, piece.tempo, midi.DRUM_CHANNEL if is_drums else index))
    midi.save(draft / "all_src.mid", *together)


def _render(
    scratch: Path, piece: Piece, performance: ComposedPerformance, order: ComposeRequest, num_samples: int
) -> FloatArray:
    """One player's sound, from a MIDI file that runs by the clock.  [num_samples]"""
    channel = midi.DRUM_CHANNEL if performance.seat.player.is_drums else 0
    path = scratch.with_suffix(".mid")
    midi.save(path, midi.conductor_track(piece.metre, CLOCK), midi.player_track(performance, CLOCK, channel))
    sound = fluidsynth.render(path, order.soundfont, scratch.with_suffix(".wav"), num_samples, order.sample_rate)
    path.unlink()
    return sound


def _coloured(
    performances: list[ComposedPerformance],
    raw: list[FloatArray],
    pitches: list[FloatArray],
    gain: float,
    sample_rate: int,
) -> list[FloatArray]:
    """Every pitched stem with its tilt, after one gain for all."""
    coloured = []
    for performance, sound, f0_hz in zip(performances, raw, pitches, strict=True):
        player, ready = performance.seat.player, sound * np.float32(gain)
        if not player.is_drums:
            ready = tilted(ready, sample_rate, f0_hz, player.tilt_db_per_octave, player.neutral_db)
        coloured.append(ready)
    return coloured


def _write_metadata(path: Path, piece: Piece, order: ComposeRequest, loudness_lufs: list[float], gain: float) -> None:
    """The file that BabySlakh's readers expect, with all its keys."""
    entries = {}
    for index, (seat, lufs) in enumerate(zip(piece.seats, loudness_lufs, strict=True)):
        entries[f"S{index:02d}"] = {
            "audio_rendered": True,
            "inst_class": seat.player.family_label,
            "integrated_loudness": lufs,
            "is_drum": seat.player.is_drums,
            "midi_program_name": seat.player.label,
            "midi_saved": True,
            "plugin_name": order.soundfont.name,
            "program_num": 128 if seat.player.is_drums else seat.player.spec.program,
        }
    named = f"{order.seed}/{order.style}/{piece.number}"
    document = {
        "UUID": hashlib.sha256(named.encode()).hexdigest()[:32],
        "audio_dir": "stems",
        "lmd_midi_dir": f"composed/{named}.mid",
        "midi_dir": "MIDI",
        "normalization_factor": stems.LEVEL_DB,
        "normalized": True,
        "overall_gain": gain,
        "stems": entries,
    }
    path.write_text(yaml.safe_dump(document, sort_keys=True), encoding="utf-8")


def _describe(piece: Piece) -> dict[str, Any]:
    return {
        "tonic": piece.tonic, "mode": piece.mode, "tempo_bpm": round(piece.tempo_bpm, 3), "metre": str(piece.metre),
        "duration_s": piece.num_frames / FRAME_RATE_HZ, "beats_s": np.round(piece.tempo.beats_s, 6).tolist(),
        "loop": [str(chord) for chord in piece.loop], "bar_chords": [str(chord) for chord in piece.bar_chords],
        "sections": [
            {"first_bar": one.first_bar, "last_bar": one.last_bar, "start_db": one.start_db, "stop_db": one.stop_db,
             "density": round(one.density, 3)} for one in piece.sections
        ],
        "parts": [
            {"stem": f"S{index:02d}", "instrument": seat.player.instrument, "role": seat.role,
             "lag_beats": round(seat.lag_beats, 4), "gain": round(seat.gain, 4),
             "detune_cents": round(seat.detune_cents, 3)} for index, seat in enumerate(piece.seats)
        ],
        "couples": list(COUPLES), "does_not_couple": list(DOES_NOT_COUPLE),
    }  # fmt: skip
