"""The Python interface: arrays as leaders, values for results, names that are loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ensemble
from ensemble.audio.files import read_clip
from ensemble.errors import AudioError
from ensemble.types.music import AudioClip


def test_every_name_is_there_and_importing_loads_nothing() -> None:
    assert all(getattr(ensemble, name) for name in ensemble.__all__)
    assert set(dir(ensemble)) == set(ensemble.__all__)
    code = "import ensemble, sys; print(sorted({'numpy', 'numba', 'pydantic', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_array_is_heard_as_its_file_is(short_leader: AudioClip, short_leader_file: Path) -> None:
    from_file = ensemble.listen(short_leader_file)
    from_array = ensemble.listen(short_leader.samples, short_leader.sample_rate)
    assert ensemble.listen(str(short_leader_file)).tempo_bpm == from_file.tempo_bpm == from_array.tempo_bpm
    assert np.array_equal(from_array.frames.f0_hz, from_file.frames.f0_hz)


@pytest.mark.parametrize(
    ("leader", "rate", "words"),
    [
        (np.zeros(9000, np.int16), 8000, "finite floats"),
        (np.zeros((9000, 2), np.float32), 8000, "finite floats"),
        (np.full(9000, np.nan), 8000, "finite floats"),
        (np.zeros(9000), None, "has no sample rate"),
        (np.zeros(9000), 8000, "silen"),
    ],
)
def test_what_is_no_sound_is_refused(leader: np.ndarray, rate: int | None, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        ensemble.listen(leader, rate)


def test_a_render_is_a_value(short_leader: AudioClip, tmp_path: Path) -> None:
    seen: list[str] = []
    made = ensemble.render(
        short_leader.samples, tmp_path / "out", leader_rate=short_leader.sample_rate, sample_rate=16_000,
        report=False, progress=lambda stage, *_: seen.append(stage),
    )  # fmt: skip
    assert {"listen", "play"} <= set(seen)
    assert all(np.abs(sound).max() > 0.01 for sound in (made.mix, *made.stems.values()))
    assert made.mix.shape == made.stems["bass"].shape == (2, read_clip(tmp_path / "out/take-00/mix.wav").num_samples)
    assert list(made.stems) == ["bass", "rhythm", "drums", "room"]
    assert made.all_takes[0].midi["bass"].exists()
    assert made.heard is made.manifest.heard  # as when `render` returned the manifest
    with pytest.raises(AttributeError):
        made.nothing_of_ours  # noqa: B018
    page = made._repr_html_()
    assert page.count("data:audio/flac;base64,") == 5
    assert ensemble.Render.open(tmp_path / "out").manifest == made.manifest
    louder = ensemble.redo(made, ensemble.Edits(gain_db={"bass": 3.0}), report=False)
    assert louder.manifest.plan.request.band.followers[0].gain_db == 3.0
    assert ensemble.verify(louder).is_good
    assert ensemble.undo(louder).manifest.takes == made.manifest.takes
