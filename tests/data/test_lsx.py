"""LSX: three stems by name, the music's mix, and never a spoken word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.data import lsx
from ensemble.data.readers import recognise
from ensemble.errors import DataError
from tests.data.miniature_sets import lsx_track

SHORT = np.linspace(-0.5, 0.5, 1600)
STEMS = {"bass": SHORT, "drums": SHORT, "guitar": SHORT}


def test_the_three_stems_of_every_split_are_read(tmp_path: Path) -> None:
    for folder in ("tr", "cv", "tt"):
        lsx_track(tmp_path / folder / "0001", STEMS)
    dataset = recognise(tmp_path).read(tmp_path)
    assert dataset.name == "lsx"
    assert [(take.piece, take.part, take.split) for take in dataset.takes] == [
        (f"{folder}/0001", part, split)
        for folder, split in (("tr", "train"), ("cv", "valid"), ("tt", "test"))
        for part in ("bass", "drums", "guitar")
    ]
    assert {take.instrument for take in dataset.takes} == {"electric_bass", "drums", "electric_guitar"}
    assert not any(take.may_ship for take in dataset.takes)
    assert dataset.skips == ()


def test_nothing_spoken_is_ever_taken(tmp_path: Path) -> None:
    track = lsx_track(tmp_path / "tr" / "0001", STEMS)
    (track / "piano.wav").write_bytes((track / "speech_male.wav").read_bytes())
    touched = {path for take in lsx.read(tmp_path).takes for path in (take.audio, take.mix) if path}
    assert {path.name for path in touched} == {"bass.wav", "drums.wav", "guitar.wav", "music_mix.wav"}


def test_a_missing_stem_is_named_and_the_others_stay(tmp_path: Path) -> None:
    track = lsx_track(tmp_path / "tr" / "0001", {"bass": SHORT, "guitar": SHORT})
    (track / "music_mix.wav").unlink()
    dataset = lsx.read(tmp_path)
    assert [take.part for take in dataset.takes] == ["bass", "guitar"]
    assert [(skip.path.name, skip.reason) for skip in dataset.skips] == [("drums.wav", "is missing")]
    assert {take.mix for take in dataset.takes} == {None}


def test_speech_alone_is_no_data_set(tmp_path: Path) -> None:
    track = lsx_track(tmp_path / "tr" / "0001", STEMS)
    for name in (*STEMS, "music_mix"):
        (track / f"{name}.wav").unlink()
    assert not lsx.recognises(tmp_path)
    with pytest.raises(DataError, match="no layout that is known"):
        recognise(tmp_path)
