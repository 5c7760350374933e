"""Recordings of single notes become a soundfont, and what it plays is in tune and lasts as long as it is held."""

from __future__ import annotations

import struct
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from ensemble.data import slakh
from ensemble.data.compose import fluidsynth
from ensemble.data.compose.corpus import compose
from ensemble.data.compose.midi import lead_track
from ensemble.data.compose.recorded_notes import key_of, looped, make_soundfont
from ensemble.data.compose.soundfont_file import programs_of
from ensemble.data.compose.tempo import CLOCK, TICKS_PER_QUARTER, Metre
from ensemble.errors import DataError, OutputError
from tests.data.composed import SHORT_S, needs_renderer

RATE = 24_000


def note(midi: float, seconds: float = 1.5, decay_db_per_s: float = 0.0, level: float = 0.5) -> np.ndarray:
    """Four harmonics after 0.2 s of silence."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    f0_hz = 440 * 2 ** ((midi - 69) / 12)
    wave = sum(np.sin(2 * np.pi * f0_hz * k * time_s) / k for k in range(1, 5)) / 2
    rises = np.minimum(time_s / 0.01, 1) * 10 ** (-decay_db_per_s * time_s / 20)
    return np.concatenate([np.zeros(RATE // 5), level * rises * wave])


def save(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, RATE)


def heard(soundfont: Path, program: int, key: int, velocity: int = 100) -> np.ndarray:
    """Four seconds of one key."""
    track = mido.MidiTrack([
        mido.Message("program_change", program=program),
        mido.Message("note_on", note=key, velocity=velocity),
        mido.Message("note_off", note=key, time=8 * TICKS_PER_QUARTER),
    ])  # fmt: skip
    lead = lead_track(Metre(4, 4, 1.0), CLOCK)
    return fluidsynth.render([lead, track], soundfont, 4 * RATE, RATE)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("A4", 69), ("Cs3", 49), ("C#3", 49), ("violin_Bb2_ff", 46), ("F2 v2", 41), ("C-1", 0), ("take 3", None),
        ("G10", None),
    ],
)  # fmt: skip
def test_a_file_is_named_after_its_key(name: str, key: int | None) -> None:
    assert key_of(name) == key


@needs_renderer
def test_notes_are_tuned_held_and_begin_at_once(tmp_path: Path) -> None:
    save(tmp_path / "notes" / "Violine" / "A4.wav", note(69.3))  # 30 cents sharp
    save(tmp_path / "notes" / "Violine" / "x.wav", note(60))
    report = make_soundfont(tmp_path / "notes", tmp_path / "notes.sf2")
    assert report.notes == {"violin": 1}
    assert [skip.path.name for skip in report.skips] == ["x.wav"]
    assert programs_of(report.path) == {40}
    sound = heard(report.path, program=40, key=71)
    assert np.argmax(np.abs(sound) > 0.05 * np.abs(sound).max()) < 0.02 * RATE
    last = sound[2 * RATE : 3 * RATE]  # long after the recording has ended
    assert np.square(last).mean() > 0.5 * np.square(sound[RATE // 2 : RATE]).mean()
    spectrum = np.abs(np.fft.rfft(last * np.hanning(len(last)), 8 * len(last)))
    heard_hz = np.argmax(spectrum) / 8
    assert abs(1200 * np.log2(heard_hz / (440 * 2 ** (2 / 12)))) < 4


def test_a_loop_joins_without_a_jump() -> None:
    sound = note(60.0)[RATE // 5 :].astype(np.float32)
    joined, (begin, end) = looped(sound, RATE, 440 * 2 ** (-9 / 12))
    around = np.concatenate([joined[end - 200 : end], joined[begin : begin + 200]])
    assert np.abs(np.diff(around)).max() < 1.2 * np.abs(np.diff(joined[begin:end])).max()
    np.testing.assert_array_equal(joined[end:], sound[begin : begin + len(joined) - end])


@needs_renderer
def test_dynamics_of_a_key_are_played_by_velocity(tmp_path: Path) -> None:
    for name, level in (("C4 loud", 0.6), ("C4 soft", 0.1)):
        save(tmp_path / "notes" / "flute" / f"{name}.wav", note(60, level=level))
    report = make_soundfont(tmp_path / "notes", tmp_path / "notes.sf2")
    assert report.notes == {"flute": 2}
    soft, loud = (heard(report.path, program=73, key=60, velocity=velocity)[RATE:].std() for velocity in (63, 64))
    assert 5.5 < loud / soft < 6.5  # one step of velocity changes next to nothing, the other recording six times


def test_what_is_of_no_use_is_passed_over_with_its_reason(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    save(notes / "flute" / "C5.wav", note(72))
    save(notes / "flute" / "D5.wav", note(78))  # another key
    save(notes / "flute" / "E5.wav", np.zeros(RATE))
    (notes / "flute" / "F5.wav").write_text("no sound")
    save(notes / "double bass" / "E2.wav", note(40))  # bowed, and the catalogue's is plucked
    save(notes / "theremin" / "C4.wav", note(60))
    save(notes / "flute" / "loud" / "C5.wav", note(72))
    (notes / "flute" / "G5.m4a").write_bytes(b"")
    (notes / "trumpet").mkdir()
    for name, key in (("C3", 60), ("E3", 64)):  # as some count octaves
        save(notes / "oboe" / f"{name}.wav", note(key))
    report = make_soundfont(notes, tmp_path / "notes.sf2")
    assert report.notes == {"flute": 1}
    reasons = {skip.path.name: skip.reason for skip in report.skips}
    assert "octaves off" in reasons["oboe"]
    assert "folder in a folder" in reasons["loud"]
    assert "not decoded here" in reasons["G5.m4a"]
    assert "semitones from its name" in reasons["D5.wav"]
    assert reasons["E5.wav"].startswith(("is silent", "nothing"))
    names = {"D5.wav", "E5.wav", "F5.wav", "G5.m4a", "loud", "double bass", "oboe", "trumpet", "theremin"}
    assert reasons.keys() == names
    with pytest.raises(DataError, match="holds no note that can be used"):
        make_soundfont(notes / "theremin", tmp_path / "none.sf2")
    with pytest.raises(DataError, match="no such folder"):
        make_soundfont(tmp_path / "absent", tmp_path / "none.sf2")
    with pytest.raises(OutputError, match="cannot be written"):
        make_soundfont(notes, Path())
    assert not (tmp_path / "none.sf2").exists()


@needs_renderer
def test_an_instrument_that_a_soundfont_lacks_is_not_played_by_another(tmp_path: Path) -> None:
    save(tmp_path / "notes" / "flute" / "C5.wav", note(72))
    report = make_soundfont(tmp_path / "notes", tmp_path / "notes.sf2")
    with pytest.raises(DataError, match="has no oboe"):
        compose(tmp_path / "set", 1, soundfonts=[report.path], instruments=["flute", "oboe"])
    assert not (tmp_path / "set").exists()


HEAD = b"RIFF\xff\xff\xff\xffsfbkLIST\xff\xff\xff\xffpdta"


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x10\0\0\0sfbk", HEAD, HEAD + b"sbhd"])
def test_what_is_no_soundfont_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.sf2"
    path.write_bytes(content)
    with pytest.raises(DataError):
        programs_of(path)


@pytest.mark.parametrize("size", [38, 1000, 2**32 - 1])
def test_a_soundfont_that_is_cut_off_has_what_it_still_names(size: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.sf2"
    presets = struct.pack("<20sHHHIII", b"flute", 73, *[0] * 5) + struct.pack("<20sHHHIII", b"kit", 0, 128, *[0] * 4)
    path.write_bytes(HEAD + b"phdr" + struct.pack("<I", size) + presets + b"cut")
    assert programs_of(path) == (set() if size == 38 else {73})


@needs_renderer
def test_songs_need_a_soundfont_with_all_that_they_draw(tmp_path: Path) -> None:
    save(tmp_path / "notes" / "flute" / "C5.wav", note(72))
    report = make_soundfont(tmp_path / "notes", tmp_path / "notes.sf2")
    with pytest.raises(DataError, match="has no piano"):
        compose(tmp_path / "set", 1, soundfonts=[report.path], style="songs")
    with pytest.raises(DataError, match=r"has no drums \(kit\)"):
        compose(tmp_path / "set", 1, soundfonts=[report.path], instruments=["flute", "drums"])


@needs_renderer
def test_a_soundfont_that_was_made_anew_is_noticed(tmp_path: Path) -> None:
    for seconds in (1.0, 1.5):
        save(tmp_path / "notes" / "flute" / "C5.wav", note(72, seconds))
        report = make_soundfont(tmp_path / "notes", tmp_path / "notes.sf2")
        if seconds == 1.0:
            compose(tmp_path / "set", 1, soundfonts=[report.path], instruments=["flute"], length_s=SHORT_S)
            (take,) = slakh.read(tmp_path / "set").takes
            assert not take.may_ship
            assert "notes.sf2 is yours to know" in take.licence
    with pytest.raises(DataError, match="another composition"):
        compose(tmp_path / "set", 2, soundfonts=[report.path], instruments=["flute"], length_s=SHORT_S)
