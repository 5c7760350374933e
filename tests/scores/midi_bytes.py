"""MIDI files byte by byte, so that tests can break every rule of the format."""

from __future__ import annotations

import struct
from collections.abc import Iterable

Event = tuple[int, bytes]  # tick, bytes
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def vlq(number: int) -> bytes:
    """A number of variable length."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def track(events: Iterable[Event], end: bytes = b"\x00\xff\x2f\x00") -> bytes:
    """A chunk of events at ticks from the start."""
    body, now = b"", 0
    for tick, said in sorted(events, key=lambda event: event[0]):
        body += vlq(tick - now) + said
        now = tick
    return b"MTrk" + struct.pack(">I", len(body + end)) + body + end


def smf(*chunks: bytes, kind: int = 1, division: int = 480, declared: int | None = None) -> bytes:
    """A whole file."""
    declared = sum(chunk[:4] == b"MTrk" for chunk in chunks) if declared is None else declared
    return b"MThd" + struct.pack(">IHHH", 6, kind, declared, division) + b"".join(chunks)


def meta(kind: int, content: bytes = b"", tick: int = 0) -> Event:
    """A meta event."""
    return tick, bytes([0xFF, kind]) + vlq(len(content)) + content


def tempo(bpm: float, tick: int = 0) -> Event:
    """Quarters a minute."""
    return meta(0x51, round(60e6 / bpm).to_bytes(3, "big"), tick)


def metre(beats: int, unit: int, tick: int = 0) -> Event:
    """A time signature."""
    return meta(0x58, bytes([beats, unit.bit_length() - 1, 24, 8]), tick)


def key(sharps: int, minor: int = 0) -> Event:
    """A key signature."""
    return meta(0x59, struct.pack("bB", sharps, minor))


def control(number: int, value: int, tick: int = 0, channel: int = 0) -> Event:
    """A controller's change."""
    return tick, bytes([0xB0 | channel, number, value])


def notes(pitches: Iterable[int], ticks: int = 480, channel: int = 0, held: int | None = None) -> list[Event]:
    """One note after the other, each held for nearly all of its time."""
    events: list[Event] = []
    for place, pitch in enumerate(pitches):
        start, stop = place * ticks, place * ticks + (ticks - 20 if held is None else held)
        events += [(start, bytes([0x90 | channel, pitch, 80])), (stop, bytes([0x80 | channel, pitch, 0]))]
    return events
