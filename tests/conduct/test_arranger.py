"""A learned arranger has its own taste and the rules' manners; its file is checked like every other."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_features import (
    HOLD,
    NUM_CONTEXT,
    NUM_INPUTS,
    NUM_MEMORY,
    REST,
    STRIKE,
    ArrangerLine,
    context_of,
    line_of,
    memory_of,
)
from ensemble.conduct.arranger_file import ARRANGER, ArrangerCard, ArrangerWeights
from ensemble.conduct.arranger_network import ArrangerNetwork
from ensemble.conduct.conductor import Conductor
from ensemble.conduct.grid import LOOK_AHEAD_BEATS, grid_of
from ensemble.conduct.leader import listen_to
from ensemble.conduct.parts import write_parts
from ensemble.config import BandSettings, FollowerSettings, weights_dir, weights_in
from ensemble.errors import ArrangerError
from ensemble.files.weights import state_tensors
from ensemble.train.arranger.network import ArrangerNet
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import Chord, Frames, Heard, Key, Part
from tests.conduct.handmade_leader import LOOP, cut, heard_of, of, pitches, restless

BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
CHORDS = FollowerSettings(name="chords", instrument="nylon_guitar", role="pad", voices=4)
VIOLA = FollowerSettings(name="viola", instrument="viola", role="pad", voices=1)
VIOLIN = FollowerSettings(name="violin", instrument="violin", role="counter")
BAND = (BASS, CHORDS, VIOLA, VIOLIN)
LINES = ("bass", "viola", "violin")


@pytest.fixture(scope="module")
def learned() -> Arranger:
    return Arranger(ARRANGER.load("learned"))


def random_arranger(seed: int) -> Arranger:
    """One that has learned nothing: manners must not depend on what the network says."""
    torch.manual_seed(seed)
    network = ArrangerNet(16)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.mul_(4.0)
    return Arranger(ArrangerWeights(card=ArrangerCard(hidden=16), tensors=state_tensors(network)))


def written(heard: Heard, arranger: Arranger | None, seed: int = 3) -> dict[str, Part]:
    return {part.name: of(part) for part in write_parts(heard, BAND, heard.frames.num_frames, seed, arranger)}


def test_one_is_in_the_box() -> None:
    assert "learned" in weights_in(weights_dir("arranger"))
    card = ARRANGER.load("learned").card
    assert card.training_data
    assert "Apache-2.0" in card.licence
    assert len(card.known_faults) >= 2


def test_numpy_and_torch_are_one_network(learned: Arranger) -> None:
    weights = ARRANGER.load("learned")
    network = ArrangerNet(weights.card.hidden)
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.tensors.items()})
    network.eval()
    rows = np.random.default_rng(0).standard_normal((40, NUM_INPUTS)).astype(np.float32)
    with torch.no_grad():
        actions, wishes = (answer[0].numpy() for answer in network(torch.from_numpy(rows)[None]))
    ours = ArrangerNetwork(weights)
    memory = ours.start()
    for step, row in enumerate(rows):
        action, wish, memory = ours.step(row, memory)
        np.testing.assert_allclose(action, actions[step], atol=1e-5)
        np.testing.assert_allclose(wish, wishes[step], atol=1e-5)


def test_what_it_sees_does_not_depend_on_the_key() -> None:
    rows = []
    for up in (0, 5):
        loop = tuple(((root + up) % 12, quality) for root, quality in LOOP)
        melody = tuple(
            (pitch + up if pitch else 0, length) for pitch, length in ((76, 1.0), (72, 0.5), (0, 0.5), (79, 2.0))
        )
        heard = heard_of(loop=loop, melody=melody, key=Key(tonic=up, mode="major"))
        grid = grid_of(heard)
        seen = context_of(grid, listen_to(heard, grid), "line", CATALOGUE["violin"], 74.0 + up)
        assert seen.rows.shape == (2 * grid.num_beats, NUM_CONTEXT)
        rows.append(seen.rows)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_notes_are_moved_to_the_nearest_half_beats() -> None:
    grid = grid_of(heard_of(bars=2, bpm=120.0))  # a half beat lasts 0.25 s
    line = line_of([(0.02, 0.49, 60), (0.74, 1.3, 64), (0.76, 0.9, 67), (1.26, 1.27, 62)], grid, "line")
    assert line.actions[:7].tolist() == [STRIKE, HOLD, REST, STRIKE, REST, STRIKE, REST]
    assert line.pitches[:7].tolist() == [60, 60, 0, 67, 0, 62, 0]
    assert line_of([(0.74, 1.3, 64), (0.76, 0.9, 67)], grid, "bass").pitches[3:5].tolist() == [64, 64]


def test_what_it_remembers_of_a_line() -> None:
    line = ArrangerLine(np.array([STRIKE, HOLD, REST, STRIKE]), np.array([64, 64, 0, 67]))
    rows = memory_of(line, np.array([0, 0, 0, 4]), 64.0)
    assert rows.shape == (4, NUM_MEMORY)
    assert rows[:, :3].argmax(axis=1).tolist() == [REST, STRIKE, HOLD, REST]
    assert rows[0, 3:].max() == 0.0
    assert rows[1:, 3:15].argmax(axis=1).tolist() == [4, 4, 0]  # from the chord's root; the last row's root is e
    np.testing.assert_allclose(rows[:, 15] * 16, [0, 1, 2, 0])


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
@pytest.mark.parametrize("bpm", [70.0, 150.0])
def test_no_note_leaves_its_range_or_crosses_and_all_end_with_the_leader(seed: int | None, bpm: float, learned) -> None:
    heard = heard_of(bars=12, bpm=bpm)
    parts = written(heard, learned if seed is None else random_arranger(seed))
    for follower in BAND:
        notes = parts[follower.name].notes
        assert notes
        assert all(follower.range[0] <= note.pitch_midi <= follower.range[1] for note in notes)
        assert notes[-1].stop_frame <= heard.frames.num_frames
    rolls = [pitches(parts[name].notes, heard.frames.num_frames) for name in ("bass", "viola", "violin")]
    for lower, upper in pairwise(rolls):
        both = np.isfinite(lower[0]) & np.isfinite(upper[0])
        begins = np.flatnonzero(both & (np.diff(lower[0], prepend=0.0) != 0) & (np.diff(upper[0], prepend=0.0) != 0))
        assert (lower[0] < upper[0])[begins].all()
        assert (lower[0] < upper[0])[both].mean() > 0.97  # where a note of one laps over into another's beat


@pytest.mark.parametrize("seed", [None, 5])
def test_on_the_beat_it_plays_the_chord_and_it_ends_on_the_root(seed: int | None, learned: Arranger) -> None:
    heard = heard_of(bars=16)
    parts = written(heard, learned if seed is None else random_arranger(seed))
    for name in LINES:
        for note in parts[name].notes:
            place = note.start_frame / 50  # beats
            if abs(place - round(place)) < 0.1:
                chord = heard.chords[min(round(place), len(heard.chords) - 1)]
                assert round(note.pitch_midi) % 12 in chord.tones, (name, place)
    assert round(parts["bass"].notes[-1].pitch_midi) % 12 == heard.chords[-1].root


def test_it_rests_with_a_leader_who_has_gone(learned: Arranger) -> None:
    heard = heard_of(bars=16, silent_beats=(16, 40))
    for name in LINES:
        starts = np.array([note.start_frame for note in written(heard, learned)[name].notes])
        assert not ((starts > 22 * 50) & (starts < 39 * 50)).any(), name
        assert (starts > 42 * 50).any()


@pytest.mark.parametrize(
    ("bars", "melody"), [(1, ((0, 3.0), (72, 1.0))), (6, (*((72, 1.0),) * 12, (0, 11.0), (72, 1.0)))]
)
def test_a_leader_who_is_back_for_the_last_beat_is_survived_and_nothing_is_held_till_then(
    bars: int, melody: tuple[tuple[int, float], ...], learned: Arranger
) -> None:
    heard = heard_of(bars=bars, melody=melody)
    for name in LINES:
        assert all(note.stop_frame - note.start_frame < 400 for note in written(heard, learned)[name].notes)


def test_who_finds_no_room_rests() -> None:
    heard = heard_of(bars=24)
    pads = tuple(FollowerSettings(name=f"viola-{one}", instrument="viola", role="pad", voices=1) for one in range(3))
    band = (BASS, *pads, FollowerSettings(name="alto", instrument="viola", role="counter"), VIOLIN)
    parts = write_parts(heard, band, heard.frames.num_frames, 3, random_arranger(1))
    rolls = [pitches(of(part).notes, heard.frames.num_frames)[0] for part in parts]
    for lower, upper in pairwise(rolls):
        both = np.isfinite(lower) & np.isfinite(upper)
        assert (lower < upper)[both].mean() > 0.97


def test_it_writes_otherwise_than_the_rules_and_always_the_same(learned: Arranger) -> None:
    heard = heard_of(bars=12)
    ours, again, rules = written(heard, learned), written(heard, learned), written(heard, None)
    other_seed = written(heard, learned, seed=4)
    for name in LINES:
        assert ours[name].notes == again[name].notes
        assert ours[name].f0_hz.tobytes() == again[name].f0_hz.tobytes()
        onsets, ruled, otherwise = (
            [note.start_frame // 10 for note in parts[name].notes] for parts in (ours, rules, other_seed)
        )
        assert onsets != ruled
        assert onsets != otherwise


def test_rules_write_what_it_has_never_met(learned: Arranger) -> None:
    assert not learned.knows(CHORDS)
    heard = heard_of(bars=8)
    ours, rules = (
        of(write_parts(heard, (CHORDS,), heard.frames.num_frames, 3, one)[0]).notes for one in (learned, None)
    )
    assert ours == rules


def test_who_knows_chords_strums_its_own_rhythm() -> None:
    heard = heard_of(bars=8)
    parts = written(heard, random_arranger(0))
    strums = parts["chords"].notes
    assert len({note.voice for note in strums}) == 4
    gaps = [after.start_frame - before.stop_frame for before, after in pairwise(n for n in strums if n.voice == 0)]
    assert max(gaps) > 20  # it rests, too: for half a beat
    assert [note.start_frame for note in parts["chords"].notes] != [
        note.start_frame for note in written(heard, None)["chords"].notes
    ]


@pytest.mark.parametrize("seed", [0, 3])
def test_a_longer_leader_leaves_what_was_written(seed: int, learned: Arranger) -> None:
    heard = heard_of(bars=24) if seed == 0 else restless(seed)
    beat = len(heard.beats_s) * 2 // 3
    settled = heard.beats_s[beat - LOOK_AHEAD_BEATS - heard.beats_per_bar] * 100
    whole, shorter = written(heard, learned), written(cut(heard, beat), learned)
    compared = 0
    for name in LINES:
        expected = [note for note in whole[name].notes if note.stop_frame <= settled]
        assert [note for note in shorter[name].notes if note.stop_frame <= settled] == expected
        compared += len(expected)
    assert compared > 10


@pytest.mark.parametrize("num_frames", [0, 1, 7, 60])
def test_a_leader_of_next_to_nothing_is_survived(num_frames: int, learned: Arranger) -> None:
    whole = heard_of(bars=1)
    frames = whole.frames
    short = Frames(
        f0_hz=frames.f0_hz[:num_frames], loudness_db=frames.loudness_db[:num_frames],
        confidence=frames.confidence[:num_frames], onset=frames.onset[:num_frames],
        chroma=frames.chroma[:, :num_frames],
    )  # fmt: skip
    heard = replace(whole, frames=short, beats_s=np.zeros(0), chords=())
    for part in write_parts(heard, BAND, num_frames, 3, learned):
        assert of(part).f0_hz.shape[1] == num_frames


def test_silence_noise_and_no_chords_are_survived(learned: Arranger) -> None:
    silent = heard_of(silent_beats=(0, 999))
    assert not any(part.notes for part in written(silent, learned).values())
    for seed in range(6):
        heard = restless(seed)
        for part in written(heard, learned).values():
            assert np.isfinite(part.f0_hz).all()
            assert np.isfinite(part.level_db).all()


def test_a_band_names_its_arranger(learned: Arranger) -> None:
    heard = heard_of(bars=6)
    band = BandSettings(name="four", followers=BAND, arranger="learned")
    parts = Conductor(band, seed=3).arrange(heard, heard.frames.num_frames).parts
    assert [of(part).notes for part in parts] == [part.notes for part in written(heard, learned).values()]
    with pytest.raises(ArrangerError, match="choose one of rules, learned"):
        Conductor(band.model_copy(update={"arranger": "cole-porter"}), seed=3)


def damaged(path: Path, how: str) -> None:
    card = path.with_suffix(".json")
    document = json.loads(card.read_text())
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "gone":
        path.unlink()
    elif how == "no card":
        card.unlink()
    elif how == "not json":
        card.write_text("{")
    else:
        changed = {
            "version": {"format_version": 9}, "inputs": {"num_inputs": 90}, "hidden": {"hidden": 32},
            "unknown key": {"tempo": 3},
        }  # fmt: skip
        card.write_text(json.dumps(document | changed[how]))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "sha256 differs"), ("gone", "cannot be read"), ("no card", "cannot be read"),
        ("not json", "is not JSON"), ("version", "is of arranger format 9"), ("inputs", "reads 90 inputs"),
        ("hidden", r"it must be \["), ("unknown key", "unknown key 'tempo'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path: Path, how: str, said: str) -> None:
    path = tmp_path / "mine.safetensors"
    ARRANGER.write(path, ARRANGER.load("learned"))
    assert ARRANGER.read(path).card.weights_sha256 == ARRANGER.load("learned").card.weights_sha256
    damaged(path, how)
    with pytest.raises(ArrangerError, match=said) as told:
        ARRANGER.read(path)
    assert "\n" not in str(told.value)


def test_chords_of_every_quality_are_seen() -> None:
    for quality in ("maj", "min", "7", "none"):
        heard = heard_of(bars=2, loop=((3, quality),), key=Key(tonic=3, mode="minor"))  # type: ignore[arg-type]
        grid = grid_of(heard)
        seen = context_of(grid, listen_to(heard, grid), "bass", CATALOGUE["cello"], 54.0)
        own = Chord(root=3, quality="min" if quality == "none" else quality).tones  # type: ignore[arg-type]
        assert set(np.flatnonzero(seen.rows[0, :12]).tolist()) == {(one - 3) % 12 for one in own}
