"""The sound card: the leader comes in by the microphone, the band goes out to the headphones, in step."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from ensemble.errors import AudioError
from ensemble.types.music import FloatArray

BLOCK_S = 0.02
SAFE_S = 0.05
"""How much sound the card holds each way, so that a busy machine does not break the stream."""
STUCK_S = 3.0
"""A card that has been silent for so long is opened anew."""
GONE_S = 12.0
"""So long it is tried; then the card is gone."""
KEPT_S = 8
"""The band is at most so far ahead."""
MOST_AGAIN = 4
"""So often a bar is played again while the band is late."""


class CardDevice(NamedTuple):
    """One device of the sound card."""

    name: str
    """As it is given to `SoundCard`."""
    num_inputs: int
    """Channels in."""
    num_outputs: int
    """Channels out."""
    latency_s: float
    """What it says of its shortest way in and out together, in seconds."""


def card_devices() -> list[CardDevice]:
    """All devices of this machine.

    Raises:
        AudioError: sound cards cannot be used here.
    """
    return [
        CardDevice(
            name=str(one["name"]),
            num_inputs=int(one["max_input_channels"]),
            num_outputs=int(one["max_output_channels"]),
            latency_s=float(one["default_low_input_latency"]) + float(one["default_low_output_latency"]),
        )
        for one in _sounddevice().query_devices()
    ]


class SoundCard:
    """A stream in and a stream out, in step. Open it in a `with`.

    Args:
        sample_rate: in Hz.
        source: name of the device to listen to, or a part of it; the default one when absent.
        sink: name of the device to play to, or a part of it.
        latency_s: how long sound takes from the output through the air or a cable to the input and through the card;
            what the card says when absent.

    Raises:
        AudioError: there is no such device, or it cannot be opened.

    Attributes:
        num_lost: samples that did not come, and are zeros in the stream.
        num_missed: samples that the band should have played and had not ready.
        bar_samples: how long a bar is; while the band is late its last one is played again. 0: nothing is.
    """

    def __init__(
        self, sample_rate: int, source: str | None = None, sink: str | None = None, latency_s: float | None = None
    ) -> None:
        self.num_lost = self.num_missed = self.bar_samples = 0
        self._rate, self._given_latency_s = sample_rate, latency_s
        self._came: queue.SimpleQueue[FloatArray] = queue.SimpleQueue()
        self._ring = np.zeros((KEPT_S * sample_rate, 2), np.float32)
        self._filled = 0
        self._position = 0
        self._due_s: float | None = None
        self._is_anew = False
        self._has_ended = threading.Event()
        self._devices = source, sink
        self._stream = self._opened()

    def _opened(self) -> Any:
        cards = _sounddevice()
        if not cards.query_devices():
            raise AudioError("the sound card", "is not there: this machine has no device", "follow a recording")
        with _card_errors():
            return cards.Stream(
                samplerate=self._rate, blocksize=round(BLOCK_S * self._rate), dtype="float32", channels=(1, 2),
                device=self._devices, latency=SAFE_S, callback=self._exchange,
            )  # fmt: skip

    def __enter__(self) -> Self:
        with _card_errors():
            self._stream.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stream.close()

    @property
    def latency_s(self) -> float:
        """How much later than it was sent sound of the output comes in, in seconds."""
        return sum(self._stream.latency) if self._given_latency_s is None else self._given_latency_s

    def end(self) -> None:
        """Let the leader's stream end."""
        self._has_ended.set()
        self._came.put(np.zeros(0, np.float32))  # whoever waits need not wait any longer

    def blocks(self) -> Iterator[FloatArray]:
        """The leader, as it comes, until `end` is called or the card is gone.  [samples]"""
        silent_s = 0.0
        while not self._has_ended.is_set() and silent_s < GONE_S:
            try:
                block = self._came.get(timeout=STUCK_S)
                silent_s = 0.0
                if len(block):
                    yield block
            except queue.Empty:
                silent_s += STUCK_S
                if not self._has_ended.is_set():
                    self._reopen()
        with contextlib.suppress(queue.Empty):
            while True:  # what had come by then
                block = self._came.get_nowait()
                if len(block):
                    yield block

    def _reopen(self) -> None:
        """Open a card anew that has stopped, or was unplugged and may be there again."""
        self._stream.close()
        with contextlib.suppress(AudioError):
            self._stream, self._is_anew = self._opened(), True
            self.__enter__()

    def play(self, start_sample: int, sound: FloatArray) -> None:
        """Take what is to sound while the leader plays from that sample on; what comes too late is not heard."""
        stop = start_sample + sound.shape[1]
        at = np.arange(start_sample, stop) % len(self._ring)
        self._ring[at] = sound.T
        self._filled = stop

    def _exchange(self, came: Any, goes: Any, num_samples: int, _time: Any, status: Any) -> None:
        """Called by the card with what came in; fills what goes out at the same moment."""
        now_s = monotonic()
        late_s = 0.0 if self._due_s is None else now_s - self._due_s
        if self._due_s is not None and (status.input_overflow or self._is_anew or late_s > 2 * SAFE_S):
            lost = max(round(late_s * self._rate), 0)
            self.num_lost += lost
            self._position += lost
            self._came.put(np.zeros(lost, np.float32))
        self._due_s, self._is_anew = now_s + num_samples / self._rate, False
        if self._has_ended.is_set():
            goes[:] = 0.0
            return
        self._came.put(came[:, 0].copy())
        first = self._position + round(self.latency_s * self._rate)
        at = np.arange(first, first + num_samples)
        is_ready = at < self._filled
        if self._filled:
            self.num_missed += int(num_samples - is_ready.sum())
        late, bar = np.maximum(at - self._filled + 1, 0), min(self.bar_samples, self._filled, len(self._ring))
        sounds = is_ready | (late <= MOST_AGAIN * bar)
        again = at - bar * np.ceil(late / max(bar, 1)).astype(int)
        goes[:] = np.where(sounds[:, None], self._ring[again % len(self._ring)], 0.0)
        self._position += num_samples


@contextlib.contextmanager
def _card_errors() -> Iterator[None]:
    """Turn an error of PortAudio into one line."""
    try:
        yield
    except (_sounddevice().PortAudioError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise AudioError("the sound card", f"cannot be used ({reason})", "see --list-devices") from error


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise AudioError("the sound card", "needs PortAudio", "on Debian: apt install libportaudio2") from error
    return sounddevice
