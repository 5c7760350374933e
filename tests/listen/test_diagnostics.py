"""What is told of a recording, as codes; and that nothing depends on the words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from ensemble.listen.diagnostics import Evidence, diagnose
from ensemble.listen.doubts import doubts_of
from ensemble.listen.listener import Listener
from ensemble.listen.overrides import ChordAt, Overrides, with_overrides
from ensemble.listen.to_json import heard_as_json
from ensemble.types import diagnostics
from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.harmony import Chord
from ensemble.types.music import Heard
from ensemble.types.names import parse_key
from tests.listen.leader_sounds import RATE, chords, clip_of, tone

CLEAN = Evidence(
    voiced=0.95,
    unfollowed=0.0,
    gliding=0.0,
    single_voice=1.0,
    clarity=0.8,
    no_chord=0.9,
    is_hiss=np.zeros(50, np.bool_),
)
LOUD = np.linspace(-100.0, -20.0, 50, dtype=np.float32)


@pytest.fixture(scope="module")
def guitar_chords() -> Heard:
    return Listener().listen(clip_of(chords([(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)] * 3, 1.0)))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"voiced": 0.1, "unfollowed": 0.1}, "little_pitch"),
        ({"too_high": 0.6, "voiced": 0.2, "no_chord": 0.9}, "pitch_too_high"),
        ({"too_low": 0.6, "no_chord": 0.2}, "pitch_too_low"),
        ({"hum_hz": 50.0}, "hum"),
        ({"single_voice": 0.5}, "several_notes"),
        ({"unfollowed": 0.3}, "several_notes"),
        ({"clarity": 0.1}, "no_clear_beat"),
    ],
)
def test_each_finding_has_its_code(change: dict[str, float], code: str) -> None:
    assert diagnose(CLEAN, LOUD) == ()
    assert [found.code for found in diagnose(replace(CLEAN, **change), LOUD)] == [code]


SPOKEN = {"gliding": 0.6, "steady": 0.4, "syllabic": 0.45, "clarity": 0.1}


@pytest.mark.parametrize("sung", [{}, {"gliding": 0.2}, {"steady": 0.84}, {"syllabic": 0.12}, {"clarity": 0.5}])
def test_speech_is_told_only_where_everything_speaks_for_it(sung: dict[str, float]) -> None:
    codes = [found.code for found in diagnose(replace(CLEAN, **(SPOKEN | sung)), LOUD)]
    assert ("gliding_pitch" in codes) == (not sung)


def held(midi: float) -> np.ndarray:
    return np.concatenate(
        [tone(midi, 1.5, num_harmonics=min(12, int(7900 / (440 * 2 ** ((midi - 69) / 12))))), np.zeros(8000)]
    )


@pytest.mark.parametrize(
    ("midi", "code"), [(21, "pitch_too_low"), (40, None), (96, None), (98, "pitch_too_high"), (105, "pitch_too_high")]
)
def test_a_note_beyond_the_range_is_told_and_by_no_other_warning(midi: int, code: str | None) -> None:
    heard = Listener().listen(clip_of(held(midi)))
    codes = {found.code for found in heard.diagnostics} - {"no_clear_beat"}
    is_right = np.abs(heard.frames.f0_hz[20:120] / (440 * 2 ** ((midi - 69) / 12)) - 1).max() < 0.02
    assert codes == (set() if is_right else {code})


@pytest.mark.parametrize("mains_hz", [0, 50, 60])
def test_hum_is_no_leader(mains_hz: int) -> None:
    line = np.concatenate([np.concatenate([tone(midi, 0.7), np.zeros(RATE)]) for midi in (67, 69, 71, 67)])
    time_s = np.arange(len(line)) / RATE
    hum = 0.008 * (np.sin(2 * np.pi * mains_hz * time_s) + 0.5 * np.sin(6 * np.pi * mains_hz * time_s))
    heard = Listener().listen(clip_of(line + hum))
    in_rests = heard.frames.f0_hz.reshape(4, 170)[:, 90:165]
    assert not in_rests.any()
    assert (heard.frames.loudness_db.reshape(4, 170)[:, 90:165] == -100).mean() > 0.95
    assert ("hum" in {found.code for found in heard.diagnostics}) == (mains_hz > 0)


@pytest.mark.parametrize(("loudest_db", "is_told"), [(-75.0, True), (-51.0, True), (-49.0, False), (-12.0, False)])
def test_a_leader_too_quiet_to_lead_is_told(loudest_db: float, is_told: bool) -> None:
    loudness_db = np.linspace(-100.0, loudest_db, 50, dtype=np.float32)
    assert [found.code for found in diagnose(CLEAN, loudness_db)] == (["very_quiet"] if is_told else [])


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError, match="no diagnostic 'gossip'"):
        Diagnostic(code="gossip", text="?")  # type: ignore[arg-type]


def test_every_code_stands_in_the_table() -> None:
    table = Path(diagnostics.__file__).read_text(encoding="utf-8")
    assert all(f"| {code} |" in table for code in get_args(DiagnosticCode))


def test_nothing_depends_on_the_words(guitar_chords: Heard) -> None:
    other_words = tuple(replace(found, text="Anything else.") for found in guitar_chords.diagnostics)
    wanted = Overrides(key="A minor")
    said_otherwise = with_overrides(replace(guitar_chords, diagnostics=other_words), wanted)
    assert said_otherwise.chords == with_overrides(guitar_chords, wanted).chords
    assert [found.code for found in said_otherwise.diagnostics] == [found.code for found in other_words]
    told_nothing = with_overrides(replace(guitar_chords, diagnostics=()), wanted)
    assert told_nothing.chords != said_otherwise.chords  # the code decides


def test_the_document_says_both(guitar_chords: Heard) -> None:
    document = heard_as_json(guitar_chords)
    assert document["codes"][0] == "several_notes"
    assert len(document["chord_confidence"]) == len(document["other_chords"]) == len(document["chords"])
    assert [(section["start_beat"], section["key"]) for section in document["key_sections"]] == [(0, "C major")]
    assert document["warnings"][0] == "Several notes sound at once, so chords are estimated; please check them."


def test_what_was_heard_to_its_end_is_final(guitar_chords: Heard) -> None:
    num_frames = guitar_chords.frames.num_frames
    assert guitar_chords.final_frames == num_frames
    assert replace(guitar_chords, provisional_frames=20).final_frames == num_frames - 20
    with pytest.raises(ValueError, match="cannot be provisional"):
        replace(guitar_chords, provisional_frames=num_frames + 1)


def test_a_single_chord_is_doubted_until_the_user_names_more() -> None:
    heard = Listener().listen(clip_of(chords([(48, 55, 60, 64, 67)] * 36, 0.5)))
    assert "one_chord" in [found.code for found in heard.diagnostics]
    told = Overrides(chords=(ChordAt(at=0.0, chord="C"), ChordAt(at=9.0, chord="C7")))
    assert "one_chord" not in [found.code for found in with_overrides(heard, told).diagnostics]
    assert "one_chord" in [found.code for found in with_overrides(heard, Overrides(key="F major")).diagnostics]
    flats = (Chord(root=1, quality="maj"),) * len(heard.chords)
    in_flats = replace(heard, key=parse_key("Db"), key_sections=(), chords=flats)
    assert "one chord is heard, Db;" in doubts_of(in_flats)[0].text


@pytest.mark.parametrize(
    ("ratio", "confidence", "option"),
    [(0.5, 0.4, "--half-time"), (2.0, 0.4, "--double-time"), (1.3, 0.4, "--tempo 1"), (0.5, 0.9, None)],
)
def test_a_doubtful_tempo_names_the_option_that_mends_it(
    guitar_chords: Heard, ratio: float, confidence: float, option: str | None
) -> None:
    sure = replace(guitar_chords, tempo_bpm=100.0, bar_confidence=np.zeros(0, np.float32))
    told = doubts_of(replace(sure, second_tempo_bpm=100 * ratio, tempo_confidence=confidence))
    assert [found.code for found in told] == (["tempo_uncertain"] if option else [])
    assert all(option and option in found.text for found in told)


@pytest.mark.parametrize(
    ("second", "confidence", "option"),
    [
        ((4, 1), 0.4, "--first-downbeat"),
        ((3, 0), 0.4, "--beats-per-bar 3"),
        (None, 0.4, "--first-downbeat"),
        ((4, 1), 0.9, None),
    ],
)
def test_doubtful_bars_name_the_option_that_mends_them(
    guitar_chords: Heard, second: tuple[int, int] | None, confidence: float, option: str | None
) -> None:
    bars = np.full(3, confidence, np.float32)
    sure = replace(guitar_chords, beats_per_bar=4, second_tempo_bpm=None)
    told = doubts_of(replace(sure, bar_confidence=bars, second_bars=second))
    assert [found.code for found in told] == (["bars_uncertain"] if option else [])
    assert all(option and option in found.text for found in told)
