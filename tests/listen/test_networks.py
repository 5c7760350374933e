"""Networks that listen: one that is not this release's is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import ListenerError
from ensemble.listen import networks


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "FOLDER", tmp_path)
    networks.network.cache_clear()
    yield tmp_path
    networks.network.cache_clear()


def test_a_network_that_is_absent_is_told_in_one_line(folder: Path):
    with pytest.raises(ListenerError, match=r"chords\.onnx: cannot be read \(No such file"):
        networks.network("chords")


def test_a_network_of_another_hash_is_refused_before_it_runs(folder: Path):
    (folder / "chords.onnx").write_bytes(b"something else")
    with pytest.raises(ListenerError, match=r"chords\.onnx: is not this release's network"):
        networks.network("chords")


@pytest.mark.parametrize(("third", "triad"), [(4, 1), (3, 13)])
def test_the_chord_network_knows_a_triad_on_d(third: int, triad: int):
    cqt = np.zeros((200, 252), np.float32)
    for semitones in (24, 36, 36 + third, 36 + 7):
        for partial in (1, 2, 3, 4):
            cqt[:, round(36 * np.log2(partial)) + 3 * (2 + semitones)] += 1 / partial
    said = networks.network("chords")(cqt)
    assert said.shape == (200, 100)
    np.testing.assert_allclose(said[:, :73].sum(axis=1), 1.0, atol=1e-5)
    assert (said[100:180, :73].argmax(axis=1) == triad + 2).all()
