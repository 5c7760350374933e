"""Questions to players, and their answers: kept until they arrive, so that what is lost can be asked again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import ray

from agents.slots import ActorSlot

INLINE_BYTES = 64 * 1024
"""Larger values travel through the object store, once; smaller ones ride on the call."""


class Call:
    """One question to one seat. Every answer ends with a stamp.

    Args:
        seat: who is asked.
        who: the part, or the office, on whose behalf.
        method: the verb.
        kinds: of the values, before the stamp.
        inputs: values, and answers of other calls.
        on_asked: told as often as it is asked.

    Attributes:
        life: of the seat, when it was asked last.
        actor_id: who was asked last.
        is_counted: whether it has been counted as worked on again.
        values: the answer, once it has arrived; the inputs are let go then.
    """

    def __init__(
        self,
        seat: ActorSlot,
        who: str,
        method: str,
        kinds: tuple[type, ...],
        inputs: tuple[Any, ...],
        on_asked: Callable[[Call], None],
    ) -> None:
        self.seat = seat
        self.who = who
        self.method = method
        self.kinds = kinds
        self.inputs = inputs
        self.values: list[Any] | None = None
        self.refs: list[Any] = []
        self.life = 0
        self.actor_id = ""
        self.is_counted = False
        self._stored: dict[int, Any] = {}
        self._names: dict[int, str] = {}
        self._on_asked = on_asked
        self.ask()

    def ask(self) -> None:
        """Ask, or ask again."""
        self.life, self.actor_id = self.seat.lives, self.seat.actor_id
        sent = [one.sent() if isinstance(one, Answer) else one for one in self.inputs]
        self.refs = getattr(self.seat.actor, self.method).options(num_returns=len(self.kinds) + 1).remote(*sent)
        self._on_asked(self)

    def settle(self, values: list[Any]) -> None:
        """The answer has arrived."""
        self.values, self.inputs, self.refs = values, (), []

    def sent(self, index: int) -> Any:
        """One value of the answer, as an input of another call."""
        if self.values is None:
            return self.refs[index]
        value = self.values[index]
        if len(value) <= INLINE_BYTES:
            return value
        if index not in self._stored:
            self._stored[index] = ray.put(np.frombuffer(value, np.uint8))  # an array is read where it lies
        return self._stored[index]

    def name(self, index: int) -> str:
        """Of one value of the answer: whoever gets the same name gets the same value."""
        if self.values is None:
            return str(self.refs[index].hex())
        if index not in self._names:
            self._names[index] = hashlib.sha256(self.values[index]).hexdigest()
        return self._names[index]

    @property
    def waits_for(self) -> list[Call]:
        """The calls whose answers it needs and which have not arrived."""
        return [one.call for one in self.inputs if isinstance(one, Answer) and one.call.values is None]


class Answer:
    """One value of a call's answer; `kind` is what its message must hold."""

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index

    @property
    def kind(self) -> type:
        """What the message must hold."""
        return self.call.kinds[self.index]

    def sent(self) -> Any:
        """As an input of another call."""
        return self.call.sent(self.index)

    @property
    def name(self) -> str:
        """Whoever gets the same name gets the same value."""
        return self.call.name(self.index)


class Known(Call):
    """What is known already, as if somebody had answered."""

    def __init__(self, value: bytes, kind: type) -> None:  # nobody is asked
        self.kinds = (kind,)
        self.values = [value]
        self.inputs, self.refs = (), []
        self.who = "driver"
        self._stored, self._names = {}, {}
