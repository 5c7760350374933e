"""An arranger learns what multitrack MIDI shows it, and the command line says what is wrong with the rest."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import numpy as np
import pytest

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_features import NUM_INPUTS, STRIKE
from ensemble.conduct.arranger_file import ARRANGER
from ensemble.errors import ConfigError, DataError
from ensemble.measure.arranging import FIGURES, evaluate_arranger
from ensemble.train.arranger.crops import NOT_ASKED, crop_of
from ensemble.train.arranger.fit import fit_arranger
from ensemble.train.arranger.material import gather_lessons, lessons_of, midi_files, read_piece, read_pieces
from ensemble.train.arranger.settings import TrainArrangerSettings
from tests.typed import ensemble

TICKS = 480
LOOP = (0, 9, 5, 7)


def track(name: str, program: int, notes: list[tuple[float, float, int]], channel: int) -> mido.MidiTrack:
    """Notes as (quarter, length, pitch)."""
    events = [(start, 1, pitch) for start, _, pitch in notes] + [
        (start + length, 0, pitch) for start, length, pitch in notes
    ]
    made, now = mido.MidiTrack(), 0
    made.append(mido.MetaMessage("track_name", name=name))
    made.append(mido.Message("program_change", program=program, channel=channel))
    for at, is_on, pitch in sorted(events):
        tick = round(at * TICKS)
        made.append(mido.Message("note_on", note=pitch, velocity=80 * is_on, channel=channel, time=tick - now))
        now = tick
    return made


def write_song(path: Path, seed: int = 0, bars: int = 16, parts: tuple[str, ...] = ("flute", "bass", "piano")) -> Path:
    """A flute that moves, a bass on the root of every downbeat and nowhere else, a piano on two and four."""
    rng = np.random.default_rng(seed)
    flute, bass, piano = [], [], []
    for bar in range(bars):
        root = LOOP[bar % 4]
        minor = root == 9
        triad = (root, root + (3 if minor else 4), root + 7)
        flute += [(4 * bar + beat, 0.9, 72 + triad[rng.integers(3)] % 12) for beat in range(4)]
        bass.append((4 * bar, 2.0, 36 + root % 12))
        piano += [(4 * bar + beat, 0.9, 60 + tone % 12) for beat in (1, 3) for tone in triad]
    document = mido.MidiFile(ticks_per_beat=TICKS)
    first = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000), mido.MetaMessage("time_signature")])
    document.tracks.append(first)
    known = {
        "flute": ("Flute", 73, flute, 0), "bass": ("Electric Bass", 33, bass, 1), "piano": ("Piano", 0, piano, 2),
        "theremin": ("Theremin", 95, flute, 3), "drums": ("Drums", 0, bass, 4),
    }  # fmt: skip
    document.tracks.extend(track(*known[part]) for part in parts)
    document.save(path)
    return path


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for number in range(24):
        write_song(folder / f"song-{number}.mid", seed=number)
    return folder


def test_parts_are_known_by_what_they_do(songs: Path) -> None:
    piece = read_piece("song", songs / "song-0.mid")
    assert piece is not None
    assert [(part.instrument, part.kind) for part in piece.parts] == [
        ("flute", "line"), ("electric_bass", "bass"), ("piano", "chords"),
    ]  # fmt: skip
    assert [chord.root for chord in piece.parts[0].heard.chords[::4]] == list(LOOP) * 4
    assert piece.parts[1].notes[1] == (2.0, 3.0, 45)
    lessons = list(lessons_of(piece))
    assert len(lessons) == 6
    assert {len(lesson.inputs) for lesson in lessons} <= {124, 126, 128}  # a leader's end is the end
    assert all(lesson.inputs.shape[1] == NUM_INPUTS for lesson in lessons)
    (bass, *_) = (lesson for lesson in lessons if lesson.kind == "bass")
    assert np.flatnonzero(bass.line.actions == STRIKE).tolist() == list(range(0, 128, 8))


def test_every_file_has_its_split(songs: Path) -> None:
    splits = [split for _, _, split in midi_files(songs)]
    assert {"train", "valid", "test"} == set(splits)
    assert splits.count("train") > 12


def test_crops_ask_for_the_tones_of_strokes_alone(songs: Path) -> None:
    piece = read_piece("song", songs / "song-0.mid")
    assert piece is not None
    for lesson in lessons_of(piece):
        crop = crop_of(lesson, 100, 40)
        assert crop["inputs"].shape == (40, NUM_INPUTS)
        assert (crop["actions"][28:] == NOT_ASKED).all()
        asked = crop["tones"] != NOT_ASKED
        assert bool(asked.any()) == (lesson.kind != "chords")
        assert (crop["actions"][asked] == STRIKE).all()
        if lesson.kind == "bass":
            assert (crop["tones"][asked] == 0).all()


def test_of_many_files_each_gives_its_share_and_always_the_same(songs: Path) -> None:
    files = midi_files(songs)[::4]
    whole, some, again, least = (gather_lessons(files, most) for most in (10_000, 2 * len(files), 2 * len(files), 1))
    assert (len(whole), len(some), len(least)) == (6 * len(files), 2 * len(files), len(files))
    assert [lesson.inputs.tobytes() for lesson in some] == [lesson.inputs.tobytes() for lesson in again]
    assert {lesson.kind for lesson in some} == {"bass", "line", "chords"}


@pytest.fixture(scope="module")
def trained(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    taught, held_out = (
        gather_lessons([one for one in midi_files(songs) if one[2] == split], 1000) for split in ("train", "valid")
    )
    settings = TrainArrangerSettings(hidden=24, max_steps=200, audit_steps=50, batch_size=8, crop_steps=48, dropout=0.0)
    out = tmp_path_factory.mktemp("run")
    fit_arranger(settings, taught, held_out, out, origin="songs", licence="ours")
    with pytest.raises(ConfigError, match="holds a run already"):
        fit_arranger(settings, taught, held_out, out, origin="songs", licence="ours")
    with pytest.raises(DataError, match="must both hold pieces"):
        fit_arranger(settings, taught, [], out / "new", origin="songs", licence="ours")
    return out / "arranger.safetensors"


def test_it_learns_what_everybody_did(trained: Path, songs: Path) -> None:
    weights = ARRANGER.read(trained)
    assert weights.card.kinds == ("bass", "chords", "line")
    assert weights.card.metrics["action_nats"] < 0.15
    assert (
        (trained.parent / "curve.csv")
        .read_text()
        .startswith("step,minutes,train,rate,held_out,action_nats,tone_nats\n50,")
    )
    unseen = list(read_pieces([one for one in midi_files(songs) if one[2] == "test"]))
    figures = evaluate_arranger(Arranger(weights), unseen)
    assert set(figures["difference"]) == set(FIGURES)
    learned, rules, true = (figures[who] for who in ("learned", "rules", "true"))
    assert true["onset_f1"] == true["tone_match"] == 1.0
    assert true["density_error"] == true["note_length_error"] == 0.0
    assert learned["onset_f1"] > 0.7
    assert learned["onset_f1"] > rules["onset_f1"] + 0.1
    assert figures["difference"]["onset_f1"][0] > 0.05
    assert learned["chord_tone_ratio"] > 0.95
    assert learned["range_violations"] == rules["range_violations"] == 0


@pytest.mark.slow
def test_the_command_line_trains_and_measures(songs: Path, tmp_path: Path) -> None:
    done = ensemble("train", "arranger", "--data", songs, "--out", tmp_path / "run", "--max-steps", "20", "--json")
    assert done.exit_code == 0, done.output
    path = json.loads(done.stdout)["arranger"]
    assert f"--out {tmp_path / 'run'}" in ARRANGER.read(Path(path)).card.command
    done = ensemble("evaluate", "arranger", path, "--data", songs)
    assert done.exit_code == 0, done.output
    assert "onset_f1" in done.stdout
    assert "notes out of range: 0 learned, 0 by rules" in done.stdout
    again = ensemble("train", "arranger", "--data", songs, "--out", tmp_path / "run", "--max-steps", "20")
    assert "holds a run already" in str(again.exception)
    more = ("--max-steps", "22", "--resume", "--json")
    done = ensemble("train", "arranger", "--data", songs, "--out", tmp_path / "run", *more)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "curve.csv").read_text().splitlines()[-1].startswith("22,")


def test_few_files_are_split_among_those_that_can_be_used(tmp_path: Path) -> None:
    for name in ("ode", "reel", "waltz"):
        write_song(tmp_path / f"{name}.mid")
    (tmp_path / "damaged.mid").write_bytes(b"MThd nonsense")
    said: list[str] = []
    assert {split for _, _, split in midi_files(tmp_path, on_left_out=said.append)} == {"train", "valid", "test"}
    line, count = said
    assert "damaged.mid is left out: " in line
    assert count == "1 of 4 files are left out"


def test_bad_music_is_left_out_or_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no music")
    done = ensemble("train", "arranger", "--data", tmp_path, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert "holds no MIDI of several parts" in str(done.exception)
    assert not (tmp_path / "run").exists()
    (tmp_path / "damaged.mid").write_bytes(b"MThd nonsense")
    write_song(tmp_path / "beaten.mid", parts=("flute", "drums"))
    write_song(tmp_path / "alone.mid", parts=("flute",))
    write_song(tmp_path / "unknown.mid", parts=("flute", "theremin"))
    said: list[str] = []
    with pytest.raises(DataError, match="no MIDI of several parts"):
        midi_files(tmp_path, on_left_out=said.append)
    assert len(said) == 5
    assert sum("no two pitched parts" in one for one in said) == 3
    done = ensemble("evaluate", "arranger", "--data", tmp_path)
    assert done.exit_code == 1
    assert "holds no MIDI of several parts" in str(done.exception)
