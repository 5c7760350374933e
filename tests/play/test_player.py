import copy
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.audio.spectra import a_weighting
from ensemble.clock import SAMPLE_RATES_HZ, hop_samples
from ensemble.config import FollowerSettings
from ensemble.errors import ConfigError, VoiceError
from ensemble.play.player import make_player
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE, voice_sha256
from ensemble.types.music import SILENCE_DB, Cue, Hit, PlayerState
from ensemble.wire import pack, unpack
from tests.play.cues import cut, drum_cue, held_note, main_pitch_hz, phrase, played, power_db


def follower(instrument="violin", voice="naive", **settings):
    role = "drums" if instrument == "drums" else "double"
    return FollowerSettings(name="part", instrument=instrument, role=role, voice=voice, **settings)


def fill(num_frames):
    drums = ("kick", "closed_hat", "snare", "open_hat", "closed_hat", "crash", "tom", "ride")
    times = np.arange(0.013, num_frames / 100, 0.173)
    return tuple(
        Hit(time_s=float(time_s), drum=drums[i % 8], velocity=0.3 + 0.1 * (i % 7), index=i)
        for i, time_s in enumerate(times)
    )


PLAYERS = {
    "naive": (follower(), phrase(313)),
    "chord": (follower("nylon_guitar"), phrase(313, num_voices=4)),
    "seeded": (follower("cello", "seeded"), phrase(313, num_voices=2)),
    "drums": (follower("drums"), drum_cue(fill(313), 313)),
    "kit": (follower("drums", "drums"), drum_cue(fill(313), 313)),
    "compressed": (follower("drums", compressor={}, tilt_db=-3.0), drum_cue(fill(313), 313)),
    "driven": (follower("electric_guitar", amplifier={}), phrase(313, num_voices=3)),
}


@pytest.mark.parametrize("name", PLAYERS)
@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_blocks_of_any_size_give_the_bytes_of_the_whole(name, sample_rate):
    settings, cue = PLAYERS[name]
    player = make_player(settings, sample_rate, seed=3)
    whole = played(player, cue)
    assert len(whole) == 313 * hop_samples(sample_rate)
    assert 0.02 < np.abs(whole).max() < 1.0
    for block_frames in (1, 7, 20, 100, 999):
        np.testing.assert_array_equal(played(player, cue, block_frames), whole)


@pytest.mark.parametrize("name", PLAYERS)
@pytest.mark.parametrize("num_frames", [1, 19, 20, 21, 40])
def test_the_stem_is_exactly_as_long_as_the_cue(name, num_frames):
    settings, cue = PLAYERS[name]
    short = next(iter(cut(cue, num_frames)))
    player = make_player(settings, 16_000, seed=3)
    sound = played(player, replace(short, is_last=True))
    assert len(sound) == num_frames * 160
    common = max(num_frames - 1, 0) * 160  # the last frame is held, so only the last hop can differ
    np.testing.assert_array_equal(sound[:common], played(player, cue)[:common])


@pytest.mark.parametrize("name", PLAYERS)
def test_playing_is_pure(name):
    settings, cue = PLAYERS[name]
    player = make_player(settings, 16_000, seed=3)
    first, second, third = list(cut(cue, 130))
    _, state = player.play(first, player.start())
    before = copy.deepcopy(state)
    one, _ = player.play(second, state)
    player.play(third, player.play(second, state)[1])
    two, _ = make_player(settings, 16_000, seed=3).play(second, before)
    np.testing.assert_array_equal(one.clip.samples, two.clip.samples)
    for key, array in before.memory.items():
        np.testing.assert_array_equal(state.memory[key], array)


@pytest.mark.parametrize("name", PLAYERS)
def test_the_state_can_be_sent_away_and_come_back(name):
    settings, cue = PLAYERS[name]
    player = make_player(settings, 16_000, seed=3)
    state, pieces = player.start(), []
    for block in cut(cue, 50):
        stem, state = player.play(block, unpack(pack(state), PlayerState))
        pieces.append(stem.clip.samples[0])
        assert len(pack(state)) < 20_000
    np.testing.assert_array_equal(np.concatenate(pieces), played(player, cue))


def test_a_cue_out_of_turn_is_refused():
    settings, cue = PLAYERS["naive"]
    player = make_player(settings, 16_000, seed=3)
    _, second, _ = cut(cue, 130)
    with pytest.raises(ValueError, match="begins at frame 130, the player waits for 0"):
        player.play(second, player.start())


def test_an_empty_last_cue_flushes_what_is_left():
    settings, cue = PLAYERS["naive"]
    player = make_player(settings, 16_000, seed=3)
    first, state = player.play(replace(cue, is_last=False), player.start())
    none = np.zeros((1, 0), np.float32)
    empty = Cue(part="part", start_frame=313, f0_hz=none, level_db=none, loudness_db=none[0], is_last=True)
    last, _ = player.play(empty, state)
    joined = np.concatenate([first.clip.samples[0], last.clip.samples[0]])
    np.testing.assert_array_equal(joined, played(player, cue))


@pytest.mark.parametrize("voice", ["naive", "seeded"])
@pytest.mark.parametrize("f0_hz", [98.0, 440.0, 1975.5])
def test_pitch_and_level_do_not_depend_on_the_rate(voice, f0_hz):
    pitches, levels = [], []
    for sample_rate in SAMPLE_RATES_HZ:
        sound = played(make_player(follower("violin", voice), sample_rate, seed=3), held_note(f0_hz, 220))
        steady = sound[20 * hop_samples(sample_rate) :]
        spectrum = np.abs(np.fft.rfft(steady.astype(np.float64) * np.hanning(len(steady)))) ** 2 / len(steady) ** 2
        hz = np.fft.rfftfreq(len(steady), 1 / sample_rate)
        levels.append(10 * np.log10((spectrum * a_weighting(hz))[hz < 7000].sum()))
        pitches.append(main_pitch_hz(steady, sample_rate))
    assert np.ptp(levels) < 0.5
    partial = np.round(np.array(pitches) / f0_hz)
    cents = 1200 * np.log2(np.array(pitches) / (partial * f0_hz))
    assert np.ptp(partial) == 0
    assert np.abs(cents).max() < 1.0


def test_loudness_is_followed_in_decibels():
    player = make_player(follower("clarinet"), 16_000, seed=3)
    quiet, loud = (power_db(played(player, held_note(330.0, 100, level))) for level in (-50.0, -20.0))
    assert loud - quiet == pytest.approx(30.0, abs=0.3)


def test_a_chord_is_as_loud_as_a_note():
    player = make_player(follower("nylon_guitar"), 16_000, seed=3)
    one = held_note(220.0, 200)
    f0 = np.array([[220.0], [277.2], [329.6], [415.3]], np.float32) * np.ones((1, 200), np.float32)
    four = replace(one, f0_hz=f0, level_db=np.zeros_like(f0))
    assert power_db(played(player, four)) == pytest.approx(power_db(played(player, one)), abs=3.0)


@pytest.mark.parametrize("voice", ["naive", "seeded"])
def test_silence_in_is_silence_out(voice):
    player = make_player(follower("violin", voice), 16_000, seed=3)
    note = held_note(440.0, 60)
    rests = {
        "f0": replace(note, f0_hz=np.zeros((1, 60), np.float32)),
        "level": replace(note, level_db=np.full((1, 60), SILENCE_DB, np.float32)),
        "dynamics": replace(note, loudness_db=np.full(60, SILENCE_DB, np.float32)),
    }
    for rest in rests.values():
        assert np.abs(played(player, rest)).max() == 0
    assert np.abs(played(player, note)).max() > 0.01


@pytest.mark.parametrize("voice", ["naive", "seeded"])
def test_notes_begin_and_end_without_a_click(voice):
    note = held_note(440.0, 100)
    f0 = note.f0_hz.copy()
    f0[0, :30] = f0[0, 70:] = 0
    sound = played(make_player(follower("flute", voice), 48_000, seed=3), replace(note, f0_hz=f0)).astype(np.float64)
    assert np.abs(sound[: 29 * 480]).max() == np.abs(sound[70 * 480 :]).max() == 0
    bends = np.abs(np.diff(sound, 2))
    assert bends[: 31 * 480].max() <= 1.5 * bends[35 * 480 : 65 * 480].max()
    assert bends[69 * 480 :].max() <= 1.5 * bends[35 * 480 : 65 * 480].max()


@pytest.mark.parametrize("name", ["naive", "seeded"])
def test_the_most_one_can_ask_for_stays_below_full_scale(name):
    rng = np.random.default_rng(0)
    player = make_player(follower("electric_guitar", name), 16_000, seed=3)
    f0 = rng.uniform(20, 9000, (6, 200)).astype(np.float32)
    cue = replace(held_note(100.0, 200, 12.0), f0_hz=f0, level_db=np.full((6, 200), 12.0, np.float32))
    sound = played(player, cue)
    assert np.isfinite(sound).all()
    assert 0.1 < np.abs(sound).max() < 1.0


def test_a_voice_from_a_file_plays_like_the_one_that_was_saved(tmp_path):
    VOICE.write(tmp_path / "mine.safetensors", seeded_voice(3, "cello"))
    cue = phrase(60)
    from_file = played(make_player(follower("cello", str(tmp_path / "mine.safetensors")), 16_000, seed=3), cue)
    np.testing.assert_array_equal(from_file, played(make_player(follower("cello", "seeded"), 16_000, seed=3), cue))


def test_seeds_differ_in_their_noise():
    cue = phrase(40)
    one, two = (played(make_player(follower("flute"), 16_000, seed), cue) for seed in (1, 2))
    assert 1e-5 < np.abs(one - two).max() < 0.1


def test_what_cannot_be_played_is_refused(tmp_path):
    with pytest.raises(VoiceError, match="cannot be read"):
        make_player(follower(voice=str(tmp_path / "none.safetensors")), 16_000, seed=0)
    with pytest.raises(ConfigError, match="22050"):
        make_player(follower(), 22_050, seed=0)
    with pytest.raises(ConfigError, match="drums play on the CPU"):
        make_player(follower("drums", device="cuda"), 16_000, seed=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        make_player(follower(voice="seeded", device="cuda"), 16_000, seed=0)


def test_another_process_gives_the_same_bytes_and_never_loads_torch():
    script = """
import sys, zlib
from tests.play.cues import phrase, played
from ensemble.play.warm import compile_kernels, kernels_are_cached
from ensemble.config import FollowerSettings
from ensemble.play.player import make_player
compile_kernels([16_000])
assert kernels_are_cached()
settings = FollowerSettings(name="part", instrument="cello", role="double", voice="seeded")
print(zlib.crc32(played(make_player(settings, 16_000, 3), phrase(60), 7).tobytes()), "torch" in sys.modules)
"""
    here = zlib.crc32(played(make_player(follower("cello", "seeded"), 16_000, 3), phrase(60)).tobytes())
    there = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == [str(here), "False"]


def test_brushes_are_built_in_and_for_drums_alone():
    assert voice_sha256("brushes") is None
    cue = drum_cue(fill(100), 100)
    sticks, brushes = (
        played(make_player(follower("drums", name), 16_000, seed=3), cue) for name in ("naive", "brushes")
    )
    assert power_db(sticks - brushes) > -60
    with pytest.raises(ValueError, match="brushes are a drum kit"):
        follower("violin", "brushes")
