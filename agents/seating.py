"""`SeatedMeanwhile`: a `RayBand` that is placed while its leader is heard in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from agents.band import RayBand
from ensemble.band import Promise
from ensemble.clock import Block
from ensemble.listen.overrides import Overrides
from ensemble.plan import RenderPlan
from ensemble.threads import one_thread
from ensemble.types.music import Arrangement, AudioClip, ConductorState, Heard, Score

T = TypeVar("T")


class SeatedMeanwhile(RayBand):
    """Starts Ray and places its actors when it is first asked for something; what comes first is to hear the leader.

    Args:
        plan: what will be played.
        enter: starts or joins Ray; called once.
        options: of `RayBand`.
    """

    _place_s = 0.0
    """How long is waited for the players; 0 where they are there, or nobody is placed yet."""

    def __init__(self, plan: RenderPlan, enter: Callable[[], object], **options: Any) -> None:
        self._later = (plan, enter, options)

    def __getattr__(self, name: str) -> Any:
        """What a band has once it is placed: place it."""
        if "_placement" in vars(self):
            raise AttributeError(name)
        plan, enter, options = self._later
        enter()
        super().__init__(plan, **options)
        return getattr(self, name)

    def listen(self, leader: AudioClip, overrides: Overrides) -> Promise[Heard]:
        """Hear the whole leader: here while the band is being placed, later by the conductor."""
        if "_placement" in vars(self):
            return super().listen(leader, overrides)
        heard = _meanwhile(lambda: _heard(leader, overrides))
        _ = self.actors
        return self.hold(heard())

    def conduct(
        self, arrangement: Promise[Arrangement], block: Block, state: Promise[ConductorState]
    ) -> tuple[Promise[Score], Promise[ConductorState]]:
        """Conduct one block, and cue everyone, once everyone is there."""
        if self._place_s:
            super()._wait_for_everyone(self._place_s)
            self._place_s = 0.0
        return super().conduct(arrangement, block, state)

    def _wait_for_everyone(self, place_s: float) -> None:
        """Parts can be written while the players are still loading: `conduct` waits for them."""
        self._place_s = place_s

    def close(self) -> None:
        """End every actor."""
        if "_placement" in vars(self):
            super().close()


def _heard(leader: AudioClip, overrides: Overrides) -> Heard:
    from ensemble.listen.listener import Listener

    with one_thread():
        return Listener().listen(leader, overrides)


def _meanwhile(work: Callable[[], T]) -> Callable[[], T]:
    """Begin some work in a thread that nobody waits for if this one is interrupted; gives what waits for its result."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  raised where the result is wanted
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return done[0]

    return result
