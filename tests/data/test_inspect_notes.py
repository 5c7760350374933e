"""A stem is held against its notes: every fault that is planted is named with its track and stem, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import pytest

from ensemble.data.inspect import inspect
from ensemble.data.inspect_notes import read_notes
from ensemble.data.inspect_salience import SalienceMeter
from ensemble.errors import DataError
from tests.data.composed import needs_renderer
from tests.data.miniature_sets import RATE, kit, slakh_track

LENGTH_S = 24.0
Notes = list[tuple[float, float, int]]


class Part(NamedTuple):
    """What is written, and what sounds."""

    notes: Notes
    sound: np.ndarray


def tune(low: int, seed: int) -> Notes:
    """An uneven melody of one voice within an octave and a half."""
    chance = np.random.default_rng(seed)
    starts = 0.4 + np.cumsum(chance.choice([0.23, 0.31, 0.43, 0.56, 0.8], size=60))
    starts = starts[starts < LENGTH_S - 1.0]
    steps = chance.choice([0, 2, 3, 5, 7, 9, 10, 12, 14, 17], size=len(starts))
    return [
        (float(start), float(stop) - 0.02, low + int(step))
        for start, stop, step in zip(starts, [*starts[1:], starts[-1] + 0.5], steps, strict=True)
    ]


def sounded(notes: Notes, *, decay: float = 1.5) -> np.ndarray:
    sound = np.zeros(round(LENGTH_S * RATE))
    for start_s, stop_s, midi in notes:
        hz = 440 * 2 ** ((midi - 69) / 12)
        at = round(start_s * RATE)
        t = np.arange(round(stop_s * RATE) - at) / RATE
        tone = sum(np.sin(2 * np.pi * k * hz * t) / k**1.2 for k in range(1, 9) if k * hz < 7500)
        sound[at : at + len(t)] += (
            0.12 * tone * np.exp(-decay * t) * np.minimum(1, np.minimum(t / 0.004, (t[-1] - t) / 0.01))
        )
    return sound


def moved(notes: Notes, semitones: int = 0, late_s: float = 0.0) -> Notes:
    return [(start + late_s, stop + late_s, midi + semitones) for start, stop, midi in notes]


def track(root: Path, parts: dict[str, Part], programs: dict[str, int]) -> None:
    made = slakh_track(root / "Track00001", {name: part.sound for name, part in parts.items()}, programs=programs)
    (made / "MIDI").mkdir()
    for number, (name, part) in enumerate(parts.items()):
        written = mido.MidiTrack()
        events = [(start, 90, midi) for start, _, midi in part.notes] + [
            (stop, 0, midi) for _, stop, midi in part.notes
        ]
        now = 0
        for at_s, velocity, midi in sorted(events):
            tick = round(at_s * 960)
            channel = 9 if programs[name] == 128 else 0
            written.append(mido.Message("note_on", note=midi, velocity=velocity, channel=channel, time=tick - now))
            now = tick
        mido.MidiFile(ticks_per_beat=480, tracks=[written]).save(made / "MIDI" / f"S{number:02}.mid")


PROGRAMS = {"bass": 33, "guitar": 27, "violin": 40, "drums": 128}
BASS, GUITAR, VIOLIN = tune(33, 1), tune(52, 2), tune(62, 3)
CHORDS = sorted(GUITAR + moved(GUITAR[::2], 4) + moved(GUITAR[::2], 7))
WRITTEN = {"bass": BASS, "guitar": CHORDS, "violin": VIOLIN}
STRUCK = [(start, start + 0.1, 38) for start, _, _ in tune(60, 4)]


def right() -> dict[str, Part]:
    return {
        "bass": Part(BASS, sounded(BASS)),
        "guitar": Part(CHORDS, sounded(CHORDS)),
        "violin": Part(VIOLIN, sounded(VIOLIN, decay=0.2)),
        "drums": Part(STRUCK, kit(np.array([start for start, _, _ in STRUCK]), seed=5, duration_s=LENGTH_S)),
    }


def found(root: Path, parts: dict[str, Part], programs: dict[str, int] = PROGRAMS) -> set[tuple[str, str, str]]:
    track(root, parts, programs)
    names = list(parts)
    return {
        (names[int(doubt.part[1:])], doubt.kind, doubt.sentence)
        for doubt in inspect(root, max_seconds_per_take=1.0).doubts
    }


def test_stems_that_are_their_notes_give_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path, right()) == set()


FAULTS: dict[str, tuple[str, Callable[[Notes], np.ndarray], str, str]] = {
    "a semitone": ("violin", lambda notes: sounded(moved(notes, 1)), "transposed", "a semitone above its notes"),
    "a tone": ("bass", lambda notes: sounded(moved(notes, -2)), "transposed", "a whole tone below its notes"),
    "an octave up": ("bass", lambda notes: sounded(moved(notes, 12)), "transposed", "an octave above its notes"),
    "an octave down": ("violin", lambda notes: sounded(moved(notes, -12)), "transposed", "an octave below its notes"),
    "chords": ("guitar", lambda notes: sounded(moved(notes, 12)), "transposed", "an octave above its notes"),
    "two octaves": ("bass", lambda notes: sounded(moved(notes, 24)), "transposed", "2 octaves above its notes"),
    "half of it": (
        "violin", lambda notes: sounded(notes[:25] + moved(notes[25:], -1)), "transposed", "a semitone below its notes",
    ),
    "another tune": ("bass", lambda _: sounded(tune(33, 7)), "other notes", "sounds other notes"),
    "a held tone": ("violin", lambda _: sounded([(0.2, LENGTH_S - 0.2, 67)], decay=0.0), "held tone", "one tone"),
    "a held chord": (
        "guitar", lambda _: sounded([(0.2, LENGTH_S - 0.2, midi) for midi in (55, 59, 62)], decay=0.0), "held tone",
        "one tone",
    ),
    "noise": (
        "violin", lambda _: np.random.default_rng(1).normal(0, 0.1, round(LENGTH_S * RATE)), "noise", "like noise",
    ),
    "bursts of noise": (
        "guitar", lambda notes: kit(np.array([start for start, _, _ in notes]), seed=1, duration_s=LENGTH_S), "noise",
        "like noise",
    ),
    "late": ("guitar", lambda notes: sounded(moved(notes, late_s=0.12)), "misaligned", "ms late against its notes"),
    "early": ("bass", lambda notes: sounded(moved(notes, late_s=-0.1)), "misaligned", "ms early against its notes"),
    "much later": ("violin", lambda notes: sounded(moved(notes[:-6], late_s=2.0)), "shifted", "2.0 s later"),
    "a note that hangs": (
        "bass", lambda notes: sounded([*notes[:20], (notes[20][0], LENGTH_S - 0.1, notes[20][2])], decay=0.0),
        "unwritten", "in which nothing is written",
    ),
    "the second half missing": (
        "guitar", lambda notes: sounded([note for note in notes if note[1] < LENGTH_S / 2]), "unheard",
        "is silent from 12 to 23 s",
    ),
    "hardly anything": ("guitar", lambda notes: sounded(notes[:24]), "unheard", "is silent in"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stem_that_is_not_its_notes_is_named(tmp_path: Path, fault: str) -> None:
    name, spoilt, kind, words = FAULTS[fault]
    notes = WRITTEN[name]
    if fault == "a note that hangs":
        notes = notes[:21]
    doubts = {
        doubt
        for doubt in found(tmp_path, {name: Part(notes, spoilt(notes))})
        if doubt[1] not in ("polyphonic", "tuning", "unpitched")
    }
    assert {(part, is_kind) for part, is_kind, _ in doubts} == {(name, kind)}, doubts
    assert all(words in sentence for _, _, sentence in doubts), doubts


def test_a_drummer_who_is_late_is_named(tmp_path: Path) -> None:
    struck = np.array([start + 0.1 for start, _, _ in STRUCK])
    late = {"drums": Part(STRUCK, kit(struck, seed=5, duration_s=LENGTH_S))}
    assert {(part, kind) for part, kind, _ in found(tmp_path, late)} == {("drums", "misaligned")}


@pytest.mark.parametrize("sounds", ["another piece", "a bass"])
def test_drums_that_strike_at_other_times_are_named(tmp_path: Path, sounds: str) -> None:
    others = kit(np.array([start for start, _, _ in tune(60, 44)]), seed=5, duration_s=LENGTH_S)
    sound = others if sounds == "another piece" else sounded(BASS)
    ((name, kind, _),) = found(tmp_path, {"drums": Part(STRUCK, sound)})
    assert (name, kind) == ("drums", "other notes")


def test_a_part_in_another_instruments_range_is_named(tmp_path: Path) -> None:
    doubts = found(tmp_path, {"bass": right()["bass"]}, PROGRAMS | {"bass": 73})
    assert {(part, kind) for part, kind, _ in doubts} == {("bass", "range")}
    assert "MIDI 33 to 47, where the instrument has 60 to 93" in next(iter(doubts))[2]


def test_swapped_stems_are_both_named(tmp_path: Path) -> None:
    parts = right()
    first, second = parts["bass"], parts["violin"]
    swapped = {"bass": Part(first.notes, second.sound), "violin": Part(second.notes, first.sound)}
    assert {part for part, _, _ in found(tmp_path, swapped)} == {"bass", "violin"}


def test_notes_that_cannot_be_read_are_named_and_the_stem_is_measured(tmp_path: Path) -> None:
    track(tmp_path, {name: right()[name] for name in ("bass", "violin")}, PROGRAMS)
    (tmp_path / "Track00001" / "MIDI" / "S01.mid").write_bytes(b"MThd nonsense")
    looked = inspect(tmp_path, max_seconds_per_take=1.0)
    assert [(doubt.part, doubt.kind) for doubt in looked.doubts] == [("S01", "unreadable notes")]
    assert len(looked.takes) == 2


def test_urmps_lists_of_notes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "Notes_1_vn_01_Jupiter.txt"
    path.write_text("0.50\t440.0\t0.25\n1.00\t493.9\t0.5\n")
    assert [list(column) for column in read_notes(path)] == [[0.5, 1.0], [0.75, 1.5], [69, 71]]
    path.write_text("these are words\n")
    with pytest.raises(DataError, match="is not a list of onset"):
        read_notes(path)


def test_pieces_of_a_recording_change_nothing_and_a_tone_is_heard_at_its_pitch() -> None:
    sound = sounded([(0.0, 20.0, 57)], decay=0.0).astype(np.float32)
    measured = []
    for piece in (777, 65_536, len(sound)):
        meter = SalienceMeter()
        for start in range(0, len(sound), piece):
            meter.hear(sound[start : start + piece])
        measured.append(meter.finish())
    assert len(measured[0].power) == round(10 * LENGTH_S) + 1
    assert (measured[0].strength[5:190].argmax(axis=1) + 21 == 57).all()
    for other in measured[1:]:
        np.testing.assert_array_equal(other.strength, measured[0].strength)


@needs_renderer
def test_a_composed_set_gives_no_finding(tmp_path: Path) -> None:
    from ensemble.data.compose.corpus import compose

    compose(tmp_path / "set", 1, seed=4, sample_rate=16_000, length_s=(20.0, 22.0))
    looked = inspect(tmp_path / "set", max_seconds_per_take=1.0)
    assert [(doubt.part, doubt.sentence) for doubt in looked.doubts] == []
    assert sum(bool(one.is_heard_as_line) for one in looked.takes) >= 3


def test_a_few_notes_are_not_judged(tmp_path: Path) -> None:
    few = VIOLIN[:4]
    assert {kind for _, kind, _ in found(tmp_path, {"violin": Part(few, sounded(moved(few, 1)))})} == {"mostly silent"}
