"""A folder of kern files: every melody a take that may never be shipped, every other file a skip with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ensemble.data import essen
from ensemble.errors import DataError

FIXTURES = Path(__file__).parents[1] / "scores" / "kern"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """The layout of the real one, with songs of our own."""
    for place in ("europa/deutschl/kinder", "asia/china/han"):
        (tmp_path / place).mkdir(parents=True)
    shutil.copy(FIXTURES / "lantern.krn", tmp_path / "europa/deutschl/kinder/k001.krn")
    shutil.copy(FIXTURES / "mill.krn", tmp_path / "asia/china/han/k001.krn")
    (tmp_path / "europa/deutschl/kinder/k002.krn").write_text("**kern\n4c 4e\n*-\n")
    (tmp_path / "europa/README.txt").write_text("not a song")
    return tmp_path


def test_every_melody_is_a_piece_of_its_own(collection: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in collection.rglob("*"))
    found = essen.read(collection)
    assert [(take.piece, take.part) for take in found.takes] == [
        ("asia/china/han/k001", "melody"), ("europa/deutschl/kinder/k001", "melody"),
    ]  # fmt: skip
    assert all(take.notes and take.notes.is_file() for take in found.takes)
    assert {take.split for take in found.takes} == {"train", "valid"}
    assert sorted((path, path.stat().st_mtime_ns) for path in collection.rglob("*")) == before


def test_nothing_of_it_may_be_shipped(collection: Path) -> None:
    assert not any(take.may_ship for take in essen.read(collection).takes)
    assert "no redistribution" in essen.read(collection).takes[0].licence
    assert "sound recording" in (essen.__doc__ or "").replace("\n", " ")


def test_what_cannot_be_read_is_skipped_with_its_line(collection: Path) -> None:
    (skip,) = essen.read(collection).skips
    assert skip.path.name == "k002.krn"
    assert skip.reason.startswith("line 2: '4c 4e' is a chord")


def test_it_knows_its_own_and_nothing_else(collection: Path, tmp_path: Path) -> None:
    assert essen.recognises(collection)
    assert essen.recognises(collection / "asia")
    (tmp_path / "empty").mkdir()
    assert not essen.recognises(tmp_path / "empty")
    assert not essen.recognises(tmp_path / "absent")


def test_a_folder_without_a_melody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no kern files"):
        essen.read(tmp_path)
    (tmp_path / "a.krn").write_text("**kern\n*-\n")
    with pytest.raises(DataError, match=r"none of 1 kern files can be read; the first: a.krn: holds no notes"):
        essen.read(tmp_path)
