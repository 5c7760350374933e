"""The ledger and what is taken into it: by content, once, whole, and found again whatever happened in between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import DataError, StoreBusyError, StoreError
from ensemble.retrieve.find_sources import find_sources
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.indexer import Indexer, IndexJob, IndexOutcome, IndexReport, recording_of
from ensemble.retrieve.library.ledger import LEDGER_FILE, Ledger
from ensemble.retrieve.library.library import Library
from ensemble.types.described import Described
from tests.retrieve.shelves import described, entry_of

CHUNKS = 7


def describe_all(jobs: Iterable[IndexJob]) -> Iterator[IndexOutcome[Described]]:
    """Chunks that follow from a file's content; a file that says `noise` cannot be read."""
    for job in jobs:
        text = job.source.path.read_text()
        if text == "noise":
            yield IndexOutcome(job=job, reason="is not a recording")
            continue
        made = described(text, CHUNKS)
        made = Described(
            **{name: getattr(made, name) for name in made.__slots__} | {"recording": recording_of(job, 3.5)}
        )
        yield IndexOutcome(job=job, described=made, duration_s=3.5, num_chunks=CHUNKS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    music = tmp_path / "music"
    (music / "deep" / "er").mkdir(parents=True)
    for name in ("one.wav", "two.flac", "deep/three.ogg", "deep/er/four.mp3"):
        (music / name).write_text(Path(name).stem)
    (music / "broken.wav").write_text("noise")
    (music / ".hidden.wav").write_text("hidden")
    (music / "notes.txt").write_text("text")
    return music


Index = Callable[..., IndexReport]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(ExactStore(), Ledger(tmp_path / "library", is_writer=True))
    yield made
    made.close()


@pytest.fixture
def index(library: Library) -> Index:
    def run(*paths: Path, copies: Path | None = None, licence: str | None = None) -> IndexReport:
        return Indexer(library, library.ledger.entries, copies=copies).run(find_sources(paths, licence), describe_all)

    return run


def titles(library: Library) -> list[str]:
    return sorted(entry.recording.title for entry in library.ledger.entries.values())


def test_a_folder_is_taken_in_once_and_what_cannot_be_read_is_named(
    folder: Path, library: Library, index: Index
) -> None:
    report = index(folder)
    assert (report.added, report.kept, report.chunks) == (4, 0, 4 * CHUNKS)
    assert [(Path(skip.path).name, skip.reason) for skip in report.skipped] == [("broken.wav", "is not a recording")]
    assert titles(library) == ["deep/er/four", "deep/three", "one", "two"]
    assert library.store.count() == library.ledger.num_rows == 4 * CHUNKS
    again = index(folder)
    assert (again.added, again.kept, len(again.skipped)) == (0, 4, 1)
    assert library.store.count() == 4 * CHUNKS


def test_only_what_is_new_is_added_and_content_decides(folder: Path, library: Library, index: Index) -> None:
    index(folder)
    (folder / "copy_of_one.wav").write_text("one")
    (folder / "five.wav").write_text("five")
    report = index(folder)
    assert (report.added, report.kept, report.moved) == (1, 5, 0)
    assert library.store.count() == 5 * CHUNKS


def test_a_file_that_moved_is_found_where_it_is_now(folder: Path, library: Library, index: Index) -> None:
    index(folder)
    (folder / "one.wav").rename(folder / "elsewhere.wav")
    report = index(folder)
    assert (report.added, report.moved, report.kept) == (0, 1, 3)
    (moved,) = [one for one in library.ledger.values() if one.recording.title == "elsewhere"]
    assert moved.recording.path == str(folder / "elsewhere.wav")
    assert library.store.count() == 4 * CHUNKS


def test_a_file_with_new_content_replaces_the_old_rows(folder: Path, library: Library, index: Index) -> None:
    index(folder)
    before = set(library.ledger)
    (folder / "one.wav").write_text("one, mastered again")
    report = index(folder)
    assert (report.added, report.replaced, report.kept) == (1, 1, 3)
    assert len(before - set(library.ledger)) == 1
    assert library.store.recordings() == dict.fromkeys(library.ledger, CHUNKS)


def test_a_run_that_is_stopped_goes_on(folder: Path, library: Library) -> None:
    def stopped(jobs: Iterable[IndexJob]) -> Iterator[IndexOutcome[Described]]:
        for number, outcome in enumerate(describe_all(jobs)):
            if number == 3:
                raise KeyboardInterrupt
            yield outcome
            indexer._flush()

    indexer = Indexer(library, library.ledger.entries)
    with pytest.raises(KeyboardInterrupt):
        indexer.run(find_sources([folder]), stopped)
    taken = len(library.ledger)
    assert 0 < taken < 4
    report = Indexer(library, library.ledger.entries).run(find_sources([folder]), describe_all)
    assert (report.kept, report.added) == (taken, 4 - taken)
    assert library.compare().is_whole


def test_copies_outlive_their_originals(folder: Path, library: Library, index: Index, tmp_path: Path) -> None:
    index(folder / "two.flac", copies=tmp_path / "library" / "audio", licence="CC0")
    (folder / "two.flac").unlink()
    (one,) = library.ledger.values()
    assert Path(one.recording.path).read_text() == "two"
    assert (one.recording.licence, one.recording.title) == ("CC0", "two")
    library.remove([one.recording.sha256])
    assert not Path(one.recording.path).exists()
    assert library.store.count() == 0


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file or folder"):
        find_sources([tmp_path / "absent"])


def test_a_data_set_gives_its_stems_and_its_mixes(shared_audio: Path) -> None:
    found = find_sources([shared_audio / "babyslakh_16k"])
    kinds = [path.path.relative_to(shared_audio / "babyslakh_16k").parts[1] for path in found.files]
    assert kinds.count("stems") >= 2
    assert all(one.licence.startswith("CC BY 4.0") for one in found.files)
    assert len({one.title for one in found.files}) == len(found.files)


def test_the_ledger_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    made = [described(name, 5) for name in ("one", "two", "three")]
    ledger = Ledger(tmp_path, is_writer=True)
    for one in made:
        ledger.add(one, entry_of(one))
    ledger.remove([made[1].recording.sha256])
    ledger.close()
    again = Ledger(tmp_path)
    assert sorted(again) == sorted([made[0].recording.sha256, made[2].recording.sha256])
    assert again.num_rows == 10
    assert again.removed == {made[1].recording.sha256}
    read = again[made[2].recording.sha256]
    np.testing.assert_array_equal(read.vectors, made[2].vectors)
    np.testing.assert_array_equal(read.details["chroma"], made[2].details["chroma"])
    assert read.recording == made[2].recording


def test_a_line_torn_off_by_death_was_never_promised(tmp_path: Path) -> None:
    one, two = described("one", 5), described("two", 5)
    ledger = Ledger(tmp_path, is_writer=True)
    ledger.add(one, entry_of(one))
    ledger.close()
    with (tmp_path / LEDGER_FILE).open("ab") as file:
        file.write(b'{"add": {"recording": {"sha')
    ledger = Ledger(tmp_path, is_writer=True)
    assert list(ledger) == [one.recording.sha256]
    ledger.add(two, entry_of(two))
    ledger.close()
    assert len(Ledger(tmp_path)) == 2
    assert all(json.loads(line) for line in (tmp_path / LEDGER_FILE).read_text().splitlines())


def test_damage_is_named_with_its_line_and_its_cure(tmp_path: Path) -> None:
    one = described("one", 5)
    ledger = Ledger(tmp_path, is_writer=True)
    ledger.add(one, entry_of(one))
    ledger.close()
    path = tmp_path / LEDGER_FILE
    path.write_bytes(path.read_bytes().replace(b'{"add"', b'{"odd"'))
    with pytest.raises(
        StoreError, match=rf"{LEDGER_FILE}:2: is damaged; run `ensemble index repair --index {tmp_path}`"
    ):
        Ledger(tmp_path)
    path.write_text('{"ledger": 99}\n')
    with pytest.raises(StoreError, match="of version 99, this release reads 1"):
        Ledger(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\xc1" * 100, None])
def test_a_description_that_is_gone_or_damaged_is_one_line(tmp_path: Path, damage: bytes | None) -> None:
    one = described("one", 5)
    ledger = Ledger(tmp_path, is_writer=True)
    ledger.add(one, entry_of(one))
    (path,) = tmp_path.glob("described/??/*.msgpack")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"the description of one is gone, damaged .*; run `ensemble index repair"):
        ledger[one.recording.sha256]
    with pytest.raises(KeyError):
        ledger["0" * 64]
    ledger.close()


def test_one_writer_any_number_of_readers(tmp_path: Path) -> None:
    writer = Ledger(tmp_path, is_writer=True)
    with pytest.raises(StoreBusyError, match="is being changed by another process"):
        Ledger(tmp_path, is_writer=True)
    reader = Ledger(tmp_path)
    one = described("one", 5)
    writer.add(one, entry_of(one))
    assert one.recording.sha256 not in reader
    reader.refresh()
    assert reader[one.recording.sha256].num_chunks == 5
    writer.close()
    Ledger(tmp_path, is_writer=True).close()


def test_the_memory_of_descriptions_is_bounded_and_least_used_go_first(tmp_path: Path) -> None:
    made = [described(str(number), 50) for number in range(6)]
    ledger = Ledger(
        tmp_path, is_writer=True, cache_bytes=3 * (made[0].vectors.nbytes + made[0].details["chroma"].nbytes)
    )
    for one in made:
        ledger.add(one, entry_of(one))
    held = [ledger[one.recording.sha256] for one in made]
    assert ledger[made[5].recording.sha256] is held[5]
    assert ledger[made[0].recording.sha256] is not held[0]
    assert ledger[made[4].recording.sha256] is held[4]
    ledger.close()


def test_a_folder_that_may_not_be_written_is_named(open_folder: Path, as_nobody: None) -> None:
    if os.geteuid() == 0:
        pytest.skip("SKIPPED LOUDLY: cannot be anybody else than root here")
    with pytest.raises(StoreError, match=r"cannot be opened .Permission denied"):
        Ledger(open_folder, is_writer=True)
