"""Parts that are given and not written: those that were locked, and notes that a user has edited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
from mido.midifiles.meta import KeySignatureError

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid, grid_of
from ensemble.conduct.midi import ARTICULATION_CONTROLS, DRUM_NOTES
from ensemble.conduct.models import performers_of
from ensemble.conduct.parts import placed
from ensemble.conduct.pedal import pooled
from ensemble.conduct.performer import Performer
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import DataError
from ensemble.files.midi import DRUM_CHANNEL
from ensemble.files.midi_keys import MidiKeys
from ensemble.types.articulation import Articulation
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import SILENCE_DB, Arrangement, DrumClass, FloatArray, Heard, Hit, Hits, Note, Part

Written = Part | Hits
FIRST_TAKE = "take-00"
LONG_TAIL_FRAMES = 3000
"""More than a performance may last after its leader."""
TOUCHING_S = 0.03
"""Notes of one voice may overlap by so much: the earlier one ends where the later begins."""
_MOST_CLASHES = 4
_OTHER_NOTES: dict[int, DrumClass] = {
    35: "kick", 40: "snare", 44: "closed_hat", 59: "ride", 43: "low_tom", 47: "tom", 50: "high_tom",
    62: "high_conga", 69: "shaker", 77: "woodblock", 82: "shaker",
}  # fmt: skip
_DRUM_OF: dict[int, DrumClass] = {note: drum for drum, note in DRUM_NOTES.items()} | _OTHER_NOTES
_SWITCHES = {number: articulation for articulation, number in ARTICULATION_CONTROLS.items()}
_ON = 64
_UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, ZeroDivisionError, KeySignatureError,
)  # fmt: skip
"""What reading a damaged MIDI file raises."""
_EARLY_FRAMES = 3
"""A retake takes over so long before its bar line, since notes may begin a little early."""


class Struck(NamedTuple):
    """A note of a MIDI file."""

    start_s: float
    """When it begins."""
    stop_s: float
    """When it ends."""
    pitch_midi: int
    """Its note number."""
    velocity: int
    """MIDI velocity, 1..127."""
    channel: int
    """From 0 on."""
    articulation: Articulation = Articulation.PLAIN
    """As its channel's controllers say; see `ARTICULATION_CONTROLS`."""


class GivenPart(NamedTuple):
    """What stands for what would be written of one part."""

    takes: Mapping[str, tuple[Written, FloatArray]] = {}
    """A locked part, by take: what it plays, and its dynamics as in `Arrangement.given_dynamics`."""
    notes: tuple[Struck, ...] = ()
    """Edited notes, for every take."""


def laid(
    arrangement: Arrangement, given: Mapping[str, GivenPart], take: str, heard: Heard, band: BandSettings,
) -> Arrangement:  # fmt: skip
    """Put given parts in the place of those that were written.

    In a take that goes on after the leader, edited notes are followed by what was written; a take that is new since a
    part was locked keeps what was written.

    Args:
        arrangement: as it was written.
        given: by the part's name.
        take: name of the take.
        heard: its leader.
        band: who plays.

    Raises:
        PerformerError: who shapes edited notes cannot be used.
    """
    performers = performers_of(band) if any(one.notes for one in given.values()) else {}
    parts, dynamics = list(arrangement.parts), dict[str, FloatArray]()
    for index, follower in enumerate(band.followers):
        one = given.get(follower.name)
        if one is not None and one.notes:
            performer = performers.get(follower.name)
            played = _played(one.notes, follower, heard, arrangement.num_frames, band.humanize, performer)
            end = arrangement.num_frames if take == FIRST_TAKE else round(_end_s(one.notes) * FRAME_RATE_HZ)
            parts[index] = spliced(parts[index], played, 0, end)
        elif one is not None and take in one.takes:
            part, curves = one.takes[take]
            parts[index] = _fitted(part, arrangement.num_frames)
            missing = max(arrangement.num_frames - curves.shape[1], 0)
            dynamics[follower.name] = np.pad(curves[:, : arrangement.num_frames], ((0, 0), (0, missing)), mode="edge")
    return replace(arrangement, parts=tuple(parts), given_dynamics=dynamics)


def _end_s(notes: Sequence[Struck]) -> float:
    """When the last note ends, which need not be the one that begins last."""
    return max(note.stop_s for note in notes)


def clashes(arrangement: Arrangement, heard: Heard, given: Mapping[str, GivenPart]) -> tuple[Diagnostic, ...]:
    """Where notes of given parts that begin on a beat do not belong to its chord: one warning for each part."""
    grid = grid_of(heard)
    found = []
    for part in arrangement.parts:
        if part.name in given and isinstance(part, Part):
            bars = sorted({int(grid.bars[beat]) + 1 for beat in _strange(part, grid)})
            if bars:
                first = ", ".join(str(bar) for bar in bars[:_MOST_CLASHES])
                more = f" and {len(bars) - _MOST_CLASHES} more" if len(bars) > _MOST_CLASHES else ""
                text = f"{part.name} is given and does not fit the chords in bars {first}{more}; please check it."
                found.append(Diagnostic(code="given_part_clashes", text=text))
    return tuple(found)


def _strange(part: Part, grid: Grid) -> set[int]:
    """The beats on which a note begins that is not of the chord."""
    starts_s = np.array([note.start_frame for note in part.notes]) / FRAME_RATE_HZ
    beats = np.searchsorted(grid.edges_s, starts_s + TOUCHING_S, side="right") - 1
    inside = (beats >= 0) & (beats < grid.num_beats)
    return {
        int(beat)
        for note, beat, start_s in zip(
            [note for note, is_in in zip(part.notes, inside, strict=True) if is_in], beats[inside], starts_s[inside],
            strict=True,
        )
        if abs(start_s - grid.edges_s[beat]) < 2 * TOUCHING_S
        and round(note.pitch_midi) % 12 not in {*grid.sounding[beat].tones, grid.sounding[beat].lowest}
    }  # fmt: skip


def spliced(part: Written, other: Written, start_frame: int, stop_frame: int) -> Written:
    """A part with another one's frames from `start_frame` to `stop_frame`; notes across these end or begin there."""
    if isinstance(part, Hits) or isinstance(other, Hits):
        if not (isinstance(part, Hits) and isinstance(other, Hits)):
            raise TypeError(f"{part.name} cannot become another kind of part")
        hits = [hit for hit in part.hits if not start_frame <= hit.time_s * FRAME_RATE_HZ < stop_frame]
        hits += [hit for hit in other.hits if start_frame <= hit.time_s * FRAME_RATE_HZ < stop_frame]
        return replace(part, hits=tuple(sorted(hits, key=lambda hit: (hit.time_s, hit.index))))
    inside = slice(start_frame, stop_frame)
    f0_hz, level_db = part.f0_hz.copy(), part.level_db.copy()
    f0_hz[:, inside], level_db[:, inside] = other.f0_hz[:, inside], other.level_db[:, inside]
    notes = [
        *_cut(part.notes, 0, start_frame), *_cut(other.notes, start_frame, stop_frame),
        *_cut(part.notes, stop_frame, part.f0_hz.shape[1]),
    ]  # fmt: skip
    return Part(name=part.name, notes=tuple(sorted(notes, key=_place)), f0_hz=f0_hz, level_db=level_db)


def bar_frames(heard: Heard, first_bar: int, last_bar: int) -> tuple[int, int]:
    """The frames of some bars, counted from 1; both are the last frame where the leader has no such bars."""
    grid = grid_of(heard)
    starts = [*np.flatnonzero((grid.positions == 0) & (grid.bars >= 0)).tolist(), grid.num_beats]
    begin, end = (starts[min(bar - 1, len(starts) - 1)] for bar in (first_bar, last_bar + 1))
    frames = [round(float(grid.edges_s[beat]) * FRAME_RATE_HZ) - _EARLY_FRAMES for beat in (begin, end)]
    return max(frames[0], 0), max(frames[1], 0) if end < grid.num_beats else heard.frames.num_frames + LONG_TAIL_FRAMES


def read_notes(path: Path, follower: FollowerSettings) -> tuple[Struck, ...]:
    """Read the notes that a follower shall play from a MIDI file, in the file's own tempo.

    Keyed instruments have a pedal: while it is down, notes ring on after their keys are let go.

    Raises:
        DataError: it is no MIDI file, or holds what the follower cannot play; names the note and its time.
    """
    try:
        document = mido.MidiFile(path)
        keys = _notes_of(document)
        struck = _notes_of(document, has_pedal=True) if follower.spec.family == "keyed" else keys
    except _UNREADABLE as error:
        raise DataError(str(path), "is not a MIDI file that can be read", "export it again") from error
    if not struck:
        raise DataError(str(path), "holds no notes", "name the file with the notes of this part")
    _check(keys, path, follower)
    return tuple(struck)


def _notes_of(document: mido.MidiFile, *, has_pedal: bool = False) -> list[Struck]:
    """Every note, by its beginning; one that is never ended lasts to the end of the file."""
    now_s = 0.0
    keys = defaultdict[int, MidiKeys[float]](lambda: MidiKeys(has_pedal=has_pedal))
    switched = defaultdict[int, set[Articulation]](set)
    articulations: dict[tuple[int, int, float], Articulation] = {}
    for message in document:
        now_s += message.time
        if message.type == "note_on" and message.velocity > 0:
            how = max(switched[message.channel], default=Articulation.PLAIN)
            articulations[message.channel, message.note, now_s] = how
            keys[message.channel].strike(message.note, message.velocity, now_s)
        elif message.type in ("note_on", "note_off"):
            keys[message.channel].let_go(message.note, now_s)
        elif message.type == "control_change" and message.control in _SWITCHES:
            on = switched[message.channel]
            (on.add if message.value >= _ON else on.discard)(_SWITCHES[message.control])
        elif message.type == "control_change":
            keys[message.channel].control(message.control, message.value, now_s)
    return sorted(
        Struck(
            note.start, note.rings_until, note.pitch_midi, note.velocity, channel,
            articulations[channel, note.pitch_midi, note.start],
        )
        for channel, its_keys in keys.items() for note in its_keys.finish(now_s) if note.rings_until > note.start
    )  # fmt: skip


def _check(struck: Sequence[Struck], path: Path, follower: FollowerSettings) -> None:
    is_drummer = follower.role == "drums"
    stray = next((one for one in struck if (one.channel == DRUM_CHANNEL) != is_drummer), None)
    if stray is not None:
        what = "notes of an instrument" if is_drummer else "drums (channel 10)"
        raise DataError(
            str(path), f"holds {what} at {stray.start_s:.1f} s", f"{follower.name} is {follower.instrument}"
        )
    low, high = follower.range
    for one in struck:
        if is_drummer and one.pitch_midi not in _DRUM_OF:
            known = ", ".join(f"{note} {drum}" for drum, note in DRUM_NOTES.items())
            raise DataError(str(path), f"note {one.pitch_midi} at {one.start_s:.1f} s is no drum", f"there are {known}")
        if not is_drummer and not low <= one.pitch_midi <= high:
            problem = f"note {one.pitch_midi} at {one.start_s:.1f} s is out of range"
            raise DataError(str(path), problem, f"{follower.name} plays from {low} to {high}")
    if not is_drummer and (crowded := _voices(struck, follower.num_voices)[1]) is not None:
        problem = f"has more than {follower.num_voices} notes at once at {crowded.start_s:.1f} s"
        raise DataError(str(path), problem, f"{follower.name} cannot play more")


def _voices(struck: Sequence[Struck], num_voices: int) -> tuple[list[int], Struck | None]:
    """The voice of every note, and the first note for which none is free."""
    free_s = [0.0] * num_voices
    voices: list[int] = []
    for one in struck:
        voice = min(range(num_voices), key=lambda each: (free_s[each] > one.start_s + TOUCHING_S, each))
        if free_s[voice] > one.start_s + TOUCHING_S:
            return voices, one
        free_s[voice] = one.stop_s
        voices.append(voice)
    return voices, None


def _played(
    struck: Sequence[Struck], follower: FollowerSettings, heard: Heard, num_frames: int, humanize: float,
    performer: Performer | None,
) -> Written:  # fmt: skip
    """What a follower makes of notes, when and as hard as they are given, at the leader's tuning."""
    struck = [one for one in struck if one.start_s < num_frames / FRAME_RATE_HZ]
    if follower.role == "drums":
        hits = tuple(
            Hit(time_s=one.start_s, drum=_DRUM_OF[one.pitch_midi], velocity=one.velocity / 127, index=index)
            for index, one in enumerate(struck)
        )
        return Hits(name=follower.name, hits=hits, num_frames=num_frames)
    written = [
        WrittenNote(one.start_s, one.stop_s, one.pitch_midi, one.velocity, articulation=one.articulation)
        for one in struck
    ]
    if follower.spec.family == "keyed":
        written = pooled(written, follower.num_voices)
    else:
        voices, _ = _voices(struck, follower.num_voices)
        written = [note._replace(voice=voice) for note, voice in zip(written, voices, strict=True)]
    seed, num_voices = follower.played_seed(0), follower.num_voices
    return shape(
        follower.name, placed(written, grid_of(heard)), follower.spec, num_voices, heard.tuning_cents, num_frames, seed,
        humanize, performer=performer, keeps_time=True,
    )  # fmt: skip


def _fitted(part: Written, num_frames: int) -> Written:
    """A part with silence after its end, or cut."""
    if isinstance(part, Hits):
        hits = tuple(hit for hit in part.hits if hit.time_s * FRAME_RATE_HZ < num_frames)
        return replace(part, hits=hits, num_frames=num_frames)
    missing = max(num_frames - part.f0_hz.shape[1], 0)
    f0_hz = np.pad(part.f0_hz[:, :num_frames], ((0, 0), (0, missing)))
    level_db = np.pad(part.level_db[:, :num_frames], ((0, 0), (0, missing)), constant_values=SILENCE_DB)
    return Part(name=part.name, notes=tuple(_cut(part.notes, 0, num_frames)), f0_hz=f0_hz, level_db=level_db)


def _cut(notes: Sequence[Note], start: int, stop: int) -> list[Note]:
    """The notes between two frames, those across them shortened."""
    cut = ((max(note.start_frame, start), min(note.stop_frame, stop), note) for note in notes)
    return [replace(note, start_frame=begin, stop_frame=end) for begin, end, note in cut if begin < end]


def _place(note: Note) -> tuple[int, int]:
    return note.start_frame, note.voice
