"""Answers arrive, whatever happens to who was asked: losses are noticed, judged by the policy, and made good."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    ActorUnschedulableError,
    GetTimeoutError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from agents.calls import Answer, Call
from agents.meters import Meters
from agents.node_check import Stamp, fingerprint_digest
from agents.placement import Placement
from agents.recovery import Action, Cause, Loss, Rules, decide
from agents.slots import ActorSlot
from ensemble import events
from ensemble.band import Tally
from ensemble.errors import BandError, DeadlineError, EnsembleError
from ensemble.manifest import Incident

TALLY_S = 60.0
LOOK_S = 0.25
"""Ray lets no signal through while it waits: look up so often."""
FETCH_S = 5.0
PAUSE_S = 0.2
"""Before somebody who could not be reached is asked again."""
_DEATHS = (ActorDiedError, ActorUnschedulableError, OutOfMemoryError, WorkerCrashedError)
"""Ray's memory monitor, and a node that is gone, are told in words of their own."""
PREPARING = ("ready", "start")
PLAYING = ("play", "conduct")


class Supervisor:
    """Asks the seats of a hall, and asks again where an answer is lost.

    Args:
        hall: the seats.
        rules: for losses.
        meters: what is asked and answered is measured.
    """

    def __init__(self, hall: Placement, rules: Rules, meters: Meters) -> None:
        self._hall = hall
        self._rules = rules
        self._meters = meters
        self._open: dict[Call, None] = {}
        self._incidents: list[Incident] = []
        self._replays: dict[str, int] = defaultdict(int)
        self._busy_s: dict[str, float] = defaultdict(float)
        self._fingerprints: set[str] = set()
        self._began = time.monotonic()

    def ask(self, seat: ActorSlot, who: str, method: str, kinds: tuple[type, ...], *inputs: Any) -> list[Answer]:
        """Ask one seat on behalf of a part or an office: one answer for each kind of value."""
        where = events.position_now() if method in PLAYING else None
        call = Call(seat, who, method, kinds, inputs, lambda asked: self._meters.asked(asked, who, where))
        self._open[call] = None
        return [Answer(call, index) for index in range(len(kinds))]

    def tally(self) -> Tally:
        """What the work cost, who was lost, what was worked on again."""
        self.settle(list(self._open), TALLY_S)
        seats = self._hall.seats
        return Tally(
            busy_s=dict(self._busy_s),
            restarts=sum(max(seat.lives, len(seat.pids) - 1, 0) for seat in seats),
            replays=dict(self._replays),
            incidents=tuple(self._incidents),
            exact=self._fingerprints <= {fingerprint_digest()} and not any(seat.is_degraded for seat in seats),
        )

    def settle(self, calls: Sequence[Call], deadline_s: float) -> None:
        """Wait until every one of these calls is answered; recover whoever is lost meanwhile.

        Raises:
            DeadlineError: somebody did not answer in time; says who.
            BandError: somebody is lost for good.
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
                self._look_after({call.seat for call in waiting})
            if waiting and time.monotonic() > until:
                late = ", ".join(dict.fromkeys(call.who for call in waiting))
                raise DeadlineError(late, f"did not answer within {deadline_s:g} s", "see `ensemble status`")

    def _take(self, call: Call) -> None:
        """Take an answer that is there, or recover it if what is there is the news of a loss."""
        try:
            values = ray.get(call.refs, timeout=FETCH_S)
        except GetTimeoutError:
            return  # on its way from a node that does not answer; what becomes of that is heard soon
        except RayTaskError as error:
            if isinstance(error.cause, EnsembleError):
                raise error.cause from None
            if not isinstance(error.cause, RayError):
                problem = f"failed ({type(error.cause).__name__}: {error.cause})"
                raise BandError(call.who, problem) from error
            self._recover(call, error.cause, had_begun=False)  # what it was to work on could not be had
        except RayError as error:
            self._recover(call, error, had_begun=True)
        else:
            self._note(call, values[-1])
            call.settle(values)
            self._open.pop(call, None)

    def _note(self, call: Call, stamp: Stamp) -> None:
        """What a stamp tells: who sits where, what it cost."""
        self._meters.answered(call, stamp)
        seat = call.seat
        seat.pids.add(stamp["pid"])
        seat.node_id, seat.in_a_row, seat.waiting_since = stamp["node"], 0, None
        if call.method not in PREPARING:
            self._busy_s[call.who] += stamp["busy_s"]
        self._fingerprints.add(stamp["fingerprint"])

    def _recover(self, call: Call, error: RayError, *, had_begun: bool) -> None:
        """Replace who is lost, if that has not been done, and ask again, from what the question needs upwards."""
        lost = getattr(error, "actor_id", None)
        seat = next((one for one in self._hall.seats if lost and one.actor_id == lost), None)
        is_own = lost in (None, call.actor_id)
        if is_own and had_begun and call.method in PLAYING:
            self._count_replay(call, error)
        is_present = lost is None and call.life == call.seat.lives
        if seat is not None or is_present:  # whoever was lost earlier has been replaced already
            self._act(seat or call.seat, _cause(error), error)
        for needed in call.waits_for:
            self._mend(needed)
        call.ask()

    def _mend(self, needed: Call) -> None:
        """See to a call whose answer another one needs: it may be lost, too, or have been asked of somebody lost."""
        ready, _ = ray.wait(needed.refs, num_returns=len(needed.refs), timeout=0)
        if len(ready) == len(needed.refs):
            self._take(needed)
        elif needed.life < needed.seat.lives:
            for earlier in needed.waits_for:
                self._mend(earlier)
            needed.ask()

    def _count_replay(self, call: Call, error: RayError) -> None:
        """A player works on one block at a time: of those asked of one who died, only the first had begun."""
        if call.is_counted or (isinstance(error, ActorDiedError) and call.seat.replayed_life == call.life):
            return
        call.is_counted, call.seat.replayed_life = True, call.life
        self._replays[call.who] += 1

    def _act(self, seat: ActorSlot, cause: Cause, error: RayError | None) -> None:
        """Do what the policy says about one loss."""
        if cause is not Cause.UNSEATED:
            seat.in_a_row += 1
        waited_s = time.monotonic() - seat.waiting_since if seat.waiting_since is not None else 0.0
        loss = Loss(
            cause=cause, in_a_row=seat.in_a_row, waited_s=waited_s, node_is_alive=self._hall.is_alive(seat.node_id),
            holds_gpu="GPU" in seat.bundle, is_lent=seat.is_lent,
        )  # fmt: skip
        action = decide(loss, self._rules)
        if action is Action.WAIT:
            return
        events.emit("lost", part=seat.name, cause=cause.value, action=action.value)
        at_s = time.monotonic() - self._began
        self._incidents.append(Incident(who=seat.name, cause=cause.value, action=action.value, at_s=round(at_s, 3)))
        if action is Action.GIVE_UP:
            raise self._given_up(seat, loss, error) from error
        if action is Action.ASK_AGAIN:
            time.sleep(PAUSE_S if cause is Cause.UNREACHABLE else 0.0)
            return
        for part in seat.name.split("+"):
            self._meters.restarted(part, "host" if action is Action.MOVE else "process")
        seat.replace(on_cpu=action is Action.DEGRADE)

    def _look_after(self, seats: set[ActorSlot]) -> None:
        """Whoever was called in and has not sat down yet may never do so."""
        for seat in seats:
            if seat.lives and seat.waiting_since is not None:
                self._act(seat, Cause.UNSEATED, None)

    def _given_up(self, seat: ActorSlot, loss: Loss, error: RayError | None) -> BandError:
        if loss.cause is Cause.UNSEATED:
            asked = " and ".join(f"{amount:g} {kind}" for kind, amount in seat.bundle.items())
            problem = f"was lost, and found no seat within {self._rules.seat_s:g} s"
            return BandError(seat.name, f"{problem} (asks for {asked}; {self._hall.has_free()})", "add a node")
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return BandError(
            seat.name, f"was lost {loss.in_a_row} times in a row ({reason})", "see its log, and render again"
        )


def _cause(error: RayError) -> Cause:
    if isinstance(error, _DEATHS):
        return Cause.DIED
    return Cause.UNREACHABLE if isinstance(error, ActorUnavailableError) else Cause.ANSWER
