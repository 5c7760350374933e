"""The types that pass from stage to stage: frozen dataclasses of float32 arrays, checked when they are made.

Shapes are written `[a, b]`. Unless a field says otherwise, time runs along the last axis, in control frames (100 Hz).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES
from ensemble.types.arrays import FloatArray as FloatArray
from ensemble.types.arrays import check_array
from ensemble.types.articulation import Articulation
from ensemble.types.clip import PIECE_SAMPLES as PIECE_SAMPLES
from ensemble.types.clip import AudioClip as AudioClip
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.doubts import ChordDoubt, KeySection, keys_of_beats
from ensemble.types.harmony import PITCH_CLASSES as PITCH_CLASSES
from ensemble.types.harmony import Chord as Chord
from ensemble.types.harmony import Key as Key
from ensemble.types.harmony import Mode as Mode
from ensemble.types.harmony import Quality as Quality
from ensemble.types.metre import CountedMetre
from ensemble.types.strokes import ALL_DRUMS as ALL_DRUMS
from ensemble.types.strokes import DRUM_CLASSES as DRUM_CLASSES
from ensemble.types.strokes import DrumClass as DrumClass
from ensemble.types.strokes import Hit as Hit
from ensemble.types.strokes import Hits as Hits

Role = Literal["bass", "pad", "counter", "double", "drums", "transform"]

SILENCE_DB = -100.0
"""The lowest loudness in the project; at or below it there is silence."""
PRESENT_DB = -55.0
"""The leader counts as playing above this loudness; a little noise before the first note lies below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What is heard of the leader in every control frame."""

    f0_hz: FloatArray
    """Fundamental frequency; 0 where unvoiced.  [frames]"""
    loudness_db: FloatArray
    """A-weighted loudness: 0 dB is a full-scale 1 kHz sine, whatever the file's own level.  [frames]"""
    confidence: FloatArray
    """Confidence of f0, 0..1.  [frames]"""
    onset: FloatArray
    """Onset strength, 0 or more.  [frames]"""
    chroma: FloatArray
    """Energy per pitch class from C: the largest of a frame is 1, all are 0 in silence.  [12, frames]"""
    pulse: FloatArray = field(default_factory=lambda: np.zeros((2, 0), np.float32))
    """How probable a beat within a bar is, and a beat that opens one, 0..1; no columns where no network listened.
    [2, frames]"""

    def __post_init__(self) -> None:
        num_frames = len(self.f0_hz)
        for name in ("f0_hz", "loudness_db", "confidence", "onset"):
            check_array(getattr(self, name), (num_frames,), name)
        check_array(self.chroma, (12, num_frames), "chroma")
        check_array(self.pulse, (2, num_frames if self.pulse.size else 0), "pulse")

    @property
    def num_frames(self) -> int:
        """Number of control frames."""
        return len(self.f0_hz)

    def sounds_at(self, time_s: float) -> bool:
        """Whether the leader plays at this time, or begins to within a tenth of a second."""
        frame = max(round(time_s * FRAME_RATE_HZ), 0)
        return bool(self.loudness_db[max(frame - 3, 0) : frame + 10].max(initial=SILENCE_DB) > PRESENT_DB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Everything that was heard of the leader."""

    frames: Frames
    """Pitch, loudness, onsets and chroma, 100 times a second."""
    beats_s: NDArray[np.float64]
    """Beats in seconds from the recording's start, rising.  [beats]"""
    tempo_bpm: float
    """Beats per minute."""
    beats_per_bar: int
    """Beats in a bar: one metre for the whole recording, or that of most bars of a score."""
    first_downbeat: int
    """Index of the beat that opens bar 1: the first downbeat once the leader plays."""
    key: Key
    """The main key: the one that holds longest."""
    chords: tuple[Chord, ...]
    """One chord per beat."""
    tuning_cents: float
    """How far A4 lies above 440 Hz."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Warnings: what could not be heard clearly, or was assumed."""
    swing: float = 0.5
    """Where the second half of a beat begins: 0.5 is straight, 2/3 swings in triplets, 0.75 is the largest value."""
    beat_division: Literal[2, 3] = 2
    """How many equal parts a beat has: 3 in compound metres, which count two dotted quarters in a bar of 6/8."""
    second_tempo_bpm: float | None = None
    """The second choice for the tempo, half or double as a rule; None where there is none."""
    tempo_confidence: float = 1.0
    """How probably the beat is the beat, and not the second choice or any other, 0..1."""
    beat_confidence: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    """How probably there is a beat where each is said to be, 0..1; empty where that is certain.  [beats]"""
    second_bars: tuple[int, int] | None = None
    """The second choice for the bars: beats in a bar, and the beat that would open bar 1; None where there is none."""
    bar_confidence: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    """How probably each bar, from bar 1 on, begins where it is said to, 0..1; empty where that is certain.  [bars]"""
    written_metre: tuple[int, int] | None = None
    """The time signature of a score or a chart, (6, 8) for 6/8; None where neither gives one."""
    chord_doubts: tuple[ChordDoubt, ...] = ()
    """One per beat; empty where all chords are known."""
    key_sections: tuple[KeySection, ...] = ()
    """In order, the first from beat 0 on; empty where the main key is known and holds throughout."""
    chord_probability: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """What the chord network says, ten times a second; see `ensemble.listen.chord_network`. Empty for a score.
    [classes, steps]"""
    bar_starts: tuple[int, ...] = ()
    """Indices of the beats that open bars, in a score that changes its metre; none where all bars are alike."""
    metre_changes: tuple[CountedMetre, ...] = ()
    """What is counted from which beat on, in a score that changes its metre; none where one metre holds."""
    provisional_frames: int = 0
    """Number of frames at the end that may change as more is heard; 0 where the recording was heard to its end."""
    energy: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    """How much the band gives on each beat, 0..1, where a chart says so; NaN elsewhere. Later beats have none.
    [beats or fewer]"""

    def __post_init__(self) -> None:
        if not 0 <= self.provisional_frames <= self.frames.num_frames:
            raise ValueError(f"{self.provisional_frames} of {self.frames.num_frames} frames cannot be provisional")
        check_array(self.beats_s, (None,), "beats_s", np.float64)
        check_array(self.chord_probability, (None, None), "chord_probability")
        check_array(self.beat_confidence, (len(self.beats_s) if self.beat_confidence.size else 0,), "beat_confidence")
        check_array(self.bar_confidence, (None,), "bar_confidence")
        check_array(np.nan_to_num(self.energy), (None,), "energy")
        if self.beat_division not in (2, 3):
            raise ValueError(f"a beat has 2 or 3 parts, not {self.beat_division}")
        if any(later <= earlier for earlier, later in pairwise((-1, *self.bar_starts, len(self.beats_s)))):
            raise ValueError("bar_starts must rise and be beats")
        if not 0.5 <= self.swing <= 0.75:
            raise ValueError(f"swing must lie within 0.5..0.75, not at {self.swing}")
        if len(self.chords) != len(self.beats_s):
            raise ValueError(f"{len(self.chords)} chords for {len(self.beats_s)} beats")
        if self.chord_doubts and len(self.chord_doubts) != len(self.beats_s):
            raise ValueError(f"{len(self.chord_doubts)} doubts of chords for {len(self.beats_s)} beats")
        if len(self.beats_s) > 1 and not (np.diff(self.beats_s) > 0).all():
            raise ValueError("beats_s must rise")

    @property
    def final_frames(self) -> int:
        """Number of frames that no longer change, however the leader goes on."""
        return self.frames.num_frames - self.provisional_frames

    @property
    def downbeats(self) -> list[int]:
        """Indices of the beats that open bars, from bar 1 on."""
        if self.bar_starts:
            return [beat for beat in self.bar_starts if beat >= self.first_downbeat]
        return list(range(self.first_downbeat, len(self.beats_s), self.beats_per_bar))

    @property
    def time_signature(self) -> tuple[int, int]:
        """The written one, or what a recording would be written in: its beats as quarters or dotted quarters."""
        counted = (self.beats_per_bar, 4) if self.beat_division == 2 else (3 * self.beats_per_bar, 8)
        return self.written_metre or counted

    @property
    def metres(self) -> tuple[CountedMetre, ...]:
        """What is counted from which beat on."""
        count, unit = self.time_signature
        return self.metre_changes or (CountedMetre(beat=0, count=count, unit=unit, num_beats=self.beats_per_bar),)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key on every beat."""
        return keys_of_beats(self.key, self.key_sections, len(self.beats_s))

    @property
    def chord_names(self) -> tuple[str, ...]:
        """The chord on every beat as it is written in the key."""
        return tuple(chord.spelled(key) for chord, key in zip(self.chords, self.keys, strict=True))

    @property
    def other_chord_names(self) -> tuple[str | None, ...]:
        """The second choice on every beat as it is written in the key, where there is one; empty as `chord_doubts`."""
        doubts = zip(self.chord_doubts, self.keys, strict=False)
        return tuple(None if doubt.other is None else doubt.other.spelled(key) for doubt, key in doubts)

    @property
    def follows_pitch(self) -> bool:
        """Whether key and chords can be estimated from f0; from the spectrum otherwise."""
        return not any(found.code in ("little_pitch", "several_notes", "pitch_too_high") for found in self.diagnostics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note of a part."""

    start_frame: int
    """First control frame of the note."""
    stop_frame: int
    """First control frame after it."""
    pitch_midi: float
    """Pitch as a MIDI number, which may have a fraction."""
    velocity: int
    """MIDI velocity, 1..127."""
    voice: int = 0
    """The voice of the part that plays it: its row in the part's arrays."""
    articulation: Articulation = Articulation.PLAIN
    """How it is to be played."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "articulation", Articulation(self.articulation))  # as a number it comes by wire
        if not (self.start_frame < self.stop_frame and 1 <= self.velocity <= 127):
            raise ValueError(f"{self} does not sound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one pitched follower plays."""

    name: str
    """The follower's name."""
    notes: tuple[Note, ...]
    """The notes, for MIDI files and for people; the curves below are what is played."""
    f0_hz: FloatArray
    """Fundamental of every voice; 0 in rests.  [voices, frames]"""
    level_db: FloatArray
    """Articulation: level relative to the follower's dynamics; `SILENCE_DB` in rests.  [voices, frames]"""
    made_of: str = ""
    """Stands for all that the curves were made of, but the performer's weights; empty where that is not known."""

    def __post_init__(self) -> None:
        check_array(self.f0_hz, (None, None), "f0_hz")
        check_array(self.level_db, self.f0_hz.shape, "level_db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What a band plays along with one leader, and what conducting needs to know of that leader."""

    parts: tuple[Part | Hits, ...]
    """One for each follower, in the band's order."""
    features: FloatArray
    """The dynamics model's input, in whole quanta.  [rows, conductor frames]"""
    leader_db: FloatArray
    """The leader's loudness; `SILENCE_DB` after its end.  [num_frames]"""
    num_frames: int
    """Control frames of the performance: the leader and the tail after it."""
    committed_frames: int
    """Number of frames that no longer change, however the leader goes on: all, once the leader has ended."""
    given_dynamics: dict[str, FloatArray] = field(default_factory=dict)
    """Of parts that are locked: loudness, low and high, as in `Dynamics`, in place of what would be predicted.
    [3, num_frames]"""
    first_frame: int = 0
    """The frame of all first columns, in whole quanta: of a live leader what has been played is left out."""
    quantum_frames: int = QUANTUM_FRAMES
    """Control frames that are conducted and played at a time, a whole number of conductor frames."""

    def __post_init__(self) -> None:
        for name, curves in self.given_dynamics.items():
            check_array(curves, (3, self.num_frames), f"given_dynamics of {name}")
        check_array(self.features, (None, None), "features")
        check_array(self.leader_db, (self.num_frames - self.first_frame,), "leader_db")
        if not 0 <= self.committed_frames <= self.num_frames:
            raise ValueError(f"{self.committed_frames} of {self.num_frames} frames cannot be committed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamics:
    """The loudness that the conductor predicts for every follower, with its 80 % prediction range."""

    start_frame: int
    """Control frame of the first column."""
    parts: tuple[str, ...]
    """The followers' names, one per row."""
    loudness_db: FloatArray
    """Predicted loudness, A-weighted: what is played.  [parts, frames]"""
    low_db: FloatArray
    """Lower end of the 80 % prediction range.  [parts, frames]"""
    high_db: FloatArray
    """Upper end of the 80 % prediction range.  [parts, frames]"""

    def __post_init__(self) -> None:
        check_array(self.loudness_db, (len(self.parts), None), "loudness_db")
        check_array(self.low_db, self.loudness_db.shape, "low_db")
        check_array(self.high_db, self.loudness_db.shape, "high_db")

    @property
    def num_frames(self) -> int:
        """Number of control frames."""
        return int(self.loudness_db.shape[1])

    def curves(self, part: str) -> FloatArray:
        """Predicted loudness of one follower, and its range: loudness, low, high.  [3, frames]"""
        row = self.parts.index(part)
        return np.stack([self.loudness_db[row], self.low_db[row], self.high_db[row]])

    def row(self, part: str) -> FloatArray:
        """Predicted loudness of one follower.  [frames]"""
        loudness: FloatArray = self.loudness_db[self.parts.index(part)]
        return loudness


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """What one player plays in one block."""

    part: str
    """The follower's name."""
    start_frame: int
    """Control frame of the first column."""
    f0_hz: FloatArray
    """As in `Part`; no voices for drums.  [voices, frames]"""
    level_db: FloatArray
    """As in `Part`; no voices for drums.  [voices, frames]"""
    loudness_db: FloatArray
    """The follower's row of the dynamics.  [frames]"""
    hits: tuple[Hit, ...] = ()
    """The strokes that begin in this block; drums only."""
    is_last: bool = False
    """Whether the performance ends with this block: the player then returns all sound that is left."""
    quantum_frames: int = QUANTUM_FRAMES
    """As in `Arrangement`."""

    def __post_init__(self) -> None:
        check_array(self.f0_hz, (None, len(self.loudness_db)), "f0_hz")
        check_array(self.level_db, self.f0_hz.shape, "level_db")
        check_array(self.loudness_db, (None,), "loudness_db")

    @property
    def num_frames(self) -> int:
        """Number of control frames."""
        return len(self.loudness_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the conductor sends out for one block: one message that every player reads."""

    dynamics: Dynamics
    """Predicted loudness of every follower in this block."""
    cues: tuple[Cue, ...]
    """One for each follower, in the band's order."""

    def cue(self, part: str) -> Cue:
        """The cue of one player."""
        return next(cue for cue in self.cues if cue.part == part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorState:
    """Everything that a conductor carries from block to block."""

    next_frame: int = 0
    """First control frame of the next quantum to compute."""
    memory: dict[str, np.ndarray] = field(default_factory=dict)
    """Arrays of the dynamics model, by name."""
    surplus: Dynamics | None = None
    """Dynamics of frames that are computed already and belong to the next block; None if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerState:
    """Everything that a player carries from block to block: a value that can be stored, sent, copied and replayed."""

    next_sample: int = 0
    """The first sample of the performance that is not yet played."""
    pending: Cue | None = None
    """Frames and strokes that wait until a quantum is full."""
    memory: dict[str, np.ndarray] = field(default_factory=dict)
    """Arrays by name: for pitched parts the network's hidden state, phases in cycles (float64), the last controls."""
    ringing: tuple[Hit, ...] = ()
    """Strokes that still sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """The sound of one player in one block, before gain and pan."""

    part: str
    """The follower's name."""
    start_sample: int
    """Where in the performance the clip begins."""
    clip: AudioClip
    """Mono sound."""
