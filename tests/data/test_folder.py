"""Anyone's recordings, and the refusals of every reader together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble.data import folder
from ensemble.data.readers import recognise
from ensemble.errors import DataError
from tests.data.miniature_sets import slakh_track, write

SHORT = np.linspace(-0.5, 0.5, 1600)


def test_one_subfolder_per_instrument_in_anyones_spelling(tmp_path: Path) -> None:
    for name in ("Violins/a.wav", "el. bass/b.flac", "acoustic guitar/evening/c.wav", "Theremin/d.WAV"):
        write(tmp_path / name.replace(".WAV", ".wav"), SHORT)
    (tmp_path / "Theremin" / "d.wav").rename(tmp_path / "Theremin" / "d.WAV")
    dataset = recognise(tmp_path).read(tmp_path)
    assert dataset.name == "folder"
    assert {(take.label, take.instrument, take.piece) for take in dataset.takes} == {
        ("Violins", "violin", "Violins/a.wav"), ("el. bass", "electric_bass", "el. bass/b.flac"),
        ("acoustic guitar", "nylon_guitar", "acoustic guitar/evening/c.wav"), ("Theremin", None, "Theremin/d.WAV"),
    }  # fmt: skip
    assert {take.split for take in dataset.takes} == {"train"}  # a piece for each instrument


def test_one_song_in_two_formats_lies_in_one_split(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "flute" / f"song{number}.wav", SHORT)
        write(tmp_path / "flute" / f"song{number}.flac", SHORT)
    (tmp_path / "flute" / "song3.mid").write_bytes(b"MThd")
    takes = folder.read(tmp_path).takes
    assert len({(take.piece, take.part) for take in takes}) == 24
    assert len({(Path(take.piece).stem, take.split) for take in takes}) == 12
    assert {take.split for take in takes} >= {"train", "valid"}
    assert {take.notes for take in takes if "song3." in take.piece} == {tmp_path / "flute" / "song3.mid"}


def test_what_cannot_be_taken_is_named(tmp_path: Path) -> None:
    write(tmp_path / "cello" / "good.wav", SHORT)
    write(tmp_path / "loose.wav", SHORT)
    (tmp_path / "cello" / "phone.m4a").write_bytes(b"")
    (tmp_path / "cello" / "notes.txt").write_text("not a recording")
    dataset = folder.read(tmp_path)
    assert [take.piece for take in dataset.takes] == ["cello/good.wav"]
    assert {(skip.path.name, skip.reason.split(";")[0]) for skip in dataset.skips} == {
        ("loose.wav", "lies beside the subfolders"), ("phone.m4a", ".m4a is not decoded here"),
    }  # fmt: skip


def test_nothing_in_a_data_set_is_touched(tmp_path: Path) -> None:
    write(tmp_path / "cello" / "good.wav", SHORT)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    recognise(tmp_path).read(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_absent_folder_a_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        recognise(tmp_path / "absent")
    with pytest.raises(DataError, match="is a file"):
        recognise(write(tmp_path / "song.wav", SHORT))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").write_bytes(b"")
    with pytest.raises(DataError, match="empty folder"):
        recognise(tmp_path / "empty")


@pytest.fixture
def locked_folder(open_folder: Path) -> Iterator[Path]:
    """A folder with a locked one and a cello in it; locked itself to whoever is nobody."""
    open_folder.chmod(0o755)
    write(open_folder / "cello" / "good.wav", SHORT)
    write(open_folder / "violin" / "kept.wav", SHORT)
    (open_folder / "violin").chmod(0o000)
    yield open_folder
    (open_folder / "violin").chmod(0o755)


def test_a_folder_that_may_not_be_read_is_refused(locked_folder: Path, as_nobody: None) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        recognise(locked_folder / "violin")


def test_a_locked_subfolder_does_not_stop_the_others(locked_folder: Path, as_nobody: None) -> None:
    assert [take.piece for take in recognise(locked_folder).read(locked_folder).takes] == ["cello/good.wav"]


def test_a_strange_layout_is_told_what_was_found_and_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "papers" / "deep").mkdir(parents=True)
    (tmp_path / "papers" / "deep" / "song.wav").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(DataError) as caught:
        recognise(tmp_path)
    for words in (
        "1 folders (papers)",
        "1 .txt",
        "Track*/metadata.yaml",
        "tr, cv and tt",
        "AuSep_",
        "one subfolder per",
    ):
        assert words in str(caught.value)


def test_one_level_too_high_or_too_low_is_told_where_to_go(tmp_path: Path) -> None:
    track = slakh_track(tmp_path / "slakh" / "Track00001", {"bass": SHORT})
    with pytest.raises(DataError, match=r"slakh in it is one"):
        recognise(tmp_path)
    with pytest.raises(DataError, match="is one track"):
        recognise(track)
