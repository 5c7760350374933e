"""What the user says of the recording in place of what was heard: a tempo, a metre, a key, chords."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import Settings
from ensemble.listen.beats import track_beats
from ensemble.listen.swing import find_swing
from ensemble.listen.understanding import understand
from ensemble.threads import one_thread
from ensemble.types.harmony import NO_CHORD, Chord
from ensemble.types.music import Heard
from ensemble.types.names import parse_chord, parse_key

SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0
MAX_CHORDS = 20_000


class ChordAt(Settings):
    """A chord that holds from a moment on."""

    at: float = Field(ge=0.0, allow_inf_nan=False)
    """Seconds, or beats as they are heard, counted from 1."""
    unit: Literal["s", "beat"] = "s"
    """Which of the two."""
    chord: str
    """As `parse_chord` reads it."""

    @field_validator("chord")
    @classmethod
    def _playable(cls, chord: str) -> str:
        return str(parse_chord(chord))


class Overrides(Settings):
    """What replaces what is heard; what is None or empty stays as heard."""

    tempo_bpm: float | None = Field(default=None, ge=SLOWEST_BPM, le=FASTEST_BPM, allow_inf_nan=False)
    """Beats a minute; where they lie, and how the tempo wanders around this, is still heard."""
    beats_per_bar: int | None = Field(default=None, ge=2, le=12)
    """Where bars begin is still heard."""
    key: str | None = None
    """As `parse_key` reads it."""
    chords: tuple[ChordAt, ...] = Field(default=(), max_length=MAX_CHORDS)
    """In rising order, all in one unit."""

    @field_validator("key")
    @classmethod
    def _known(cls, key: str | None) -> str | None:
        return None if key is None else str(parse_key(key))

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later.at <= earlier.at or later.unit != earlier.unit for earlier, later in pairwise(self.chords)):
            raise ValueError("chords must come in rising order and in one unit")
        return self

    @property
    def is_empty(self) -> bool:
        """Whether nothing is replaced."""
        return self == Overrides()


@one_thread()
def with_overrides(heard: Heard, overrides: Overrides) -> Heard:
    """Replace what was heard by what the user says, and find anew what depends on it.

    A tempo: the beats that fit the recording best at that tempo are found, and the bars. A metre: the bars are found. A
    key: the chords are found in that key. Given chords hold from the beat nearest to each; before the first, what was
    heard stays. The same input gives the same result in any process.
    """
    if overrides.is_empty:
        return heard
    keeps_bars = overrides.tempo_bpm is None and overrides.beats_per_bar in (None, heard.beats_per_bar)
    if overrides.tempo_bpm is not None:
        onset = heard.frames.onset
        beats = track_beats(onset, heard.frames.num_frames / FRAME_RATE_HZ, overrides.tempo_bpm)
        heard = replace(
            heard, beats_s=beats.times_s, tempo_bpm=beats.tempo_bpm, swing=find_swing(onset, beats.times_s),
            chords=(NO_CHORD,) * len(beats.times_s),
        )  # fmt: skip
    if overrides != Overrides(chords=overrides.chords):
        found = understand(
            heard.frames, heard.beats_s, heard.tuning_cents, follows_pitch=heard.follows_pitch,
            key=heard.key if overrides.key is None else parse_key(overrides.key),
            beats_per_bar=heard.beats_per_bar if keeps_bars else overrides.beats_per_bar,
            first_downbeat=heard.first_downbeat if keeps_bars else None,
        )  # fmt: skip
        if not keeps_bars:
            heard = replace(heard, written_metre=None)
        heard = replace(heard, **found._asdict())
    return replace(heard, chords=_written_over(heard.chords, heard.beats_s, overrides.chords))


def _written_over(
    chords: tuple[Chord, ...], beats_s: NDArray[np.float64], given: tuple[ChordAt, ...]
) -> tuple[Chord, ...]:
    """The given chords, each from the beat nearest to where it stands to the next one's."""
    written, middles = list(chords), (beats_s[:-1] + beats_s[1:]) / 2
    for one in given:
        beat = round(one.at) - 1 if one.unit == "beat" else int(np.searchsorted(middles, one.at))
        written[beat:] = [parse_chord(one.chord)] * max(len(written) - beat, 0)
    return tuple(written)
