"""Styles told from each other: those that differ are, what is alike is not, and what a file says wrongly is seen."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.config import configs_dir
from ensemble.measure.style_features import LINES, metrical_weights, syncopation
from ensemble.measure.styles import evaluate_styles, pair_auc


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Reggae that says that it does not syncopate."""
    path = tmp_path_factory.mktemp("styles") / "mine.yaml"
    text = (configs_dir() / "styles" / "reggae.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("name: reggae", "name: mine").replace("[2.0, 4.0]", "[0.0, 0.1]"), encoding="utf-8")
    return str(path)


def test_styles_are_told_apart_and_are_as_they_say(mine):
    document = evaluate_styles(("rock", "swing", "waltz", mine), num_pieces=4, length_s=12.0)
    rock, swing, waltz = (document["styles"][name] for name in ("rock", "swing", "waltz"))
    assert document["auc_min"] >= 0.9
    assert swing["4/4"]["swing"] == pytest.approx(0.64, abs=0.01)
    assert rock["4/4"]["swing"] == pytest.approx(0.5, abs=0.01)
    assert rock["4/4"]["as_stated"]
    assert [*waltz] == ["3/4"]
    assert not document["styles"]["mine"]["4/4"]["as_stated"]
    assert not document["all_as_stated"]


def test_what_is_alike_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    one, other = rng.random((40, 80)), rng.random((40, 80))
    assert 0.3 < pair_auc(one, other) < 0.7
    assert pair_auc(one, other + 1.0) == 1.0


def test_syncopation_has_known_answers():
    assert metrical_weights(4, 2).tolist() == [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4]
    assert metrical_weights(2, 3).tolist() == [0, -2, -2, -3, -1, -2, -2, -3]
    on_beats, pushed = np.zeros((2, len(LINES), 4, 16), np.bool_)
    on_beats[:, :, ::4] = True
    pushed[:, :, [0, 7]] = True  # the stroke before three, over the silence on three
    assert syncopation(on_beats, 4, 2) == 0.0
    assert syncopation(pushed, 4, 2) == 3.0
