"""One room for the whole band: its walls' first reflections and its reverberation, as a stem of their own.

The room is a convolution with an impulse response that is computed here: image sources of a box of this project's own
for the first reflections, which differ for sound from the left and from the right, and then noise whose bands decay at
their own rates. It runs in partitions of one quantum, aligned to sample 0, so its bytes do not depend on the blocks.

Sources: Allen and Berkley, Image method for efficiently simulating small-room acoustics, JASA 1979 (reflections);
Moorer, About this reverberation business, CMJ 1979 (decaying noise); Gardner, Efficient convolution without
input-output delay, JAES 1995, with partitions of one size.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.wav_writer import steps_of
from ensemble.clock import QUANTUM_FRAMES, hop_samples
from ensemble.config import FollowerSettings, RoomSettings
from ensemble.files.receipts import WrittenSound
from ensemble.mix.sound_writer import SoundWriter
from ensemble.mix.stem_sum import StemSum

ROOM = "room"
"""What its stem is called."""
BASS_SEND_DB, DRUMS_SEND_DB, SEND_DB = -24.0, -17.0, -12.0
"""Low sound is kept dry, drums are a little nearer than the rest."""
SPEED_M_S = 343.0
BOX_M = (9.2, 7.1, 3.4)
"""Width, depth and height."""
EARS_M = ((4.45, 2.1, 1.5), (4.75, 2.1, 1.5))
SOURCES_M = ((2.6, 5.2, 1.3), (6.7, 5.3, 1.3))
"""Where sound from the far left and from the far right comes from."""
WALL_GAIN, REFLECTIONS = 0.72, 2
"""Of the pressure, at each wall; and how many walls a reflection has met at most."""
EARLY_SHARE = 0.35
"""Of the room's energy, that of the first reflections."""
TAIL_FROM_S, TAIL_RISE_S = 0.018, 0.03
BANDS_HZ = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
"""Where the bands meet."""
BAND_DECAY = (1.1, 1.1, 1.0, 0.9, 0.72, 0.52, 0.35)
"""How long each decays, of `decay_s`."""
LOW_CUT_HZ = 140.0
_KEY = 20_261_130
"""Of the noise: another key is another room."""

Sound = NDArray[np.float64]


def send_db(follower: FollowerSettings) -> float:
    """How loud a part goes into the room: as loud as it is at 0."""
    if follower.room_db is not None:
        return follower.room_db
    return {"bass": BASS_SEND_DB, "drums": DRUMS_SEND_DB}.get(follower.role, SEND_DB)


@functools.lru_cache(maxsize=4)
def impulse_response(settings: RoomSettings, sample_rate: int) -> Sound:
    """What comes to either ear of a click in either channel; each channel's energy is 1 on average.

    Returns:
        [2 channels, 2 ears, samples]
    """
    num_samples = round((settings.decay_s * 1.1 + TAIL_FROM_S) * sample_rate)
    early, tail = _reflections(num_samples, sample_rate), _reverberation(settings.decay_s, num_samples, sample_rate)
    response = np.sqrt(EARLY_SHARE) * early + np.sqrt(1 - EARLY_SHARE) * tail
    spectrum = np.fft.rfft(response, 2 * num_samples)
    hertz = np.arange(spectrum.shape[-1]) * sample_rate / (2 * num_samples)
    cut = np.square(hertz) / (np.square(hertz) + LOW_CUT_HZ**2)
    return _of_unit_energy(np.fft.irfft(spectrum * cut)[..., :num_samples])


def _of_unit_energy(response: Sound) -> Sound:
    """Scale all of it, so that a channel's sound is as strong in the room as it was."""
    return np.asarray(response / np.sqrt(np.square(response).sum() / len(response)))


def _reflections(num_samples: int, sample_rate: int) -> Sound:
    """The first reflections, each one sample, from when the direct sound reaches an ear on; it is not among them."""
    response = np.zeros((2, 2, num_samples))
    orders = range(-REFLECTIONS, REFLECTIONS + 1)
    for (channel, source), (ear, place) in itertools.product(enumerate(SOURCES_M), enumerate(EARS_M)):
        direct_m = min(float(np.linalg.norm(np.subtract(source, one))) for one in EARS_M)
        for walls in itertools.product(orders, orders, orders):
            met = sum(map(abs, walls))
            if not 0 < met <= REFLECTIONS:
                continue
            image = [
                wall * size + (at if wall % 2 == 0 else size - at)
                for wall, size, at in zip(walls, BOX_M, source, strict=True)
            ]
            way_m = float(np.linalg.norm(np.subtract(image, place)))
            late = round((way_m - direct_m) / SPEED_M_S * sample_rate)
            if late < num_samples:
                response[channel, ear, late] += WALL_GAIN**met * direct_m / way_m
    return _of_unit_energy(response)


def _reverberation(decay_s: float, num_samples: int, sample_rate: int) -> Sound:
    """Noise in bands, each with its own decay; to every ear, from every channel, another."""
    rng = np.random.Generator(np.random.Philox(_KEY))
    spectrum = np.fft.rfft(rng.standard_normal((2, 2, num_samples)))
    hertz = np.arange(spectrum.shape[-1]) * sample_rate / num_samples
    time_s = np.arange(num_samples) / sample_rate - TAIL_FROM_S
    edges = np.log2(np.maximum(hertz, 1.0) / np.array(BANDS_HZ)[:, None])
    above = np.concatenate([np.ones((1, len(hertz))), np.clip(edges + 0.5, 0, 1), np.zeros((1, len(hertz)))])
    tail = np.zeros((2, 2, num_samples))
    for share, decay in zip(above[:-1] - above[1:], BAND_DECAY, strict=True):
        band = np.fft.irfft(spectrum * np.sqrt(share), num_samples)
        tail += band * 10 ** (-3 * np.maximum(time_s, 0) / (decay * decay_s))
    rise = np.clip(time_s / TAIL_RISE_S, 0, 1)
    return _of_unit_energy(tail * np.sin(rise * np.pi / 2) ** 2)


class Room:
    """Sounds what is sent into it, partition by partition.

    Args:
        settings: of the room.
        sample_rate: in Hz.
        quantum_frames: control frames of a quantum.

    Attributes:
        partition: samples that `push` takes at once: those of one quantum.
    """

    def __init__(self, settings: RoomSettings, sample_rate: int, quantum_frames: int = QUANTUM_FRAMES) -> None:
        self.partition = quantum_frames * hop_samples(sample_rate)
        response = impulse_response(settings, sample_rate) * 10 ** (settings.level_db / 20)
        padded = -response.shape[-1] % self.partition
        parts = np.pad(response, ((0, 0), (0, 0), (0, padded))).reshape(2, 2, -1, self.partition)
        self._parts = np.fft.rfft(parts, 2 * self.partition).transpose(2, 1, 0, 3).copy()  # [parts, ears, channels]
        self._sent: list[NDArray[np.complex128]] = []
        self._ringing = np.zeros((2, self.partition))

    def push(self, sent: Sound) -> Sound:
        """What is heard of the room while the next partition is sent into it.  [2, partition] -> [2, partition]"""
        spectrum = np.fft.rfft(sent, 2 * self.partition)
        self._sent = [spectrum, *self._sent[: len(self._parts) - 1]]
        heard = np.zeros_like(spectrum)
        for earlier, part in zip(self._sent, self._parts, strict=False):
            heard += part[:, 0] * earlier[0] + part[:, 1] * earlier[1]
        sound = np.fft.irfft(heard, 2 * self.partition)
        whole = sound[:, : self.partition] + self._ringing
        self._ringing = sound[:, self.partition :]
        return np.asarray(whole)


class LiveRoom:
    """The room while it is played in, without delay where every piece ends a hop before a quantum does, as players' do.

    Args:
        settings: of the room.
        sample_rate: in Hz.
        quantum_frames: control frames of a quantum.
    """

    def __init__(self, settings: RoomSettings, sample_rate: int, quantum_frames: int = QUANTUM_FRAMES) -> None:
        self._room = Room(settings, sample_rate, quantum_frames)
        self._early = hop_samples(sample_rate)
        self._waiting = np.zeros((2, self._early))

    def push(self, sent: Sound) -> Sound:
        """What is heard of the room during the next piece; of the last one, if it is short, nothing.  [2, samples]"""
        self._waiting = np.concatenate([self._waiting, sent], axis=1)
        heard = np.zeros((2, 0))
        while self._waiting.shape[1] >= self._room.partition:
            now, self._waiting = np.split(self._waiting, [self._room.partition], axis=1)
            heard = np.concatenate([heard, self._room.push(now)[:, self._early :]], axis=1)
            self._early = 0
        missing = sent.shape[1] - heard.shape[1]
        return np.pad(heard, ((0, 0), (0, max(missing, 0))))[:, : sent.shape[1]]


def write_room(sent: StemSum, settings: RoomSettings, path: Path, sample_rate: int, total: StemSum) -> WrittenSound:
    """Write what the room answers as a stem, as long as the others, and add it to their sum.

    Everything is read in pieces, so memory does not depend on the duration.

    Args:
        sent: the sum of what the parts send.
        settings: of the room.
        path: of the stem.
        sample_rate: in Hz.
        total: the sum of the stems.

    Raises:
        OSError: the disk is full.
    """
    room, stem = Room(settings, sample_rate), SoundWriter(path, sample_rate, sent.num_samples)
    try:
        for piece in _partitions(sent, room.partition):
            left = sent.num_samples - stem.num_samples
            steps = steps_of(room.push(piece)[:, :left].astype(np.float32))
            total.add(stem.num_samples, steps)
            stem.write(steps)
        return stem.close()
    except BaseException:
        stem.abandon()
        raise


def _partitions(sent: StemSum, partition: int) -> Iterator[Sound]:
    """The sound in pieces of one length; the last one is filled with silence."""
    waiting = np.zeros((2, 0))
    for piece in sent.pieces():
        waiting = np.concatenate([waiting, piece], axis=1)
        while waiting.shape[1] >= partition:
            yield waiting[:, :partition]
            waiting = waiting[:, partition:]
    if waiting.shape[1]:
        yield np.pad(waiting, ((0, 0), (0, partition - waiting.shape[1])))
