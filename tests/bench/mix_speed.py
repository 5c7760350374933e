"""What a part's effects, the room and the mix cost, in percent of real time: `python -m tests.bench.mix_speed`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from ensemble.audio.wav_writer import steps_of
from ensemble.config import FollowerSettings, MixSettings, RoomSettings
from ensemble.mix.bus import mix_files
from ensemble.mix.room import write_room
from ensemble.mix.sound_writer import SoundWriter
from ensemble.mix.stem_sum import StemSum
from ensemble.play.effects import Effect, effects_of
from ensemble.settings.effects import AmplifierSettings, CompressorSettings
from ensemble.types.music import FloatArray

RATE, SECONDS, HOP = 48_000, 30, 480


def percent(work: Callable[[], object]) -> float:
    """Of real time, once it has run before."""
    work()
    began_s = time.process_time()
    work()
    return 100 * (time.process_time() - began_s) / SECONDS


def through(effect: Effect, samples: FloatArray) -> None:
    """All of a sound, hop by hop."""
    memory = effect.silence()
    for piece in np.split(samples, len(samples) // HOP):
        effect.sound(piece, memory)


def main() -> None:
    """Print a line for each."""
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, SECONDS * RATE))).astype(np.float32)
    part = {"name": "part", "instrument": "electric_guitar", "role": "pad"}
    asked = {
        "amplifier": FollowerSettings.model_validate(part | {"amplifier": AmplifierSettings()}),
        "tilt": FollowerSettings.model_validate(part | {"tilt_db": 3.0}),
        "compressor": FollowerSettings.model_validate(part | {"compressor": CompressorSettings()}),
    }
    for name, follower in asked.items():
        (effect,) = effects_of(follower, RATE)
        print(f"{name:12}{percent(partial(through, effect, noise[0])):6.2f} %")
    with tempfile.TemporaryDirectory() as folder, closing(StemSum(Path(folder), SECONDS * RATE)) as sent:
        out, leader = Path(folder), SoundWriter(Path(folder) / "leader.wav", RATE, SECONDS * RATE)
        leader.write(steps_of(noise))
        leader.close()
        sent.add(0, steps_of(noise * np.float32(0.3)))
        total = StemSum(out, SECONDS * RATE)
        print(f"{'room':12}{percent(lambda: write_room(sent, RoomSettings(), out / 'room.wav', RATE, total)):6.2f} %")
        print(
            f"{'mix':12}{percent(lambda: mix_files(out / 'leader.wav', sent, out / 'mix.wav', MixSettings())):6.2f} %"
        )


if __name__ == "__main__":
    main()
