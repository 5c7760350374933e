"""Writes the stems of one take block by block; what an earlier process or render wrote of them is taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ensemble import clock
from ensemble.audio.wav_writer import HEADER_BYTES, SAMPLE_BYTES, Steps, bytes_of, header_of, steps_of
from ensemble.config import FollowerSettings
from ensemble.errors import OutputError
from ensemble.files.receipts import WrittenSound
from ensemble.files.replace import linked
from ensemble.mix.gain import place
from ensemble.mix.room import send_db
from ensemble.mix.sound_writer import CHANNELS, SoundWriter
from ensemble.mix.stem_sum import StemSum
from ensemble.rendering.earlier import WrittenStem
from ensemble.types.music import Stem

_AT_ONCE = 1 << 18


class StemAsBefore:
    """Sound that has so far been that of a file of an earlier render: nothing is written before it differs.

    Args:
        before: the earlier file.
        path: where the sound belongs; that file is a link to the earlier one where both are equal to the end.
        begin: begins to write it.
    """

    def __init__(self, before: WrittenStem, path: Path, begin: Callable[[], SoundWriter]) -> None:
        self._before, self._path, self._begin = before, path, begin
        self._file = before.path.open("rb")
        self._file.seek(HEADER_BYTES)
        self._anew: SoundWriter | None = None
        self._num_equal = 0

    @property
    def num_samples(self) -> int:
        """Samples per channel so far."""
        return self._num_equal if self._anew is None else self._anew.num_samples

    def write(self, steps: Steps) -> None:
        """Append sound."""
        if self._anew is None:
            data = bytes_of(steps)
            if self._file.read(len(data)) == data:
                self._num_equal += len(steps)
                return
            self._anew = self._begin()
            for piece in _read(self._before.path, self._num_equal):
                self._anew.write(piece)
        self._anew.write(steps)

    def close(self) -> WrittenSound:
        """Link the earlier file or close the new one, and return its hashes and levels."""
        self._file.close()
        if self._anew is not None:
            return self._anew.close()
        linked(self._before.path, self._path)
        return self._before.written

    def abandon(self) -> None:
        """Close the files, incomplete as they may be."""
        self._file.close()
        if self._anew is not None:
            self._anew.abandon()


class StemWriter:
    """Writes the stems of one take as 24-bit stereo, after gain and pan, and adds them up for its mix.

    Args:
        folder: made if absent; stems that an earlier process wrote in it are renamed until they are restored.
        followers: the players.
        sample_rate: in Hz.
        num_frames: control frames of the take, which every stem is long.
        before: stems of an earlier version, by part; their files are taken over where they would be equal.
        has_room: whether what the parts send into the room is added up, too.

    Raises:
        OSError: the disk is full (so do all methods that write).

    Attributes:
        paths: the file of each stem, by part.
        sum: of what was written; `abandon` deletes it.
        played: the sum as it would be without the followers' gains.
        sent: the sum of what goes into the room; None where there is none.
    """

    def __init__(
        self, folder: Path, followers: Sequence[FollowerSettings], sample_rate: int, num_frames: int,
        before: Mapping[str, WrittenStem], *, has_room: bool = False,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self._followers = {follower.name: follower for follower in followers}
        self.paths = {name: folder / f"{name}.wav" for name in self._followers}
        self._earlier = {name: path.with_suffix(".earlier") for name, path in self.paths.items()}
        num_samples, joins = num_frames * clock.hop_samples(sample_rate), clock.seams(num_frames, sample_rate)
        self.sum = StemSum(folder, num_samples)
        self._undone = {name: 10 ** (-follower.gain_db / 20) for name, follower in self._followers.items()}
        has_gains = any(follower.gain_db for follower in followers)
        self.played = StemSum(folder, num_samples) if has_gains else self.sum
        self.sent = StemSum(folder, num_samples) if has_room else None
        self._sends = {name: 10 ** (send_db(follower) / 20) for name, follower in self._followers.items()}
        self._files: dict[str, SoundWriter | StemAsBefore] = {}
        header = header_of(sample_rate, CHANNELS, num_samples)
        for name, path in self.paths.items():
            if _size(path) > _size(self._earlier[name]):
                path.rename(self._earlier[name])
            begin = partial(SoundWriter, path, sample_rate, num_samples, joins)
            if name in before and _begins_with(before[name].path, header):
                self._files[name] = StemAsBefore(before[name], path, begin)
            else:
                self._files[name] = begin()

    @property
    def num_samples(self) -> dict[str, int]:
        """Number of samples written so far, by part."""
        return {name: file.num_samples for name, file in self._files.items()}

    def restore(self, num_samples: Mapping[str, int]) -> None:
        """Begin each stem with the first `num_samples` (by part) that an earlier process wrote.

        Raises:
            OutputError: the earlier stems are shorter.
        """
        for name, file in self._files.items():
            for steps in _read(self._earlier[name], num_samples[name]):
                self._write(name, steps)
            if file.num_samples < num_samples[name]:
                earlier = str(self._earlier[name])
                raise OutputError(earlier, "is shorter than the checkpoint says", "render again with --force")

    def append(self, stem: Stem) -> None:
        """Append the sound of one player in one block, with the follower's gain and pan."""
        follower = self._followers[stem.part]
        self._write(stem.part, steps_of(place(stem.clip.samples[0], follower.gain_db, follower.pan)))

    def close(self) -> dict[str, WrittenSound]:
        """Close every file, and return their receipts and levels, by part."""
        written = {name: file.close() for name, file in self._files.items()}
        for path in self._earlier.values():
            path.unlink(missing_ok=True)
        return written

    def abandon(self) -> None:
        """Close every file, incomplete as it may be."""
        for file in self._files.values():
            file.abandon()
        self.close_sums()

    def close_sums(self) -> None:
        """Delete the sums."""
        self.sum.close()
        self.played.close()
        if self.sent is not None:
            self.sent.close()

    def _write(self, part: str, steps: Steps) -> None:
        start = self._files[part].num_samples
        self.sum.add(start, steps)
        if self.played is not self.sum:
            self.played.add(start, np.rint(steps * self._undone[part]).astype(np.int32))
        if self.sent is not None:
            self.sent.add(start, np.rint(steps * self._sends[part]).astype(np.int32))
        self._files[part].write(steps)


def _begins_with(path: Path, header: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(header)) == header


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _read(path: Path, num_samples: int) -> Iterator[Steps]:
    """Read the first samples of an incomplete WAV file; fewer than `num_samples` where it ends earlier."""
    frame_bytes = CHANNELS * SAMPLE_BYTES
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        while num_samples > 0:
            raw = file.read(min(num_samples, _AT_ONCE) * frame_bytes)
            whole = len(raw) // frame_bytes
            if not whole:
                return
            wide = np.zeros((whole * CHANNELS, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(raw, np.uint8, whole * frame_bytes).reshape(-1, SAMPLE_BYTES)
            yield wide.view("<i4").reshape(whole, CHANNELS) >> 8
            num_samples -= whole
