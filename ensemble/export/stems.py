"""Sound for a DAW: the leader and the stems as they lie in the mix, their sum, the mix, and a click."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from ensemble.audio.delivered import delivered, form_of, write_float
from ensemble.audio.files import write_pieces
from ensemble.audio.wav_chunks import SteadyTempo, WavMarker, WavNotes, append_chunks
from ensemble.export.song import SongTake
from ensemble.machine import ensemble_version
from ensemble.mix.gain import place
from ensemble.mix.room import ROOM
from ensemble.types.music import PIECE_SAMPLES, FloatArray

CLICK_HZ, DOWNBEAT_HZ = 1000.0, 1500.0
CLICK_S, CLICK_LEVEL = 0.03, 0.5


def write_stems(song: SongTake, folder: Path) -> list[Path]:
    """Write every sound into a folder.

    The plain sum of the leader and the stems is `premaster.wav`, of 32-bit floating-point samples: it may pass full
    scale. The mix is that sum after its gain and limiter. Every file tells its place on the recording's time line, its
    chords as cues, and its tempo where it has one alone.

    Returns:
        The leader and the stems, in the order of the band; the room is the last where there is one.
    """
    stems = {follower.name: stem for follower, _, stem in song.parts} | ({ROOM: song.room} if song.room else {})
    names = ["leader", *stems]
    paths = [folder / f"{number:02d} {name} - {song.about}.wav" for number, name in enumerate(names)]
    sources = [_leader(song), *(_cut(stem, song) for stem in stems.values())]
    for path, source in zip(paths, sources, strict=True):
        write_pieces(path, source, song.sample_rate, 2)
    write_float(folder / "premaster.wav", _sum(paths), song.sample_rate, 2)
    write_pieces(folder / "mix.wav", _cut(song.mix, song), song.sample_rate, 2)
    write_pieces(folder / "click.wav", _clicks(song), song.sample_rate, 1)
    for path in (*paths, *(folder / name for name in ("premaster.wav", "mix.wav", "click.wav"))):
        append_chunks(path, _notes(song, path))
    return paths


def _notes(song: SongTake, path: Path) -> WavNotes:
    """Where a file lies, its chords, and its tempo where it has one alone."""
    markers = [WavMarker(round(at_s * song.sample_rate), name) for at_s, name in song.markers()]
    tempo = None
    if song.beats.is_steady:
        quarter_s = float(song.beats.tempos.quarter_s[-1])
        _, count, unit = song.beats.metres[-1]
        tempo = SteadyTempo(60 / quarter_s, round(form_of(path).duration_s / quarter_s), count, unit)
    return WavNotes(
        description=song.about,
        originator=f"ensemble {ensemble_version()}",
        origin_sample=round(song.beats.start_s * song.sample_rate),
        markers=markers,
        tempo=tempo,
    )


def _leader(song: SongTake) -> Iterator[FloatArray]:
    """The leader at its level and place in the mix: two channels, each with its own sound where it has two."""
    for piece in _cut(song.leader, song):
        left, right = piece[0], piece[-1]
        yield np.stack([place(left, song.leader_gain_db, 0.0)[0], place(right, song.leader_gain_db, 0.0)[1]])


def _cut(path: Path, song: SongTake) -> Iterator[FloatArray]:
    """The samples of a file from the song's beginning on.  [channels, samples]"""
    return delivered(path, round(song.beats.start_s * song.sample_rate))


def _sum(paths: list[Path]) -> Iterator[FloatArray]:
    for pieces in zip_longest(*map(delivered, paths), fillvalue=np.zeros((2, 0), np.float32)):
        total = np.zeros((2, max(piece.shape[1] for piece in pieces)))
        for piece in pieces:
            total[:, : piece.shape[1]] += piece
        yield total.astype(np.float32)


def _clicks(song: SongTake) -> Iterator[FloatArray]:
    """A click on every beat, higher on the first of a bar, as long as the mix."""
    num_samples = max(form_of(song.mix).num_samples - round(song.beats.start_s * song.sample_rate), 0)
    time_s = np.arange(round(CLICK_S * song.sample_rate)) / song.sample_rate
    fade = CLICK_LEVEL * np.exp(-time_s / (CLICK_S / 5))
    grid = song.beats.grid
    sounds = [fade * np.sin(2 * np.pi * pitch_hz * time_s) for pitch_hz in (DOWNBEAT_HZ, CLICK_HZ)]
    starts = np.rint((grid.edges_s[:-1] - song.beats.start_s) * song.sample_rate).astype(np.int64)
    for begin in range(0, num_samples, PIECE_SAMPLES):
        piece = np.zeros((1, min(PIECE_SAMPLES, num_samples - begin)), np.float32)
        for start, position in zip(starts.tolist(), grid.positions.tolist(), strict=True):
            first, stop = max(start, begin, 0), min(start + len(fade), begin + piece.shape[1])
            if start >= 0 and first < stop:
                piece[0, first - begin : stop - begin] += sounds[position > 0][first - start : stop - start]
        yield piece
