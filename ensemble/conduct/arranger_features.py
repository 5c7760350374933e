"""What an arranger sees of every half beat: the harmony, the leader, the bar, the player; and what it played last.

Pitch classes are counted from the root of the chord, so that nothing depends on the key: a fifth is 7 in any chord.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.density import rhythm_levels
from ensemble.conduct.grid import PHRASE_BARS, Grid
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.types.harmony import Chord
from ensemble.types.instruments import InstrumentSpec
from ensemble.types.music import FloatArray, Note

Kind = Literal["bass", "chords", "line"]
KINDS: tuple[Kind, ...] = ("bass", "chords", "line")
FAMILIES = ("plucked", "bowed", "blown", "keyed")
REST, HOLD, STRIKE = range(3)
NUM_ACTIONS = 3
_LEVELS = 3
_REGISTER_SEMITONES, _LONGEST_STEPS = 12.0, 16
NUM_CONTEXT = 12 + 12 + 12 + 12 + 2 + 5 + _LEVELS + 5 + PHRASE_BARS + len(KINDS) + len(FAMILIES)
NUM_MEMORY = NUM_ACTIONS + 12 + 2
NUM_INPUTS = NUM_CONTEXT + NUM_MEMORY


class ArrangerContext(NamedTuple):
    """All that is known beforehand.  rows [steps, NUM_CONTEXT] float32; roots [steps]: of the chords"""

    rows: FloatArray
    roots: NDArray[np.int64]


class ArrangerLine(NamedTuple):
    """What somebody played.  actions [steps]; pitches [steps]: in MIDI, also of what is held; 0 in a rest"""

    actions: NDArray[np.int64]
    pitches: NDArray[np.int64]


def context_of(grid: Grid, leader: Leader, kind: Kind, instrument: InstrumentSpec, centre: float) -> ArrangerContext:
    """Everything about every half beat but what the part itself does.

    Looks ahead to the next chord, and over the rest of the bar for how busy the leader is.

    Args:
        grid: the bars.
        leader: what it does in them.
        kind: of line.
        instrument: that plays it.
        centre: of the part's range, in MIDI.
    """
    chords = grid.sounding
    root = np.array([chord.root for chord in chords], np.int64)
    tonic = np.array([key.tonic for key in grid.keys], np.int64)
    following = np.append(root[1:], root[-1:])
    changes = np.array([*(grid.changes(beat) for beat in range(grid.num_beats)), False])
    per_beat = np.concatenate(
        [
            np.stack([_counted_from(chord.root, _own(chord)) for chord in chords]),
            _one_hot((following - root) % 12, 12),
            _one_hot((tonic - root) % 12, 12),
            np.stack([changes[:-1], changes[1:]], axis=1),
            _one_hot(rhythm_levels(leader, grid), _LEVELS),
            _one_hot(grid.bars % PHRASE_BARS, PHRASE_BARS),
        ],
        axis=1,
    )  # fmt: skip
    roots = np.repeat(root, STEPS_PER_BEAT)
    rows = np.concatenate(
        [
            np.repeat(per_beat, STEPS_PER_BEAT, axis=0),
            np.take_along_axis(leader.pitch_share, (roots[:, None] + np.arange(12)) % 12, axis=1),
            _of_leader(leader, centre),
            _of_bar(grid),
            np.tile(_one_hot(np.array([KINDS.index(kind)]), len(KINDS)), (len(roots), 1)),
            np.tile(_one_hot(np.array([FAMILIES.index(instrument.family)]), len(FAMILIES)), (len(roots), 1)),
        ],
        axis=1,
    )
    return ArrangerContext(rows.astype(np.float32), roots)


def memory_row(action: int, pitch: int, held_steps: int, root: int, centre: float) -> FloatArray:
    """What was done in the half beat before.  [NUM_MEMORY]

    Args:
        action: REST, HOLD or STRIKE.
        pitch: that sounds or sounded last; 0 before the first.
        held_steps: for how long it has sounded.
        root: of the chord that is now.
        centre: of the part's range, in MIDI.
    """
    row = np.zeros(NUM_MEMORY, np.float32)
    row[action] = 1.0
    if pitch:
        row[NUM_ACTIONS + (pitch - root) % 12] = 1.0
        row[-1] = (pitch - centre) / _REGISTER_SEMITONES
    row[-2] = min(held_steps, _LONGEST_STEPS) / _LONGEST_STEPS
    return row


def memory_of(line: ArrangerLine, roots: NDArray[np.int64], centre: float) -> FloatArray:
    """The same for every half beat of a line that is known.  [steps, NUM_MEMORY]"""
    rows = np.zeros((len(roots), NUM_MEMORY), np.float32)
    action, pitch, held = REST, 0, 0
    for step, root in enumerate(roots.tolist()):
        rows[step] = memory_row(action, pitch, held, root, centre)
        action = int(line.actions[step])
        pitch = int(line.pitches[step]) or pitch
        held = 0 if action == REST else 1 if action == STRIKE else held + 1
    return rows


def line_of(notes: Sequence[tuple[float, float, int]], grid: Grid, kind: Kind) -> ArrangerLine:
    """Notes on the grid of half beats; of several at once the lowest for a bass, or else the highest.

    Args:
        notes: seconds at which each starts and stops, and its pitch in MIDI.
        grid: to whose nearest half beats they are moved.
        kind: of line.
    """
    edges = grid.fine_edges_s(STEPS_PER_BEAT)
    num_steps = grid.num_beats * STEPS_PER_BEAT
    actions, pitches = np.full(num_steps, REST), np.zeros(num_steps, np.int64)
    onsets: dict[int, list[tuple[int, int]]] = {}
    for start_s, stop_s, pitch in notes:
        start, stop = (int(np.abs(edges - at_s).argmin()) for at_s in (start_s, stop_s))
        if start < num_steps and edges[0] - 0.2 <= start_s:
            onsets.setdefault(start, []).append((pitch, max(stop, start + 1)))
    for start, struck in sorted(onsets.items()):
        pitch, stop = min(struck) if kind == "bass" else max(struck)
        actions[start:], pitches[start:] = REST, 0
        actions[start:stop], pitches[start:stop] = HOLD, pitch
        actions[start] = STRIKE
    return ArrangerLine(actions, pitches)


def timed(notes: Sequence[Note]) -> list[tuple[float, float, int]]:
    """Notes of a part in seconds, for `line_of`."""
    return [(n.start_frame / FRAME_RATE_HZ, n.stop_frame / FRAME_RATE_HZ, round(n.pitch_midi)) for n in notes]


def _own(chord: Chord) -> NDArray[np.float64]:
    """The tones of the plain chord that it is a kind of: networks were trained on these.  [12]"""
    own = np.zeros(12)
    own[list(Chord(root=chord.root, quality=chord.form.plain).tones)] = 1.0
    return own


def _counted_from(root: int, classes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.roll(classes, -root)


def _of_leader(leader: Leader, centre: float) -> NDArray[np.float64]:
    """Strokes, whether it sounds and did before, and where its register lies.  [steps, 5]"""
    is_clear = np.isfinite(leader.register_midi)
    above = np.where(is_clear, np.clip((np.nan_to_num(leader.register_midi) - centre) / 24.0, -2.0, 2.0), 0.0)
    before = np.append(False, leader.is_sounding[:-1])
    return np.stack([np.minimum(leader.onsets, 2) / 2, leader.is_sounding, before, is_clear, above], axis=1)


def _of_bar(grid: Grid) -> NDArray[np.float64]:
    """Where in the bar, and how strong.  [steps, 5]"""
    step = np.arange(grid.num_beats * STEPS_PER_BEAT)
    beat, inside = np.divmod(step, STEPS_PER_BEAT)
    turn = 2 * np.pi * (grid.positions[beat] + inside / STEPS_PER_BEAT) / grid.beats_per_bar
    on_beat = inside == 0
    strong = np.array([grid.is_strong(one) for one in range(grid.num_beats)], np.bool_)[beat] & on_beat
    return np.stack([np.sin(turn), np.cos(turn), on_beat, strong, (grid.positions[beat] == 0) & on_beat], axis=1)


def _one_hot(index: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    return np.eye(size)[index]
