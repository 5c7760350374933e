"""What the band plays in the bar that comes, by the same writers as for a recording: they see a few bars around it.

The bars to come are the last bar heard again, with the chords that are foreseen; what is written for later beats is
thrown away, and written anew when it is known better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.grid import LOOK_AHEAD_BEATS, Grid
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader, listen_to
from ensemble.conduct.parts import scene_of, write_notes, write_strokes
from ensemble.config import FollowerSettings
from ensemble.settings.style import Manner, MetreKind
from ensemble.types.articulation import Articulation
from ensemble.types.harmony import NO_CHORD, Chord, Key
from ensemble.types.music import PRESENT_DB, DrumClass, Frames, Heard

EARLY_BEATS = 0.12
"""A note that begins so much before a beat belongs to it: the first string of a strum, an early stroke."""


_ANY_KEY = Key(tonic=0, mode="major")
"""What the leader played is summarised without a key."""
UNKNOWN_DB = -30.0
"""Loudness of a bar that has not been heard yet."""


class Place(NamedTuple):
    """One beat of the bars around the one that is written."""

    position: int
    """Its place in the bar."""
    bar: int
    """Number of the bar."""
    chord: Chord
    """What is played, or was."""
    key: Key
    """Its key."""


class BeatNote(NamedTuple):
    """A note in beats."""

    start_beat: float
    """When it begins."""
    stop_beat: float
    """When it ends."""
    pitch_midi: int
    """Written pitch."""
    velocity: int
    """MIDI velocity, 1..127."""
    voice: int
    """The voice that plays it."""
    articulation: Articulation
    """How it is to be played."""
    bar_place: float
    """Where in the bar it begins, 0..1; below 0 where that is not known."""


class BeatStroke(NamedTuple):
    """A drum stroke in beats."""

    beat: float
    """When it is struck."""
    drum: DrumClass
    """What is struck."""
    velocity: float
    """How hard, 0..1."""


class Written(NamedTuple):
    """What the band plays in some bars."""

    notes: dict[str, list[BeatNote]]
    """By part."""
    strokes: dict[str, list[BeatStroke]]
    """By part."""

    def of(self, beat: int) -> Written:
        """What belongs to one beat."""

        def is_here(start_beat: float) -> bool:
            return beat <= start_beat + EARLY_BEATS < beat + 1

        return Written(
            {name: [note for note in notes if is_here(note.start_beat)] for name, notes in self.notes.items()},
            {name: [hit for hit in strokes if is_here(hit.beat)] for name, strokes in self.strokes.items()},
        )


class HeardBar(NamedTuple):
    """What the leader played in each half beat of the last bar, as in `Leader`."""

    pitch_share: NDArray[np.float64]
    """Share of the time in which each pitch class sounds.  [steps, 12]"""
    register_midi: NDArray[np.float64]
    """Median pitch; NaN where f0 is unclear.  [steps]"""
    onsets: NDArray[np.int64]
    """Number of onsets.  [steps]"""
    loudness_db: NDArray[np.float64]
    """Loudness of the mean power.  [steps]"""


def silent_bar(beats_per_bar: int) -> HeardBar:
    """A bar of which nothing is known; the band plays along as if something sounded."""
    steps = beats_per_bar * STEPS_PER_BEAT
    return HeardBar(
        np.zeros((steps, 12)), np.full(steps, np.nan), np.zeros(steps, np.int64), np.full(steps, UNKNOWN_DB)
    )


def hear_bar(frames: Frames, edges_s: NDArray[np.float64], positions: Sequence[int]) -> HeardBar:
    """Summarise the leader's last bar.

    Args:
        frames: of these beats.
        edges_s: where they begin, and where the last ends, from the first frame on.  [beats_per_bar + 1]
        positions: their places in the bar.
    """
    num_beats = len(positions)
    grid = Grid(
        edges_s=edges_s, chords=(NO_CHORD,) * num_beats, keys=(_ANY_KEY,) * num_beats, positions=np.arange(num_beats),
        bars=np.zeros(num_beats, np.int64), beats_per_bar=num_beats, end_s=float(edges_s[-1]), final_beat=num_beats - 1,
        energy=np.full(num_beats, np.nan),
    )  # fmt: skip
    heard = Heard(
        frames=frames, beats_s=np.zeros(0), tempo_bpm=60.0, beats_per_bar=num_beats, first_downbeat=0, key=_ANY_KEY,
        chords=(), tuning_cents=0.0,
    )  # fmt: skip
    summed = listen_to(heard, grid)
    order = np.argsort(np.array(positions))
    steps = (order[:, None] * STEPS_PER_BEAT + np.arange(STEPS_PER_BEAT)).ravel()
    return HeardBar(
        summed.pitch_share[steps], summed.register_midi[steps], summed.onsets[steps], summed.loudness_db[steps]
    )


def around(beats_per_bar: int, position: int) -> range:
    """The beats that are seen when one is written, counted from it: its bar, the one before and some after.

    Args:
        beats_per_bar: beats in a bar.
        position: the beat's place in its bar.
    """
    after = -(-(LOOK_AHEAD_BEATS + 1) // beats_per_bar) * beats_per_bar
    return range(-position - beats_per_bar, beats_per_bar - position + after)


def write_bars(
    first_beat: int,
    places: Sequence[Place],
    heard: HeardBar,
    period_s: float,
    beat_division: int,
    followers: Sequence[FollowerSettings],
    manner: Manner,
    seed: int,
    arranger: Arranger | None,
) -> Written:
    """Write what the band plays in some bars.

    Args:
        first_beat: the number of their first beat.
        places: their beats.
        heard: the leader's last bar.
        period_s: how long a beat is.
        beat_division: equal parts of a beat.
        followers: the band.
        manner: how it plays.
        seed: of the session.
        arranger: writes those parts that it knows; rules write the others.

    Raises:
        ConfigError: the style has nothing for this metre.
    """
    beats_per_bar = len(heard.onsets) // STEPS_PER_BEAT
    scene = scene_of(
        _grid(places, MetreKind(beats_per_bar, beat_division), period_s), _leader(places, heard, beats_per_bar), manner
    )
    own_seed = crc32(f"{seed}/{first_beat}".encode())  # writers count from the first beat that they see
    chance = Chance(own_seed, varies=bool(seed), lasting_seed=seed, first_beat=first_beat)
    notes = {
        name: [
            BeatNote(
                first_beat + note.start_s / period_s, first_beat + note.stop_s / period_s, note.pitch_midi,
                note.velocity, note.voice, note.articulation, note.bar_place,
            )
            for note in written
        ]
        for name, written in write_notes(scene, followers, chance, 0.0, arranger).items()
    }  # fmt: skip
    strokes = {
        follower.name: [
            BeatStroke(first_beat + hit.time_s / period_s, hit.drum, hit.velocity)
            for hit in write_strokes(scene, follower, chance)
        ]
        for follower in followers
        if follower.role == "drums"
    }
    return Written(notes, strokes)


def _grid(places: Sequence[Place], metre: MetreKind, period_s: float) -> Grid:
    num_beats = len(places)
    return Grid(
        edges_s=period_s * np.arange(num_beats + 1.0),
        chords=tuple(place.chord for place in places),
        keys=tuple(place.key for place in places),
        positions=np.array([place.position for place in places]),
        bars=_counted(places),
        beats_per_bar=metre.beats_per_bar,
        beat_division=metre.beat_division,
        swing=0.5 if metre.beat_division == 2 else 2 / 3,
        end_s=num_beats * period_s,
        final_beat=num_beats - 1,
        energy=np.full(num_beats, np.nan),
    )


def _counted(places: Sequence[Place]) -> NDArray[np.int64]:
    """Bars counted on from one to the next, as writers need them: those that were played may have had other numbers."""
    number = np.array([place.bar for place in places])
    counted = np.cumsum(np.diff(number, prepend=number[:1]) != 0)
    bars: NDArray[np.int64] = counted - counted[-1] + number[-1]
    return bars


def _leader(places: Sequence[Place], heard: HeardBar, beats_per_bar: int) -> Leader:
    """The last bar, again and again."""
    beats = np.array([place.position for place in places]) % beats_per_bar  # an earlier bar may have had more
    steps = (beats[:, None] * STEPS_PER_BEAT + np.arange(STEPS_PER_BEAT)).ravel()
    return Leader(
        pitch_share=heard.pitch_share[steps],
        register_midi=heard.register_midi[steps],
        onsets=heard.onsets[steps],
        is_sounding=heard.loudness_db[steps] > PRESENT_DB,
        loudness_db=heard.loudness_db[steps],
        busyness=np.full(len(places), heard.onsets.sum() / beats_per_bar),
        is_playing=np.ones(len(places), np.bool_),
    )
