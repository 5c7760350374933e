"""A performer: notes become curves, the same however they are cut, and soberly whatever is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.conduct.models import models_sha256, performer_for, performers_of, stand_ins
from ensemble.conduct.performer import Performer
from ensemble.conduct.performer_file import GRID, NUM_MANNER, PERFORMER
from ensemble.conduct.performer_inputs import NUM_CONTEXT, NUM_PROGRESS
from ensemble.conduct.performer_network import PerformerNetwork
from ensemble.conduct.shaping import (
    Hand,
    NoteRuns,
    WrittenNote,
    lay_out,
    shape,
    sounding_curves,
    struck_early,
    struck_early_frames,
)
from ensemble.config import RULES, BandSettings, FollowerSettings, weights_dir, weights_in
from ensemble.errors import PerformerError
from ensemble.train.performer.network import PerformerNet
from ensemble.types.articulation import Articulation
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import SILENCE_DB, Part

GUITAR = CATALOGUE["nylon_guitar"]
CHORDS = [
    WrittenNote(start + 0.01 * voice, start + 0.9, 48 + 4 * voice, 70 + 5 * bar, voice, bar_place=0.25 * bar)
    for bar, start in enumerate((0.2, 1.2, 2.2, 3.4))
    for voice in range(4)
]


@pytest.fixture(scope="module")
def performer() -> Performer:
    return Performer(PERFORMER.load("nylon_guitar"))


def played(
    performer: Performer | None,
    written: list[WrittenNote] = CHORDS,
    seed: int = 3,
    humanize: float = 0.5,
    voices: int = 4,
) -> Part:
    return shape("rhythm", written, GUITAR, voices, 12.0, 500, seed, humanize, performer=performer)


def test_every_shipped_one_is_small_and_says_what_it_learned_from():
    for name in weights_in(weights_dir("performer")):
        path = PERFORMER.path_of(name)
        assert path.stat().st_size <= 300_000
        card = PERFORMER.load(name).card
        assert card.instrument == name
        assert "MIT soundfont" in card.licence
        assert card.metrics["loudness_error_db"] < 0.8 * card.metrics["rules_loudness_error_db"]
        assert card.metrics["two_sample_auc"] < card.metrics["rules_two_sample_auc"] - 0.08


def laid_out(notes: list[WrittenNote]) -> NoteRuns:
    return struck_early(lay_out("rhythm", notes, GUITAR, 500, 3, 0.5), GUITAR)


@pytest.mark.parametrize("piece_frames", [1, 7, 20, 93])
def test_pieces_do_not_show(performer, piece_frames):
    whole = played(performer)
    runs, state, hand = laid_out(CHORDS), performer.start(4), Hand("rhythm", 3, 0.5)
    pieces = []
    for start in range(0, 500, piece_frames):
        curves, state = performer.play(runs, start, min(start + piece_frames, 500), hand, state)
        pieces.append(np.stack(sounding_curves(runs, curves, 12.0)))
    np.testing.assert_array_equal(np.concatenate(pieces, axis=2), np.stack([whole.f0_hz, whole.level_db]))


def eighths(
    length_s: float, articulation: Articulation = Articulation.PLAIN, num_pitches: int = 3
) -> list[WrittenNote]:
    starts = 0.5 + 0.3 * np.arange(8)
    pitches = 50 + np.arange(8) % num_pitches
    return [
        WrittenNote(start, start + length_s, int(pitch), 80, 0, articulation)
        for start, pitch in zip(starts, pitches, strict=True)
    ]


def test_a_string_rings_until_it_is_struck_again_unless_a_hand_damps_it(performer):
    level = played(performer, eighths(0.27, num_pitches=1), humanize=0.0, voices=1).level_db[0]
    between = [level[at - 6 : at + 8] for at in range(80, 260, 30)]
    assert all(8.0 > piece[:3].max() - piece.min() > 0.5 for piece in between)
    assert (level[286:308] > SILENCE_DB).all()
    assert level[315] == SILENCE_DB
    damped = played(performer, eighths(0.15, Articulation.STACCATO), humanize=0.0, voices=1).level_db[0]
    assert (damped[[76, 106, 136]] == SILENCE_DB).all()
    written = played(performer, eighths(0.27), voices=1)
    assert written.notes == played(None, eighths(0.27), voices=1).notes


def test_a_string_that_is_stopped_at_another_pitch_sounds_on_until_the_next_note_does(performer):
    level = played(performer, eighths(0.3), humanize=0.0, voices=1).level_db[0]
    for at in (78, 108, 138, 168, 198):  # struck two frames early
        assert level[at : at + 8].min() > level[at - 1] - 0.01
        assert level[at : at + 8].max() > level[at - 1] + 0.5


def test_a_soft_note_after_a_loud_one_is_reached_without_a_step(performer):
    loud, soft = WrittenNote(0.5, 0.8, 50, 110, 0), WrittenNote(0.8, 1.6, 53, 40, 0)
    level = played(performer, [loud, soft], humanize=0.0, voices=1).level_db[0]
    assert np.diff(level[74:100]).min() > -2.0
    assert level[92] < level[77] - 2.0


@pytest.mark.parametrize("piece_frames", [1, 13, 20])
def test_pieces_do_not_show_where_strings_are_struck_again(performer, piece_frames):
    notes, hand = eighths(0.29), Hand("rhythm", 3, 0.5)
    runs, state = laid_out(notes), performer.start(1)
    pieces = []
    for start in range(0, 500, piece_frames):
        curves, state = performer.play(runs, start, min(start + piece_frames, 500), hand, state)
        pieces.append(np.stack(sounding_curves(runs, curves, 12.0)))
    whole = played(performer, notes, voices=1)
    np.testing.assert_array_equal(np.concatenate(pieces, axis=2), np.stack([whole.f0_hz, whole.level_db]))


def test_what_comes_later_leaves_what_was_played(performer):
    other = played(performer, [*CHORDS[:8], WrittenNote(3.0, 3.3, 55, 80, 0)])
    np.testing.assert_array_equal(other.level_db[:, :170], played(performer).level_db[:, :170])


def test_a_part_that_was_changed_in_one_bar_rejoins(performer):
    changed = [note._replace(pitch_midi=note.pitch_midi + 2) if 1.0 < note.start_s < 2.0 else note for note in CHORDS]
    here, there = played(performer), played(performer, changed)
    assert (here.f0_hz[:, 120:200] != there.f0_hz[:, 120:200]).any()
    np.testing.assert_array_equal(here.level_db[:, 340:], there.level_db[:, 340:])


def test_other_seeds_are_other_takes_and_the_mean_is_one(performer):
    first, second, third = (played(performer, seed=seed).level_db for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - third)[(first > SILENCE_DB) & (third > SILENCE_DB)].mean() > 0.3
    means = [played(performer, seed=seed, humanize=0.0).level_db for seed in (1, 2)]
    np.testing.assert_array_equal(*means)


def test_a_held_chord_fades_faster_at_first(performer):
    level = played(performer, [WrittenNote(0.5, 4.0, 60, 80)], humanize=0.0, voices=1).level_db[0]
    assert level[60] - level[100] > 1.5 * (level[200] - level[240]) > 0


def test_a_bow_that_goes_on_at_once_does_not_fall_silent_and_one_that_rests_does():
    violin = Performer(PERFORMER.load("violin"))
    gaps = []
    for gap_s in (0.03, 0.2):
        two = [WrittenNote(0.5, 1.5, 69, 80), WrittenNote(1.5 + gap_s, 2.5, 72, 80)]
        part = shape("lead", two, CATALOGUE["violin"], 1, 0.0, 300, 0, 0.0, performer=violin)
        at = part.notes[0].stop_frame
        gaps.append(part.level_db[0, at : part.notes[1].start_frame].min() - part.level_db[0, at - 1])
    assert -20 < gaps[0] < -0.5
    assert gaps[1] < -45


def test_the_next_note_is_foreseen_no_sooner_than_the_horizon():
    violin = Performer(PERFORMER.load("violin"))
    first = WrittenNote(0.5, 1.98, 69, 80)
    one, other = (
        shape(
            "lead",
            [first, WrittenNote(2.0, 2.5, pitch, 80)],
            CATALOGUE["violin"],
            1,
            0.0,
            300,
            0,
            0.0,
            performer=violin,
        )
        for pitch in (62, 74)
    )
    at = one.notes[1].start_frame
    np.testing.assert_array_equal(one.level_db[0, : at - 40], other.level_db[0, : at - 40])
    assert (one.level_db[0, at - 40 : at] != other.level_db[0, at - 40 : at]).any()


def test_forces_and_articulations_are_heard(performer):
    loud, soft = (played(performer, [WrittenNote(0.5, 1.5, 52, velocity)], voices=1) for velocity in (110, 50))
    assert loud.level_db[0, 60] > soft.level_db[0, 60] + 4
    two = [WrittenNote(0.5, 1.0, 52, 80), WrittenNote(1.0, 1.6, 57, 80)]
    slid = played(performer, [two[0], two[1]._replace(articulation=Articulation.SLIDE)], voices=1)
    at = slid.notes[1].start_frame
    at -= struck_early_frames(GUITAR)
    cents = 1200 * np.log2(slid.f0_hz[0, at] / played(performer, two, voices=1).f0_hz[0, at])
    assert -520 < cents < -380


@pytest.mark.parametrize(
    "written",
    [
        [],
        [WrittenNote(0.1, 0.12, 60, 80)],
        [WrittenNote(0.0, 30.0, 60, 80)],
        [WrittenNote(0.5, 2.0, 60, 80), WrittenNote(0.6, 1.0, 64, 80), WrittenNote(0.6, 1.0, 67, 127)],
        [WrittenNote(at / 300, (at + 1) / 300, 50 + at % 20, 1 + at % 127) for at in range(300)],
    ],
    ids=["none", "20 ms", "30 s", "overlapping", "300 a second"],
)
def test_strange_notes_are_played_soberly(performer, written):
    part = played(performer, written, voices=1)
    sounds = part.level_db > SILENCE_DB
    assert np.isfinite(part.f0_hz).all()
    assert np.isfinite(part.level_db).all()
    assert (part.level_db[sounds] >= -60).all()
    assert (part.level_db < 15).all()
    assert (sounds == (part.f0_hz > 0)).all()
    np.testing.assert_array_equal(part.notes, played(None, written, voices=1).notes)


def test_numpy_and_torch_are_one_network():
    weights = PERFORMER.load("nylon_guitar")
    torch_net = PerformerNet(weights.card.hidden, torch.zeros(NUM_MANNER, len(GRID)))
    torch_net.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.tensors.items()})
    network, rng = PerformerNetwork(weights), np.random.default_rng(0)
    context, progress = rng.normal(size=NUM_CONTEXT), rng.random((30, NUM_PROGRESS))
    manner = network.manner(context, np.zeros(NUM_MANNER))
    with torch.no_grad():
        inputs = [torch.from_numpy(one[None].astype(np.float32)) for one in (context, manner, progress)]
        curves, mean = torch_net(*inputs)[0].numpy(), torch_net.manner(*inputs[:2])[0][0].numpy()
    memory, gates = np.zeros((1, network.hidden)), network.note_gates(context, manner)[None]
    for row, wanted in zip(progress, curves, strict=True):
        answer, memory = network.step(gates, row[None], memory)
        np.testing.assert_allclose(answer[0], wanted, atol=1e-4)
    inside = np.abs(manner) < 2.5
    np.testing.assert_allclose(manner[inside], mean[inside], atol=1e-4)


def band_of(instrument: str, performer: str | None = None, role: str = "pad") -> BandSettings:
    follower = FollowerSettings(name="one", instrument=instrument, role=role, performer=performer)  # type: ignore[arg-type]
    return BandSettings(name="small", followers=(follower,))


def test_a_family_lends_its_performer_with_a_warning_and_rules_play_where_there_is_none():
    assert performer_for(band_of("nylon_guitar"), band_of("nylon_guitar").followers[0]) == "nylon_guitar"
    assert stand_ins(band_of("nylon_guitar")) == ()
    (said,) = stand_ins(band_of("electric_guitar"))
    assert said.code == "performer_stands_in"
    assert performers_of(band_of("piano")) == {}
    assert stand_ins(band_of("piano")) == ()
    assert performers_of(band_of("nylon_guitar", RULES)) == {}
    assert "performer/one" in models_sha256(band_of("electric_guitar"))
    assert "performer/one" not in models_sha256(band_of("piano"))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("instrument", "kazoo", "kazoo"), ("num_context", 3, "reads 3 values"), ("hidden", 40, "it must be")],
)
def test_a_damaged_card_is_one_line(tmp_path: Path, key, value, said):
    path = tmp_path / "mine.safetensors"
    PERFORMER.write(path, PERFORMER.load("nylon_guitar"))
    card = json.loads(path.with_suffix(".json").read_text()) | {key: value}
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(PerformerError, match=said) as refusal:
        PERFORMER.load(str(path))
    assert "\n" not in str(refusal.value)
