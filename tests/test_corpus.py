from __future__ import annotations

import hashlib
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble import corpus
from ensemble.audio.files import read_clip
from ensemble.corpus import DESCRIPTIONS, corpus_pieces
from ensemble.data.compose.fretboard import STRINGS_MIDI, next_shape, shapes
from ensemble.data.compose.harmony import ComposedChord
from ensemble.data.compose.orchestra import SOLOISTS
from ensemble.data.compose.solo.outline import solo_piece
from ensemble.data.compose.solo.solo import write_solo
from ensemble.data.compose.solo.tune import TUNE_VOICE
from ensemble.errors import StoreError
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve import default_library, index_local
from ensemble.retrieve.default_library import corpus_index_dir, indexed_corpus
from ensemble.retrieve.index_local import describe_file
from ensemble.retrieve.library.indexer import IndexJob, IndexOutcome
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.opening import open_library
from ensemble.retrieve.library.sources import Source
from ensemble.types.music import AudioClip
from tests.bench.build_corpus import programme

LIMIT_BYTES = 12_000_000


def test_the_box_holds_twenty_minutes_in_less_than_twelve_megabytes() -> None:
    pieces = corpus_pieces()
    assert 19 * 60 < sum(piece.duration_s for piece in pieces) < 22 * 60
    assert sum(piece.path.stat().st_size for piece in pieces) < LIMIT_BYTES
    assert {piece.licence for piece in pieces} == {"CC0-1.0"}


def test_every_file_is_the_one_that_the_catalogue_names() -> None:
    for piece in corpus_pieces():
        assert hashlib.sha256(piece.path.read_bytes()).hexdigest() == piece.sha256
        info = soundfile.info(piece.path)
        assert info.samplerate == 48_000
        assert info.duration == pytest.approx(piece.duration_s, abs=1e-3)


def test_the_catalogue_is_the_programme_and_covers_every_key() -> None:
    assert [(piece.title, piece.key, piece.tempo_bpm) for piece in corpus_pieces()] == [
        (order.title, order.key, order.tempo_bpm) for order in programme()
    ]
    assert {order.tonic for order in programme()} == set(range(12))


def test_a_span_of_a_file_holds_the_samples_of_a_whole_reading() -> None:
    path = corpus_pieces()[3].path
    whole, _ = soundfile.read(path, dtype="float32")
    again, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(whole, again)
    for start in (1, 48_000, 777_777):
        span, _ = soundfile.read(path, start=start, frames=30_000, dtype="float32")
        np.testing.assert_array_equal(span, whole[start : start + 30_000])


@pytest.mark.parametrize("title", ["Orchard Road", "Turning Leaves", "Tin Roof"])
def test_the_ear_finds_the_key_and_tempo_that_were_written(title: str) -> None:
    piece = next(piece for piece in corpus_pieces() if piece.title == title)
    clip = at_analysis_rate(read_clip(piece.path))
    part = AudioClip(samples=np.ascontiguousarray(clip.samples[:, : 24 * clip.sample_rate]), sample_rate=16_000)
    heard = Listener().listen(part)
    assert heard.tempo_bpm == pytest.approx(piece.tempo_bpm, rel=0.02)
    assert str(heard.key) == piece.key
    assert abs(heard.tuning_cents) < 6


def test_the_same_order_gives_the_same_notes_and_another_seed_others() -> None:
    order = programme()[0]
    assert write_solo(solo_piece(order)) == write_solo(solo_piece(order, take=1, tempo_ratio=1.05))
    assert write_solo(solo_piece(replace(order, seed=order.seed + 1))) != write_solo(solo_piece(order))


@pytest.mark.parametrize("order", programme(), ids=lambda order: order.title)
def test_a_piece_stays_in_range_ends_on_its_tonic_and_keeps_its_tune_on_top(order) -> None:
    piece = solo_piece(order)
    notes = write_solo(piece)
    tune = [note for note in notes if note.voice == TUNE_VOICE]
    low, high = SOLOISTS[order.instrument].tune_midi
    assert all(low <= note.pitch_midi <= high for note in tune)
    last_bar = piece.stop_quarters - piece.metre.bar_quarters
    assert min(note.pitch_midi for note in notes if note.onset_quarters >= last_bar) % 12 == order.tonic
    for note in tune:
        under = [
            other.pitch_midi
            for other in notes
            if other.voice != TUNE_VOICE and abs(other.onset_quarters - note.onset_quarters) < 1e-6
        ]
        assert all(pitch < note.pitch_midi for pitch in under)


@pytest.mark.parametrize("intervals", [(0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 3, 7, 10), (0, 4, 7, 11)])
@pytest.mark.parametrize("root", range(12))
def test_a_hand_can_hold_every_chord(root: int, intervals: tuple[int, ...]) -> None:
    chord = ComposedChord(root=root, intervals=intervals)
    for shape in shapes(chord)[:12]:
        sounding = [pitch for pitch in shape if pitch is not None]
        frets = [pitch - open_midi for pitch, open_midi in zip(shape, STRINGS_MIDI, strict=True) if pitch is not None]
        pressed = [fret for fret in frets if fret > 0]
        assert sounding[0] % 12 == root
        assert {pitch % 12 for pitch in sounding} <= set(chord.pitch_classes)
        assert max(pressed, default=0) - min(pressed, default=0) < 4
        assert len(sounding) >= 4


def test_g_major_is_played_as_everybody_plays_it() -> None:
    assert next_shape(ComposedChord(root=7, intervals=(0, 4, 7)), None) == (43, 47, 50, 55, 59, 67)


@pytest.fixture
def one_short_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with eight seconds in it."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    first = corpus_pieces()[0]
    samples, rate = soundfile.read(first.path, frames=8 * 48_000)
    soundfile.write(sounds / "short.wav", samples, rate)
    short = replace(first, path=sounds / "short.wav", duration_s=8.0)
    monkeypatch.setattr(default_library, "corpus_pieces", lambda: (short,))
    return tmp_path / "cache"


def test_the_first_to_ask_indexes_and_each_process_that_searches_at_once_has_a_library_of_its_own(
    one_short_piece: Path,
) -> None:
    told: list[tuple[str, int, int]] = []
    first = indexed_corpus(one_short_piece, lambda *progress: told.append(progress))
    assert told[-1] == ("index", 1, 1)
    one = open_library(first)
    try:
        second = indexed_corpus(one_short_piece)
        assert second.folder != first.folder
        assert second.folder.parent == first.folder.parent == corpus_index_dir(one_short_piece)
        other = open_library(second)
        try:
            other.mend()
            assert other.store.recordings() == one.store.recordings()
            (recording,) = (entry.recording for entry in other.ledger.entries.values())
            assert (recording.title, recording.licence) == ("Orchard Road", "CC0-1.0")
            assert one.store.count() >= 8
        finally:
            other.close()
    finally:
        one.close()
    told.clear()
    assert indexed_corpus(one_short_piece, lambda *progress: told.append(progress)) == first
    assert told == []


def test_the_shipped_descriptions_are_what_is_heard_today() -> None:
    """If this fails because listening has become better: python -m tests.bench.build_corpus --describe."""
    shipped = Ledger(DESCRIPTIONS)
    assert set(shipped.on_disk()) == {piece.sha256 for piece in corpus_pieces()}
    piece = min(corpus_pieces(), key=lambda one: one.path.stat().st_size)
    source = Source(path=piece.path, title=piece.title, licence=piece.licence)
    job = IndexJob(source=source, sha256=piece.sha256, size_bytes=0, mtime_ns=0)
    now, kept = describe_file(job), shipped.load(piece.sha256)
    assert kept is not None
    assert kept.recording.path == piece.path.name  # no path of the machine that described it
    assert np.array_equal(now.start_s, kept.start_s)
    assert np.abs(now.vectors - kept.vectors).max() < 1e-3
    assert (now.tempo_bpm, now.metres) == (pytest.approx(kept.tempo_bpm), kept.metres)
    assert all(shipped.load(one.sha256) is not None for one in corpus_pieces())


def test_the_bundled_music_is_indexed_by_its_shipped_descriptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_local, "describe_job", lambda job: IndexOutcome(job=job, reason="was listened to"))
    with open_library(indexed_corpus(tmp_path)) as library:
        recordings = [entry.recording for entry in library.ledger.entries.values()]
        assert sorted(one.path for one in recordings) == sorted(str(piece.path) for piece in corpus_pieces())
        assert library.store.count() == library.ledger.num_rows > 2000


def test_a_run_that_was_killed_half_way_is_taken_up_again(one_short_piece: Path) -> None:
    first = indexed_corpus(one_short_piece)
    (first.folder.parent / "complete").unlink()
    shutil.rmtree(first.folder / "store.db")
    again = indexed_corpus(one_short_piece)
    library = open_library(again)
    try:
        library.mend()
        assert library.store.count() == library.ledger.num_rows > 0
    finally:
        library.close()


def test_whoever_comes_while_another_indexes_waits_and_says_so(
    one_short_piece: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = corpus_index_dir(one_short_piece)
    folder.mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(folder / "lock", held, done))
    holder.start()
    try:
        assert held.wait(60)
        monkeypatch.setattr(default_library, "PATIENCE_S", 0.3)
        told: list[str] = []
        with pytest.raises(StoreError, match="is being indexed by another process; wait"):
            indexed_corpus(one_short_piece, lambda what, _done, _total: told.append(what))
        assert told
    finally:
        done.set()
        holder.join(30)


def _hold(path: Path, held, done) -> None:
    import fcntl

    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held.set()
        done.wait(60)


def test_another_installation_has_an_index_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library keeps the paths of its recordings: an index whose installation is gone would play nothing."""
    here = corpus_index_dir(tmp_path)
    shutil.copytree(corpus.SOUNDS, tmp_path / "sounds")
    monkeypatch.setattr(corpus, "SOUNDS", tmp_path / "sounds")
    assert corpus_index_dir(tmp_path) != here
