"""The policy of recovery is a table: what happened, and what is done."""

from __future__ import annotations

import pytest

from agents.recovery import Action, Cause, Loss, Rules, decide

RULES = Rules(losses=3, gpu_s=10.0, place_s=60.0)


@pytest.mark.parametrize(
    ("loss", "action"),
    [
        (Loss(cause=Cause.DIED), Action.RESTART),
        (Loss(cause=Cause.DIED, node_is_alive=False), Action.MOVE),
        (Loss(cause=Cause.DIED, in_a_row=2, holds_gpu=True), Action.RESTART),
        (Loss(cause=Cause.DIED, in_a_row=3), Action.GIVE_UP),
        (Loss(cause=Cause.UNREACHABLE), Action.ASK_AGAIN),
        (Loss(cause=Cause.UNREACHABLE, is_lent=True), Action.RESTART),
        (Loss(cause=Cause.UNREACHABLE, in_a_row=3), Action.GIVE_UP),
        (Loss(cause=Cause.ANSWER), Action.ASK_AGAIN),
        (Loss(cause=Cause.UNPLACED, waited_s=9.0, holds_gpu=True), Action.WAIT),
        (Loss(cause=Cause.UNPLACED, waited_s=11.0, holds_gpu=True), Action.DEGRADE),
        (Loss(cause=Cause.UNPLACED, waited_s=11.0), Action.WAIT),
        (Loss(cause=Cause.UNPLACED, waited_s=61.0), Action.GIVE_UP),
    ],
)
def test_every_loss_has_one_answer(loss: Loss, action: Action) -> None:
    assert decide(loss, RULES) is action


def test_nobody_is_replaced_for_ever() -> None:
    """Whatever goes wrong, and however often: after so many losses in a row, or so long, it ends."""
    for cause in Cause:
        worst = Loss(cause=cause, in_a_row=RULES.losses, waited_s=RULES.place_s + 1.0)
        assert decide(worst, RULES) is Action.GIVE_UP
