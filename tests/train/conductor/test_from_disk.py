"""A conductor from a data set on disk: parts are heard once, roles are found, the command line says what is wrong."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from cluster.cli.app import app
from ensemble.data.takes import split_of
from ensemble.errors import DataError
from ensemble.train.conductor.material import gather_pieces, left_out, read_pieces, takes_in
from tests.played_pieces import shared_curve

RATE = 16_000
STEMS = (("Flute", 73, 660.0), ("Acoustic Guitar (nylon)", 24, 220.0), ("Cello", 42, 110.0))
TINY = {
    "width": 16, "heads": 2, "layers": 1, "window": 16, "batch_size": 2, "crop_frames": 32, "warmup_frames": 4,
    "max_steps": 6, "audit_steps": 3, "audit_crops": 4, "leaders_per_piece": 2, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Tracks of three tones that swell together, in Slakh's layout; one is frozen as ours are."""
    root = tmp_path_factory.mktemp("data") / "three"
    free = count(1)
    for wanted in ("train", "train", "valid", "test"):
        number = next(number for number in free if split_of(f"Track{number:05d}") == wanted)
        track = root / f"Track{number:05d}"
        (track / "stems").mkdir(parents=True)
        time = np.arange(5 * RATE) / RATE
        level = np.interp(time, np.arange(125) / 25, shared_curve(number, 125))
        for index, (_, _, hz) in enumerate(STEMS):
            sound = 10 ** (level / 20) * np.sin(2 * np.pi * hz * time)
            soundfile.write(track / "stems" / f"S{index:02d}.wav", sound.astype(np.float32), RATE, subtype="FLOAT")
        stems = {
            f"S{index:02d}": {"program_num": program, "is_drum": False, "inst_class": name, "midi_program_name": name}
            for index, (name, program, _) in enumerate(STEMS)
        }
        (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}))
    (root / "splits.json").write_text(json.dumps({"test": {"Track00009": "abc"}}))
    return root


def test_every_part_is_read_and_some_are_heard(home, tmp_path):
    pieces = read_pieces(takes_in(home), tmp_path, 2)
    assert len(pieces) == 4
    for piece in pieces:
        assert piece.name.startswith("three/Track")
        assert {part.instrument: part.role for part in piece.parts} == {
            "flute": "counter", "nylon_guitar": "pad", "cello": "bass",
        }  # fmt: skip
        assert sum(part.heard is not None for part in piece.parts) == 2
        flute = next(part for part in piece.parts if part.instrument == "flute")
        expected = shared_curve(int(piece.name[-5:]), 125)
        assert np.abs(flute.loudness_db - expected - np.median(flute.loudness_db - expected))[2:-2].max() < 2.0
    again = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.heard")}
    assert len(again) == 8
    read_pieces(takes_in(home), tmp_path, 2)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.heard")} == again


def test_the_held_out_pieces_are_known_by_their_frozen_digests(home, tmp_path):
    material = gather_pieces([home], tmp_path, 1)
    assert material.held_out_sha256 == {"three/Track00009": "abc"}
    assert [piece.name for piece in material.train] != [piece.name for piece in material.held_out]
    names = {piece.name for piece in (*material.train, *material.held_out)}
    assert len(names) == 3  # the test piece is not even read


def test_a_set_of_single_parts_is_refused(tmp_path):
    (tmp_path / "violin").mkdir(parents=True)
    tone = 0.1 * np.sin(np.arange(2 * RATE) * 0.1)
    soundfile.write(tmp_path / "violin" / "one.wav", tone, RATE)
    soundfile.write(tmp_path / "violin" / "two.wav", tone, RATE)
    with pytest.raises(DataError, match="no piece of several parts in the train split; three pieces"):
        gather_pieces([tmp_path], tmp_path / "heard", 1)


def test_what_no_conductor_learns_from_is_known_before_anything_is_read(home, tmp_path):
    assert left_out([home]) == []
    for folder in ("violin", "kazoo"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.wav").write_bytes(b"never opened")
    assert {(skip.path.parent.name, skip.reason) for skip in left_out([home, tmp_path])} == {
        ("violin", "is the only part of its piece"), ("kazoo", "kazoo is no instrument of the catalogue"),
    }  # fmt: skip


def test_from_the_command_line_to_figures(home, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(TINY))
    run = CliRunner().invoke
    shared = ["--data", str(home), "--heard", str(tmp_path / "heard"), "--json"]
    trained = run(app, ["train", "conductor", *shared, "--config", str(config), "--out", str(tmp_path / "run")])
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["steps"] == 6
    weights = tmp_path / "run" / "conductor.safetensors"
    measured = run(app, ["evaluate", "conductor", str(weights), *shared, "--beside", str(home)])
    assert measured.exit_code == 0, measured.output
    figures = json.loads(measured.stdout)
    keys = {
        "error_db", "best_baseline", "best_baseline_error_db", "ceiling_error_db", "gain_interval", "gap_closed",
        "coverage_80", "width_ratio_to_marginal", "by_look_ahead_ms",
    }  # fmt: skip
    assert keys <= figures.keys()
    assert list(figures["by_look_ahead_ms"]) == ["-600", "-400", "0", "100", "250", "500"]
    assert figures["pieces"] == 1
    assert figures["beside"]["pieces"] == 4
    shown = run(app, ["evaluate", "conductor", str(weights), *shared[:-1]])
    assert "mean absolute error, dB" in shown.stdout
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["held_out_sha256"] == {"three/Track00009": "abc"}
    assert "train conductor" in card["command"] or card["command"].startswith("ensemble")


def test_a_wrong_setting_is_named(home, tmp_path):
    config = tmp_path / "wrong.yaml"
    config.write_text("widht: 16\n")
    failed = CliRunner().invoke(
        app, ["train", "conductor", "--data", str(home), "--config", str(config), "--out", str(tmp_path / "run")]
    )
    assert failed.exit_code != 0
    assert "widht" in str(failed.exception)
    assert not (tmp_path / "run").exists()
