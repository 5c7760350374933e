"""What to do about a lost actor: a pure policy, from what is known of the loss to one action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What happened."""

    DIED = "died"
    """Its process, or the node under it, is gone."""
    UNREACHABLE = "unreachable"
    """It may be alive, and may have done the work; its answer did not arrive."""
    ANSWER = "answer lost"
    """It is alive; a node that held one of its answers is gone."""
    UNPLACED = "unplaced"
    """A replacement was asked for, and has not answered yet."""


class Action(StrEnum):
    """What is done about it. A call that is repeated carries the state that arrived last."""

    WAIT = "wait"
    ASK_AGAIN = "ask again"
    RESTART = "restart"
    """A new process, on the same node."""
    MOVE = "move"
    """A new process, on another node."""
    DEGRADE = "degrade"
    """A new process without a GPU: the render goes on, and is no longer exact."""
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss, as the band knows it."""

    cause: Cause
    in_a_row: int = 1
    """Losses of this slot since it last answered, this one counted."""
    waited_s: float = 0.0
    """Since its replacement was asked for."""
    node_is_alive: bool = True
    """The node that it ran on."""
    holds_gpu: bool = False
    """It has a share of a GPU, and could play without."""
    is_lent: bool = False
    """It is kept warm by `ensemble up`, for every render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of the policy."""

    losses: int = 5
    """In a row, after which a block is believed to kill every actor that plays it."""
    gpu_s: float = 15.0
    """How long a replacement waits for a GPU before it plays without."""
    place_s: float = 90.0
    """How long a replacement waits for room on any node."""


def decide(loss: Loss, rules: Rules) -> Action:
    """Choose what to do.

    Returns:
        WAIT only where a replacement is on its way; GIVE_UP where the same has failed too often or for too long.
    """
    if loss.cause is Cause.UNPLACED:
        if loss.holds_gpu and loss.waited_s > rules.gpu_s:
            return Action.DEGRADE
        return Action.GIVE_UP if loss.waited_s > rules.place_s else Action.WAIT
    if loss.in_a_row >= rules.losses:
        return Action.GIVE_UP
    if loss.cause is Cause.DIED or (loss.is_lent and loss.cause is Cause.UNREACHABLE):
        return Action.RESTART if loss.node_is_alive else Action.MOVE
    return Action.ASK_AGAIN
