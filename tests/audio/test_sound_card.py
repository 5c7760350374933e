"""The sound card, by a stand-in for PortAudio."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ensemble.audio.sound_card import KEPT_S, SoundCard, card_devices
from ensemble.errors import AudioError

RATE = 16_000
BLOCK = 320


class CardStream:
    """What PortAudio's stream is to `SoundCard`: calls back when the test says so."""

    latency = (0.01, 0.03)
    clock: Any = None
    opened = 0

    def __init__(self, **given: Any) -> None:
        if given["device"][0] == "none":
            raise ValueError("No input device matching 'none'")
        self.exchange, self.now_s = given["callback"], 5.0
        self.is_running = False
        CardStream.opened += 1

    def start(self) -> None:
        self.is_running = True

    def close(self) -> None:
        self.is_running = False

    def come(self, samples: np.ndarray, lost: int = 0) -> np.ndarray:
        """One block comes in, after so many that got lost; what goes out."""
        self.now_s += lost / RATE
        self.clock(self.now_s)
        goes = np.full((BLOCK, 2), np.nan, np.float32)
        status = SimpleNamespace(input_overflow=lost > 0)
        self.exchange(samples[:, None], goes, BLOCK, None, status)
        self.now_s += BLOCK / RATE
        return goes


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(CardStream, "clock", lambda _self, time_s: now_s.__setitem__(0, time_s))
    monkeypatch.setattr("ensemble.audio.sound_card.monotonic", lambda: now_s[0])
    device = {
        "name": "box", "max_input_channels": 2, "max_output_channels": 4, "default_low_input_latency": 0.01,
        "default_low_output_latency": 0.02,
    }  # fmt: skip
    made = SimpleNamespace(Stream=CardStream, PortAudioError=OSError, query_devices=lambda: [device])
    monkeypatch.setitem(sys.modules, "sounddevice", made)


@pytest.mark.usefixtures("portaudio")
def test_the_band_sounds_when_the_leader_hears_it_in_time() -> None:
    card = SoundCard(RATE)
    band = np.arange(4 * BLOCK, dtype=np.float32)
    card.play(0, np.stack([band, -band]))
    stream: Any = card._stream
    went = np.concatenate([stream.come(np.zeros(BLOCK, np.float32)) for _ in range(4)])
    ahead = round(0.04 * RATE)  # what goes out now comes in so much later
    np.testing.assert_array_equal(went[: 4 * BLOCK - ahead, 0], band[ahead:])
    np.testing.assert_array_equal(went[:, 1], -went[:, 0])
    assert not went[4 * BLOCK - ahead :].any()
    assert card.num_missed == ahead


@pytest.mark.usefixtures("portaudio")
def test_while_the_band_is_late_its_last_bar_goes_on() -> None:
    card = SoundCard(RATE, latency_s=0.0)
    band = np.arange(3 * BLOCK, dtype=np.float32)
    card.play(0, np.stack([band, band]))
    card.bar_samples = bar = 2 * BLOCK
    stream: Any = card._stream
    went = np.concatenate([stream.come(np.zeros(BLOCK, np.float32))[:, 0] for _ in range(12)])
    np.testing.assert_array_equal(went[: 3 * BLOCK], band)
    np.testing.assert_array_equal(went[3 * BLOCK : 11 * BLOCK], np.tile(band[-bar:], 4))
    assert not went[11 * BLOCK :].any(), "a band that is lost falls silent"
    assert card.num_missed == 9 * BLOCK


@pytest.mark.usefixtures("portaudio")
def test_a_latency_that_is_given_counts() -> None:
    card = SoundCard(RATE, latency_s=0.0)
    card.play(0, np.ones((2, BLOCK), np.float32))
    stream: Any = card._stream
    assert stream.come(np.zeros(BLOCK, np.float32)).all()


@pytest.mark.usefixtures("portaudio")
def test_lost_input_is_silence_in_the_stream() -> None:
    with SoundCard(RATE) as card:
        stream: Any = card._stream
        stream.come(np.ones(BLOCK, np.float32))
        stream.come(np.ones(BLOCK, np.float32), lost=100)
        got = card.blocks()
        lengths = [len(next(got)) for _ in range(3)]
        card.end()
        assert list(got) == []
        assert stream.is_running
    assert lengths == [BLOCK, 100, BLOCK]
    assert card.num_lost == 100
    assert not stream.is_running


@pytest.mark.usefixtures("portaudio")
def test_a_card_that_is_gone_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble.audio.sound_card.STUCK_S", 0.01)
    monkeypatch.setattr("ensemble.audio.sound_card.GONE_S", 0.05)
    card, before = SoundCard(RATE), CardStream.opened
    assert list(card.blocks()) == []
    assert CardStream.opened - before == 5


@pytest.mark.usefixtures("portaudio")
def test_a_card_that_comes_back_goes_on_where_it_would_be() -> None:
    card = SoundCard(RATE)
    stream: Any = card._stream
    stream.come(np.ones(BLOCK, np.float32))
    card._reopen()
    anew: Any = card._stream
    assert anew is not stream
    assert anew.is_running
    anew.now_s = stream.now_s + 0.5
    anew.come(np.ones(BLOCK, np.float32))
    card.end()
    assert [len(block) for block in card.blocks()] == [BLOCK, RATE // 2, BLOCK]


@pytest.mark.usefixtures("portaudio")
def test_long_sessions_go_round_the_ring() -> None:
    card = SoundCard(RATE, latency_s=0.0)
    stream: Any = card._stream
    for block in range(KEPT_S * RATE // BLOCK + 3):
        card.play(block * BLOCK, np.full((2, BLOCK), block, np.float32))
        assert (stream.come(np.zeros(BLOCK, np.float32)) == block).all()


@pytest.mark.usefixtures("portaudio")
def test_devices_are_listed_and_a_wrong_one_is_refused() -> None:
    (device,) = card_devices()
    assert device == ("box", 2, 4, pytest.approx(0.03))
    with pytest.raises(AudioError, match="No input device"):
        SoundCard(RATE, source="none")


@pytest.mark.usefixtures("portaudio")
def test_a_leader_who_ends_is_not_waited_for() -> None:
    card, before = SoundCard(RATE), CardStream.opened
    card.end()
    assert list(card.blocks()) == []
    assert CardStream.opened == before


@pytest.mark.usefixtures("portaudio")
def test_a_machine_without_a_card_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["sounddevice"], "query_devices", list)
    with pytest.raises(AudioError, match="no device"):
        SoundCard(RATE)
