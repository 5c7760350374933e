"""One track from nothing to a finished folder in BabySlakh's layout, with labels beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ensemble.audio.files import write_clip
from ensemble.audio.loudness import integrated_lufs
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.data.compose import fluidsynth, midi, stems
from ensemble.data.compose.colour import tilted
from ensemble.data.compose.labels import label_arrays, write_labels
from ensemble.data.compose.performance import ComposedPerformance, perform_voices
from ensemble.data.compose.piece import Piece, draw_piece
from ensemble.data.compose.tempo import CLOCK, TICKS_PER_QUARTER
from ensemble.data.compose.truth import played_f0_hz
from ensemble.files.midi import save_midi
from ensemble.types.music import AudioClip, FloatArray

HELD_OUT_EVERY = 4
GENERATOR_VERSION = 3
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
    """What is asked for, the same for every track of a set; see `corpus.compose`."""

    seed: int
    style: str
    sample_rate: int
    """Of the sound, in Hz."""
    soundfonts: tuple[Path, ...]
    """What plays, by turns."""
    held_out: Path | None = None
    """Plays every `HELD_OUT_EVERY`th track instead, and these alone test."""
    length_s: tuple[float, float]
    """Shortest and longest piece."""
    instruments: tuple[str, ...] = ()
    """Who plays in every track; drawn anew for each where none is given."""

    def is_held_out(self, number: int) -> bool:
        """Whether the soundfont that is held out plays a track."""
        return self.held_out is not None and number % HELD_OUT_EVERY == 0

    def soundfont(self, number: int) -> Path:
        """Which one plays a track."""
        if self.held_out is not None and self.is_held_out(number):
            return self.held_out
        return self.soundfonts[(number - 1) % len(self.soundfonts)]

    def stamp(self, number: int) -> dict[str, Any]:
        """What makes two tracks the same composition."""
        return {
            "generator": "ensemble.data.compose", "generator_version": GENERATOR_VERSION, "number": number,
            "seed": self.seed, "style": self.style, "sample_rate": self.sample_rate,
            "soundfont": self.soundfont(number).name, "soundfont_bytes": self.soundfont(number).stat().st_size,
            "length_s": list(self.length_s),
            "instruments": list(self.instruments), "is_held_out": self.is_held_out(number),
        }  # fmt: skip


def track_name(number: int) -> str:
    """The folder of a track, from 1; it is the piece's name, by which splits are drawn."""
    return f"Track{number:05d}"


def make_track(root: Path, number: int, request: ComposeRequest) -> Path:
    """Compose, render, colour, label and write one track; it appears under its name only when it is whole.

    Raises:
        DataError: rendering failed.
    """
    target, draft = root / track_name(number), root / f".{track_name(number)}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    for folder in ("stems", "MIDI", "labels"):
        (draft / folder).mkdir(parents=True)
    rate = request.sample_rate
    soundfont = request.soundfont(number)
    piece = draw_piece(request.seed, number, request.style, request.length_s, request.instruments)
    performances = {f"S{index:02d}": perform_voices(piece, part) for index, part in enumerate(piece.parts)}
    _write_midi(draft, piece, performances)
    raw, pitches = [], []
    for voices in performances.values():
        notes = [midi.lead_track(piece.metre, CLOCK), *midi.player_tracks(voices, CLOCK)]
        sound = fluidsynth.render(notes, soundfont, piece.num_frames * hop_samples(rate), rate)
        raw.append(stems.levelled(sound, rate))
        pitches.append(_pitches(voices, raw[-1], rate))
    room = stems.headroom_gain(raw)  # first, so that the tilt hears the loudness that the finished stem will have
    coloured = [
        _coloured(voices, sound * np.float32(room), f0_hz, rate)
        for voices, sound, f0_hz in zip(performances.values(), raw, pitches, strict=True)
    ]
    rest = stems.headroom_gain(coloured)
    finished = [stems.quantised(sound * np.float32(rest)) for sound in coloured]
    loudness_lufs = []
    for (name, voices), stem, f0_hz in zip(performances.items(), finished, pitches, strict=True):
        _write_wav(draft / "stems" / f"{name}.wav", stem, rate)
        write_labels(draft / "labels" / f"{name}.npz", label_arrays(piece, voices, f0_hz, stem, rate))
        loudness_lufs.append(integrated_lufs([stem[None]], rate))
    _write_wav(draft / "mix.wav", stems.mixed(finished), rate)
    _write_metadata(draft / "metadata.yaml", piece, request, number, loudness_lufs, room * rest)
    description = request.stamp(number) | {"fluidsynth": fluidsynth.version()} | _describe(piece)
    (draft / "composer.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    draft.rename(target)
    return target


def digest(track: Path) -> str:
    """sha256 over the generator's version, every MIDI file and every label of a finished track."""
    total = hashlib.sha256(str(GENERATOR_VERSION).encode())
    for path in [track / "all_src.mid", *sorted(track.glob("MIDI/*.mid")), *sorted(track.glob("labels/*.npz"))]:
        total.update(path.relative_to(track).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _write_wav(path: Path, samples: FloatArray, sample_rate: int) -> None:
    write_clip(path, AudioClip(samples=samples[None], sample_rate=sample_rate))


def _write_midi(draft: Path, piece: Piece, performances: dict[str, list[ComposedPerformance]]) -> None:
    """Every part in its own file, and all in one; at the piece's tempo, as its score has it."""
    lead = midi.lead_track(piece.metre, piece.tempo)
    for name, voices in performances.items():
        save_midi(draft / "MIDI" / f"{name}.mid", [lead, *midi.player_tracks(voices, piece.tempo)], TICKS_PER_QUARTER)
    together = [lead, *midi.player_tracks([one for voices in performances.values() for one in voices], piece.tempo)]
    save_midi(draft / "all_src.mid", together, TICKS_PER_QUARTER)


def _pitches(voices: list[ComposedPerformance], sound: FloatArray, sample_rate: int) -> FloatArray:
    """What a line really sounds; of several voices at once what was asked for.  [frames], [voices, frames]"""
    if len(voices) == 1:
        return played_f0_hz(voices[0], sound, sample_rate)
    return np.stack([voice.intended_f0_hz for voice in voices]).astype(np.float32)


def _coloured(voices: list[ComposedPerformance], sound: FloatArray, f0_hz: FloatArray, sample_rate: int) -> FloatArray:
    """A line with its tilt."""
    player = voices[0].part.player
    if player.is_drums or len(voices) > 1:
        return sound
    return tilted(sound, sample_rate, f0_hz, player.tilt_db_per_octave, player.neutral_db)


def _write_metadata(
    path: Path, piece: Piece, request: ComposeRequest, number: int, loudness_lufs: list[float], gain: float
) -> None:
    """The file that BabySlakh's readers expect, with all its keys."""
    entries = {}
    for index, (part, lufs) in enumerate(zip(piece.parts, loudness_lufs, strict=True)):
        player = part.player
        entries[f"S{index:02d}"] = {
            "audio_rendered": True, "inst_class": player.label, "integrated_loudness": lufs,
            "is_drum": player.is_drums, "midi_program_name": player.label, "midi_saved": True,
            "plugin_name": request.soundfont(number).name,
            "program_num": 128 if player.is_drums else player.spec.program,
        }  # fmt: skip
    named = "/".join(map(str, piece.name))
    document = {
        "UUID": hashlib.sha256(named.encode()).hexdigest()[:32], "audio_dir": "stems",
        "lmd_midi_dir": f"composed/{named}.mid", "midi_dir": "MIDI", "normalization_factor": stems.LEVEL_DB,
        "normalized": True, "overall_gain": gain, "stems": entries,
    }  # fmt: skip
    document |= {"split": "test"} if request.is_held_out(number) else {}
    path.write_text(yaml.safe_dump(document, sort_keys=True), encoding="utf-8")


def _describe(piece: Piece) -> dict[str, Any]:
    beats = np.arange(len(piece.bar_chords) * piece.metre.beats_per_bar + 1) * piece.metre.beat_quarters
    return {
        "tonic": piece.tonic, "mode": piece.mode, "tempo_bpm": round(piece.tempo_bpm, 3), "metre": str(piece.metre),
        "duration_s": piece.num_frames / FRAME_RATE_HZ, "beats_s": np.round(piece.tempo.seconds(beats), 6).tolist(),
        "loop": [str(chord) for chord in piece.loop], "bar_chords": [str(chord) for chord in piece.bar_chords],
        "sections": [asdict(section) for section in piece.sections],
        "parts": [
            {"stem": f"S{index:02d}", "instrument": part.player.instrument, "role": part.role,
             "lag_beats": round(part.lag_beats, 4), "gain": round(part.gain, 4),
             "detune_cents": round(part.detune_cents, 3)} for index, part in enumerate(piece.parts)
        ],
        "couples": COUPLES, "does_not_couple": DOES_NOT_COUPLE,
    }  # fmt: skip
