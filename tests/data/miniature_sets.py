"""Small data sets in the layouts of the large ones: a few seconds of made music that lies together, and its faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import yaml

RATE = 16_000
DURATION_S = 8.0


def rhythm(seed: int, duration_s: float = DURATION_S) -> np.ndarray:
    """When notes begin: uneven steps that do not repeat.  [notes], s"""
    steps = np.random.default_rng(seed).choice([0.17, 0.23, 0.31, 0.43, 0.56], size=int(duration_s / 0.17))
    times = 0.3 + np.cumsum(steps)
    return times[times < duration_s - 0.6]


def line(  # one part: every note a decaying tone with overtones
    times_s: np.ndarray,
    low_midi: int,
    *,
    seed: int,
    cents: float = 0.0,
    rate: int = RATE,
    duration_s: float = DURATION_S,
) -> np.ndarray:
    chance = np.random.default_rng(seed)
    sound = np.zeros(round(duration_s * rate))
    ends = np.append(times_s[1:], duration_s)
    for start_s, end_s in zip(times_s, ends, strict=True):
        hz = 440 * 2 ** ((low_midi + int(chance.choice([0, 2, 4, 7, 9])) - 69 + cents / 100) / 12)
        start, stop = round(start_s * rate), round(end_s * rate)
        t = np.arange(stop - start) / rate
        tone = sum(
            np.sin(2 * np.pi * number * hz * t) / number**1.3 for number in range(1, 9) if number * hz < rate / 2
        )
        fade = np.minimum(1.0, np.minimum(t / 0.004, (t[-1] - t) / 0.01))
        sound[start:stop] = 0.12 * tone * np.exp(-2.5 * t) * fade
    return sound


def kit(times_s: np.ndarray, *, seed: int, rate: int = RATE, duration_s: float = DURATION_S) -> np.ndarray:
    """Short noises."""
    chance = np.random.default_rng(seed)
    sound = np.zeros(round(duration_s * rate))
    t = np.arange(round(0.12 * rate)) / rate
    for start_s in times_s:
        start = round(start_s * rate)
        sound[start : start + len(t)] += 0.15 * chance.normal(size=len(t)) * np.exp(-40 * t)
    return sound


def trio(seed: int = 0, *, cents: float = 0.0, rate: int = RATE) -> dict[str, np.ndarray]:
    """Bass, guitar and drums that play together: each leaves out some of the common notes."""
    times = rhythm(seed)
    return {
        "bass": line(times[::2], 40, seed=seed + 1, cents=cents, rate=rate),
        "guitar": line(times, 55, seed=seed + 2, cents=cents, rate=rate),
        "drums": kit(np.delete(times, slice(3, None, 5)), seed=seed + 3, rate=rate),
    }


def late(sound: np.ndarray, delay_s: float, rate: int = RATE) -> np.ndarray:
    """The same, later, as long as before."""
    lag = round(delay_s * rate)
    return np.concatenate([np.zeros(lag), sound[: len(sound) - lag]])


def write(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound.astype(np.float32), rate, subtype="FLOAT" if path.suffix == ".wav" else "PCM_16")
    return path


PROGRAMS = {"bass": 33, "guitar": 27, "drums": 128}


def slakh_track(
    track: Path,
    stems: dict[str, np.ndarray],
    *,
    mix: np.ndarray | None = None,
    suffix: str = ".wav",
    programs: dict[str, int] | None = None,
    uuid: str | None = None,
    rate: int = RATE,
) -> Path:
    """One track of Slakh: stems S00, S01, ... in order of the names, which choose the programs."""
    described = {}
    for number, (name, sound) in enumerate(stems.items()):
        write(track / "stems" / f"S{number:02}{suffix}", sound, rate)
        program = (programs or PROGRAMS)[name]
        described[f"S{number:02}"] = {
            "audio_rendered": False, "inst_class": name.capitalize(), "integrated_loudness": -20.0,
            "is_drum": program == 128, "midi_program_name": name, "midi_saved": False, "plugin_name": "none.nkm",
            "program_num": program,
        }  # fmt: skip
    write(track / f"mix{suffix}", sum(stems.values()) if mix is None else mix, rate)
    metadata = {
        "UUID": uuid or track.name, "audio_dir": "stems", "lmd_midi_dir": "none.mid", "midi_dir": "MIDI",
        "normalization_factor": -13.0, "normalized": True, "overall_gain": 1.0, "stems": described,
    }  # fmt: skip
    (track / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return track


def lsx_track(track: Path, stems: dict[str, np.ndarray]) -> Path:
    """One track of LSX, with somebody speaking."""
    for name, sound in stems.items():
        write(track / f"{name}.wav", sound)
    music = sum(stems.values())
    speech = np.random.default_rng(9).normal(0, 0.1, len(music))
    write(track / "music_mix.wav", music)
    for name in ("speech_male", "speech_female", "speech_mix"):
        write(track / f"{name}.wav", speech)
    write(track / "mix.wav", music + speech)
    return track


def urmp_piece(folder: Path, number: str, tune: str, parts: list[tuple[str, np.ndarray]], rate: int = RATE) -> Path:
    """One piece of URMP with its pitch tracks and note lists."""
    codes = "_".join(code for code, _ in parts)
    piece = folder / f"{number}_{tune}_{codes}"
    for index, (code, sound) in enumerate(parts, start=1):
        name = f"{index}_{code}_{number}_{tune}"
        write(piece / f"AuSep_{name}.wav", sound, rate)
        (piece / f"Notes_{name}.txt").write_text("0.3\t440.0\t0.5\n")
    write(piece / f"AuMix_{piece.name}.wav", sum(sound for _, sound in parts), rate)
    (piece / f"Sco_{piece.name}.mid").write_bytes(b"MThd")
    return piece
