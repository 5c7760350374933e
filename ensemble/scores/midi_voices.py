"""The voices of a MIDI file: the notes of each channel as they sound, with pedal, pitch bend and channel volume."""

from __future__ import annotations

import codecs
import contextlib
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.files.midi import DRUM_CHANNEL
from ensemble.files.midi_keys import KeyedNote, MidiKeys
from ensemble.scores.melody import TempoMark, tempo_map
from ensemble.scores.midi_reader import ChannelEvent, MidiScore, ScoreTrack
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import SILENCE_DB

_TRACK_NAME = 0x03
_KANA = "\u3040", "\u30ff"
_RANGE_MSB, _RANGE_LSB, _VOLUME, _EXPRESSION = 6, 38, 7, 11
_RPN_LSB, _RPN_MSB, _NRPN, _RESET = 100, 101, (98, 99), 121
_UNPLAYED = {
    1: "modulation", 2: "breath", 5: "portamento", 65: "portamento", 66: "the sostenuto pedal", 67: "the soft pedal",
    68: "legato",
}  # fmt: skip
USUAL_VOLUME, USUAL_EXPRESSION, USUAL_BEND_SEMITONES = 100, 127, 2.0
"""Until the file says otherwise: General MIDI level 1, section 4."""


INAUDIBLE_DB = -75.0
"""Against the usual volume: from here on down a note is no sound."""


TickNote = KeyedNote[int]
"""A note of a MIDI file, in ticks."""
SHORTEST_QUARTERS = 1 / 8
"""What begins less than this after a note that nobody releases is of its chord, and does not end it."""


class ChannelSetting(NamedTuple):
    """How a channel's notes sound from a tick on."""

    tick: int
    bend_semitones: float
    """Above the key."""
    level_db: float
    """Against the usual volume."""


class MidiVoice(NamedTuple):
    """The notes of one channel of one track, as they sound."""

    name: str
    """Of its track; empty where it has none."""
    program: int | None
    """The first General MIDI instrument that the channel is given."""
    notes: list[TickNote]
    """In the order in which they end."""
    settings: list[ChannelSetting]
    """In order; empty where nothing is bent and the volume is the usual one."""
    unplayed: tuple[str, ...]
    """What else the channel is told, and nobody plays."""

    @property
    def is_silent(self) -> bool:
        """Whether its volume lets nothing be heard."""
        is_set = bool(self.settings) and self.settings[0].tick <= min(note.start for note in self.notes)
        return is_set and all(one.level_db < INAUDIBLE_DB for one in self.settings)

    def pitches(self) -> NDArray[np.int64]:
        """What each note begins with, to the nearest semitone within MIDI's range.  [notes]"""
        return np.clip(self.bent_pitches(), 0, 127)

    def bent_pitches(self) -> NDArray[np.int64]:
        """What each note begins with by its bend, to the nearest semitone.  [notes]"""
        bends = np.array([0.0, *(one.bend_semitones for one in self.settings)])
        begun = np.searchsorted([one.tick for one in self.settings], [note.start for note in self.notes], side="right")
        keys = np.array([note.pitch_midi for note in self.notes])
        return np.asarray((keys + np.rint(bends[begun])).astype(np.int64))


def voices_of(score: MidiScore, said: list[Diagnostic]) -> list[MidiVoice]:
    """Every channel of every track that has notes, without drums; what is left out is added to `said`."""
    voices, num_empty, num_open = [], 0, 0
    told = _told(score)
    for track in score.tracks:
        name = _name(track)
        for channel in sorted({event.channel for event in track.events if event.kind == "note_on"}):
            events = _all_told(track, channel, told[channel])
            if channel == DRUM_CHANNEL:
                continue
            listed, num_unreleased = channel_notes(events, score.ticks_per_quarter, track.end_tick)
            lasting = [note for note in listed if note.rings_until > note.start]
            num_empty += len(listed) - len(lasting)
            num_open += num_unreleased
            if lasting:
                programs = [event.first for event in events if event.kind == "program"]
                unplayed = {_UNPLAYED[one.first] for one in events if one.kind == "control" and one.first in _UNPLAYED}
                unplayed |= {"pressure" for one in events if one.kind in ("pressure", "touch")}
                unplayed |= {"changes of instrument"} if len(set(programs)) > 1 else set()
                program = programs[0] if programs else None
                voices.append(MidiVoice(name, program, lasting, list(_settings(events)), tuple(sorted(unplayed))))
    if num_empty:
        text = f"{num_empty} of its notes have no length and are left out."
        said.append(Diagnostic(code="score_simplified", text=text))
    if num_open:
        text = f"{num_open} of its notes are never released: they last until the next one begins."
        said.append(Diagnostic(code="score_simplified", text=text))
    return voices


def channel_notes(
    events: Sequence[ChannelEvent], ticks_per_quarter: int, end_tick: int
) -> tuple[list[TickNote], int]:  # fmt: skip
    """The notes of one channel in the order in which they end, and how many are never released.

    These end where the next ones begin, or with their track. Where nothing is ever released, striking a key again
    releases nothing, either, and the last notes are as long as those before.
    """
    onsets = sorted({event.tick for event in events if event.kind == "note_on" and event.second})
    if not onsets:
        return [], 0
    shortest = SHORTEST_QUARTERS * ticks_per_quarter
    are_released = any(event.kind == "note_off" or (event.kind == "note_on" and not event.second) for event in events)
    if not are_released and (num_before := bisect_right(onsets, onsets[-1] - shortest)):
        end_tick = max(end_tick, 2 * onsets[-1] - onsets[num_before - 1])
    keys = MidiKeys[int]()
    for event in events:
        if event.kind == "note_on" and event.second:
            keys.strike(event.first, event.second, event.tick)
        elif event.kind in ("note_on", "note_off"):
            keys.let_go(event.first, event.tick)
        elif event.kind == "control":
            keys.control(event.first, event.second, event.tick)
    notes: list[TickNote] = []
    num_open = 0
    for note in keys.finish(end_tick):
        if are_released and note.is_released:
            notes.append(note)
        else:
            following = bisect_left(onsets, note.start + shortest)
            stop = min([note.stop, *onsets[following : following + 1]])
            notes.append(note._replace(stop=stop, rings_until=stop))
            num_open += 1
    return notes, num_open


def in_seconds(
    voice: MidiVoice, score: MidiScore, tempos: Sequence[TempoMark]
) -> list[tuple[float, float, int]]:  # fmt: skip
    """Start, stop and pitch of a voice's notes as they sound, by the tempos of their score."""
    quarters = np.array([(note.start, note.rings_until) for note in voice.notes]).reshape(-1, 2)
    edges_s = tempo_map(tempos).seconds(quarters / score.ticks_per_quarter).tolist()
    pitches = voice.pitches().tolist()
    return [(start_s, stop_s, pitch) for (start_s, stop_s), pitch in zip(edges_s, pitches, strict=True)]


def _told(score: MidiScore) -> dict[int, list[ChannelEvent]]:
    """All that each channel is told but notes, on whichever track."""
    told: dict[int, list[ChannelEvent]] = defaultdict(list)
    for track in score.tracks:
        for event in track.events:
            if event.kind in ("control", "bend", "program"):
                told[event.channel].append(event)
    return told


def _all_told(track: ScoreTrack, channel: int, told: list[ChannelEvent]) -> list[ChannelEvent]:
    """A channel's events of one track, and of what other tracks tell the channel whatever this one does not."""
    own = [event for event in track.events if event.channel == channel]
    mine = {_subject(event) for event in own}
    return sorted([*(event for event in told if _subject(event) not in mine), *own], key=lambda event: event.tick)


def _subject(event: ChannelEvent) -> tuple[str, int]:
    return event.kind, event.first if event.kind == "control" else 0


def _settings(events: Iterable[ChannelEvent]) -> Iterator[ChannelSetting]:
    """How bend and volume change; nothing where they never leave the usual."""
    bend, bend_range, volume, expression = 0, USUAL_BEND_SEMITONES, USUAL_VOLUME, USUAL_EXPRESSION
    parameter = [127, 127]
    before = (0.0, 0.0)
    for event in events:
        if event.kind == "bend":
            bend = event.first + 128 * event.second - 8192
        elif event.kind == "control" and event.first in (_RPN_MSB, _RPN_LSB):
            parameter[event.first == _RPN_LSB] = event.second
        elif event.kind == "control" and event.first in _NRPN:
            parameter = [127, 127]
        elif event.kind == "control" and event.first == _RANGE_MSB and parameter == [0, 0]:
            bend_range = event.second + bend_range % 1
        elif event.kind == "control" and event.first == _RANGE_LSB and parameter == [0, 0]:
            bend_range = int(bend_range) + min(event.second, 99) / 100
        elif event.kind == "control" and event.first == _VOLUME:
            volume = event.second
        elif event.kind == "control" and event.first == _EXPRESSION:
            expression = event.second
        elif event.kind == "control" and event.first == _RESET:
            bend, expression = 0, USUAL_EXPRESSION
        now = (bend / 8192 * bend_range, _level_db(volume, expression))
        if now != before:
            yield ChannelSetting(event.tick, *now)
            before = now


def _level_db(volume: int, expression: int) -> float:
    """Both count by their fourth power, in dB against the usual volume: General MIDI 2, section 3.3.5."""
    share = volume / USUAL_VOLUME * expression / USUAL_EXPRESSION
    return 40.0 * math.log10(share) if share else SILENCE_DB


def _name(track: ScoreTrack) -> str:
    """The name of a track without what cannot be printed."""
    name = " ".join(_text(meta.content) for meta in track.metas if meta.kind == _TRACK_NAME)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())[:40]


def _text(said: bytes) -> str:
    """What a name says: UTF-16 where a mark says so, UTF-8, Shift JIS, or else Latin-1, which reads anything.

    It is Shift JIS where that makes kana, or a name without any Latin letter.
    """
    if said.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return said.decode("utf-16", errors="replace")
    for encoding in ("utf-8", "cp932"):
        with contextlib.suppress(UnicodeDecodeError):
            text = said.decode(encoding)
            is_kana = any(_KANA[0] <= sign <= _KANA[1] for sign in text)
            if encoding == "utf-8" or is_kana or not any(sign.isascii() and sign.isalpha() for sign in text):
                return text
    return said.decode("latin-1")


def why_no_voices(score: MidiScore) -> str:
    """The reason why a score has no voice."""
    channels = {
        event.channel for track in score.tracks for event in track.events if event.kind == "note_on" and event.second
    }
    if channels == {DRUM_CHANNEL}:
        return "holds nothing but drums (channel 10)"
    if channels:
        return "has no notes that last: each begins and ends at once"
    return "is damaged or cut short before its first note" if score.diagnostics else "has no notes"
