"""A melody through MIDI and back, and what is made of files that hold more, or less, than one."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.errors import DataError
from ensemble.scores.kern.reader import read_kern
from ensemble.scores.melody import Melody, MetreMark, TempoMark, Tone, placed
from ensemble.scores.midi_melody import parse_midi
from ensemble.scores.score_bytes import MAX_BYTES, read_score_bytes
from ensemble.types.music import Key
from tests.scores.melody_midi import write_midi

F = Fraction
FIXTURES = Path(__file__).parent / "kern"
Struck = tuple[int, int, int]  # tick, pitch, ticks held


def said(melody: Melody) -> tuple[str, ...]:
    return tuple(found.text for found in melody.diagnostics)


def page(melody: Melody) -> list[tuple[Fraction, Fraction, int]]:
    return [(note.onset, note.length, note.pitch_midi) for note in melody.notes]


def track(*notes: Struck, name: str = "", channel: int = 0) -> mido.MidiTrack:
    events = [(at, 1, "note_on", pitch) for at, pitch, _ in notes]
    events += [(at + held, 0 if held else 2, "note_off", pitch) for at, pitch, held in notes]
    made = mido.MidiTrack([mido.MetaMessage("track_name", name=name)] if name else [])
    now = 0
    for at, _, kind, pitch in sorted(events):
        made.append(mido.Message(kind, note=pitch, velocity=70, channel=channel, time=at - now))
        now = at
    return made


def midi(*tracks: mido.MidiTrack, ticks: int = 480, kind: int = 1) -> bytes:
    stream = io.BytesIO()
    document = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    document.tracks = list(tracks)
    document.save(file=stream)
    return stream.getvalue()


LINE = track((0, 60, 480), (480, 64, 240), (720, 67, 240), (960, 72, 960))


@pytest.mark.parametrize("name", ["lantern", "mill", "long_and_short", "rounds", "sections"])
def test_our_songs_survive(name: str, tmp_path: Path) -> None:
    melody = read_kern(FIXTURES / f"{name}.krn")
    write_midi(tmp_path / "song.mid", melody)
    again = parse_midi((tmp_path / "song.mid").read_bytes(), "song.mid")
    assert page(again) == page(melody)
    assert (again.key, again.bars[:1]) == (melody.key, melody.bars[:1])
    assert again.metres == tuple(metre for metre in melody.metres if metre.beats)
    assert [note.onset_s for note in again.notes] == pytest.approx([note.onset_s for note in melody.notes], abs=1e-5)
    assert said(again) == ()
    first = (tmp_path / "song.mid").read_bytes()
    write_midi(tmp_path / "song.mid", melody)
    assert (tmp_path / "song.mid").read_bytes() == first


NOTES = st.lists(
    st.tuples(
        st.sampled_from([F(0), F(0), F(1, 3), F(1), F(7, 4)]),  # rest before it
        st.sampled_from([F(1, 12), F(1, 7), F(1, 5), F(1, 4), F(2, 3), F(1), F(5, 2), F(8)]),
        st.integers(0, 127),
        st.integers(1, 127),
    ),
    min_size=1, max_size=30,
)  # fmt: skip
TEMPOS = st.lists(st.tuples(st.integers(1, 9), st.integers(30, 400)), max_size=4)
METRES = st.sampled_from([(), ((4, 4),), ((3, 4),), ((6, 8),), ((5, 16),)])


@settings(max_examples=60)
@given(
    written=NOTES, speeds=TEMPOS, metres=METRES, tonic=st.integers(0, 11),
    mode=st.sampled_from(["major", "minor", None]),
)  # fmt: skip
def test_any_melody_survives(
    written: list[tuple[Fraction, Fraction, int, int]], speeds: list[tuple[int, int]],
    metres: tuple[tuple[int, int], ...], tonic: int, mode: str | None, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    now, tones, at = F(0), [], F(0)
    for rest, length, pitch, velocity in written:
        tones.append(Tone(now + rest, length, pitch, velocity))
        now += rest + length
    tempos = [TempoMark(F(0), F(100))]
    for gap, bpm in speeds:
        at += gap
        tempos.append(TempoMark(at, F(bpm)))
    melody = Melody(
        notes=placed(tones, tempos), length=now, tempos=tuple(tempos),
        metres=tuple(MetreMark(F(0), *metre) for metre in metres), program=40,
        key=Key(tonic=tonic, mode=mode) if mode else None,  # type: ignore[arg-type]
    )  # fmt: skip
    path = tmp_path_factory.mktemp("midi") / "song.mid"
    write_midi(path, melody)
    again = parse_midi(path.read_bytes(), "song.mid")
    codes = {found.code for found in again.diagnostics}
    is_performed = "tempo_contradicted" in codes  # a steady line of odd lengths keeps to other beats than the file's
    assert is_performed or page(again) == page(melody)
    assert [note.velocity for note in again.notes] == [note.velocity for note in melody.notes]
    assert [note.stop_s for note in again.notes] == pytest.approx([note.stop_s for note in melody.notes], abs=1e-3)
    assert (again.program, again.tempo_assumed) == (40, False)
    assert (again.key == melody.key) != ("key_contradicted" in codes)
    assert is_performed or (again.metres == melody.metres) != ("metre_contradicted" in codes)


def test_the_standard_tempo_is_assumed_and_marked() -> None:
    melody = parse_midi(midi(LINE), "x")
    assert (melody.tempo_assumed, melody.quarter_bpm, melody.duration_s) == (True, 120.0, 2.0)


def test_an_upbeat_is_a_short_first_bar() -> None:
    signs = mido.MidiTrack([
        mido.MetaMessage("time_signature", numerator=1, denominator=4, time=0),
        mido.MetaMessage("time_signature", numerator=3, denominator=4, time=480),
    ])  # fmt: skip
    melody = parse_midi(midi(signs, LINE), "x")
    assert melody.metres == (MetreMark(F(0), 3, 4),)
    assert melody.bars == (F(1),)


def test_the_top_line_of_chords_is_followed_and_said() -> None:
    chords = track(*((at, pitch + at // 480, 480) for at in range(0, 1920, 480) for pitch in (48, 55, 64)))
    melody = parse_midi(midi(chords), "x")
    assert [note.pitch_midi for note in melody.notes] == [64, 65, 66, 67]
    assert said(melody) == ("8 of 12 notes sound below others: the top line is followed.",)


def test_a_slurred_line_that_laps_over_is_one_line() -> None:
    melody = parse_midi(midi(track((0, 72, 500), (480, 71, 500), (960, 74, 500), (1440, 67, 480))), "x")
    assert page(melody) == [(F(0), F(1), 72), (F(1), F(1), 71), (F(2), F(1), 74), (F(3), F(1), 67)]
    assert said(melody) == ()


def test_a_note_under_a_held_one_is_left_out() -> None:
    melody = parse_midi(midi(track((0, 72, 1920), (480, 60, 480))), "x")
    assert page(melody) == [(F(0), F(4), 72)]


HIGH, LOW = ((0, 76, 960), (960, 79, 960)), ((0, 50, 960), (960, 52, 960))


@pytest.mark.parametrize(
    ("tracks", "pitches", "label"),
    [
        ([track(*LOW), track(*HIGH, channel=1)], [76, 79], "voice 2"),  # the highest
        ([track(*LOW, name="Lead vocals"), track(*HIGH)], [50, 52], "'Lead vocals', voice 1"),  # the named
        ([track(*LOW), track((0, 100, 40))], [50, 52], "voice 1"),  # a bell is no melody
        ([track(*LOW), track((0, 100, 960), channel=9)], [50, 52], None),  # nor is a drum
    ],
)
def test_one_of_several_voices_is_chosen_and_named(
    tracks: list[mido.MidiTrack], pitches: list[int], label: str | None
) -> None:
    melody = parse_midi(midi(*tracks), "x")
    assert [note.pitch_midi for note in melody.notes] == pitches
    assert said(melody) == (() if label is None else (f"Of 2 voices one is followed: {label}.",))


def test_two_channels_of_a_single_track_are_two_voices() -> None:
    both = track(*LOW)
    both.insert(0, mido.Message("note_on", note=90, velocity=9, channel=3, time=0))
    both.append(mido.Message("note_off", note=90, velocity=0, channel=3, time=0))
    melody = parse_midi(midi(both, kind=0), "x")
    assert page(melody) == [(F(0), F(4), 90)]


def test_notes_without_length_and_without_an_end_are_said() -> None:
    odd = track((0, 60, 480), (480, 62, 0))
    odd += [mido.Message("note_on", note=65, velocity=80, time=480), mido.MetaMessage("end_of_track", time=240)]
    melody = parse_midi(midi(odd), "x")
    assert page(melody)[-1] == (F(2), F(1, 2), 65)
    assert "1 of its notes have no length and are left out." in said(melody)
    assert "1 of its notes are never released: they last until the next one begins." in said(melody)


def meta(kind: str, **said: int) -> mido.MidiTrack:
    return mido.MidiTrack([mido.MetaMessage(kind, **said)])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (midi(LINE)[:20], "cut short"),
        (b"words, not music", "no MIDI"),
        (b"MThd\0\0\0\6\0", "cut short"),
        (midi(), "no notes"),
        (midi(track((0, 36, 480), channel=9)), "nothing but drums"),
        (midi(track((0, 36, 480), channel=9), track((0, 60, 0))), "no notes that last"),
        (midi(track((0, 60, 0))), "no notes that last"),
        (midi(track((0, 60, 0))).replace(b"\x90\x3c\x46", b"\x90\x3c\x00"), "has no notes"),
        (midi(track((0, 60, 480 * 4000))), "lasts 33 min"),
    ],
)
def test_what_is_no_melody_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as refused:
        parse_midi(content, "song.mid")
    assert refused.value.what == "song.mid"


def test_a_file_far_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.mid").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DataError, match="16 MiB"):
        read_score_bytes(tmp_path / "huge.mid")


GOOD = midi(meta("set_tempo", tempo=400_000), LINE)


@given(st.one_of(
    st.binary(max_size=120),
    st.binary(max_size=80).map(lambda body: GOOD[:14] + b"MTrk" + len(body).to_bytes(4, "big") + body),
    st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)).map(
        lambda change: GOOD[: change[0]] + bytes([change[1]]) + GOOD[change[0] + 1 :]
    ),
))  # fmt: skip
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        melody = parse_midi(content, "x")
    except DataError as error:
        assert str(error).startswith("x: ")  # noqa: PT017
    else:
        assert melody.notes
