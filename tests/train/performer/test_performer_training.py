"""Training a performer: what is read of a recording, what a note's figures are, and a short run to usable weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli.app import app
from ensemble.conduct.performer import Performer
from ensemble.conduct.performer_file import MANNER, PERFORMER
from ensemble.data.slakh import read
from ensemble.errors import DataError
from ensemble.measure.performing import evaluate_performer, two_sample_auc
from ensemble.train.performer.crops import NoteDataset, notes_of, quantiles_of
from ensemble.train.performer.manner import manner_of, take_apart
from ensemble.train.performer.material import read_take, read_takes
from ensemble.train.performer.settings import TrainPerformerSettings
from ensemble.types.instruments import CATALOGUE
from tests.train.small_set import write_set

FIGURE = {name: at for at, name in enumerate(MANNER)}


def test_a_glide_to_the_pitch_is_no_vibrato_and_stays_as_it_was():
    time_s = np.arange(100) / 100
    glide, vibrato = -40.0 * np.exp(-time_s / 0.03), 15.0 * np.sin(2 * np.pi * 5.5 * time_s) * (time_s > 0.3)
    slow, depth, _ = take_apart(glide + vibrato)
    np.testing.assert_allclose(slow[:3], glide[:3], atol=4.0)
    assert depth[:6].max() < 5.0
    assert depth[50:80].mean() == pytest.approx(15.0, abs=2.5)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """Four takes of two seconds each with their notes: every one rises for 60 ms and fades by 12 dB/s."""
    root = write_set(tmp_path_factory.mktemp("set"))
    for number, path in enumerate(sorted(root.glob("Track*/labels/S00.npz"))):
        start_s = np.arange(6) * 0.6 + 0.2
        time_s = np.arange(400) / 100
        since_s = time_s - np.append(-1.0, start_s)[np.searchsorted(start_s, time_s, side="right")]
        level = -20.0 - 12.0 * since_s - 15.0 * np.exp(-np.maximum(since_s, 0) / 0.02)
        pitch = 60 + np.arange(6) * 2 + number
        f0_hz = 440 * 2 ** ((np.append(60, pitch)[np.searchsorted(start_s, time_s, side="right")] - 69) / 12)
        np.savez(
            path, f0_hz=f0_hz.astype(np.float32), loudness_db=level.astype(np.float32), note_onset_s=start_s,
            note_stop_s=start_s + 0.58, note_midi=pitch, note_velocity=np.full(6, 90),
        )  # fmt: skip
    return root


def test_a_recording_becomes_notes_with_levels_around_their_phrase(small_set):
    (take,) = read_takes(small_set, "violin", "test")
    assert len(take.written) == 6
    inside = np.concatenate([take.level_db[a:b] for a, b in zip(take.runs.start, take.runs.stop, strict=True)])
    assert 10 * np.log10((10 ** (inside / 10)).mean()) == pytest.approx(0, abs=0.1)
    assert np.nanmax(np.abs(take.cents)) < 1


def test_a_batch_has_notes_of_similar_length(small_set):
    notes = notes_of(read_takes(small_set, "violin", "train"), CATALOGUE["violin"])
    cut = [
        note._replace(progress=note.progress[: 8 + at], curves=note.curves[: 8 + at]) for at, note in enumerate(notes)
    ]
    crops = NoteDataset(cut, quantiles_of(cut), TrainPerformerSettings(batch_size=6))
    lengths = np.array(
        [[int(crops[item]["curves"][:, -1].sum()) for item in range(at, at + 6)] for at in range(0, 96, 6)]
    )
    assert np.ptp(lengths, axis=1).max() <= len(notes) // 3
    assert np.ptp(lengths) > len(notes) // 2


def test_the_figures_of_a_note_are_those_that_it_was_made_with():
    time_s = np.arange(150) / 100
    level = -8.0 * time_s
    cents = 12.0 * np.sin(2 * np.pi * 5.5 * time_s) * np.clip((time_s - 0.3) / 0.1, 0, 1)
    figures = manner_of(level, cents)
    assert figures[FIGURE["slope_db_per_s"]] == pytest.approx(-8, abs=0.01)
    assert figures[FIGURE["fall_db"]] == pytest.approx(1.6, abs=0.01)
    assert figures[FIGURE["vibrato_hz"]] == pytest.approx(5.5, abs=0.15)
    assert figures[FIGURE["vibrato_cents"]] == pytest.approx(12, abs=2)
    assert figures[FIGURE["vibrato_delay_s"]] == pytest.approx(0.35, abs=0.1)
    assert np.isnan(take_apart(np.zeros(150)).rate_hz) or take_apart(np.zeros(150)).depth_cents.max() < 0.1
    assert np.isnan(manner_of(level[:20], cents[:20])[FIGURE["slope_db_per_s"]])


def test_a_short_run_gives_a_performer_that_can_be_judged(small_set, tmp_path):
    done = CliRunner().invoke(
        app, ["train", "performer", "--instrument", "violin", "--data", str(small_set), "--out", str(tmp_path / "run"),
              "--max-steps", "20", "--json"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    weights = PERFORMER.read(tmp_path / "run" / "performer.safetensors")
    assert weights.card.instrument == "violin"
    figures = evaluate_performer("violin", Performer(weights), read_takes(small_set, "violin", "test"))
    assert figures["true_decay_db_per_s"][0] == pytest.approx(12, abs=1)
    assert np.isfinite(figures["loudness_error_db"])
    assert json.dumps(figures)


def test_what_differs_is_told_apart_and_what_does_not_is_not():
    rng = np.random.default_rng(0)
    one, same, other = (list(rng.normal(shift, 1, (5, 80, 4))) for shift in (0, 0, 2))
    assert two_sample_auc(one, other) > 0.95
    assert two_sample_auc(one, same) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("note_onset_s", np.nan), ("note_stop_s", 0.1), ("note_midi", np.nan), ("note_midi", 7000), ("note_velocity", 0)],
)
def test_a_note_that_is_none_is_refused_in_one_line(small_set, name, value):
    take = next(one for one in read(small_set).takes if one.split == "valid")
    labels = dict(np.load(take.labels))
    np.savez(take.labels, **labels | {name: np.where(np.arange(6) == 2, value, labels[name])})
    with pytest.raises(DataError, match="has a note of pitch") as refusal:
        read_take(take, CATALOGUE["violin"])
    np.savez(take.labels, **labels)
    assert "\n" not in str(refusal.value)


def test_takes_that_teach_nothing_are_refused_in_one_line(small_set):
    take = next(one for one in read(small_set).takes if one.split == "test")
    labels = dict(np.load(take.labels))
    np.savez(take.labels, **labels | {name: labels[name] + 90.0 for name in ("note_onset_s", "note_stop_s")})
    with pytest.raises(DataError, match="fewer than two notes while it sounds"):
        read_take(take, CATALOGUE["violin"])
    np.savez(take.labels, **labels | {name: labels[name][:1] for name in labels if name.startswith("note_")})
    with pytest.raises(DataError, match="fewer than two notes"):
        read_take(take, CATALOGUE["violin"])
    said: list[str] = []
    assert read_takes(small_set, "violin", "test", say=said.append) == []
    assert len(said) == 1
    with pytest.raises(DataError, match="no take that is held out"):
        evaluate_performer("violin", Performer(PERFORMER.load("violin")), [])
