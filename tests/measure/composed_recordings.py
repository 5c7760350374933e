"""Recordings with references, composed: one instrument, a mix and a single line, in rooms, with noise.

`python -m tests.measure.composed_recordings FOLDER COUNT` writes as many as are asked for.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.audio.files import write_clip
from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.fluidsynth import RENDER_RATE_HZ, SOUNDFONT
from ensemble.data.compose.harmony import SCALES
from ensemble.data.compose.performance import play_voices
from ensemble.data.compose.piece import Piece, chance
from ensemble.data.compose.solo.outline import SoloOrder, solo_piece
from ensemble.data.compose.solo.solo import write_solo
from ensemble.data.compose.solo.take import play_take
from ensemble.types.harmony import PITCH_CLASSES, Chord, nearest_quality
from ensemble.types.music import AudioClip, FloatArray

MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General_Lite.sf3")
SOUNDFONTS = tuple(path for path in (SOUNDFONT, MUSESCORE) if path.is_file())
KINDS = ("poly", "mix", "mono")
CHORDAL = {
    "nylon_guitar": ("arpeggio", "picking", "calm"), "steel_guitar": ("strum", "picking", "arpeggio"),
    "jazz_guitar": ("calm", "picking"), "piano": ("broken", "block"),
}  # fmt: skip
LINES = ("violin", "flute", "clarinet", "saxophone", "trumpet", "cello")


def write_recordings(folder: Path, count: int, *, seed: int = 0, length_s: float = 12.0) -> None:
    """Recordings of every kind in turn, with their references and `TABLE.md`; the same arguments write the same."""
    rows = ["| recording | kind |", "|---|---|"]
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        rows.append(f"| {kind}-{number:02d} | {kind} |")
        _write_recording(folder / f"{kind}-{number:02d}.wav", kind, number, seed, length_s)
    (folder / "TABLE.md").write_text("\n".join([*rows, ""]), encoding="utf-8")


def _write_recording(path: Path, kind: str, number: int, seed: int, length_s: float) -> None:
    rng = chance("recording", seed, number)
    mode = ("major", "minor")[rng.integers(2)]
    texture = list(CHORDAL)[rng.integers(len(CHORDAL))]
    chordal = SoloOrder(
        title=path.stem, seed=seed, instrument=texture, textures=CHORDAL[texture], tonic=int(rng.integers(12)),
        mode=mode, metre=("4/4", "4/4", "3/4")[rng.integers(3)], tempo_bpm=float(rng.uniform(70, 150)),
        length_s=length_s, level_db=-6.0,
    )  # fmt: skip
    line = replace(chordal, instrument=LINES[rng.integers(len(LINES))], textures=("song", "dance"))
    orders = {"poly": (chordal,), "mix": (chordal, line), "mono": (line,)}[kind]
    takes = [play_take(order, 0, SOUNDFONTS[rng.integers(len(SOUNDFONTS))]).samples for order in orders]
    together = np.zeros(max(map(len, takes)), np.float32)
    for take in takes:
        together[: len(take)] += take * np.float32(0.7)
    samples = _in_a_room(together, rng, reverberation_s=float(rng.uniform(0.15, 0.6)), noise_db=rng.uniform(25, 45))
    write_clip(path, AudioClip(samples=samples[None], sample_rate=RENDER_RATE_HZ))
    _write_references(path, solo_piece(orders[0]), is_line=kind == "mono")


def _in_a_room(dry: FloatArray, rng: np.random.Generator, *, reverberation_s: float, noise_db: float) -> FloatArray:
    """The sound with noise that dies away as its echo, and pink noise under it; peaks at 0.5."""
    length = round(reverberation_s * RENDER_RATE_HZ)
    echo = rng.normal(size=length) * 10 ** (-3 * np.arange(length) / length)
    echo *= 0.4 / np.sqrt(np.square(echo).sum())
    echo[0] = 1.0
    size = 1 << (len(dry) + length).bit_length()
    wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(echo, size), size)[: len(dry)]
    pink = np.fft.rfft(rng.normal(size=len(dry)))
    pink = np.fft.irfft(pink / np.sqrt(np.maximum(np.arange(len(pink)), 20)), len(dry))
    wet += pink * np.sqrt(np.square(wet).mean() / np.square(pink).mean()) * 10 ** (-noise_db / 20)
    return (0.5 * wet / np.abs(wet).max()).astype(np.float32)


def _write_references(path: Path, piece: Piece, *, is_line: bool) -> None:
    num_bars, metre = len(piece.bar_chords), piece.metre
    bars_s = piece.tempo.seconds(np.arange(num_bars + 1) * metre.bar_quarters)
    beats_s = piece.tempo.seconds(np.arange(num_bars * metre.beats_per_bar) * metre.beat_quarters)
    chords = [Chord(root=chord.root, quality=nearest_quality(chord.intervals)) for chord in piece.bar_chords]
    spans = zip(bars_s[:-1], bars_s[1:], chords, strict=True)
    lines = {
        ".beats": [f"{time:.3f} {beat % metre.beats_per_bar + 1}" for beat, time in enumerate(beats_s)],
        ".lab": [f"{start:.3f} {stop:.3f} {chord.harte}" for start, stop, chord in spans],
        ".key": [f"{PITCH_CLASSES[piece.tonic]} {'major' if 4 in SCALES[piece.mode] else 'minor'}"],
    }
    if is_line:
        (played,) = play_voices(piece, piece.parts[0], list(write_solo(piece)), 0)
        f0_hz = played.intended_f0_hz
        lines[".notes.csv"] = [f"{note.onset_s:.3f},{note.stop_s:.3f},{note.midi:.2f}" for note in played.notes]
        lines[".f0.csv"] = [f"{frame / FRAME_RATE_HZ:.2f},{pitch:.2f}" for frame, pitch in enumerate(f0_hz)]
    for suffix, text in lines.items():
        path.with_name(path.stem + suffix).write_text("\n".join([*text, ""]), encoding="utf-8")


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    write_recordings(Path(sys.argv[1]), int(sys.argv[2]), length_s=30.0)
