"""From a recording to figures: a band follows a player whose tempo wanders by 8 %, in time, in range, in tune."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import write_clip
from ensemble.errors import EnsembleError
from ensemble.rendering.evaluate import evaluate_render
from ensemble.types.music import AudioClip
from tests.measure.test_timing import RATE, plucks, wandering

BAND = """name: trio
followers:
  - {name: bass, instrument: electric_bass, role: bass}
  - {name: keys, instrument: piano, role: pad, voices: 3}
  - {name: cello, instrument: cello, role: pad, voices: 1}
  - {name: drums, instrument: drums, role: drums}
"""


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("wandering")
    (folder / "trio.yaml").write_text(BAND, encoding="utf-8")
    melody = (60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 60, 67, 64, 60)
    times_s = wandering(48)
    samples = np.zeros(round((times_s[-1] + 1) * RATE), np.float32)
    for number, time_s in enumerate(times_s):
        note = plucks(np.array([0.0]), hz=440 * 2 ** ((melody[number % 16] - 69) / 12))[: round(0.45 * RATE)]
        at = round(time_s * RATE)
        samples[at : at + len(note)] += note[: len(samples) - at]
    write_clip(folder / "leader.wav", AudioClip(samples=samples[None], sample_rate=RATE))
    return evaluate_render([folder / "leader.wav"], band=str(folder / "trio.yaml"))


def test_every_stem_begins_within_20_ms_of_a_leader_who_wanders_and_does_not_drift(figures):
    judged = {name: stem for name, stem in figures["stems"].items() if stem["onset_offset_ms"] is not None}
    assert {"bass", "keys", "drums"} <= set(judged)
    for name, stem in judged.items():
        assert stem["onset_offset_ms"] < 20, name
        assert abs(stem["drift_ms_per_min"]) < 30, name


def test_it_stays_in_tune_and_in_range(figures):
    for name, stem in figures["stems"].items():
        assert stem["range_violations"] == 0
        if name != "drums":
            assert stem["chord_tone_ratio"] > 0.9
            assert stem["key_clash_rate"] < 0.05
            assert stem["true_key_clash_rate"] is None
    assert figures["voice_crossings"] == 0


def test_one_leader_proves_nothing_and_the_document_is_json(figures):
    assert set(figures["auc"].values()) == {None}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_what_cannot_be_measured_is_refused(tmp_path):
    for sources, data in (([], None), ([Path("absent.wav")], None), ([], tmp_path)):
        with pytest.raises(EnsembleError):
            evaluate_render(sources, band="rock", data=data)
