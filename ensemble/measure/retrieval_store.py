"""The second takes, heard, described and stored in memory; and the baselines that rank all their chunks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ensemble.audio.files import read_clip, write_clip
from ensemble.files.digest import recording_digest
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.retrieval_songs import RATE_HZ, Song
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.search.describe import describe
from ensemble.types.described import Described, IndexedRecording
from ensemble.types.music import AudioClip, FloatArray

HEAD_S = 8.0
"""Of a candidate: what the reference implementation compares."""


class SecondTakes:
    """Everything that can answer.

    Args:
        folder: to write the takes into; it has to stay as long as they are joined to leaders.
    """

    def __init__(self, folder: Path) -> None:
        self.store = ExactStore()
        self._folder = folder
        self._described: dict[str, Described] = {}
        self._of_song: dict[int, str] = {}
        self._spots: list[tuple[str, int]] = []
        self._head_chroma: list[FloatArray] = []

    def add(self, song: Song) -> None:
        """Write, hear and describe a song's second take."""
        path = self._folder / f"song-{song.number:03d}.wav"
        write_clip(path, AudioClip(samples=song.other_take.samples[None], sample_rate=RATE_HZ))
        clip = at_analysis_rate(read_clip(path))
        heard = Listener().listen(clip)
        recording = IndexedRecording(
            sha256=recording_digest(path), path=str(path), title=song.order.title, licence="CC0-1.0",
            duration_s=clip.duration_s,
        )  # fmt: skip
        described = describe(clip, recording, heard)
        self._described[recording.sha256] = described
        self._of_song[song.number] = recording.sha256
        self.store.add(rows_of(described))
        for chunk, start_s in enumerate(described.start_s.tolist()):
            self._spots.append((recording.sha256, chunk))
            self._head_chroma.append(mean_chroma(heard.frames.chroma, start_s, start_s + HEAD_S))

    def described(self, sha256: str) -> Described:
        """A recording's description."""
        return self._described[sha256]

    def nearest(self, song: int, at_s: float, within_s: float) -> tuple[str, int] | None:
        """The chunk of a song's second take that begins nearest to a moment; None if it is too far away."""
        sha256 = self._of_song[song]
        away_s = np.abs(self._described[sha256].start_s - at_s)
        chunk = int(np.argmin(away_s))
        return (sha256, chunk) if away_s[chunk] <= within_s else None

    def chroma_likeness(self, tail_chroma: FloatArray, turns: int) -> FloatArray:
        """Cosine of every chunk's mean chroma with a leader's, the best of so many transpositions.  [chunks]"""
        heads = np.stack(self._head_chroma)
        turned = np.stack([np.roll(tail_chroma, turn) for turn in range(turns)])
        likeness: FloatArray = (heads @ turned.T).max(axis=1)
        return likeness

    def ranked(self, scores: FloatArray) -> list[tuple[str, int]]:
        """Every chunk, the highest score first."""
        return [self._spots[place] for place in np.argsort(-scores, kind="stable").tolist()]


def mean_chroma(chroma: FloatArray, start_s: float, stop_s: float) -> FloatArray:
    """Mean chroma of a stretch, of unit length; 0 in silence.  chroma [12, frames], [12]"""
    first, last = max(round(start_s * 100), 0), max(round(stop_s * 100), 1)
    mean = chroma[:, first:last].mean(axis=1) if first < chroma.shape[1] else np.zeros(12, dtype=np.float32)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
