"""Every beat's place in its bar, its bar's number and its chord: what was played, and what is to come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.chart.chart import Chart
from ensemble.live.bars import BarGrid, LiveBars
from ensemble.live.chart_position import ChartPosition
from ensemble.live.foresight import Foresight
from ensemble.live.writing import Place
from ensemble.settings.reading import Settings
from ensemble.types.harmony import Chord, Key
from ensemble.types.music import FloatArray


class LivePosition(Settings):
    """Where the music is, in what is committed."""

    bar: int = 0
    """Number of the bar, from 1; 0 before the band has entered."""
    beat: int = 0
    """The beat in it, from 1."""
    beats_per_bar: int = 0
    """How many it has."""
    tempo_bpm: float = 0.0
    """Beats a minute; 0 while none is known."""
    chord: str = ""
    """What sounds."""
    next_chord: str = ""
    """What will sound in the next bar."""

    @property
    def bar_s(self) -> float:
        """How long a bar is, in seconds; 0 before the band has entered."""
        return 60 / self.tempo_bpm * self.beats_per_bar if self.bar else 0.0

    def __str__(self) -> str:
        if not self.bar:
            return f"listening, {self.tempo_bpm:.0f} bpm" if self.tempo_bpm else "listening"
        where = f"bar {self.bar}, beat {self.beat} of {self.beats_per_bar}"
        return f"{where}  {self.chord} -> {self.next_chord}  {self.tempo_bpm:.0f} bpm"


class Places:
    """Counts bars while the music goes on.

    Args:
        chords: what the columns of chord probabilities stand for.
        metres: how many beats a bar may have, the usual one first.
        chart: the song's, where the player gave one.
        key: where the player says it.
    """

    def __init__(self, chords: Sequence[Chord], metres: Sequence[int], chart: Chart | None, key: Key | None) -> None:
        self._bars = LiveBars(metres)
        self._chart = None if chart is None else ChartPosition(chart, chords)
        self._grid, self._first_bar = self._bars.grid, 0
        self._foresight = Foresight(chords, chart, key)
        self._played: dict[int, Place] = {}
        self._begun, self._last_bar = 0.0, -1
        self._sounded: FloatArray | None = None

    @property
    def beats_per_bar(self) -> int:
        """Beats in a bar, as they are counted now."""
        return self._grid.beats_per_bar

    @property
    def heard_chords(self) -> tuple[Chord, ...]:
        """The chord of each beat that has been heard."""
        return self._foresight.heard

    @property
    def key(self) -> Key:
        """The key."""
        return self._foresight.key

    def begin(self, beat: float) -> None:
        """Say on which beat the leader's first sound lies, in fractions; it may be before beat 0."""
        self._begun = beat
        self._bars.begin(round(beat))
        if self._chart is not None:
            self._chart.begin(beat)

    def hear_beat(self, said: FloatArray, downbeat: float, before: FloatArray | None) -> None:
        """Add the next beat.

        Args:
            said: the chord probabilities while it sounded.  [steps, chords]
            downbeat: how probable a beat that opens a bar is there.
            before: see `Foresight.hear_beat`.
        """
        self._bars.hear_beat(downbeat, self._change_to(said))
        if self._chart is not None:
            self._chart.hear_beat(said, downbeat)
        self._foresight.hear_beat(said, self._laid()[0], before)

    def _change_to(self, said: FloatArray) -> float:
        """How surely another chord sounds than a beat ago, 0..1."""
        if not len(said):
            return 0.0
        before, self._sounded = self._sounded, said.mean(axis=0)
        return 0.0 if before is None else float(np.abs(self._sounded - before).sum()) / 2

    def hear_now(self, said: FloatArray) -> None:
        """What sounds in the beat that has not ended.  [steps, chords]"""
        self._foresight.hear_now(said)

    def say_one(self, beat: int) -> None:
        """The player says that a bar begins with this beat."""
        self._bars.say_one(beat)
        if self._chart is not None:
            self._chart.say_one(beat)

    def may_enter(self, beat: int) -> bool:
        """Whether a bar begins with this beat, as far as is known; bar 0 is then the one next to the first sound."""
        self._grid, self._first_bar = self._laid()
        if self._chart is None:
            self._first_bar = round((self._begun - self._grid.offset) / self._grid.beats_per_bar)
        return self.position(beat)[0] == 0

    def move(self, beat: int) -> None:
        """Where bars turn out to begin elsewhere: go on with the next bar on the first beat that opens one there."""
        grid, first_bar = self._laid()
        if (grid, first_bar) == (self._grid, self._first_bar) or not grid.opens(beat):
            return
        if self._chart is None:
            first_bar = (beat - grid.offset) // grid.beats_per_bar - self._last_bar - 1
        self._grid, self._first_bar = grid, first_bar

    def play(self, beat: int) -> None:
        """A beat is played as it is seen now, and stays so."""
        self._played[beat] = self.place(beat)
        self._last_bar = self._played[beat].bar

    def forget(self, beat: int) -> None:
        """No beat before this one is asked for any more."""
        for gone in [one for one in self._played if one < beat]:
            del self._played[gone]

    def position(self, beat: int) -> tuple[int, int]:
        """A beat's place in its bar, and the bar's number."""
        if beat in self._played:
            return self._played[beat].position, self._played[beat].bar
        bar, position = divmod(beat - self._grid.offset, self._grid.beats_per_bar)
        return position, bar - self._first_bar

    def place(self, beat: int) -> Place:
        """All of a beat, as it was played or as it is foreseen."""
        if beat in self._played:
            return self._played[beat]
        position, bar = self.position(beat)
        chord, key = self._foresight.of(beat, bar, position)
        return Place(position, bar, chord, key)

    def _laid(self) -> tuple[BarGrid, int]:
        """Where bars begin, and which of them counts as bar 0, by what is heard so far."""
        if self._chart is None:
            return self._bars.grid, self._first_bar
        first_bar, offset = divmod(self._chart.shift, self._grid.beats_per_bar)
        return BarGrid(self._grid.beats_per_bar, offset), first_bar
