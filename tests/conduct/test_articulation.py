"""Articulation: written by parts and styles, heard in level and pitch, and kept by MIDI; strums go down and up."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct.articulating import as_line
from ensemble.conduct.given import read_notes
from ensemble.conduct.melody import write_double
from ensemble.conduct.midi import beat_map, write_midi
from ensemble.conduct.parts import write_parts
from ensemble.conduct.performer import Performer
from ensemble.conduct.performer_file import PERFORMER
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.config import FollowerSettings, load_band
from ensemble.settings.style import Manner, Style
from ensemble.settings.style_file import load_style
from ensemble.types.articulation import Articulation
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import Heard, Key, Part
from tests.conduct.handmade_leader import frames_of, heard_of

VIOLIN = CATALOGUE["violin"]
BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
RHYTHM = FollowerSettings(name="rhythm", instrument="nylon_guitar", role="pad", voices=4)
ROWS = Style.model_validate(
    {
        "name": "rows",
        "swing": 0.5,
        "metres": {
            "4/4": {
                "drums": [{"kick": "x--- ---- ---- ----"}],
                "bass": [{"tones": "R--- 5--- g--- 5---", "articulation": "---- /--- ---- '---"}],
                "chords": [{"strokes": "x-x- X-x- ---- x---", "strum_ms": 20, "articulation": "---- ---- ---- '---"}],
            }
        },
    }
)


def parts_of(humanize: float = 0.0, seed: int = 0) -> tuple[Part, Part]:
    heard = heard_of()
    manner = Manner(style=ROWS, humanize=humanize)
    bass, rhythm = write_parts(heard, (BASS, RHYTHM), heard.frames.num_frames + 100, seed, manner=manner)
    assert isinstance(bass, Part)
    assert isinstance(rhythm, Part)
    return bass, rhythm


def test_a_styles_rows_say_how_notes_are_played():
    bass, rhythm = parts_of()
    kinds = Articulation
    assert [note.articulation for note in bass.notes[4:8]] == [kinds.PLAIN, kinds.SLIDE, kinds.GHOST, kinds.STACCATO]
    assert bass.notes[7].stop_frame - bass.notes[7].start_frame == 25
    starts = {round(note.start_frame / 12.5) % 16: note.articulation for note in rhythm.notes[:20]}
    assert starts == {0: kinds.PLAIN, 2: kinds.PLAIN, 4: kinds.ACCENTED, 6: kinds.PLAIN, 12: kinds.STACCATO}


def strums_of(part: Part) -> list[list[int]]:
    """Onsets of the strings of each stroke, from the lowest to the highest, against the first, in frames."""
    notes = sorted(part.notes, key=lambda note: note.start_frame)
    strokes = [sorted(notes[at : at + 4], key=lambda note: note.pitch_midi) for at in range(0, len(notes) - 4, 4)]
    return [[note.start_frame - min(one.start_frame for one in stroke) for note in stroke] for stroke in strokes]


def test_strums_go_down_on_beats_and_up_between_and_no_two_are_alike():
    on_beat, between = strums_of(parts_of()[1])[5:7]
    assert on_beat == sorted(on_beat)
    assert between == sorted(between, reverse=True)
    assert 4 <= max(between) < max(on_beat) <= 6
    widths = {seed: [max(one) for one in strums_of(parts_of(0.5, seed)[1])[5::5]] for seed in (1, 2)}
    assert widths[1] != widths[2]
    assert [max(one) for one in strums_of(parts_of()[1])[5:35:5]] == [max(on_beat)] * 6


def test_lines_are_bound_as_the_style_has_it():
    line = [WrittenNote(at / 2, at / 2 + 0.5, pitch, 80) for at, pitch in enumerate((60, 62, 62, 74, 76))]
    line.append(WrittenNote(3.0, 4.0, 74, 80))
    plain, slur, parted = Articulation.PLAIN, Articulation.LEGATO, Articulation.DETACHED
    found = [note.articulation for note in as_line(line, "legato", "bowed")]
    assert found == [plain, slur, parted, parted, slur, plain]
    short = as_line(line, "staccato", "blown")
    assert [round(note.stop_s - note.start_s, 3) for note in short] == [0.5, 0.25, 0.25, 0.25, 0.25, 1.0]
    assert as_line(line, "staccato", "plucked") == line


def test_shipped_styles_reach_the_parts():
    heard = heard_of()
    for name, kind in (("reggae", Articulation.STACCATO), ("funk", Articulation.GHOST)):
        manner = Manner(style=load_style(name))
        parts = write_parts(heard, load_band("rock").followers, heard.frames.num_frames, 0, manner=manner)
        assert kind in {note.articulation for part in parts if isinstance(part, Part) for note in part.notes}


@pytest.fixture(params=["rules", "learned"])
def performer(request) -> Performer | None:
    return Performer(PERFORMER.load("violin")) if request.param == "learned" else None


def bowed(performer: Performer | None, second: Articulation) -> Part:
    """Two notes of half a second, the second one played so."""
    two = [WrittenNote(0.5, 1.0, 62, 80), WrittenNote(1.0, 1.5, 67, 80, 0, second)]
    return shape("lead", two, VIOLIN, 1, 0.0, 250, 0, 0.0, performer=performer)


def test_each_articulation_is_heard(performer):
    parts = {kind: bowed(performer, kind) for kind in Articulation}
    level = {kind: part.level_db[0] for kind, part in parts.items()}
    at = parts[Articulation.SLIDE].notes[1].start_frame
    slid, straight = (parts[kind].f0_hz[0, [at, at + 40]] for kind in (Articulation.SLIDE, Articulation.PLAIN))
    cents = 1200 * np.log2(slid / straight)
    assert -510 < cents[0] < -300
    assert abs(cents[1]) < 2
    plain, accented, detached = (
        level[one] for one in (Articulation.PLAIN, Articulation.ACCENTED, Articulation.DETACHED)
    )
    assert accented[at + 8] > detached[at + 8] + 1.5
    assert accented[at + 8 : at + 25].max() > plain[at + 8 : at + 25].max() + 0.5
    assert abs(accented[at + 45] - detached[at + 45]) < 0.8
    assert level[Articulation.GHOST][at + 40] < plain[at + 40] - 15
    ends = {kind: np.flatnonzero(part.f0_hz[0])[-1] for kind, part in parts.items()}
    assert ends[Articulation.STACCATO] < ends[Articulation.PLAIN]
    gaps = {kind: part.notes[1].start_frame - part.notes[0].stop_frame for kind, part in parts.items()}
    assert gaps[Articulation.LEGATO] == gaps[Articulation.PLAIN] == 0
    assert gaps[Articulation.DETACHED] == gaps[Articulation.ACCENTED] == gaps[Articulation.STACCATO] == 3


def test_midi_keeps_legato_and_slides_of_one_voice(tmp_path):
    kinds = [Articulation.PLAIN, Articulation.LEGATO, Articulation.SLIDE, Articulation.LEGATO, Articulation.PLAIN]
    follower = FollowerSettings(name="lead", instrument="violin", role="counter")
    notes = [WrittenNote(at / 2, at / 2 + 0.5, 60 + at, 80, 0, kind) for at, kind in enumerate(kinds)]
    part = shape("lead", notes, VIOLIN, 1, 0.0, 400, 0)
    write_midi(tmp_path / "lead.mid", part, follower, beat_map(heard_of()))
    assert [one.articulation for one in read_notes(tmp_path / "lead.mid", follower)] == kinds


def test_a_double_is_bound_where_the_leader_is():
    midi, onset = np.repeat([60.0, 62.0, 64.0, np.nan, 60.0], 50), np.zeros(250)
    onset[[0, 100, 200]] = 1.0
    heard = Heard(
        frames=frames_of(
            np.where(np.isnan(midi), 0.0, 440 * 2 ** ((np.nan_to_num(midi) - 69) / 12)),
            np.where(np.isnan(midi), -100.0, -20.0), onset, np.zeros((12, 250)),
        ),
        beats_s=np.zeros(0), tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, key=Key(tonic=0, mode="major"),
        chords=(), tuning_cents=0.0,
    )  # fmt: skip
    found = [note.articulation for note in write_double(heard, (55, 90))]
    assert found == [Articulation.PLAIN, Articulation.LEGATO, Articulation.DETACHED, Articulation.PLAIN]
