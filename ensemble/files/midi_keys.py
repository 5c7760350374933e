"""The keys and the sustain pedal of one channel of a MIDI file, told in ticks or in seconds."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

Time = TypeVar("Time", int, float)
_PEDAL, _RESET, _SILENCING = 64, 121, (120, 123, 124, 125, 126, 127)
_PEDAL_DOWN = 64


class KeyedNote(NamedTuple, Generic[Time]):
    """A note that was struck on a key."""

    start: Time
    """When it begins."""
    stop: Time
    """When its key is released."""
    rings_until: Time
    """When it no longer sounds: the pedal may hold it."""
    pitch_midi: int
    """Its key."""
    velocity: int
    """1 to 127."""
    is_released: bool = True
    """Whether its key was let go or struck again; else it ends where all do."""


class MidiKeys(Generic[Time]):
    """Which notes sound on a channel, told what happens on it in order.

    A note that is struck again while it sounds ends there. The pedal (controller 64) holds those that are released
    until it is lifted, controllers are reset (121) or all is silenced (120, 123 to 127).
    Source: MIDI 1.0 Detailed Specification, "Channel Mode Messages"; RP-015 for the reset.
    """

    def __init__(self, *, has_pedal: bool = True) -> None:
        self._has_pedal = has_pedal
        self._is_down = False
        self._last: Time | None = None
        self._notes: list[KeyedNote[Time]] = []
        self._pressed: dict[int, tuple[Time, int]] = {}
        self._restruck: dict[int, Time] = {}
        self._held: dict[int, KeyedNote[Time]] = {}

    def strike(self, key: int, velocity: int, at: Time) -> None:
        """Press a key."""
        self._last = at
        if key in self._pressed:
            self._restruck[key] = at
            self._end(key, at)
        if key in self._held:
            self._notes.append(self._held.pop(key)._replace(rings_until=at))
        self._pressed[key] = at, velocity

    def let_go(self, key: int, at: Time) -> None:
        """Release a key; where it was struck at the same time, this is the end of the note before, which is over."""
        self._last = at
        if self._restruck.pop(key, None) != at and key in self._pressed:
            self._end(key, at)

    def control(self, number: int, value: int, at: Time) -> None:
        """Change a controller."""
        if number in _SILENCING:
            self._silence(at)
        elif number in (_PEDAL, _RESET) and self._has_pedal:
            self._is_down = number == _PEDAL and value >= _PEDAL_DOWN
            if not self._is_down:
                self._lift(at)

    def finish(self, at: Time) -> list[KeyedNote[Time]]:
        """All notes in the order in which they end; of keys that nobody lets go at `at`.

        A pedal that is never lifted holds until the last key is struck or let go.
        """
        self._lift(at if self._last is None else self._last)
        self._silence(at)
        return sorted(self._notes, key=lambda note: note.rings_until)

    def _end(self, key: int, at: Time) -> None:
        start, velocity = self._pressed.pop(key)
        note = KeyedNote(start, at, at, key, velocity)
        if self._is_down:
            self._held[key] = note
        else:
            self._notes.append(note)

    def _lift(self, at: Time) -> None:
        self._notes += [note._replace(rings_until=at) for note in self._held.values()]
        self._held.clear()

    def _silence(self, at: Time) -> None:
        self._lift(at)
        for key, (start, velocity) in self._pressed.items():
            self._notes.append(KeyedNote(start, at, at, key, velocity, is_released=False))
        self._pressed.clear()
