"""What effects do to sound whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.audio.loudness import integrated_lufs
from ensemble.config import load_band
from ensemble.play.effects import Amplifier, Compressor, Effect, EffectsPlayer, Tilt
from ensemble.play.player import make_player
from ensemble.settings.effects import AmplifierSettings, CompressorSettings
from ensemble.types.music import AudioClip, Cue, FloatArray, Hit, PlayerState, Stem
from tests.play.cues import cut, drum_cue, held_note, played, power_db, spectrum

RATE = 48_000
HOP = 480
GROOVE = (("kick", 0.9, 4, 0), ("snare", 0.9, 4, 2), ("closed_hat", 0.6, 1, 0))
"""Drum, velocity, every how many eighths, and from which on."""


def sine(f0_hz: float, level: float = 0.1, seconds: float = 1.0) -> FloatArray:
    return (level * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def through(effect: Effect, samples: FloatArray) -> FloatArray:
    memory = effect.silence()
    return np.concatenate([effect.sound(samples[at : at + HOP], memory) for at in range(0, len(samples), HOP)])


@pytest.mark.parametrize(("f0_hz", "gain_db"), [(40, -6), (800, 0), (16_000, 6)])
def test_a_tilt_lowers_one_end_and_raises_the_other(f0_hz, gain_db):
    tone = sine(f0_hz)
    settled = slice(RATE // 2, None)
    assert power_db(through(Tilt(6.0, RATE), tone)[settled]) - power_db(tone[settled]) == pytest.approx(
        gain_db, abs=0.1
    )


@pytest.mark.parametrize(("level_db", "out_db"), [(-40, -38), (-18, -16.5), (-6, -12)])
def test_a_compressor_follows_its_curve(level_db, out_db):
    """A square wave has one magnitude: three to one from -18 dB on, half a dB less in the middle of the knee."""
    settings = CompressorSettings(threshold_db=-18, ratio=3, knee_db=6, makeup_db=2)
    square = np.sign(sine(997)) * np.float32(10 ** (level_db / 20))
    assert power_db(through(Compressor(settings, RATE), square)[RATE // 2 :]) == pytest.approx(out_db, abs=0.05)


def test_a_compressor_lets_the_first_milliseconds_of_a_stroke_through():
    stroke = sine(200, 0.9) * np.exp(-np.arange(RATE) / (0.1 * RATE)).astype(np.float32)
    evened = through(Compressor(CompressorSettings(threshold_db=-18, attack_ms=8, makeup_db=0), RATE), stroke)
    early, later = slice(0, 72), slice(round(0.02 * RATE), round(0.06 * RATE))
    assert power_db(stroke[early]) - power_db(evened[early]) < 1.0
    assert 3.0 < power_db(stroke[later]) - power_db(evened[later]) < 9.0


def test_the_rock_kit_plays_with_lower_peaks_and_as_loud():
    """A groove at the loudness that renders ask for."""
    follower = load_band("rock").followers[-1]
    hits = tuple(
        Hit(time_s=0.1 + 0.15 * step, drum=drum, velocity=velocity, index=10 * step + at)
        for step in range(32)
        for at, (drum, velocity, every, first) in enumerate(GROOVE)
        if step % every == first
    )
    dry, compressed = (
        played(make_player(one, RATE, 0), drum_cue(hits, 500, loudness_db=-30.0))
        for one in (follower.model_copy(update={"compressor": None}), follower)
    )
    peaks_db, loudness_lufs = zip(
        *(
            (20 * np.log10(np.abs(one).max()), integrated_lufs([np.stack([one, one])], RATE))
            for one in (dry, compressed)
        ),
        strict=True,
    )
    assert loudness_lufs[1] == pytest.approx(loudness_lufs[0], abs=1.5)
    assert peaks_db[1] - loudness_lufs[1] < peaks_db[0] - loudness_lufs[0] - 1.0


def harmonics_db(samples: FloatArray, f0_hz: float) -> tuple[list[float], float]:
    """Level of each harmonic up to the tenth against the first, and that of everything that is none."""
    hz, power = spectrum(samples[RATE // 4 :], RATE)
    number = np.maximum(np.rint(hz / f0_hz), 1)
    is_near = np.abs(hz - number * f0_hz) < 25
    lines = np.array([power[is_near & (number == n)].sum() for n in range(1, 11)])
    aliased = power[~is_near & (hz > 100)].sum()
    return list(10 * np.log10(lines / lines[0] + 1e-20)), float(10 * np.log10(aliased / lines[0]))


def test_an_amplifier_adds_harmonics_and_nothing_between_them():
    amplifier = Amplifier(AmplifierSettings(drive_db=30), RATE)
    lines, between = harmonics_db(through(amplifier, sine(1_170, 0.2)), 1_170)
    assert lines[2] > -15  # the third, of a valve that is driven
    assert lines[1] > -40  # the second, of its bias
    assert between < -55
    clean, _ = harmonics_db(through(Amplifier(AmplifierSettings(drive_db=0, bias=0), RATE), sine(440, 0.05)), 440)
    assert max(clean[1:]) < -55


def test_an_amplifier_keeps_the_level_sustains_and_is_silent_in_silence():
    amplifier = Amplifier(AmplifierSettings(drive_db=36), RATE)
    loud, soft = (power_db(through(amplifier, sine(330, level))[RATE // 4 :]) for level in (0.05, 0.005))
    assert loud == pytest.approx(power_db(sine(330, 0.05)), abs=4.0)  # a wave that is cut square is 3 dB stronger
    assert loud - soft < 14.0  # of 20
    assert not through(amplifier, np.zeros(RATE, np.float32)).any()
    assert np.abs(through(amplifier, sine(110, 1.0))).max() < 0.5


class Playback:
    """A player of given samples, whose memory counts its blocks under the name `effect`."""

    def __init__(self, samples: FloatArray) -> None:
        self._samples = samples

    def start(self) -> PlayerState:
        return PlayerState(memory={"effect": np.zeros(1)})

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        at, stop = state.next_sample, state.next_sample + cue.num_frames * HOP
        stem = Stem(
            part=cue.part, start_sample=at, clip=AudioClip(samples=self._samples[None, at:stop], sample_rate=RATE)
        )
        return stem, replace(state, next_sample=stop, memory={"effect": state.memory["effect"] + 1})


def states(effect: Effect, samples: FloatArray) -> list[dict[str, bytes]]:
    """The player's memory after every tenth of a second."""
    player, after = EffectsPlayer(Playback(samples), [effect], RATE), []
    state = player.start()
    for cue in cut(replace(held_note(220, len(samples) // HOP), is_last=False), 10):
        _, state = player.play(replace(cue, is_last=False), state)
        after.append({name: array.tobytes() for name, array in state.memory.items()})
    return after


@pytest.mark.parametrize(
    "effect",
    [Amplifier(AmplifierSettings(drive_db=36), RATE), Tilt(4.0, RATE), Compressor(CompressorSettings(), RATE)],
    ids=["amplifier", "tilt", "compressor"],
)
def test_after_an_edit_the_memory_soon_is_what_it_was(effect):
    """Strokes twice a second, one of which is left out: what is played again ends where the memory is the same."""
    since_s = np.arange(4 * RATE) % (RATE // 2) / RATE
    strokes = sine(180, 0.5, 4.0) * np.exp(-since_s / 0.08).astype(np.float32)
    edited = strokes.copy()
    edited[RATE // 2 : RATE] = 0
    was, now = states(effect, strokes), states(effect, edited)
    differ = [before != after for before, after in zip(was, now, strict=True)]
    assert differ[5]
    assert not any(differ[20:])
    assert [np.frombuffer(one["effect"])[0] for one in now] == list(range(1, 41))  # the player's own, untouched


def test_what_an_effect_remembers_falls_silent():
    burst = np.concatenate([sine(180, 0.5, 0.5), np.zeros(4 * RATE, np.float32)])
    for effect in (Amplifier(AmplifierSettings(), RATE), Tilt(4.0, RATE), Compressor(CompressorSettings(), RATE)):
        *_, last = states(effect, burst)
        (name,) = last.keys() - {"effect"}
        assert not np.frombuffer(last[name]).any()
