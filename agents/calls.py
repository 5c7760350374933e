"""Calls of actors, and their answers: a call keeps its inputs until it is answered, so that it can be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import ray

from agents.slots import ActorSlot

INLINE_BYTES = 64 * 1024
"""Larger values travel through the object store, once; smaller ones ride on the call."""


@cache
def answer_kinds(method: Callable[..., Any]) -> tuple[type, ...]:
    """The types of the values of a method's answer: each `Message` of its return annotation, without the stamp."""
    *messages, _stamp = get_args(get_type_hints(method)["return"])
    held = [get_args(message)[0] for message in messages]
    return tuple(get_origin(kind) or kind for kind in held)


class Call:
    """One call of one actor. Every answer ends with a stamp.

    Args:
        slot: of the actor.
        who: the part, "conductor" or "retrieval": for whom it is called.
        method: of the actor's class, unbound; its return annotation says what the answer holds.
        inputs: values, and answers of other calls.
        on_asked: called each time that the call is sent.

    Attributes:
        life: `slot.lives` when it was sent last.
        actor_id: which actor it was sent to last.
        is_counted: whether it has been counted as done again.
        values: the answer, once it has arrived; the inputs are dropped then.
    """

    def __init__(
        self,
        slot: ActorSlot,
        who: str,
        method: Callable[..., Any],
        inputs: tuple[Any, ...],
        on_asked: Callable[[Call], None],
    ) -> None:
        self.slot = slot
        self.who = who
        self.method = method.__name__
        self.kinds = answer_kinds(method)
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
        """Send it, or send it again."""
        self.life, self.actor_id = self.slot.lives, self.slot.actor_id
        sent = [one.sent() if isinstance(one, Answer) else one for one in self.inputs]
        self.refs = getattr(self.slot.actor, self.method).options(num_returns=len(self.kinds) + 1).remote(*sent)
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
        """A name of one value of the answer: the same name means the same value."""
        if self.values is None:
            return str(self.refs[index].hex())
        if index not in self._names:
            self._names[index] = hashlib.sha256(self.values[index]).hexdigest()
        return self._names[index]

    @property
    def waits_for(self) -> list[Call]:
        """The calls whose answers it needs, and that have not been answered."""
        return [one.call for one in self.inputs if isinstance(one, Answer) and one.call.values is None]


class Answer:
    """One value of a call's answer."""

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
        """The same name means the same value."""
        return self.call.name(self.index)


class Known(Call):
    """A value that is known already, as if an actor had answered."""

    def __init__(self, value: bytes, kind: type) -> None:  # no actor is called
        self.kinds = (kind,)
        self.values = [value]
        self.inputs, self.refs = (), []
        self.who = "driver"
        self._stored, self._names = {}, {}
