"""Names of keys and chords: what people write is read, what is printed is read again, and nothing is lost unsaid."""

from __future__ import annotations

from typing import get_args

import mir_eval.chord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.errors import ConfigError
from ensemble.types.harmony import CHORD_FORMS, NO_CHORD, Chord, Key, Quality, nearest_quality
from ensemble.types.names import parse_chord, parse_key, read_chord

KEYS = st.builds(Key, tonic=st.integers(0, 11), mode=st.sampled_from(("major", "minor")))
CHORDS = st.builds(
    Chord, root=st.integers(0, 11), quality=st.sampled_from(tuple(CHORD_FORMS)),
    bass=st.none() | st.integers(0, 11),
)  # fmt: skip


def test_the_table_holds_every_quality_once():
    assert (*CHORD_FORMS, "none") == get_args(Quality)
    for column in ("intervals", "symbol", "harte"):
        assert len({getattr(form, column) for form in CHORD_FORMS.values()}) == len(CHORD_FORMS)
    for quality, form in CHORD_FORMS.items():
        assert nearest_quality(form.intervals) == quality
        assert CHORD_FORMS[form.plain].plain == form.plain


@given(CHORDS, KEYS)
def test_what_is_printed_is_read_again(chord: Chord, key: Key):
    for written in (str(chord), chord.spelled(key), chord.harte):
        assert read_chord(written) == (chord, True), written


@given(CHORDS)
def test_labels_mean_to_mir_eval_what_they_mean_here(chord: Chord):
    root, bitmap, bass = mir_eval.chord.encode(chord.harte)
    sounding = {(root + up) % 12 for up in range(12) if bitmap[up]}
    within_an_octave = {(chord.root + up) % 12 for up in chord.form.intervals if up < 12}
    assert sounding == {*within_an_octave, chord.lowest}
    assert (root + bass) % 12 == chord.lowest


def test_no_chord_has_names_too():
    assert str(NO_CHORD) == "-"
    assert parse_chord("-") == parse_chord(NO_CHORD.harte) == NO_CHORD
    assert NO_CHORD.tones == ()


def test_a_root_in_the_bass_is_no_slash_chord():
    assert Chord(root=2, quality="maj", bass=2) == Chord(root=2, quality="maj")
    with pytest.raises(ValueError, match="over 12"):
        Chord(root=2, quality="maj", bass=12)
    with pytest.raises(ValueError, match="no chord"):
        Chord(root=0, quality="none", bass=4)


@pytest.mark.parametrize(
    ("key", "chord", "name"),
    [("Db", "C#/F", "Db/F"), ("F minor", "C#", "Db"), ("E", "Abm", "G#m"), ("A", "Db7/F", "C#7/E#"),
     ("C", "Ebdim7", "Ebdim7"),
     ("C", "D/F#", "D/F#"), ("Bb", "D/F#", "D/F#"), ("Eb", "Ab/Gb", "Ab/Gb"), ("D", "A/G", "A/G"),
     ("F#", "Bbm", "A#m"),
     ("C", "Bdim7/Ab", "Bdim7/Ab"), ("G", "Cm/Eb", "Cm/Eb")],
)  # fmt: skip
def test_chords_are_spelt_as_the_key_suggests(key, chord, name):
    assert parse_chord(chord).spelled(parse_key(key)) == name


@pytest.mark.parametrize(
    ("words", "name"),
    [("Am", "A minor"), ("G minor", "G minor"), ("F# major", "F# major"), ("Bb", "Bb major"), ("E:min", "E minor"),
     (" Cb ", "B major"), ("D\N{MUSIC FLAT SIGN} maj", "Db major")],
)  # fmt: skip
def test_keys_as_people_write_them(words, name):
    assert str(parse_key(words)) == name


@pytest.mark.parametrize("words", ["", "H", "a", "A blues", "Am7", "G  mixolydian", "C#b#", "7"])
def test_what_is_no_key_is_refused(words):
    with pytest.raises(ConfigError, match="is no key"):
        parse_key(words)


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("C", "C CM Cmaj Cma CMaj C:maj C:(1,3,5)"),
        ("Cm", "Cm C- C\N{MINUS SIGN} Cmin Cmi C:min"),
        ("Cmaj7", "Cmaj7 CM7 Cma7 CMA7 C7M C^7 C\N{WHITE UP-POINTING TRIANGLE}7 C\N{INCREMENT} C:maj7"),
        ("Cm7", "Cm7 C-7 Cmin7 Cmi7 CMI7 C:min7 C:min(b7)"),
        (
            "Cm7b5",
            "Cm7b5 C\N{LATIN SMALL LETTER O WITH STROKE} Ch7 C-7b5 Cm7(b5) Cm7-5 C:hdim7",
        ),
        ("Cdim", "Cdim Co C\N{DEGREE SIGN} C:dim"),
        ("Cdim7", "Cdim7 Co7 C\N{DEGREE SIGN}7 C:dim7"),
        ("Caug", "Caug C+ C+5 C(#5) C:aug"),
        ("Csus4", "Csus Csus4 C4 C:sus4"),
        ("Csus2", "Csus2 C2 C:sus2"),
        ("C7sus4", "C7sus4 C7sus D4/7 C:sus4(b7)"),
        ("C6", "C6 CM6 C:maj6"),
        ("Cadd9", "Cadd9 C(add9) Cadd2 C/9 C:maj(9)"),
        ("Cmadd9", "Cmadd9 Cm(add9) C:min(9)"),
        ("C9", "C9 C7/9 C7(9) Cdom9 C:9"),
        ("Cmaj9", "Cmaj9 CM9 C\N{INCREMENT}9"),
        ("Cmmaj7", "Cm(maj7) CmM7 CmMaj7 C-\N{INCREMENT}7 C:minmaj7"),
        ("C5", "C5 C:5"),
        ("C69", "C69 C6/9 C6(9) C6add9 C:maj6(9)"),
        ("C7#5", "C7#5 C7+5 C+7 Caug7 C7(#5) C:aug(b7)"),
        ("C7b9", "C7b9 C7(b9) C7-9 C7/b9 C:7(b9)"),
        ("C7#9", "C7#9 C7(#9) C7+9 C:7(#9)"),
        ("C9sus4", "C9sus C9sus4 C7sus4(9) C:sus4(b7,9)"),
        ("C13", "C13 C9(13) C9/13 C:13"),
        ("C/E", "C/E C/3 C:maj/3"),
        ("Am7/G", "Am7/G A-7/G A:min7/b7"),
        ("-", "N NC N.C. - X"),
    ],
)
def test_chords_as_people_and_lab_files_write_them(name, spellings):
    for word in spellings.replace("D4/7", "C4/7").split():
        assert (str(read_chord(word).chord), read_chord(word).is_exact) == (name, True), word


@pytest.mark.parametrize(
    ("word", "name"),
    [("C7b5", "C7"), ("C11", "C9"), ("Cm11", "Cm9"), ("Cm69/G", "Cm6/G"), ("Cmaj7#11/E", "Cmaj7/E"),
     ("C7b9#11", "C7b9"),
     ("C7alt", "C7#5"), ("C(b9)", "C"), ("G:7(*5)", "G7"), ("C:maj6(9,11)", "C69"), ("C(no5)", "C"), ("C:1", "C5")],
)  # fmt: skip
def test_what_cannot_be_played_exactly_is_the_nearest_chord_and_says_so(word, name):
    assert (str(read_chord(word).chord), read_chord(word).is_exact) == (name, False)


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("", "C"),
        ("H7", "B7"),
        ("am", "Am"),
        ("Cmaj8", "Cmaj9"),
        ("C7+", "C7"),
        ("Cm5", "Cm"),
        ("C79", "C7b9"),
        ("C7/3", "C7"),
    ],
)
def test_what_is_no_chord_is_refused_with_the_nearest_name(word, nearest):
    with pytest.raises(ConfigError, match="is no chord") as refused:
        read_chord(word)
    assert f"the nearest name is {nearest};" in refused.value.cure


@given(st.text("ABCG#b/:()0123456789majinsudgho+-^*,", max_size=12))
def test_any_text_is_a_chord_or_refused(text: str):
    try:
        chord, is_exact = read_chord(text)
    except ConfigError:
        return
    assert read_chord(str(chord)) == (chord, True)
    assert is_exact in (True, False)
