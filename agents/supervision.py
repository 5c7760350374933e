"""Calls the actors of a placement, and repairs losses: a lost actor is replaced by the policy, its call repeated."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from agents.calls import Answer, Call
from agents.meters import Meters
from agents.node_check import Stamp, fingerprint_digest
from agents.placement import Placement
from agents.ray_errors import LOOK_S, LostActor, translate
from agents.recovery import Action, Cause, Loss, Rules, decide
from agents.slots import ActorSlot
from ensemble import events
from ensemble.band import Tally
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.manifest import Incident

TALLY_S = 60.0
FETCH_S = 5.0
PAUSE_S = 0.2
"""Before somebody who could not be reached is asked again."""
PREPARING = ("ready", "start")
PLAYING = ("play", "conduct")


class Supervisor:
    """Calls actors, and calls again where an answer is lost.

    Args:
        placement: the actors.
        rules: for losses.
        meters: what is asked and answered is measured.
    """

    def __init__(self, placement: Placement, rules: Rules, meters: Meters) -> None:
        self._placement = placement
        self._rules = rules
        self._meters = meters
        self._open: dict[Call, None] = {}
        self._incidents: list[Incident] = []
        self._replays: dict[str, int] = defaultdict(int)
        self._busy_s: dict[str, float] = defaultdict(float)
        self._fingerprints: set[str] = set()
        self._began = time.monotonic()

    def ask(self, slot: ActorSlot, who: str, method: Callable[..., Any], *inputs: Any) -> list[Answer]:
        """Call a method of one actor for a part, the conductor or the retrieval: one answer for each kind of value."""
        where = events.position_now() if method.__name__ in PLAYING else None
        call = Call(slot, who, method, inputs, lambda asked: self._meters.asked(asked, who, where))
        self._open[call] = None
        return [Answer(call, index) for index in range(len(call.kinds))]

    def tally(self) -> Tally:
        """What the work cost, who was lost, what was worked on again."""
        self.settle(list(self._open), TALLY_S)
        slots = self._placement.slots
        return Tally(
            busy_s=dict(self._busy_s),
            restarts=sum(max(slot.lives, len(slot.pids) - 1, 0) for slot in slots),
            replays=dict(self._replays),
            incidents=tuple(self._incidents),
            exact=self.is_exact(),
        )

    def is_exact(self) -> bool:
        """Whether all answers so far came from machines of this one's fingerprint, of the kind that was planned."""
        is_here = self._fingerprints <= {fingerprint_digest()}
        return is_here and not any(slot.is_degraded for slot in self._placement.slots)

    def settle(self, calls: Sequence[Call], deadline_s: float) -> None:
        """Wait until every one of these calls is answered; replace the actors that are lost meanwhile.

        Raises:
            DeadlineError: an actor did not answer in time; says which.
            BandError: an actor is lost for good.
            EnsembleError: what was asked for cannot be done.
        """
        until = time.monotonic() + deadline_s
        waiting = [call for call in dict.fromkeys(calls) if call.values is None]
        while waiting:
            refs = [ref for call in waiting for ref in call.refs]
            ready = set(ray.wait(refs, num_returns=len(refs), timeout=min(LOOK_S, deadline_s))[0])
            for call in waiting:
                if call.values is None and ready.issuperset(call.refs):
                    self._take(call)
            waiting = [call for call in waiting if call.values is None]
            if waiting:
                self._look_after({call.slot for call in waiting})
            if waiting and time.monotonic() > until:
                late = ", ".join(dict.fromkeys(call.who for call in waiting))
                raise DeadlineError(late, f"did not answer within {deadline_s:g} s", "see `ensemble status`")

    def _take(self, call: Call) -> None:
        """Take an answer that is there, or recover it if what is there is the news of a loss."""
        try:
            values = ray.get(call.refs, timeout=FETCH_S)
        except GetTimeoutError:
            return  # on its way from a node that does not answer; what becomes of that is heard soon
        except RayError as error:
            fault = translate(error, call.who)
            if isinstance(fault, EnsembleError):
                raise fault from error
            self._recover(call, fault)
        else:
            self._note(call, values[-1])
            call.settle(values)
            self._open.pop(call, None)

    def _note(self, call: Call, stamp: Stamp) -> None:
        """Keep what a stamp tells: where the actor runs, and what the work cost."""
        self._meters.answered(call, stamp)
        slot = call.slot
        slot.pids.add(stamp["pid"])
        slot.node_id, slot.in_a_row, slot.waiting_since = stamp["node"], 0, None
        if call.method not in PREPARING:
            self._busy_s[call.who] += stamp["busy_s"]
        self._fingerprints.add(stamp["fingerprint"])

    def _recover(self, call: Call, lost: LostActor) -> None:
        """Replace the actor that is lost, if that has not been done; then ask again, first what the call needs."""
        slot = next((one for one in self._placement.slots if lost.actor_id and one.actor_id == lost.actor_id), None)
        is_own = lost.actor_id in (None, call.actor_id)
        if is_own and lost.had_begun and call.method in PLAYING:
            self._count_replay(call, lost)
        is_present = lost.actor_id is None and call.life == call.slot.lives
        if slot is not None or is_present:  # any other was lost earlier, and has been replaced already
            self._act(slot or call.slot, lost.cause, lost)
        for needed in call.waits_for:
            self._mend(needed)
        call.ask()

    def _mend(self, needed: Call) -> None:
        """Look after a call whose answer another one needs: it may be lost too, or have been asked of a lost actor."""
        ready, _ = ray.wait(needed.refs, num_returns=len(needed.refs), timeout=0)
        if len(ready) == len(needed.refs):
            self._take(needed)
        elif needed.life < needed.slot.lives:
            for earlier in needed.waits_for:
                self._mend(earlier)
            needed.ask()

    def _count_replay(self, call: Call, lost: LostActor) -> None:
        """Count a block that is played again; of the calls that an actor died with, it had begun only one."""
        if call.is_counted or (lost.cause is Cause.DIED and call.slot.replayed_life == call.life):
            return
        call.is_counted, call.slot.replayed_life = True, call.life
        self._replays[call.who] += 1

    def _act(self, slot: ActorSlot, cause: Cause, lost: LostActor | None = None) -> None:
        """Do what the policy says about one loss."""
        if cause is not Cause.UNPLACED:
            slot.in_a_row += 1
        waited_s = time.monotonic() - slot.waiting_since if slot.waiting_since is not None else 0.0
        loss = Loss(
            cause=cause, in_a_row=slot.in_a_row, waited_s=waited_s,
            node_is_alive=self._placement.is_alive(slot.node_id), holds_gpu="GPU" in slot.bundle, is_lent=slot.is_lent,
        )  # fmt: skip
        action = decide(loss, self._rules)
        if action is Action.WAIT:
            return
        events.emit("lost", part=slot.name, cause=cause.value, action=action.value)
        at_s = time.monotonic() - self._began
        self._incidents.append(Incident(who=slot.name, cause=cause.value, action=action.value, at_s=round(at_s, 3)))
        if action is Action.GIVE_UP:
            raise self._given_up(slot, loss, lost)
        if action is Action.ASK_AGAIN:
            time.sleep(PAUSE_S if cause is Cause.UNREACHABLE else 0.0)
            return
        for part in slot.name.split("+"):
            self._meters.restarted(part, "host" if action is Action.MOVE else "process")
        slot.replace(on_cpu=action is Action.DEGRADE)

    def _look_after(self, slots: set[ActorSlot]) -> None:
        """A replacement that has not answered yet may never be placed."""
        for slot in slots:
            if slot.lives and slot.waiting_since is not None:
                self._act(slot, Cause.UNPLACED)

    def _given_up(self, slot: ActorSlot, loss: Loss, lost: LostActor | None) -> BandError:
        if lost is None:
            asked = " and ".join(f"{amount:g} {kind}" for kind, amount in slot.bundle.items())
            problem = f"was lost, and could not be placed again within {self._rules.place_s:g} s"
            return BandError(slot.name, f"{problem} (asks for {asked}; {self._placement.has_free()})", "add a node")
        problem = f"was lost {loss.in_a_row} times in a row ({lost.reason})"
        return BandError(slot.name, problem, "see its log, and render again")
