"""The band's room: decays as long as it says, sounds the same in any blocks, and adds up with the stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from ensemble.config import BandSettings, FollowerSettings, MixSettings, RoomSettings
from ensemble.errors import EnsembleError
from ensemble.mix.room import LiveRoom, Room, impulse_response, send_db, write_room
from ensemble.rendering.stem_writer import StemWriter
from ensemble.types.music import AudioClip, Stem

RATE_HZ = 16_000
NUM_FRAMES = 137
FLUTE = FollowerSettings(name="flute", instrument="flute", role="counter", pan=-1.0, room_db=-6.0)
BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass", room_db=-60.0)


@pytest.mark.parametrize("decay_s", [0.5, 1.5])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_it_decays_as_long_as_it_says(decay_s: float, rate: int) -> None:
    response = impulse_response(RoomSettings(decay_s=decay_s), rate)
    band = scipy.signal.butter(3, (800, 1250), "bandpass", fs=rate, output="sos")
    power = np.square(scipy.signal.sosfilt(band, response)).sum(axis=(0, 1))
    left_db = 10 * np.log10(power[::-1].cumsum()[::-1] / power.sum())  # Schroeder's backward integration
    at = [int(np.argmax(left_db < level)) for level in (-10, -30)]
    assert (at[1] - at[0]) / rate * 3 == pytest.approx(decay_s, rel=0.15)


def test_it_is_the_convolution_of_both_channels() -> None:
    settings = RoomSettings(decay_s=0.4, level_db=-3.0)
    room, response = Room(settings, RATE_HZ), impulse_response(settings, RATE_HZ) * 10 ** (-3 / 20)
    sent = np.random.default_rng(1).standard_normal((2, 4 * room.partition))
    heard = np.concatenate([room.push(piece) for piece in np.split(sent, 4, axis=1)], axis=1)
    for ear in range(2):
        whole = sum(scipy.signal.fftconvolve(sent[channel], response[channel, ear]) for channel in range(2))
        np.testing.assert_allclose(heard[ear], np.asarray(whole)[: heard.shape[1]], atol=1e-9)


@pytest.mark.parametrize("first_hops", [19, 20])
def test_while_it_is_played_in_it_answers_the_same_piece_by_piece(first_hops: int) -> None:
    """Players hold back a hop of the first quantum; if nobody is in time it is whole, and the room a hop late."""
    settings, hop = RoomSettings(decay_s=0.4), RATE_HZ // 100
    live, response = LiveRoom(settings, RATE_HZ), impulse_response(settings, RATE_HZ)
    sent = np.random.default_rng(3).standard_normal((2, (first_hops + 3 * 20) * hop))
    edges = np.array([first_hops, first_hops + 20, first_hops + 40]) * hop
    heard = [live.push(piece) for piece in np.split(sent, edges, axis=1)]
    assert [one.shape[1] // hop for one in heard] == [first_hops, 20, 20, 20]
    late = (first_hops - 19) * hop
    whole = sum(scipy.signal.fftconvolve(sent[channel], response[channel, 0]) for channel in range(2))
    got, wanted = np.concatenate(heard, axis=1)[0], np.asarray(whole)
    np.testing.assert_allclose(got[20 * hop + late :], wanted[20 * hop : len(got) - late], atol=1e-9)


def test_sound_from_the_left_comes_to_the_left_ear_first() -> None:
    left, right = impulse_response(RoomSettings(), 48_000)
    first = [int(np.flatnonzero(np.abs(ear) > 0.05)[0]) for ear in (*left, *right)]
    assert first[0] < first[1]
    assert first[3] < first[2]


def played(folder: Path, block: int, followers: tuple[FollowerSettings, ...] = (FLUTE, BASS)) -> dict[str, np.ndarray]:
    """Stems and room of two seconds of bursts, written in blocks; and the sum of all."""
    writer = StemWriter(folder, followers, RATE_HZ, NUM_FRAMES, {}, has_room=True)
    rng, hop = np.random.default_rng(2), RATE_HZ // 100
    sound = {one.name: (rng.standard_normal(NUM_FRAMES * hop) * 0.1).astype(np.float32) for one in followers}
    for samples in sound.values():
        samples[60 * hop :] = 0.0
    for first in range(0, NUM_FRAMES, block):
        inside = slice(first * hop, min(first + block, NUM_FRAMES) * hop)
        for name, samples in sound.items():
            clip = AudioClip(samples=samples[None, inside], sample_rate=RATE_HZ)
            writer.append(Stem(part=name, clip=clip, start_sample=inside.start))
    writer.close()
    assert writer.sent is not None
    write_room(writer.sent, RoomSettings(decay_s=0.5), folder / "room.wav", RATE_HZ, writer.sum)
    total = np.concatenate(list(writer.sum.pieces()), axis=1)
    writer.close_sums()
    return {path.stem: soundfile.read(path, dtype="float64")[0].T for path in folder.glob("*.wav")} | {"sum": total}


def test_it_does_not_depend_on_the_blocks_and_adds_up(tmp_path: Path) -> None:
    one, other = (played(tmp_path / str(block), block) for block in (1, 50))
    assert (tmp_path / "1/room.wav").read_bytes() == (tmp_path / "50/room.wav").read_bytes()
    np.testing.assert_array_equal(one["sum"], one["flute"] + one["bass"] + one["room"])
    np.testing.assert_array_equal(one["sum"], other["sum"])
    rings = one["room"][:, 70 * RATE_HZ // 100 : 80 * RATE_HZ // 100]
    assert np.sqrt(np.square(rings).mean()) > 1e-4
    assert not one["flute"][:, -100:].any()


def test_what_is_hardly_sent_hardly_sounds_in_it(tmp_path: Path) -> None:
    wet, dry = (np.square(played(tmp_path / one.name, 50, (one,))["room"]).sum() for one in (FLUTE, BASS))
    assert wet / dry == pytest.approx(10 ** (54 / 10), rel=0.5)
    usual = [send_db(one.model_copy(update={"room_db": None})) for one in (BASS, FLUTE)]
    assert usual[0] < usual[1] < 0


def test_no_part_is_called_like_it() -> None:
    part = FLUTE.model_copy(update={"name": "room"})
    BandSettings(name="dry", followers=(part,))
    with pytest.raises((EnsembleError, ValueError), match="'room' is the stem of the room"):
        BandSettings(name="wet", followers=(part,), mix=MixSettings(room=RoomSettings()))
