"""Melodies from MIDI files: one voice is chosen, its top line followed, and both are said."""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import mido
import numpy as np
from mido.midifiles.meta import KeySignatureError

from ensemble.errors import DataError
from ensemble.files.midi import DRUM_CHANNEL
from ensemble.scores.melody import Melody, TempoMark, Tone, placed, refuse_endless, tempo_map
from ensemble.scores.midi_time import USUAL_TEMPO, bars_of, key_of, metres_of, said_in, tempos_of

MELODY_WORDS = ("melod", "vocal", "voice", "voix", "sing", "lead", "solo", "gesang", "tune")
MIN_SHARE = 0.5
"""A voice that sounds for less than this share of the busiest one is an ornament, not the melody."""
PHRASE_REST_QUARTERS = Fraction(1, 2)
"""A rest this long ends a phrase: MIDI has no other sign for it."""
_DAMAGE = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, struct.error, KeySignatureError,
)  # fmt: skip
"""What mido raises on bytes that are no MIDI."""


class TickNote(NamedTuple):
    """A note of a MIDI file."""

    start: int
    """The tick at which it begins."""
    stop: int
    """The tick at which it no longer sounds."""
    pitch_midi: int
    velocity: int


class MidiVoice(NamedTuple):
    """The notes of one channel of one track, as they sound."""

    name: str
    """Of its track; empty where it has none."""
    program: int | None
    """The first General MIDI instrument that the channel is given."""
    notes: list[TickNote]


def parse_midi(content: bytes, what: str) -> Melody:
    """Read the melody in the bytes of a MIDI file; `what` stands for it in errors.

    Of several voices (a channel of a track) the one whose track is named like a melody is taken, or else the highest
    of those that sound long enough; where its notes overlap, the top line. Which, and what was left out, is said in
    `warnings`. Drums are no melody.

    Raises:
        DataError: it is no MIDI or cut short, counts in film frames, or has no notes.
    """
    document = open_midi(content, what)
    warnings: list[str] = []
    voice = _choose(voices_of(document, what, warnings), warnings)
    return melody_of(document, voice, what, warnings)


def open_midi(content: bytes, what: str) -> Any:
    """The document that mido makes of the bytes of a MIDI file that counts in beats; `what` stands for it in errors.

    Raises:
        DataError: it is no MIDI, cut short, or counts in film frames.
    """
    try:
        document = mido.MidiFile(file=io.BytesIO(content))
    except _DAMAGE as error:
        problem = "is cut short" if isinstance(error, EOFError) else "is no MIDI file, or a damaged one"
        raise DataError(what, problem, "export it again") from error
    if document.type not in (0, 1) or document.ticks_per_beat < 1:
        raise DataError(what, "does not count in beats", "export it as a MIDI file of type 0 or 1")
    return document


def melody_of(document: Any, voice: MidiVoice, what: str, warnings: list[str]) -> Melody:
    """The top line of one voice, in the time of its document; what is not taken as written is added to `warnings`."""
    line, num_below = top_line(voice.notes)
    if num_below:
        warnings.append(f"{num_below} of {len(voice.notes)} notes sound below others: the top line is followed.")
    ticks = document.ticks_per_beat
    tones = [
        Tone(Fraction(note.start, ticks), Fraction(note.stop - note.start, ticks), note.pitch_midi, note.velocity)
        for note in line
    ]
    return _melody(document, _phrased(tones), voice, warnings, what)


def voices_of(document: Any, what: str, warnings: list[str]) -> list[MidiVoice]:
    """Every channel of every track that has notes, without drums.

    Raises:
        DataError: there is none.
    """
    voices, num_empty, num_open = [], 0, 0
    for track in document.tracks:
        notes, num_unreleased = track_notes(track)
        num_open += num_unreleased
        name = " ".join(message.name for message in track if message.type == "track_name")
        name = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())[:40]
        for channel, listed in sorted(notes.items()):
            programs = [said.program for said in track if said.type == "program_change" and said.channel == channel]
            lasting = [note for note in listed if note.stop > note.start]
            num_empty += len(listed) - len(lasting)
            voices += [MidiVoice(name, programs[0] if programs else None, lasting)] if lasting else []
    if not voices:
        raise DataError(what, "has no notes that last", "give a MIDI file with a melody")
    if num_empty:
        warnings.append(f"{num_empty} of its notes have no length and are left out.")
    if num_open:
        warnings.append(f"{num_open} of its notes are never released: they last to the end of their track.")
    return voices


def track_notes(track: Any) -> tuple[dict[int, list[TickNote]], int]:
    """The notes of a track by channel, without drums; and how many are never released.

    A note that is struck again while it sounds ends there.
    """
    notes: dict[int, list[TickNote]] = defaultdict(list)
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    now = 0
    for message in track:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == DRUM_CHANNEL:
            continue
        key = message.channel, message.note
        if key in sounding:
            start, velocity = sounding.pop(key)
            notes[message.channel].append(TickNote(start, now, message.note, velocity))
        if message.type == "note_on" and message.velocity > 0:
            sounding[key] = now, message.velocity
    for (channel, pitch), (start, velocity) in sounding.items():
        notes[channel].append(TickNote(start, now, pitch, velocity))
    return notes, len(sounding)


def in_seconds(notes: Sequence[TickNote], document: Any, tempos: Sequence[TempoMark]) -> list[tuple[float, float, int]]:
    """Start, stop and pitch of notes, by the tempos of their document."""
    quarters = np.array([(note.start, note.stop) for note in notes]).reshape(-1, 2) / document.ticks_per_beat
    edges_s = tempo_map(tempos).seconds(quarters).tolist()
    return [(start_s, stop_s, note.pitch_midi) for note, (start_s, stop_s) in zip(notes, edges_s, strict=True)]


def _choose(voices: list[MidiVoice], warnings: list[str]) -> MidiVoice:
    """The voice that carries the melody; see `parse_midi`."""
    if len(voices) == 1:
        return voices[0]
    sounding = [sum(note.stop - note.start for note in voice.notes) for voice in voices]
    named = [index for index, voice in enumerate(voices) if any(word in voice.name.lower() for word in MELODY_WORDS)]
    steady = [index for index, total in enumerate(sounding) if total >= MIN_SHARE * max(sounding)]

    def height(index: int) -> float:
        weighted = sum(note.pitch_midi * (note.stop - note.start) for note in voices[index].notes)
        return weighted / sounding[index]

    chosen = max(named or steady, key=height)
    label = f"{voices[chosen].name!r}, voice {chosen + 1}" if voices[chosen].name else f"voice {chosen + 1}"
    warnings.append(f"Of {len(voices)} voices one is followed: {label}.")
    return voices[chosen]


def _melody(document: Any, tones: list[Tone], voice: MidiVoice, warnings: list[str], what: str) -> Melody:
    """Add what the file says of tempo, metre and key."""
    said = said_in(document)
    tempos = tempos_of(said, what)
    marks = tempos or [USUAL_TEMPO]
    length = tones[-1].onset + tones[-1].length
    refuse_endless(float(tempo_map(marks).seconds(float(length))), what)
    metres, pickup = metres_of(said)
    return Melody(
        notes=placed(tones, marks),
        length=length,
        tempos=tuple(marks),
        metres=tuple(metres),
        bars=tuple(bars_of(metres, pickup, length)),
        key=key_of(said),
        program=voice.program,
        tempo_assumed=not tempos,
        warnings=tuple(warnings),
    )


def _phrased(tones: list[Tone]) -> list[Tone]:
    """Number the phrases: a rest parts two."""
    phrase = 0
    numbered = tones[:1]
    for before, after in pairwise(tones):
        phrase += after.onset - before.onset - before.length >= PHRASE_REST_QUARTERS
        numbered.append(after._replace(phrase=phrase))
    return numbered


def top_line(notes: Iterable[TickNote]) -> tuple[list[TickNote], int]:
    """Follow the top line.

    A note ends where a higher one begins. A lower one that begins under a held note is left out, unless it only laps
    over it, as slurred notes do: where the held note is more than half over, and the new one goes on for longer than
    they share.

    Returns:
        The line, no two notes at once; and how many notes were left out.
    """
    line: list[TickNote] = []
    num_below = 0
    for note in sorted(notes, key=lambda one: (one.start, -one.pitch_midi, -one.stop)):
        held = line[-1] if line else None
        if held is None or note.start >= held.stop:
            line.append(note)
        elif note.start > held.start and (note.pitch_midi > held.pitch_midi or _laps(held, note)):
            line[-1] = held._replace(stop=note.start)
            line.append(note)
        else:
            num_below += 1
    return line, num_below


def _laps(held: TickNote, note: TickNote) -> bool:
    shared = held.stop - note.start
    return 2 * shared < held.stop - held.start and 2 * shared < note.stop - note.start
