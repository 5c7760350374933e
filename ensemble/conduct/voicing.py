"""Chord voicings for pads: finds the playable voicings of each chord, and the smoothest path through them.

A pad of one voice is an inner line; one of several voices plays chords. Voicings may leave tones out, so that a pad can
avoid a tone that is a semitone from the leader's.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.viterbi import fixed_lag_viterbi
from ensemble.conduct.density import clash_cost
from ensemble.conduct.grid import Grid
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader

Floats = NDArray[np.float64]

CROSSING = 8.0
"""Cost of crossing another part."""
_CLASH = 9.0  # more than others give: a chord rests on its voices for long
_MOST_SHAPES, _MOST_WITHOUT = 44, 8  # voicings kept of a chord, and of those that leave out a given tone
_WIDEST_SPAN, _WIDEST_STEP = 24, 12
_MUDDY_BELOW_MIDI = 50
_REVOICED = 0.6
_PERFECT_FIFTH = 7  # any other fifth tells the chord, and needs the tones above it
_MINOR_NINTH = 13  # harsh between two voices, as of a ninth below a minor third; a root may lie above its seventh
_PARALLEL_TO_BASS = 0.9
"""Cost of a single inner voice that moves in parallel fifths or octaves with the bass. Chords of several voices may."""


class Shapes(NamedTuple):
    """Voicings of one chord."""

    pitches: NDArray[np.int64]
    """Pitches, lowest first; 0 where a voice rests.  [shapes, voices]"""
    cost: Floats
    """Cost of each voicing on its own.  [shapes]"""


class Neighbours(NamedTuple):
    """The pitches that the parts already written leave free on every beat, and the bass."""

    floor: NDArray[np.int64]
    """Lowest pitch that crosses no part below.  [beats]"""
    ceiling: NDArray[np.int64]
    """Highest pitch that crosses no part above.  [beats]"""
    bass: NDArray[np.int64]
    """Pitch of the bass; 0 where it rests or there is none.  [beats]"""


@lru_cache(maxsize=512)
def shapes(own: tuple[int, ...], pitch_range: tuple[int, int], num_voices: int) -> Shapes:
    """The best voicings of a chord in a range, cheapest first: with the third, in the middle of the range, wide below.

    Args:
        own: pitch classes of the chord as `Chord.tones` has them: root, third, fifth, and what is added.
        pitch_range: lowest and highest note.
        num_voices: most notes at once.
    """
    low, high = pitch_range
    centre = low + 0.45 * (high - low)
    lowest_voice = max(centre - 2.5 * (num_voices - 1), low)
    found: list[tuple[float, tuple[int, ...]]] = []
    ladder = [pitch for pitch in range(low, high + 1) if pitch % 12 in own]

    def climb(stack: tuple[int, ...]) -> None:
        if stack:
            found.append((_shape_cost(stack, own, centre, num_voices), stack))
        if len(stack) == num_voices:
            return
        for pitch in ladder:
            if stack and not (2 < pitch - stack[-1] <= _WIDEST_STEP and pitch - stack[0] <= _WIDEST_SPAN):
                continue
            if not stack and num_voices > 1 and abs(pitch - lowest_voice) > 9:
                continue
            climb((*stack, pitch))

    climb(())
    found.sort()
    kept = set(found[:_MOST_SHAPES])
    for tone in own:
        kept.update([one for one in found if tone not in {pitch % 12 for pitch in one[1]}][:_MOST_WITHOUT])
    best = sorted(kept)
    pitches = np.zeros((len(best), num_voices), np.int64)
    for row, (_, stack) in enumerate(best):
        pitches[row, : len(stack)] = stack
    return Shapes(pitches, np.array([cost for cost, _ in best]))


def _shape_cost(stack: tuple[int, ...], own: tuple[int, ...], centre: float, num_voices: int) -> float:
    heard = [pitch % 12 for pitch in stack]
    cost: float = 0.02 * abs(sum(stack) / len(stack) - centre) ** 1.5 + 1.2 * (num_voices - len(stack))
    cost += 1.5 * (own[1] not in heard) + (0.3 * (own[0] not in heard) if num_voices > 1 else 0.6 * (own[0] in heard))
    is_altered = len(own) > 2 and (own[2] - own[0]) % 12 != _PERFECT_FIFTH
    cost += (1.6 if is_altered else 0.8) * sum(tone not in heard for tone in own[3:])
    cost += 0.8 * (is_altered and own[2] not in heard) + 0.8 * max(heard.count(own[1]) - 1, 0)
    cost += sum(above - below == _MINOR_NINTH and above % 12 != own[0] for below, above in combinations(stack, 2))
    for below, above in pairwise(stack):
        cost += 0.6 * (below < _MUDDY_BELOW_MIDI and above - below < 5) + 0.15 * max(above - below - 7, 0)
    return cost


@lru_cache(maxsize=4096)
def _movement(before: tuple[int, ...], after: tuple[int, ...], pitch_range: tuple[int, int], num_voices: int) -> Floats:
    """Cost of moving the voices from each voicing of one chord to each voicing of another.  [shapes, next shapes]"""
    here, there = shapes(before, pitch_range, num_voices).pitches, shapes(after, pitch_range, num_voices).pitches
    both = (here[:, None, :] > 0) & (there[None, :, :] > 0)
    step = np.where(both, np.abs(here[:, None, :] - there[None, :, :]), 0)
    missing = (here[:, None, :] > 0) != (there[None, :, :] > 0)
    cost: Floats = 0.25 * step.sum(axis=2) / np.maximum(both.sum(axis=2), 1) + 0.3 * missing.sum(axis=2)
    if before == after:
        same = (here[:, None, :] == there[None, :, :]).all(axis=2)
        cost = cost + np.where(same, 0.0, _REVOICED)
    return cost


def _moves_in_parallel(
    lower: NDArray[np.int64], lower_next: NDArray[np.int64], upper: NDArray[np.int64], upper_next: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether two voices move from a perfect fifth or octave to another one; pitches broadcast, 0 is a rest."""
    interval = (upper - lower) % 12
    sounds = (lower > 0) & (lower_next > 0) & (upper > 0) & (upper_next > 0)
    is_kept = ((interval == 0) | (interval == 7)) & ((upper_next - lower_next) % 12 == interval)
    return np.asarray(sounds & is_kept & (lower != lower_next) & (upper != upper_next))


def voice_chords(
    grid: Grid, leader: Leader, pitch_range: tuple[int, int], num_voices: int, neighbours: Neighbours
) -> NDArray[np.int64]:
    """Choose a voicing for every beat, bar by bar, by Viterbi over movement, register, crossings and clashes.

    Returns:
        Pitches, lowest first; 0 where a voice rests.  [beats, voices]
    """
    clash = clash_cost(leader, grid)
    above = _leader_register(leader, grid)
    options: list[Shapes] = []
    costs: list[Floats] = []
    owns = [chord.tones for chord in grid.sounding]
    for beat, own in enumerate(owns):
        option = shapes(own, pitch_range, num_voices)
        sounds = option.pitches > 0
        top = option.pitches.max(axis=1)
        bottom = option.pitches[:, 0]
        cost = option.cost + _CLASH * (clash[beat][option.pitches % 12] * sounds).sum(axis=1)
        cost = cost + CROSSING * ((bottom < neighbours.floor[beat]) + (top > neighbours.ceiling[beat]))
        cost = cost + (0.08 * np.maximum(top - above[beat], 0) if np.isfinite(above[beat]) else 0.0)
        if beat >= grid.final_beat:
            cost = cost + 2.0 * (~sounds).sum(axis=1)
        options.append(option)
        costs.append(cost)

    def transition(beat: int) -> Floats:
        movement = _movement(owns[beat - 1], owns[beat], pitch_range, num_voices)
        if num_voices > 1:
            return movement
        bass, bass_next = neighbours.bass[beat - 1], neighbours.bass[beat]
        here, there = options[beat - 1].pitches, options[beat].pitches
        return movement + _PARALLEL_TO_BASS * _moves_in_parallel(bass, bass_next, here, there.T)

    chosen = fixed_lag_viterbi(costs, transition, grid.rest_of_bar())
    rows = [option.pitches[index] for option, index in zip(options, chosen, strict=True)]
    return np.array(rows, np.int64).reshape(grid.num_beats, num_voices)


def _leader_register(leader: Leader, grid: Grid) -> Floats:
    """The leader's lower pitch of the two half beats of each beat; NaN where it is unclear.  [beats]"""
    lower: Floats = np.fmin.reduce(leader.register_midi.reshape(grid.num_beats, STEPS_PER_BEAT), axis=1)
    return lower
