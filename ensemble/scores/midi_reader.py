"""Reads the bytes of a MIDI file leniently: whatever can be understood is kept, and what could not is said.

Source: Standard MIDI Files 1.0, RP-001; RIFF-based SMF, RP-029.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from ensemble.errors import DataError
from ensemble.types.diagnostics import Diagnostic

MAX_EVENTS = 1_000_000
"""No music has so many; a file that has takes minutes to read and holds noise."""
HEADER_WITHIN = 4096
"""A file may begin with something else, as those of old Macintoshes do: so many bytes at most."""
USUAL_TICKS = 480
"""Ticks a quarter where the header says none."""
Kind = Literal["note_off", "note_on", "touch", "control", "program", "pressure", "bend"]
_KINDS: tuple[Kind, ...] = ("note_off", "note_on", "touch", "control", "program", "pressure", "bend")
_SINGLE = ("program", "pressure")
_COMMON_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_END_OF_TRACK = 0x2F
_END_OF_SYSEX = b"\xf7"


class ChannelEvent(NamedTuple):
    """Something that a channel is told."""

    tick: int
    """From the start of the track."""
    kind: Kind
    channel: int
    """0 to 15."""
    first: int
    """The first data byte, 0 to 127: note, controller or program."""
    second: int
    """The second one: velocity or value; 0 where there is none."""


class MetaEvent(NamedTuple):
    """Something that a file says about its music."""

    tick: int
    """From the start of the track."""
    kind: int
    """The type, 0 to 127: 0x51 is a tempo."""
    content: bytes


class ScoreTrack(NamedTuple):
    """One track."""

    events: list[ChannelEvent]
    """In order."""
    metas: list[MetaEvent]
    """In order."""
    end_tick: int
    """Where it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiScore:
    """What was read of a MIDI file."""

    tracks: tuple[ScoreTrack, ...]
    """In order."""
    ticks_per_quarter: int
    """Where `counts_seconds`, ticks a second."""
    counts_seconds: bool
    """Whether it counts frames of film, so that nothing says where beats are."""
    diagnostics: tuple[Diagnostic, ...]
    """What is damaged or breaks the format."""

    def quarters(self, tick: int) -> Fraction:
        """The place of a tick."""
        return Fraction(tick, self.ticks_per_quarter)


def read_midi(content: bytes, what: str) -> MidiScore:
    """Read the bytes of a MIDI file; `what` stands for it in errors.

    Raises:
        DataError: it is no MIDI file, or has more events than music has.
    """
    faults: Counter[str] = Counter()
    begin = _header(content, what, faults)
    length, form, declared, division = struct.unpack(">IHHH", content[begin + 4 : begin + 14])
    tracks = _tracks(content, _first_chunk(content, begin + 8, length, faults), what, faults)
    if form > 2:
        faults[f"is of type {form}, which does not exist"] += 1
    if len(tracks) != declared:
        faults[f"declares {declared} tracks and has {len(tracks)}"] += 1
    sounding = [track for track in tracks if any(event.kind == "note_on" for event in track.events)]
    if form == 2 and len(sounding) > 1:
        faults[f"holds {len(sounding)} patterns, of which the first is read"] += 1
        tracks = sounding[:1]
    counts_seconds = division >= 0x8000
    if counts_seconds:
        frames = 256 - (division >> 8)
        division = {29: 30}.get(frames, frames) * (division & 0xFF)
    if not division:
        unit = "second" if counts_seconds else "quarter"
        faults[f"does not say how many ticks a {unit} has: {USUAL_TICKS} are assumed"] += 1
    said = tuple(
        Diagnostic(code="score_damaged", text=f"The file {fault}" + (f" ({times} times)." if times > 1 else "."))
        for fault, times in faults.items()
        if times
    )
    return MidiScore(
        tracks=tuple(tracks), ticks_per_quarter=division or USUAL_TICKS, counts_seconds=counts_seconds, diagnostics=said
    )


def _header(content: bytes, what: str, faults: Counter[str]) -> int:
    """Where the header begins: at once, inside RIFF, or after something else."""
    begin = content.find(b"MThd", 0, HEADER_WITHIN)
    if begin < 0:
        raise DataError(what, "is no MIDI file", "name a MIDI file")
    if len(content) < begin + 14:
        raise DataError(what, "is cut short", "export it again")
    if content.startswith(b"RIFF"):
        faults["is wrapped in RIFF"] += 1
    elif begin:
        faults[f"begins with {begin} bytes of something else"] += 1
    return begin


def _first_chunk(content: bytes, begin: int, length: int, faults: Counter[str]) -> int:
    """Where the header ends, which begins at `begin`: behind its six bytes where its length makes no sense."""
    end = begin + max(length, 6)
    is_longer = end > begin + 6 and content[begin + 6 : begin + 10] != b"MTrk"
    if end <= len(content) and (is_longer or end == begin + 6):
        return end
    faults["has a header of another length than it says"] += 1
    return begin + 6


def _tracks(content: bytes, at: int, what: str, faults: Counter[str]) -> list[ScoreTrack]:
    """Every track from a place on; other chunks are skipped."""
    tracks: list[ScoreTrack] = []
    num_events = 0
    while at + 8 <= len(content):
        name, (length,) = content[at : at + 4], struct.unpack(">I", content[at + 4 : at + 8])
        if name == b"MTrk":
            stop = at + 8 + length
            if stop > len(content) or (stop < len(content) and not _is_chunk(content, stop)):
                faults["has a track of another length than it says"] += 1
                stop = content.find(b"MTrk", at + 8)  # it goes on to the next one, or to the end of the file
                stop = len(content) if stop < 0 else stop
            track = _track(content[at + 8 : stop], faults)
            num_events += len(track.events) + len(track.metas)
            if num_events > MAX_EVENTS:
                raise DataError(what, f"has more than {MAX_EVENTS:,} events", "give a MIDI file of one piece")
            tracks.append(track)
            at = stop
        elif name.strip(b"\0") and _is_chunk(content, at) and at + 8 + length <= len(content):
            faults["has a chunk that is no track, which is skipped"] += 1
            at += 8 + length
        else:
            following = content.find(b"MTrk", at)
            if content[at : at if following < 0 else following].strip(b"\0"):
                faults["holds bytes between its tracks that belong to none"] += 1
            at = len(content) if following < 0 else following
    return tracks


def _is_chunk(content: bytes, at: int) -> bool:
    """Whether a chunk may begin here: it has a name of four letters, or the file was filled up with zeros."""
    name = content[at : at + 4]
    return (len(name) == 4 and name.isascii() and name.isalnum()) or not name.strip(b"\0")


class _Cursor:
    """Walks along the bytes of a track; the end of the bytes is an IndexError."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def byte(self) -> int:
        """The next byte."""
        self.at += 1
        return self.content[self.at - 1]

    def number(self) -> int:
        """A number of variable length.

        Raises:
            ValueError: it has more than four bytes.
        """
        value = 0
        for _ in range(4):
            byte = self.byte()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise ValueError

    def bytes(self, length: int) -> bytes:
        """The next ones."""
        if self.at + length > len(self.content):
            raise IndexError
        self.at += length
        return self.content[self.at - length : self.at]

    def skip_message(self, length: int) -> bool:
        """Leave the next bytes out; False where there are fewer, and the mark of its end tells where it ends."""
        is_there = self.at + length <= len(self.content)
        self.at = self.at + length if is_there else self.content.index(_END_OF_SYSEX, self.at) + 1
        return is_there


def _track(content: bytes, faults: Counter[str]) -> ScoreTrack:
    """Every event of a track up to its end, or to where it can no longer be understood.

    What follows an end is read where it leads to another end.
    """
    cursor, last = _Cursor(content), len(content.rstrip(b"\0"))
    track, has_end = _up_to_end(cursor, 0, faults)
    while has_end and cursor.at < last and len(track.events) + len(track.metas) <= MAX_EVENTS:
        its_faults: Counter[str] = Counter()
        more, has_end = _up_to_end(cursor, track.end_tick, its_faults)
        if has_end:
            faults.update(its_faults)
            faults["has events after the end of a track, which are read"] += 1
            track.events.extend(more.events)
            track.metas.extend(more.metas)
            track = track._replace(end_tick=more.end_tick)
        else:
            faults["has bytes after the end of a track that belong to none"] += 1
    return track


def _up_to_end(cursor: _Cursor, tick: int, faults: Counter[str]) -> tuple[ScoreTrack, bool]:
    """The events from a tick on up to the next end of a track, and whether there is one."""
    events: list[ChannelEvent] = []
    metas: list[MetaEvent] = []
    running = 0
    try:
        while len(events) + len(metas) <= MAX_EVENTS:
            tick += cursor.number()
            status = cursor.byte()
            if status == 0xFF:
                meta = MetaEvent(tick, cursor.byte(), cursor.bytes(cursor.number()))
                if meta.kind == _END_OF_TRACK:
                    return ScoreTrack(events, metas, tick), True
                metas.append(meta)
            elif status in (0xF0, 0xF7):
                if not cursor.skip_message(cursor.number()):
                    faults["has a system exclusive message of another length than it says"] += 1
            elif status > 0xF0:
                cursor.bytes(_COMMON_BYTES.get(status, 0))
                faults["has messages that belong on a wire and not in a file"] += 1
            else:
                if status < 0x80:  # running status, which some files keep over other events than notes
                    status, cursor.at = running, cursor.at - 1
                running = status
                if status:
                    events.append(_channel_event(tick, status, cursor, faults))
                else:
                    raise ValueError  # as where a number cannot be read: nothing after it makes sense
    except IndexError:
        faults["has a track that is cut short or has no end"] += bool(cursor.content)
    except ValueError:
        faults["has a track that cannot be understood to its end"] += 1
    return ScoreTrack(events, metas, tick), False


def _channel_event(tick: int, status: int, cursor: _Cursor, faults: Counter[str]) -> ChannelEvent:
    kind = _KINDS[(status >> 4) - 8]
    first = cursor.byte()
    second = 0 if kind in _SINGLE else cursor.byte()
    if first > 127 or second > 127:
        faults["has bytes over 127, which are read as 127"] += 1
    return ChannelEvent(tick, kind, status & 0x0F, min(first, 127), min(second, 127))
