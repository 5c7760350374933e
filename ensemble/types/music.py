"""What flows between the stages: frozen values, float32 arrays, validated once at birth.

Shapes are written `[a, b]`. Unless a field says otherwise, time runs along the last axis, in control frames (100 Hz).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.arrays import FloatArray as FloatArray
from ensemble.types.arrays import check_array
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.harmony import PITCH_CLASSES as PITCH_CLASSES
from ensemble.types.harmony import Chord as Chord
from ensemble.types.harmony import Key as Key
from ensemble.types.harmony import Mode as Mode
from ensemble.types.harmony import Quality as Quality

Role = Literal["bass", "pad", "counter", "double", "drums", "transform"]
DrumClass = Literal["kick", "snare", "closed_hat", "open_hat", "crash", "ride", "tom"]

DRUM_CLASSES: tuple[DrumClass, ...] = get_args(DrumClass)
SILENCE_DB = -100.0
"""The floor of every loudness in the project; at or below it nothing sounds."""
PRESENT_DB = -55.0
"""A little noise before the first note is no beginning: where nothing lies above this, the leader is not there yet."""
PIECE_SAMPLES = 65_536
"""Sound that is large is handled in pieces of this length, aligned to its first sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioClip:
    """Sound. samples [channels, samples], float32, full scale is 1; sample_rate in Hz."""

    samples: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        check_array(self.samples, (None, None), "samples")
        if self.samples.shape[0] < 1 or self.sample_rate < 1:
            raise ValueError(f"a clip of {self.samples.shape[0]} channels at {self.sample_rate} Hz is not audio")

    @property
    def num_channels(self) -> int:
        """Channels."""
        return int(self.samples.shape[0])

    @property
    def num_samples(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    @property
    def digest(self) -> str:
        """sha256 of the samples, their shape and their rate."""
        whole = hashlib.sha256(f"{self.sample_rate}:{self.samples.shape}".encode())
        whole.update(np.ascontiguousarray(self.samples).data)
        return whole.hexdigest()

    def pieces(self) -> Iterator[FloatArray]:
        """The whole in order, `PIECE_SAMPLES` at a time.  [channels, samples]"""
        for start in range(0, self.num_samples, PIECE_SAMPLES):
            yield self.samples[:, start : start + PIECE_SAMPLES]

    def span(self, start: int, stop: int) -> AudioClip:
        """From one sample to before another.  start, stop: 0 to `num_samples`"""
        return AudioClip(samples=np.ascontiguousarray(self.samples[:, start:stop]), sample_rate=self.sample_rate)

    def mono(self) -> FloatArray:
        """The mean of the channels.  [samples]"""
        mean: FloatArray = self.samples.mean(axis=0, dtype=np.float32)
        return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What is heard, 100 times a second.

    f0_hz [frames]: fundamental, 0 where unvoiced. loudness_db [frames]: A-weighted, 0 dB is a full-scale 1 kHz sine,
    never relative to the file. confidence [frames]: of f0, 0..1. onset [frames]: onset strength, 0 or more.
    chroma [12, frames]: energy per pitch class from C, each frame's maximum is 1, or 0 in silence.
    """

    f0_hz: FloatArray
    loudness_db: FloatArray
    confidence: FloatArray
    onset: FloatArray
    chroma: FloatArray

    def __post_init__(self) -> None:
        num_frames = len(self.f0_hz)
        for name in ("f0_hz", "loudness_db", "confidence", "onset"):
            check_array(getattr(self, name), (num_frames,), name)
        check_array(self.chroma, (12, num_frames), "chroma")

    @property
    def num_frames(self) -> int:
        """Control frames."""
        return len(self.f0_hz)

    def sounds_at(self, time_s: float) -> bool:
        """Whether anything sounds at a time or (within a tenth of a second) begins to."""
        frame = max(round(time_s * FRAME_RATE_HZ), 0)
        return bool(self.loudness_db[max(frame - 3, 0) : frame + 10].max(initial=SILENCE_DB) > PRESENT_DB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the ensemble understood of the leader."""

    frames: Frames
    """What is heard, 100 times a second."""
    beats_s: NDArray[np.float64]
    """Beats in seconds from the recording's start, rising.  [beats]"""
    tempo_bpm: float
    """Beats a minute."""
    beats_per_bar: int
    """The metre."""
    first_downbeat: int
    """Index of the beat that opens bar 1: the first downbeat once the leader plays."""
    key: Key
    """One key for the whole recording."""
    chords: tuple[Chord, ...]
    """One chord per beat."""
    tuning_cents: float
    """How far A4 lies above 440 Hz."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What could not be followed, or was assumed."""
    swing: float = 0.5
    """Where the second half of a beat begins: 0.5 is straight, 2/3 swings in triplets, 0.75 is the most."""
    provisional_frames: int = 0
    """So many frames at the end may still change as more is heard; 0 where the recording was heard to its end."""

    def __post_init__(self) -> None:
        if not 0 <= self.provisional_frames <= self.frames.num_frames:
            raise ValueError(f"{self.provisional_frames} of {self.frames.num_frames} frames cannot be provisional")
        check_array(self.beats_s, (None,), "beats_s", np.float64)
        if not 0.5 <= self.swing <= 0.75:
            raise ValueError(f"nobody swings at {self.swing} of the beat")
        if len(self.chords) != len(self.beats_s):
            raise ValueError(f"{len(self.chords)} chords for {len(self.beats_s)} beats")
        if len(self.beats_s) > 1 and not (np.diff(self.beats_s) > 0).all():
            raise ValueError("beats_s must rise")

    @property
    def final_frames(self) -> int:
        """Up to this frame nothing changes any more, however the leader goes on."""
        return self.frames.num_frames - self.provisional_frames

    @property
    def follows_pitch(self) -> bool:
        """Whether the harmony can be told from the followed pitch; from the spectrum otherwise."""
        return not any(found.code in ("little_pitch", "several_notes") for found in self.diagnostics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One written note: frames [start_frame, stop_frame), pitch in (fractional) MIDI, velocity 1..127, which voice."""

    start_frame: int
    stop_frame: int
    pitch_midi: float
    velocity: int
    voice: int = 0

    def __post_init__(self) -> None:
        if not (self.start_frame < self.stop_frame and 1 <= self.velocity <= 127):
            raise ValueError(f"{self} does not sound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one pitched follower plays.

    f0_hz [voices, frames]: 0 where a voice rests. level_db [voices, frames]: articulation relative to the follower's
    dynamics; 0 is at the dynamics, `SILENCE_DB` is a rest. notes: the same, for MIDI and for people.
    """

    name: str
    notes: tuple[Note, ...]
    f0_hz: FloatArray
    level_db: FloatArray

    def __post_init__(self) -> None:
        check_array(self.f0_hz, (None, None), "f0_hz")
        check_array(self.level_db, self.f0_hz.shape, "level_db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One drum stroke: when (seconds from the start), on what, how hard (0..1), and its number in the piece."""

    time_s: float
    drum: DrumClass
    velocity: float
    index: int

    def __post_init__(self) -> None:
        if self.drum not in DRUM_CLASSES or not (self.time_s >= 0.0 and 0.0 <= self.velocity <= 1.0):
            raise ValueError(f"{self} is no stroke")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a drummer plays: strokes in rising time, over `num_frames` control frames."""

    name: str
    hits: tuple[Hit, ...]
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What a band plays along with one leader, and what conducting needs of that leader."""

    parts: tuple[Part | Hits, ...]
    """One for each follower, in the band's order."""
    features: FloatArray
    """What the dynamics model reads of the leader, in whole quanta.  [rows, conductor frames]"""
    leader_db: FloatArray
    """The leader's loudness, `SILENCE_DB` after its end.  [num_frames]"""
    num_frames: int
    """Control frames of the performance: the leader and the tail after it."""
    committed_frames: int
    """Up to here nothing will change, however the leader goes on: all frames, once the leader has ended."""

    def __post_init__(self) -> None:
        check_array(self.features, (None, None), "features")
        check_array(self.leader_db, (self.num_frames,), "leader_db")
        if not 0 <= self.committed_frames <= self.num_frames:
            raise ValueError(f"{self.committed_frames} of {self.num_frames} frames cannot be committed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamics:
    """Predicted loudness of every follower from `start_frame` on, and the band that should hold 80 % of the truth.

    parts: names, in row order; loudness_db, low_db, high_db [parts, frames], A-weighted.
    """

    start_frame: int
    parts: tuple[str, ...]
    loudness_db: FloatArray
    low_db: FloatArray
    high_db: FloatArray

    def __post_init__(self) -> None:
        check_array(self.loudness_db, (len(self.parts), None), "loudness_db")
        check_array(self.low_db, self.loudness_db.shape, "low_db")
        check_array(self.high_db, self.loudness_db.shape, "high_db")

    @property
    def num_frames(self) -> int:
        """Control frames."""
        return int(self.loudness_db.shape[1])

    def row(self, part: str) -> FloatArray:
        """The loudness of one follower.  [frames]"""
        loudness: FloatArray = self.loudness_db[self.parts.index(part)]
        return loudness


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One block for one player.

    f0_hz, level_db [voices, frames] (no voices for drums), loudness_db [frames] (the dynamics), hits (drums only).
    is_last: the tails are flushed and the stem ends exactly at `start_frame` + frames.
    """

    part: str
    start_frame: int
    f0_hz: FloatArray
    level_db: FloatArray
    loudness_db: FloatArray
    hits: tuple[Hit, ...] = ()
    is_last: bool = False

    def __post_init__(self) -> None:
        check_array(self.f0_hz, (None, len(self.loudness_db)), "f0_hz")
        check_array(self.level_db, self.f0_hz.shape, "level_db")
        check_array(self.loudness_db, (None,), "loudness_db")

    @property
    def num_frames(self) -> int:
        """Control frames."""
        return len(self.loudness_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the conductor broadcasts for one block: the dynamics, and one cue per player. One message, read by all."""

    dynamics: Dynamics
    cues: tuple[Cue, ...]

    def cue(self, part: str) -> Cue:
        """The cue of one player."""
        return next(cue for cue in self.cues if cue.part == part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductorState:
    """Everything a conductor carries from block to block: its next quantum's frame, its memory, its surplus.

    memory: arrays by name, of the dynamics model. surplus: dynamics of frames computed but not yet asked for.
    """

    next_frame: int = 0
    memory: dict[str, np.ndarray] = field(default_factory=dict)
    surplus: Dynamics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerState:
    """Everything a player carries from block to block, as a value: it can be stored, sent, forked and replayed.

    next_sample: the first absolute sample not yet emitted. pending: frames and strokes that wait for a full quantum.
    memory: arrays by name (hidden state, phase in cycles as float64, previous controls, noise tail).
    ringing: strokes that still sound.
    """

    next_sample: int = 0
    pending: Cue | None = None
    memory: dict[str, np.ndarray] = field(default_factory=dict)
    ringing: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """What one player sounded in one block: mono, dry, before gain and pan, from absolute sample `start_sample` on."""

    part: str
    start_sample: int
    clip: AudioClip
