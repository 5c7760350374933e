"""Songs for measuring retrieval: each is played twice, by different samplers, in different keys and tempi.

The first take gives leaders, cut off in the middle; the second goes into the store. What comes after a leader is thus
known to the beat, and is never in the leader's own recording.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.data.compose import fluidsynth
from ensemble.data.compose.orchestra import SOLOISTS
from ensemble.data.compose.piece import chance
from ensemble.data.compose.solo.outline import SoloOrder
from ensemble.data.compose.solo.take import SoloTake, play_take
from ensemble.data.compose.tempo import TICKS_PER_QUARTER
from ensemble.types.music import AudioClip

RATE_HZ = fluidsynth.RENDER_RATE_HZ
OTHER_SOUNDFONTS = tuple(
    Path("/usr/share/sounds") / name
    for name in (
        "sf3/MuseScore_General.sf3", "sf3/MuseScore_General_Lite.sf3", "sf2/MuseScore_General_Lite.sf2",
        "sf2/TimGM6mb.sf2",
    )
)  # fmt: skip
"""Debian's musescore-general-soundfont (also lossless, small) and timgm6mb-soundfont."""
LENGTH_S = 36.0
LEADER_S = (11.0, 15.0)
MAX_TEMPO_OFF = 0.05
MAX_SEMITONES = 5
_TEXTURES: dict[str, tuple[tuple[str, ...], ...]] = {
    "guitar": (
        ("picking", "calm", "arpeggio"),
        ("strum", "picking"),
        ("arpeggio", "strum"),
        ("strum", "arpeggio"),
        ("funk", "picking"),
    ),
    "piano": (("broken", "block"), ("block", "broken")),
    "bass": (("walking", "running"),),
    "line": (("song", "dance"), ("dance", "lament"), ("lament", "song")),
}
_GUITAR_SHARE = 0.5
_MODES = ("major", "major", "minor", "dorian", "mixolydian")
_METRES = ("4/4", "4/4", "3/4", "6/8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One song in two takes."""

    number: int
    order: SoloOrder
    """The first take as it was asked for."""
    take: SoloTake
    """What leaders are cut from."""
    other_take: SoloTake
    """What goes into the store."""
    semitones: int
    """How much higher the other take is."""
    tempo_ratio: float
    """How many times as fast it is."""

    def other_s(self, at_s: float) -> float:
        """Where in the other take the moment `at_s` of the first one lies."""
        ticks = self.take.tempo.ticks(at_s, TICKS_PER_QUARTER)
        return float(self.other_take.tempo.seconds(ticks / TICKS_PER_QUARTER))


def other_soundfont(given: Path | None) -> Path | None:
    """The soundfont of the second takes: the one given, or the first of `OTHER_SOUNDFONTS` that is installed.

    Raises:
        DataError: the one given is no soundfont.
    """
    if given is not None:
        return fluidsynth.check_renderer(given)
    return next((path for path in OTHER_SOUNDFONTS if path.is_file()), None)


def make_songs(num_songs: int, seed: int, other: Path | None) -> Iterator[Song]:
    """Compose and play songs; the same arguments, and the same FluidSynth, give the same samples.

    Args:
        num_songs: how many.
        seed: other seeds give other songs.
        other: soundfont of the second takes; another instrument of the first one's if absent.

    Raises:
        DataError: FluidSynth or its soundfont is missing.
    """
    soundfont = fluidsynth.check_renderer(None)
    for number in range(num_songs):
        order = draw_order(number, seed)
        rng = chance("takes", seed, number)
        semitones = int(rng.choice([step for step in range(-MAX_SEMITONES, MAX_SEMITONES + 1) if step]))
        tempo_ratio = float(rng.uniform(1 - MAX_TEMPO_OFF, 1 + MAX_TEMPO_OFF))
        first = play_take(order, 0, soundfont)
        second = play_take(
            order, 1, other or soundfont, semitones=semitones, tempo_ratio=tempo_ratio, is_relative=other is None
        )
        yield Song(
            number=number, order=order, take=first, other_take=second, semitones=semitones, tempo_ratio=tempo_ratio
        )


def draw_order(number: int, seed: int) -> SoloOrder:
    """A song to write: any soloist, key, metre, tempo and level."""
    rng = chance("song", seed, number)
    guitars = [name for name in SOLOISTS if name.endswith("guitar")]
    others = [name for name in SOLOISTS if name not in guitars]
    names = guitars if rng.random() < _GUITAR_SHARE else others
    instrument = names[int(rng.integers(len(names)))]
    family = instrument.split("_")[-1]
    textures = _TEXTURES[family if family in _TEXTURES else "line"]
    metre = _METRES[int(rng.integers(len(_METRES)))]
    slowest, fastest = (50.0, 100.0) if metre == "6/8" else (62.0, 168.0)
    return SoloOrder(
        title=f"Song {number}", seed=seed, instrument=instrument,
        textures=textures[int(rng.integers(len(textures)))], tonic=int(rng.integers(12)),
        mode=_MODES[int(rng.integers(len(_MODES)))], metre=metre,
        tempo_bpm=float(np.exp(rng.uniform(np.log(slowest), np.log(fastest)))), length_s=LENGTH_S,
        level_db=float(rng.uniform(-10, -3)),
    )  # fmt: skip


def leaders_of(song: Song, per_song: int) -> Iterator[tuple[float, AudioClip]]:
    """Leaders cut out of the first take, each with the moment at which it begins there.

    They break off in the middle, at different places of the piece, with at least six seconds of it left.
    """
    rng = chance("leaders", song.order.seed, song.number)
    duration_s = len(song.take.samples) / RATE_HZ
    edges_s = np.linspace(LEADER_S[1], duration_s - 6.0, per_song + 1)
    for low_s, high_s in itertools.pairwise(edges_s.tolist()):
        stop_s = float(rng.uniform(low_s, high_s))
        start_s = stop_s - float(rng.uniform(*LEADER_S))
        samples = song.take.samples[round(start_s * RATE_HZ) : round(stop_s * RATE_HZ)].copy()
        samples[:480] *= np.linspace(0.0, 1.0, 480, dtype=np.float32)
        yield round(start_s * RATE_HZ) / RATE_HZ, AudioClip(samples=samples[None], sample_rate=RATE_HZ)
