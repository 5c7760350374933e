"""The evaluation of a conductor: measures with known answers, baselines that learn, a ceiling that waits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard, ConductorWeights
from ensemble.measure.bootstrap import interval
from ensemble.measure.conducting import measure
from ensemble.measure.conducting_rivals import cases_of, fit_ceiling, fit_rivals, known_level_db
from ensemble.measure.conducting_strokes import stroke_scores
from ensemble.measure.curves import rises_f1, slope_correlation
from ensemble.train.conductor.crops import scenes_of
from ensemble.train.conductor.fit import fit_conductor, starting_card
from ensemble.train.conductor.material import ConductorMaterial, PlayedPart
from ensemble.train.conductor.settings import TrainConductorSettings
from tests.played_pieces import DRUMS_GAIN, played_piece

TRAIN, VALID, TEST = ([played_piece(number) for number in numbers] for numbers in (range(6), (6, 7), (8, 9, 10)))
PLAYING = np.ones(500, bool)


def cases(pieces, look_ahead_ms=100):
    return [
        case for piece in pieces for scene in scenes_of([piece]) for case in cases_of(piece.name, scene, look_ahead_ms)
    ]


def test_a_curve_that_moves_alike_correlates_whatever_its_level():
    curve = np.cumsum(np.random.Generator(np.random.Philox(3)).standard_normal(500))
    assert slope_correlation(curve.astype(np.float32), curve * 0.5 - 20.0, PLAYING) == pytest.approx(1.0, abs=1e-5)
    assert slope_correlation(curve.astype(np.float32), -curve, PLAYING) == pytest.approx(-1.0, abs=1e-5)
    assert slope_correlation(curve.astype(np.float32), np.full(500, -30.0), PLAYING) == 0.0
    assert np.isnan(slope_correlation(np.full(500, -30, np.float32), curve, PLAYING))


def test_rises_are_found_where_they_are():
    steps = np.repeat([-40.0, -30.0, -40.0, -25.0, -25.0], 100)
    truth = steps.astype(np.float32)
    assert rises_f1(truth, steps, PLAYING) == 1.0
    assert rises_f1(truth, np.roll(steps, 8), PLAYING) == 1.0
    assert rises_f1(truth, np.roll(steps, 40), PLAYING) == 0.0
    one_of_two = np.repeat([-40.0, -30.0, -30.0, -30.0, -30.0], 100)
    assert rises_f1(truth, one_of_two, PLAYING) == pytest.approx(2 / 3)
    assert rises_f1(truth, np.full(500, -30.0), PLAYING) == 0.0
    assert np.isnan(rises_f1(np.full(500, -30, np.float32), steps, PLAYING))


def test_what_is_not_played_has_no_slope():
    truth = np.repeat([-40.0, -90.0, -40.0], 100).astype(np.float32)
    playing = np.repeat([True, False, True], 100)
    assert np.isnan(rises_f1(truth, truth.astype(np.float64), playing))


def test_an_interval_of_the_mean_is_the_bootstraps():
    values = np.random.Generator(np.random.Philox(1)).normal(2.0, 1.0, 400)
    low, high = interval(values)
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.02)


def test_the_baselines_rank_as_what_they_know():
    rivals = {rival.name: rival for rival in fit_rivals(cases(TRAIN), cases(VALID))}
    errors = {}
    for name, rival in rivals.items():
        found = [
            np.abs(rival.answer(case) - case.part.loudness_db)[case.part.is_playing].mean() for case in cases(TEST)
        ]
        errors[name] = float(np.mean(found))
    assert errors["leader_gain"] < 0.75 * errors["constant"]
    assert errors["ridge"] < errors["leader_gain"]
    assert errors["bar_position"] == pytest.approx(errors["constant"], rel=0.15)


def test_the_ridge_finds_how_little_the_drummer_follows():
    ridge = next(rival for rival in fit_rivals(cases(TRAIN), cases(VALID)) if rival.name == "ridge")
    drums = [case for case in cases(TEST) if case.part.instrument == "drums"]
    swing = np.mean([np.ptp(ridge.answer(case)) for case in drums])
    true_swing = np.mean([np.ptp(case.part.loudness_db) for case in drums])
    assert swing == pytest.approx(true_swing, rel=0.5)
    assert DRUMS_GAIN < 0.5


@pytest.fixture
def labelled(tmp_path) -> PlayedPart:
    """A part that rises by 20 dB at 2 s, half a second early, with a gain of 0.9; it plays from 0 to 4 s."""
    curve = np.where(np.arange(400) < 200, -30.0, -10.0)
    labels = {
        "dynamics_curve": curve, "dynamics_own": 0.9 * curve, "gain": np.array(0.9), "lag_s": np.array(-0.5),
        "note_onset_s": np.array([0.0]), "note_stop_s": np.array([4.0]),
    }  # fmt: skip
    np.savez(tmp_path / "S00.npz", **labels)
    return PlayedPart(
        name="S00", instrument="flute", role="counter", loudness_db=np.full(100, -30, np.float32),
        is_playing=np.ones(100, bool), labels=tmp_path / "S00.npz",
    )  # fmt: skip


@pytest.mark.parametrize(("look_ahead", "rises_at"), [(0, 200), (25, 175), (50, 150)])
def test_the_ceiling_knows_the_curve_up_to_its_look_ahead(labelled, look_ahead, rises_at):
    known = known_level_db(labelled, look_ahead, 100)
    place = int(np.argmax(np.diff(known))) + 1
    assert abs(4 * place + 3 - rises_at) <= 4
    assert np.ptp(known) == pytest.approx(0.9 * 20.0)
    assert fit_ceiling(cases(TRAIN)) is None  # nobody knows how these were made


def test_a_conductor_that_says_the_balance_is_the_leaders_anchor():
    material = ConductorMaterial(train=TRAIN, held_out=VALID)
    settings = TrainConductorSettings(width=16, heads=2, layers=1, window=16)
    card = starting_card(settings, material, scenes_of(TRAIN))
    nothing = ConductorWeights(
        card=card, tensors={name: np.zeros(shape, np.float32) for name, shape in CONDUCTOR.shapes(card).items()}
    )
    figures = measure(nothing, TRAIN, VALID, TEST, lambda *_: None)
    assert set(figures["by_look_ahead_ms"]) == {"-600", "-400", "0", "100", "250", "500"}
    assert figures["pieces"] == 3
    assert figures["cases"] == 27
    assert figures["ceiling_error_db"] is figures["gap_closed"] is None
    assert figures["best_baseline"] == "ridge"
    assert figures["gain_interval"][1] < 0  # and the ridge is better
    late, now = (figures["by_look_ahead_ms"][name]["contenders"]["conductor"]["error_db"] for name in ("-600", "0"))
    assert late > now  # what is held is older
    assert figures["error_db"] == figures["by_look_ahead_ms"]["100"]["contenders"]["conductor"]["error_db"]
    assert isinstance(nothing.card, ConductorCard)


def conductor_after(max_steps: int, folder: Path) -> ConductorWeights:
    """Trained for so long on drummers who strike the kick on every beat and the snare on every second."""
    settings = TrainConductorSettings(
        width=16, heads=2, layers=1, window=32, batch_size=4, crop_frames=64, warmup_frames=8, followers=3,
        max_steps=max_steps, rise_steps=2, audit_steps=10, audit_crops=8, dropout=0.0, device="cpu", ridge=1.0,
        learning_rate=0.01,
    )  # fmt: skip
    fit_conductor(settings, ConductorMaterial(train=TRAIN, held_out=VALID), folder)
    return CONDUCTOR.read(folder / "conductor.safetensors")


def test_a_trained_conductor_is_measured_better_than_an_untrained_one(tmp_path):
    figures = measure(conductor_after(40, tmp_path), TRAIN, VALID, TEST, lambda *_: None)
    assert figures["error_db"] < 0.6 * figures["by_look_ahead_ms"]["100"]["contenders"]["constant"]["error_db"]
    assert figures["by_look_ahead_ms"]["100"]["contenders"]["conductor"]["correlation"] > 0.7
    assert 0.5 < figures["coverage_80"] < 1.0
    assert figures["width_ratio_to_marginal"] < 1.0
    assert figures["strokes"]["log_loss"] < 0.6  # from 0.69 of a coin
    assert figures["strokes"]["habit_f1"] > 0.8  # kick and snare always fall on beats
    assert figures["by_look_ahead_ms"]["500"]["error_db"] <= figures["by_look_ahead_ms"]["0"]["error_db"]


def test_drums_come_to_play_what_drummers_do_who_can_be_foretold(tmp_path):
    test = [(piece.name, scene) for piece in TEST for scene in scenes_of([piece])]
    figures = stroke_scores(conductor_after(120, tmp_path), scenes_of(TRAIN), test, 100)
    assert figures["f1"] > 0.9
    assert figures["written_f1"]["kick"] > figures["groove_f1"]["kick"] + 0.3
    assert figures["written_f1"]["snare"] > figures["groove_f1"]["snare"] + 0.3
    assert figures["written_gain_interval"][0] > 0
