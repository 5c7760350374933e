"""MIDI files that break the rules are played, and what was broken is said with its code."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import DataError
from ensemble.scores.melody import Melody
from ensemble.scores.midi_melody import midi_piece, parse_midi
from ensemble.scores.score import read_score
from ensemble.scores.symbolic import hear_melody, melody_frames
from ensemble.types.music import Heard, Key
from tests.scores.midi_bytes import SCALE, Event, control, key, meta, metre, notes, smf, tempo, track, vlq

HEAD = [tempo(100), metre(4, 4)]
LINE = notes(SCALE * 4)
PLAIN = smf(track([*HEAD, *LINE]), kind=0)


def codes(melody: Melody) -> list[str]:
    return [found.code for found in melody.diagnostics]


def running(events: list[Event]) -> bytes:
    """The status only once, though a meta event and a system message come between."""
    body, now = b"", 0
    for number, (tick, said) in enumerate(sorted(events)):
        body += vlq(tick - now) + (said if number == 0 else said[1:])
        body += b"\x00\xff\x01\x02hi\x00\xf0\x03abc" if number == 5 else b""
        now = tick
    body += b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(body)) + body


ON_AND_OFF = [(at, bytes([0x90, said[1], 0 if said[0] == 0x80 else 80])) for at, said in LINE]
BROKEN = {
    "a header of gigabytes": PLAIN[:4] + b"\xff" * 4 + PLAIN[8:],
    "a header that takes its track in": PLAIN[:7] + b"\x3c" + PLAIN[8:],
    "a system message of another length": smf(track([*HEAD, *LINE, (970, b"\xf0\x9d\x00abc\xf7")]), kind=0),
    "a key of 128 flats": smf(track([*HEAD, key(-128), *LINE]), kind=0),
    "an empty key": smf(track([*HEAD, meta(0x59), *LINE]), kind=0),
    "an empty tempo": smf(track([*HEAD, meta(0x51), *LINE]), kind=0),
    "an endless speed": smf(track([*HEAD, meta(0x51, b"\0\0\0"), *LINE]), kind=0),
    "half a metre": smf(track([*HEAD, meta(0x58, b"\4"), *LINE]), kind=0),
    "a byte over 127": smf(track([*HEAD, *LINE, (1445, b"\xb0\x07\xc8")]), kind=0),
    "a foreign chunk": smf(track(HEAD), b"XFIH\0\0\0\4abcd", track(LINE)),
    "a track too many declared": smf(track(HEAD), track(LINE), declared=3),
    "a track too few declared": smf(track(HEAD), track(LINE), declared=1),
    "in RIFF": b"RIFF" + struct.pack("<I", len(PLAIN) + 12) + b"RMIDdata" + struct.pack("<I", len(PLAIN)) + PLAIN,
    "after a header of a Macintosh": b"\0song" + bytes(123) + PLAIN,
    "no end of track": smf(track([*HEAD, *LINE], end=b""), kind=0),
    "cut short in the end of the track": PLAIN[:-3],
    "a length of zero": PLAIN[:18] + bytes(4) + PLAIN[22:],
    "an endless length": PLAIN[:18] + b"\xff\xff\xff\xff" + PLAIN[22:],
    "type 7": PLAIN[:9] + b"\7" + PLAIN[10:],
    "no division": smf(track([*HEAD, *LINE]), kind=0, division=0),
    "a message of wires": smf(track([*HEAD, *LINE, (1445, b"\xf3\x05")]), kind=0),
    "bytes between tracks": smf(track(HEAD), b"\x01\x02\x03\x04\x05", track(LINE)),
    "nonsense after the notes": smf(track([*HEAD, *LINE, (15360, b"\xff\xff\xff\xff\xff\xff")], end=b""), kind=0),
}
FINE = {
    "running status over other events": smf(track(HEAD), running(ON_AND_OFF)),
    "a longer header": PLAIN[:7] + b"\x0a" + PLAIN[8:14] + b"more" + PLAIN[14:],
    "type 2 with one pattern": smf(track([*HEAD, *LINE]), kind=2),
    "zeros at the end": PLAIN + bytes(100),
    "an unknown meta event": smf(track([*HEAD, meta(0x6B, b"what"), *LINE]), kind=0),
}


@pytest.mark.parametrize("name", [*BROKEN, *FINE])
def test_what_is_broken_is_played_and_said(name: str) -> None:
    melody = parse_midi((BROKEN | FINE)[name], "song.mid")
    assert [note.pitch_midi for note in melody.notes] == list(SCALE * 4)
    assert [note.onset for note in melody.notes] == list(range(32))
    assert melody.tempos[0].quarter_bpm == pytest.approx(100)
    assert set(codes(melody)) == ({"score_damaged"} if name in BROKEN else set())


def test_events_after_the_end_of_a_track_are_read() -> None:
    score = smf(track([*HEAD, *LINE, meta(0x2F, tick=1900)]) + bytes(7), kind=0)
    melody = parse_midi(score, "x")
    assert (len(melody.notes), codes(melody)) == (len(SCALE) * 4, ["score_damaged"])


@pytest.mark.parametrize(
    "garbage",
    [b" " * 40, b"\x1a" * 128, b"\r\n\r\n", b"<html><body>404</body></html>\n", b"\xff\xff\xff\x7f\xff\x01\x00",
     b"\x00\x90\x3c\x50\x83\x60\x3c\x00"],
)  # fmt: skip
@pytest.mark.parametrize("is_within", [True, False])
def test_bytes_after_the_end_of_a_track_are_no_notes(garbage: bytes, is_within: bool) -> None:
    last = [*HEAD, *ON_AND_OFF, control(64, 127, 15000)]
    end = b"\x00\xff\x2f\x00"
    score = smf(track(last, end + garbage) if is_within else track(last, end) + garbage, kind=0)
    melody = parse_midi(score, "x")
    assert [note.length for note in melody.notes] == [Fraction(23, 24)] * 32
    assert set(codes(melody)) == {"score_damaged"}


def test_notes_that_nobody_releases_last_until_the_next_one() -> None:
    melody = parse_midi(smf(track([*HEAD, *((at, on) for at, on in LINE if on[0] == 0x90)]), kind=0), "x")
    assert [(note.onset, note.length) for note in melody.notes] == [(Fraction(at), Fraction(1)) for at in range(32)]
    assert "32 of its notes are never released" in melody.diagnostics[0].text
    stuck = [(0, bytes([0x90, 96, 80])), *((at + 480, event) for at, event in LINE)]
    melody = parse_midi(smf(track([*HEAD, *stuck]), kind=0), "x")
    assert [note.pitch_midi for note in melody.notes] == [96, *SCALE * 4], "the highest hides none"


@pytest.mark.parametrize("at", [0, 15360])
def test_silence_releases_none_of_the_notes_that_nobody_releases(at: int) -> None:
    line = [(tick, on) for tick, on in LINE if on[0] == 0x90]
    melody = parse_midi(smf(track([*HEAD, control(123, 0, at), *line]), kind=0), "x")
    assert [(note.onset, note.length) for note in melody.notes] == [
        (Fraction(place), Fraction(1)) for place in range(32)
    ]
    assert "32 of its notes are never released" in melody.diagnostics[0].text


def test_a_chord_that_nobody_releases_lasts_until_the_next_chord_though_its_notes_begin_apart() -> None:
    chords = [(480 * bar + 8 * place, bytes([0x90, 48 + 4 * place, 80])) for bar in range(8) for place in range(4)]
    (voice,) = midi_piece(smf(track([*HEAD, *chords]), kind=0), "x").voices
    assert sorted((note.start, note.stop) for note in voice.notes) == [
        (480 * bar + 8 * place, 480 * (bar + 1) + (24 if bar == 7 else 0)) for bar in range(8) for place in range(4)
    ]


def test_an_end_that_comes_after_the_next_beginning_is_of_the_note_before() -> None:
    late = [(tick, bytes([kind, 60, 80])) for tick in range(0, 1920, 480) for kind in (0x90, 0x80)]
    late.remove((0, bytes([0x80, 60, 80])))
    melody = parse_midi(smf(track([*late, (1920, bytes([0x80, 60, 0]))]), kind=0), "x")
    assert [(note.onset, note.length) for note in melody.notes] == [(Fraction(at), Fraction(1)) for at in range(4)]


@pytest.mark.parametrize("cut", [7, 9, 100, 250])
def test_what_is_left_of_a_file_that_is_cut_short_is_played(cut: int) -> None:
    melody = parse_midi(PLAIN[:-cut], "song.mid")
    kept = [note.pitch_midi for note in melody.notes]
    assert kept == list(SCALE * 4)[: len(kept)]
    assert len(kept) >= 32 - cut // 8
    assert codes(melody)[:2] == ["score_damaged", "score_damaged"]


@pytest.mark.parametrize("name", ["song.kar", "song.RMI", "song.midi"])
def test_every_ending_of_midi_is_a_score(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(PLAIN)
    assert len(read_score(tmp_path / name).melody.notes) == 32


def test_of_several_patterns_the_first_is_read() -> None:
    melody = parse_midi(smf(track(HEAD), track(LINE), track(notes((50, 52))), kind=2), "x")
    assert melody.notes[0].pitch_midi == 60
    assert codes(melody) == ["score_damaged"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("メロディー".encode("shift_jis"), "メロディー"),
        ("旋律 1".encode("cp932"), "旋律 1"),
        ("ﾋﾟｱﾉ".encode("cp932"), "ﾋﾟｱﾉ"),
        ("Bläser".encode("utf-16"), "Bläser"),
        (b"Fl\xfbte", "Flûte"),
        (b"D\xe9j\xe0", "Déjà"),
    ],
)
def test_a_name_in_another_encoding_is_told_as_it_was_meant(name: bytes, read: str) -> None:
    score = smf(track([meta(3, name), *LINE]), track([meta(3, b"low"), *notes([48] * 32, channel=1)]))
    assert repr(read) in parse_midi(score, "x").diagnostics[0].text


@pytest.mark.parametrize("name", ["Melodía".encode(), "Mélodie".encode("latin-1"), b"Melody\xff\xfe\x00\x81"])
def test_a_name_in_any_encoding_is_read(name: bytes) -> None:
    low = track([meta(3, name), *notes((50, 52, 53, 55))])
    melody = parse_midi(smf(low, track([meta(3, b"\x83s\x83A\x83m"), *notes((80, 82, 84, 85))])), "x")
    assert melody.notes[0].pitch_midi in (50, 80)
    assert (melody.notes[0].pitch_midi == 50) == name.lower().startswith(b"melod")


@pytest.mark.parametrize("kind", [1, 5])
def test_the_voice_that_words_are_sung_to_is_the_melody(kind: int) -> None:
    words = [meta(kind, b"@TA song"), *(meta(kind, b"la ", 960 * place) for place in range(16))]
    low = track([meta(3, b"Track 4"), *notes((50, 52, 53, 55) * 4, 960)])
    high = track([meta(3, b"Lead synth"), *notes((80, 82, 84, 85) * 8, 320)])
    assert parse_midi(smf(track([*HEAD, *words]), high, low), "song.kar").notes[0].pitch_midi == 50
    assert parse_midi(smf(track(HEAD), high, low), "song.kar").notes[0].pitch_midi == 80


@pytest.mark.parametrize("division", [0xE728, 0xE300])
def test_frames_of_film_with_few_notes_have_an_assumed_tempo(division: int) -> None:
    melody = parse_midi(smf(track(notes(SCALE[:4], 1000)), kind=0, division=division), "x")
    assert melody.tempo_assumed
    assert codes(melody) == (["score_damaged"] if division == 0xE300 else [])


@pytest.mark.parametrize(("division", "per_s"), [(0xE728, 1000), (0xE801, 24), (0xE250, 2400), (0xE364, 3000)])
def test_frames_of_film_are_seconds_and_beats_come_from_the_notes(division: int, per_s: int) -> None:
    melody = parse_midi(smf(track(notes(SCALE * 4, per_s // 2, held=per_s // 3)), division=division), "x")
    assert [note.onset_s for note in melody.notes] == pytest.approx([number / 2 for number in range(32)], abs=2e-3)
    assert hear_melody(melody).tempo_bpm == pytest.approx(120, rel=0.01)
    assert codes(melody) == ["tempo_assumed"]


def test_the_pedal_holds_what_is_released() -> None:
    strokes = [(480 * place, pitch) for place, pitch in enumerate([60, 64, 67, 72] * 4)]
    events = [event for at, pitch in strokes for event in (
        (at, bytes([0x90, pitch, 80])), (at + 60, bytes([0x80, pitch, 0])),
        control(64, 127, at + 1), control(64, 0, at + 475),
    )]  # fmt: skip
    dry = [event for event in events if event[1][0] != 0xB0]
    pedalled, plain = (melody_frames(parse_midi(smf(track([tempo(60), *one])), "x")) for one in (events, dry))
    assert (pedalled.f0_hz > 0).mean() > 0.97
    assert (plain.f0_hz > 0).mean() < 0.15


def test_notes_that_ring_under_the_pedal_do_not_hide_the_next_ones() -> None:
    down = [control(64, 127), control(64, 0, 480 * 9)]
    melody = parse_midi(smf(track([*down, *notes((72, 60, 64, 67, 62), held=200)])), "x")
    assert [note.pitch_midi for note in melody.notes] == [72, 60, 64, 67, 62]
    assert [note.length for note in melody.notes] == [1, 1, 1, 1, 5]


def frames_hz(events: list[Event]) -> tuple[Heard, list[float]]:
    """The pitch in the middle of every note of the scale, at 120 quarters a minute."""
    heard = hear_melody(parse_midi(smf(track([tempo(120), *notes(SCALE * 2), *events])), "x"))
    return heard, heard.frames.f0_hz[25::50].tolist()


@pytest.mark.parametrize(
    ("bent", "semitones"),
    [
        ([(0, b"\xe0\x00\x60")], 1.0),
        ([(0, b"\xe0\x00\x00")], -2.0),
        ([control(101, 0), control(100, 0), control(6, 12), (0, b"\xe0\x00\x60")], 6.0),
        ([control(101, 0), control(100, 0), control(6, 0), control(38, 50), (0, b"\xe0\x00\x20")], -0.25),
        ([control(101, 0), control(100, 1), control(6, 12), (0, b"\xe0\x00\x60")], 1.0),  # another parameter
        ([control(101, 0), control(100, 0), control(99, 1), control(6, 12), (0, b"\xe0\x00\x60")], 1.0),  # nor that
        ([(0, b"\xe0\x00\x60"), control(121, 0)], 0.0),
        ([(0, b"\xe1\x00\x60")], 0.0),  # another channel
    ],
)
def test_pitch_bend_is_heard_in_its_range(bent: list[Event], semitones: float) -> None:
    heard, f0_hz = frames_hz(bent)
    expected = [440 * 2 ** ((pitch + semitones - 69) / 12) for pitch in SCALE * 2]
    assert f0_hz == pytest.approx(expected, rel=1e-5)
    assert heard.key == Key(tonic=round(semitones + 1e-6) % 12, mode="major")


@pytest.mark.parametrize(("value", "hz"), [(0x7F, 12544), (0, 8)])
def test_a_bend_beyond_all_notes_is_held_at_the_last_one_and_said(value: int, hz: int) -> None:
    heard, f0_hz = frames_hz([control(101, 0), control(100, 0), control(6, 127), (0, bytes([0xE0, value, value]))])
    assert f0_hz[0] == pytest.approx(hz, abs=1)
    assert "Notes are bent out of the range of MIDI: they are held at its end." in [
        one.text for one in heard.diagnostics
    ]


def test_a_bend_within_a_note_glides() -> None:
    heard, _ = frames_hz([(240, b"\xe0\x00\x60"), (470, b"\xe0\x00\x40")])
    assert heard.frames.f0_hz[20] == pytest.approx(261.63, abs=0.01)
    assert heard.frames.f0_hz[30] == pytest.approx(277.18, abs=0.01)


@pytest.mark.parametrize("number", [7, 11])
def test_volume_and_expression_are_heard(number: int) -> None:
    loud = frames_hz([])[0].frames.loudness_db
    half = frames_hz([control(number, 50 if number == 7 else 64, 8 * 480)])[0].frames.loudness_db
    np.testing.assert_allclose(half[:400], loud[:400], atol=1e-4)
    assert np.median(half[410:780] - loud[410:780]) == pytest.approx(-12.0, abs=0.2)
    mute = frames_hz([control(number, 0, 8 * 480)])[0].frames.loudness_db
    assert mute[410:].max() == -100.0


def test_a_voice_without_volume_is_not_followed_and_alone_is_refused_by_its_reason() -> None:
    muted = track([meta(3, b"melody"), control(7, 0), *LINE])
    melody = parse_midi(smf(muted, track(notes([48] * 32, channel=1))), "x")
    assert {note.pitch_midi for note in melody.notes} == {48}
    assert [one.text for one in melody.diagnostics] == ["1 of its voices are silent, their volume is 0."]
    for volume in (0, 1):
        with pytest.raises(DataError, match="x: is silent, the volume of its channels is 0"):
            parse_midi(smf(track([control(7, volume), *LINE])), "x")
    late = smf(track([control(7, 0), control(7, 100, tick=480 * 8), *LINE]))
    assert len(parse_midi(late, "x").notes) == 32


def test_a_controller_on_another_track_counts_and_what_nobody_plays_is_named() -> None:
    first = track([tempo(120), (0, b"\xe0\x00\x60"), (0, b"\xc0\x28")])
    melody = parse_midi(smf(first, track([*LINE, control(1, 9), control(66, 127), (7, b"\xd0\x11")])), "x")
    assert melody.program == 40
    assert melody_frames(melody).f0_hz[0] == pytest.approx(277.18, abs=0.01)
    assert [found.text for found in melody.diagnostics] == ["Not played: modulation, pressure, the sostenuto pedal."]


def test_all_notes_off_ends_them() -> None:
    melody = parse_midi(smf(track([(0, b"\x90\x40\x50"), control(123, 0, 960), (4800, b"\x90\x45\x50")])), "x")
    assert melody.notes[0].length == 2


def test_a_key_that_its_notes_contradict_gives_way() -> None:
    sharp = [66, 68, 70, 71, 73, 75, 77, 78] * 4
    said = {}
    for name, events in {"C": [key(0)], "F sharp": [key(6)], "changing": [key(0), (9, key(6)[1])]}.items():
        said[name] = parse_midi(smf(track([*HEAD, *events, *notes(sharp)])), "x")
    assert [str(melody.key) for melody in said.values()] == ["F# major", "F# major", "C major"]
    assert [codes(melody) for melody in said.values()] == [["key_contradicted"], [], []]
    for word in ("C major", "F# major"):
        assert word in said["C"].diagnostics[0].text


def test_one_sharp_and_no_natural_is_another_key_than_the_c_of_programs() -> None:
    tune = [67, 69, 71, 72, 74, 76, 78, 79] * 4
    assert str(parse_midi(smf(track([key(0), *notes(tune)])), "x").key) == "G major"
    assert str(parse_midi(smf(track([key(0), *notes([*tune, 77, 77])])), "x").key) == "C major"
    assert str(parse_midi(smf(track([key(2), *notes(tune)])), "x").key) == "D major"  # no program's own idea


def test_a_minor_tune_that_is_signed_as_its_relative_major_is_minor() -> None:
    tune = [69, 71, 72, 74, 76, 74, 72, 71, 69, 76, 77, 76, 72, 71, 68, 69] * 2
    assert str(parse_midi(smf(track([key(0), *notes(tune)])), "x").key) == "A minor"
    assert str(parse_midi(smf(track([key(0), *notes(SCALE * 4)])), "x").key) == "C major"


ROOTS = (48, 57, 53, 55) * 4


def accompanied(beats: int, upbeat: int, signed: list[Event]) -> bytes:
    """A bass on every first beat, chords on the others, a tune above; a chord to a bar."""
    bass, chords, tune = [], [], []
    for bar, root in enumerate(ROOTS):
        at = 480 * (upbeat + beats * bar)
        bass += [(at, bytes([0x90, root - 12, 90])), (at + 440, bytes([0x80, root - 12, 0]))]
        for beat in range(1, beats):
            for step in (0, 7, 12):
                chords += [(at + 480 * beat, bytes([0x91, root + step, 60])),
                           (at + 480 * beat + 400, bytes([0x81, root + step, 0]))]  # fmt: skip
        tune += [(at, bytes([0x92, root + 24, 90])), (at + 480 * beats - 20, bytes([0x82, root + 24, 0]))]
    return smf(track([tempo(110), *signed]), track(bass), track(chords), track([meta(3, b"Melody"), *tune]))


@pytest.mark.parametrize("signed", [[metre(4, 4)], []])
@pytest.mark.parametrize("upbeat", [0, 1, 2])
def test_a_waltz_under_a_metre_of_four_is_in_three(signed: list[Event], upbeat: int) -> None:
    melody = parse_midi(accompanied(3, upbeat, signed), "x")
    assert [mark[1:] for mark in melody.metres] == [(3, 4)]
    assert melody.bars[:3] == (upbeat, upbeat + 3, upbeat + 6)
    assert codes(melody)[0] == "metre_contradicted"
    assert "4/4" in melody.diagnostics[0].text
    assert "3/4" in melody.diagnostics[0].text


@pytest.mark.parametrize(("beats", "signed"), [(4, [metre(4, 4)]), (4, []), (3, [metre(3, 4)]), (3, [metre(5, 4)])])
def test_a_metre_that_fits_or_that_no_program_writes_unasked_stays(beats: int, signed: list[Event]) -> None:
    melody = parse_midi(accompanied(beats, 0, signed), "x")
    assert [mark[1:] for mark in melody.metres] == [(said[1][3], 4) for said in signed]
    assert "metre_contradicted" not in codes(melody)


def dotted(rhythm: list[float], signed: list[Event], first: float = 0.0, low: list[float] | None = None) -> bytes:
    """A line of 16 bars of three quarters, of so many quarters each note, and a low one from its beginning on."""
    events: list[Event] = []
    for lengths, begin, key_below in ((rhythm, first, 0), (low or [], 0.0, 36)):
        onsets = begin + np.cumsum([0.0, *lengths * (48 // round(sum(lengths) or 48))])
        for number, (start, stop) in enumerate(pairwise(onsets)):
            for at, late, kind in ((start, 0, 0x90), (stop, 10, 0x80)):
                events.append(
                    (round(480 * at) - late, bytes([kind + (key_below > 0), SCALE[number % 7] - key_below, 80]))
                )
    return smf(track([tempo(120), *signed, *events]), kind=0)


@pytest.mark.parametrize(
    ("rhythm", "signed"),
    [
        ([1, 0.5, 1, 0.5], [metre(3, 4)]), ([1, 0.5, 1, 0.5], [metre(4, 4)]), ([1, 0.5, 1, 0.5], []),
        ([1.5, 1, 0.5], [metre(4, 4)]), ([1.5, 1, 0.5], []),
    ],
)  # fmt: skip
def test_two_dotted_quarters_under_another_metre_are_six_eight(signed: list[Event], rhythm: list[float]) -> None:
    heard = hear_melody(parse_midi(dotted(rhythm, signed), "x"))
    assert (heard.beats_per_bar, heard.beat_division, heard.written_metre) == (2, 3, (6, 8))
    assert heard.tempo_bpm == pytest.approx(80)
    assert "metre_contradicted" in [one.code for one in heard.diagnostics]


@pytest.mark.parametrize(
    ("rhythm", "first", "low"),
    [
        ([1, 1, 1], 0.0, []), ([2, 1], 0.0, []), ([1.5, 0.5, 1], 0.0, []), ([0.5] * 6, 0.0, []),
        ([1, 0.5, 0.5, 1], 0.0, []), ([1, 0.5, 1.5], 0.0, []), ([0.5, 1, 1.5], 0.0, []),  # syncopated
        ([1, 1, 1], 0.5, []), ([2, 1], 0.5, []),  # behind an eighth that the file does not say
        ([1, 1, 1], 0.5, [3, 3, 3, 2, 1]), ([1.5, 1.5], 0.0, [3]),  # off beats; a waltz of jazz
    ],
)  # fmt: skip
def test_three_quarters_stay_three_quarters(rhythm: list[float], first: float, low: list[float]) -> None:
    heard = hear_melody(parse_midi(dotted(rhythm, [metre(3, 4)], first, low), "x"))
    assert (heard.beats_per_bar, heard.written_metre) == (3, (3, 4))
    assert "metre_contradicted" not in [one.code for one in heard.diagnostics]


def performed(bpm: float, signed: list[Event], spread_s: float = 0.008, division: int = 220) -> bytes:
    """A transcription: notes a little beside the beats of its own tempo, ticks of a header's."""
    rng = np.random.default_rng(1)
    ticks_per_s = division * 2  # at 120 quarters a minute
    events: list[Event] = []
    for place, pitch in enumerate([60, 64, 67, 72, 69, 65, 62, 67] * 4):
        at_s = max(place * 60 / bpm + rng.normal(0, spread_s), 0.0)
        events.append((int(at_s * ticks_per_s), bytes([0x90, pitch, 80])))
        events.append((int((at_s + 0.8 * min(60 / bpm, 0.6)) * ticks_per_s), bytes([0x80, pitch, 0])))
    return smf(track(signed), track(events), division=division)


@pytest.mark.parametrize("signed", [[tempo(120), metre(4, 4)], []])
@pytest.mark.parametrize("bpm", [82.0, 90.0, 95.0, 107.0, 133.0])
def test_a_transcription_has_the_beats_of_its_notes(bpm: float, signed: list[Event]) -> None:
    melody = parse_midi(performed(bpm, signed), "x")
    heard = hear_melody(melody)
    assert heard.tempo_bpm == pytest.approx(bpm, rel=0.02)
    beats = 60 / bpm * np.arange(1, 30)
    assert np.abs(heard.beats_s[None] - beats[:, None]).min(axis=1).max() < 0.05
    assert [note.onset_s for note in melody.notes][5] == pytest.approx(5 * 60 / bpm, abs=0.03)
    assert "tempo_contradicted" in codes(melody)
    assert "120" in melody.diagnostics[0].text
    assert f"{bpm:.0f}" in melody.diagnostics[0].text


@pytest.mark.parametrize("content", [
    performed(120.0, [tempo(120)]),  # played to a click
    performed(60.0, [tempo(120)]),
    performed(240.0, [tempo(120)]),
    performed(95.0, [tempo(120), tempo(119, 220), tempo(121, 440)]),  # somebody has followed the player
    smf(track([tempo(120), *notes(SCALE * 4, 600)])),  # written: five sixteenths each
    smf(track([tempo(120), *notes(SCALE * 4, 160)])),  # triplets
])  # fmt: skip
def test_a_tempo_that_the_notes_keep_to_stays(content: bytes) -> None:
    melody = parse_midi(content, "x")
    assert melody.tempos[0].quarter_bpm == 120
    assert codes(melody) == []


def test_compound_metres_and_their_signature() -> None:
    heard = hear_melody(parse_midi(smf(track([tempo(120), metre(12, 8)]), track(notes(SCALE * 6, 240))), "x"))
    assert (heard.tempo_bpm, heard.beats_per_bar, heard.beat_division) == (80.0, 4, 3)
    assert heard.time_signature == (12, 8)
    np.testing.assert_allclose(np.diff(heard.beats_s), 0.75)


def test_damage_counts_for_all_voices_alike() -> None:
    piece = midi_piece(smf(track(HEAD), track(LINE), track(notes((50, 52), channel=1)), declared=9), "x")
    assert [len(voice.notes) for voice in piece.voices] == [32, 2]
    assert piece.score.quarters(240) == Fraction(1, 2)


@pytest.mark.parametrize("ticks", [1, 96])
def test_a_note_that_lasts_for_days_takes_no_memory(ticks: int) -> None:
    """The delta of four bytes is the longest; held against bars of three, each quarter of it would be counted."""
    endless = smf(
        track([*notes(SCALE * 4), (16_000, b"\x90\x3c\x40"), (0x0FFFFFF0, b"\x80\x3c\x40")]), kind=0, division=ticks
    )
    tracemalloc.start()
    with contextlib.suppress(DataError):
        parse_midi(endless, "endless.mid")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 50e6
