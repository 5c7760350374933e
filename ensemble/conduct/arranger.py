"""A learned arranger: a small recurrent network says when a part strikes, holds and rests, and which tone it wants.

Some rules are kept whatever the network says: no note leaves its range, crosses a neighbour, or stands outside the
chord on a beat, and the last chord is the leader's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.arranger_features import HOLD, REST, STRIKE, Kind, context_of, memory_row
from ensemble.conduct.arranger_file import ArrangerWeights
from ensemble.conduct.arranger_network import ArrangerNetwork, Floats
from ensemble.conduct.breath import released_s, renews
from ensemble.conduct.density import softer_without_chord
from ensemble.conduct.grid import Grid
from ensemble.conduct.harmony import scale
from ensemble.conduct.jitter import draws
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.conduct.pad import Stroke, write_pad
from ensemble.conduct.shaping import WrittenNote
from ensemble.conduct.voicing import Neighbours, voice_chords
from ensemble.config import FollowerSettings

_WISH = 1.0
"""Weight of the network's wish for a tone (a log likelihood) against the costs of the rules' own writers."""
_CLASH, _LEAP, _FAR_LEAP, _OCTAVE_LEAP, _REGISTER = 6.0, 0.06, 0.5, 2.0, 0.006
_VELOCITY = {"strong": 90, "beat": 82, "off": 74}


class _Struck(NamedTuple):
    """A note on the grid."""

    start: int
    """The half beat in which it begins."""
    stop: int
    """The first half beat in which it no longer sounds."""
    pitch: int
    """In MIDI."""


class Arranger:
    """Writes the notes of basses, chords and lines as a trained network likes them; see `parts.write_parts`.

    Args:
        weights: of the network.
    """

    def __init__(self, weights: ArrangerWeights) -> None:
        self._network = ArrangerNetwork(weights)
        self._kinds = weights.card.kinds

    def knows(self, follower: FollowerSettings) -> bool:
        """Whether it has met such parts; rules write the others."""
        return kind_of(follower) in self._kinds

    def write(
        self, follower: FollowerSettings, grid: Grid, leader: Leader, neighbours: Neighbours, seed: int,
        ring_s: float,
    ) -> tuple[list[WrittenNote], NDArray[np.int64]]:  # fmt: skip
        """One follower's notes, and its pitches, 0 where it rests.  [beats, voices or half beats]"""
        if kind_of(follower) == "chords":
            voicing = voice_chords(grid, leader, follower.range, follower.chord_notes, neighbours)
            tops = voicing.max(axis=1, initial=0)
            struck = self._play(follower, grid, leader, neighbours, seed, tops)
            strokes = [
                Stroke(one.start / STEPS_PER_BEAT, one.stop / STEPS_PER_BEAT, _velocity(grid, one.start))
                for one in struck
            ]
            return write_pad(grid, leader, follower, voicing, ring_s, strokes), voicing
        struck = self._play(follower, grid, leader, neighbours, seed)
        pitches = np.zeros(grid.num_beats * STEPS_PER_BEAT, np.int64)
        for one in struck:
            pitches[one.start : one.stop] = one.pitch
        family = follower.spec.family
        written = []
        for one in struck:
            start_s = grid.seconds(one.start / STEPS_PER_BEAT)
            if one.stop == len(pitches):
                stop_s = grid.end_s + (ring_s if follower.role == "bass" else 0.0)
            else:
                stop_s = released_s(grid, leader, family, start_s, one.stop / STEPS_PER_BEAT)
            written.append(WrittenNote(start_s, stop_s, one.pitch, _velocity(grid, one.start)))
        return written, pitches.reshape(grid.num_beats, STEPS_PER_BEAT)

    def _play(
        self, follower: FollowerSettings, grid: Grid, leader: Leader, neighbours: Neighbours, seed: int,
        tops: NDArray[np.int64] | None = None,
    ) -> list[_Struck]:  # fmt: skip
        """Go through the music once. Looks ahead to the next chord, and over the rest of the bar for how busy it is.

        `tops`, of who plays chords: the highest pitch of each beat's, 0 where there is none.  [beats]
        """
        if not grid.num_beats:
            return []
        centre = sum(follower.range) / 2
        context = context_of(grid, leader, kind_of(follower), follower.spec, centre)
        chance = draws(seed, f"{follower.name}/arranger", np.arange(len(context.roots)), 1)[:, 0]
        chooser = _Chooser(follower, grid, leader, neighbours)
        memory = self._network.start()
        struck: list[_Struck] = []
        action, pitch, held = REST, 0, 0
        for step, root in enumerate(context.roots.tolist()):
            row = np.concatenate([context.rows[step], memory_row(action, pitch, held, root, centre)])
            actions, wishes, memory = self._network.step(row, memory)
            may_hold = action != REST and chooser.may_hold(step, struck[-1])
            action = chooser.action(step, actions, float(chance[step]), sounds=action != REST, may_hold=may_hold)
            if action == STRIKE:
                beat = step // STEPS_PER_BEAT
                found = (
                    int(tops[beat])
                    if tops is not None
                    else chooser.pitch(step, np.roll(_log_likely(wishes), root), pitch)
                )
                action = STRIKE if found else REST  # others leave no room
                pitch = found or pitch
            if action == STRIKE:
                struck.append(_Struck(step, step + 1, pitch))
            elif action == HOLD:
                struck[-1] = struck[-1]._replace(stop=step + 1)
            held = 0 if action == REST else 1 if action == STRIKE else held + 1
        return struck


def kind_of(follower: FollowerSettings) -> Kind:
    """What a follower's role is to an arranger."""
    if follower.role == "bass":
        return "bass"
    return "chords" if follower.num_voices > 1 else "line"


class _Chooser:
    """What one follower may do where, and what it does of that."""

    def __init__(self, follower: FollowerSettings, grid: Grid, leader: Leader, neighbours: Neighbours) -> None:
        self._follower, self._grid, self._leader, self._neighbours = follower, grid, leader, neighbours
        low, high = follower.range
        self._ladder = np.arange(low, high + 1)
        self._is_bass = follower.role == "bass"
        share = 0.3 if self._is_bass else 0.5
        self._register = _REGISTER * (self._ladder - (low + share * (high - low))) ** 2
        self._clash = np.roll(leader.pitch_share, 1, axis=1) + np.roll(leader.pitch_share, -1, axis=1)
        self._chords = grid.sounding
        self._own = [np.array(self._belonging(beat)) for beat in range(grid.num_beats)]
        self._passing = [
            np.array(sorted(scale(key, chord))) for key, chord in zip(grid.keys, self._chords, strict=True)
        ]

    def _belonging(self, beat: int) -> tuple[int, ...]:
        """Pitch classes that belong on a beat; a slash chord's bass alone, where a bass turns to it or a bar leans."""
        chord = self._chords[beat]
        if not self._is_bass or chord.bass is None:
            return chord.tones
        is_given = self._grid.is_strong(beat) or self._grid.changes(beat)
        return (chord.bass,) if is_given else (*chord.tones, chord.bass)

    def may_hold(self, step: int, note: _Struck) -> bool:
        """Whether a note may sound on: it has breath, belongs to the chord, and is in nobody's way."""
        beat, begins = step // STEPS_PER_BEAT, note.start / STEPS_PER_BEAT
        if renews(self._grid, self._leader, self._follower.spec.family, begins, step / STEPS_PER_BEAT):
            return False
        if kind_of(self._follower) == "chords":
            return not self._grid.changes(beat) or step % STEPS_PER_BEAT > 0
        is_own = note.pitch % 12 in self._own[beat]
        return bool(is_own and self._neighbours.floor[beat] <= note.pitch <= self._neighbours.ceiling[beat])

    def action(self, step: int, logits: Floats, chance: float, *, sounds: bool, may_hold: bool) -> int:
        """Rest, hold or strike, each as often as the network says; `chance` is 0 to 1, uniform."""
        final = self._grid.final_beat * STEPS_PER_BEAT
        if not self._leader.is_playing[step // STEPS_PER_BEAT]:
            return REST
        if step >= final:
            return HOLD if sounds and step > final else STRIKE
        likely = np.exp(_log_likely(logits))
        if not may_hold:
            likely[STRIKE] += likely[HOLD]  # who would go on, begins anew
            likely[HOLD] = 0.0
        return int(np.searchsorted(np.cumsum(likely), chance * likely.sum(), side="right").clip(0, STRIKE))

    def pitch(self, step: int, wishes: Floats, before: int) -> int:
        """The best note: wished for, near, apart from the leader's; in the chord on a beat, in the scale between. 0
        where the parts around it leave no room.

        Args:
            step: in half beats.
            wishes: log likelihood of every pitch class.  [12]
            before: the note before; 0: there was none.
        """
        beat, is_off = divmod(step, STEPS_PER_BEAT)
        ladder = self._ladder
        score = _WISH * wishes[ladder % 12]
        score -= self._register + _CLASH * self._clash[step][ladder % 12]
        if before:
            leap = np.abs(ladder - before)
            score -= _LEAP * leap + _FAR_LEAP * (leap > 7) + _OCTAVE_LEAP * (leap > 12)
        allowed: NDArray[np.bool_] = np.isin(ladder % 12, self._passing[beat] if is_off else self._own[beat])
        if self._is_bass and beat >= self._grid.final_beat:
            allowed = ladder % 12 == self._chords[beat].lowest
        free = (ladder >= self._neighbours.floor[beat]) & (ladder <= self._neighbours.ceiling[beat])
        allowed &= free
        return int(ladder[np.where(allowed, score, -np.inf).argmax()]) if allowed.any() else 0


def _velocity(grid: Grid, step: int) -> int:
    beat, is_off = divmod(step, STEPS_PER_BEAT)
    place = "off" if is_off else "strong" if grid.is_strong(beat) else "beat"
    return _VELOCITY[place] - softer_without_chord(grid, beat)


def _log_likely(logits: Floats) -> Floats:
    """Log of the softmax."""
    lowered = logits - logits.max()
    answer: Floats = lowered - np.log(np.exp(lowered).sum())
    return answer
