"""What to do about a player that was lost: a pure policy, from what is known of the loss to one action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What happened."""

    DIED = "died"
    """Its process, or the node under it, is gone."""
    UNREACHABLE = "unreachable"
    """It may live, and may have played; its answer did not arrive."""
    ANSWER = "answer lost"
    """It lives; a node that held one of its answers is gone."""
    UNSEATED = "unseated"
    """A new one was asked for, and has not sat down yet."""


class Action(StrEnum):
    """What is done about it. Whatever is asked again is asked with the state that was acknowledged last."""

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
    """One loss, as the band knows it.

    in_a_row: losses of this seat since it last answered, this one counted. waited_s: since a new one was asked for.
    node_is_alive: the node where it sat. holds_gpu: it has a share of a GPU, and could play without.
    is_lent: who sits there is kept warm, for everybody.
    """

    cause: Cause
    in_a_row: int = 1
    waited_s: float = 0.0
    node_is_alive: bool = True
    holds_gpu: bool = False
    is_lent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """losses: in a row, after which a block is believed to kill whoever plays it. gpu_s: how long a lost seat waits for
    a GPU before it plays without. seat_s: how long it waits for anything at all.
    """

    losses: int = 5
    gpu_s: float = 15.0
    seat_s: float = 90.0


def decide(loss: Loss, rules: Rules) -> Action:
    """Choose what to do.

    Returns:
        WAIT only where a new player is on its way; GIVE_UP where the same has failed too often or for too long.
    """
    if loss.cause is Cause.UNSEATED:
        if loss.holds_gpu and loss.waited_s > rules.gpu_s:
            return Action.DEGRADE
        return Action.GIVE_UP if loss.waited_s > rules.seat_s else Action.WAIT
    if loss.in_a_row >= rules.losses:
        return Action.GIVE_UP
    if loss.cause is Cause.DIED or (loss.is_lent and loss.cause is Cause.UNREACHABLE):
        return Action.RESTART if loss.node_is_alive else Action.MOVE
    return Action.ASK_AGAIN
