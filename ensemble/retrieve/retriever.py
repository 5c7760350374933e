"""The second verb, whole: a leader that has stopped goes in, sounds that go on from it come out, best first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ensemble.errors import RetrieveError
from ensemble.retrieve.join.beam_search import Chain, best_chain
from ensemble.retrieve.join.exit_point import ExitPoint, find_exit
from ensemble.retrieve.join.hops import Hops, HopStep, OnFound, Refused
from ensemble.retrieve.join.seam import nature_of
from ensemble.retrieve.join.splice import Tail, UnusableError, splice
from ensemble.retrieve.library.store import Store
from ensemble.retrieve.search.context import context_of_leader
from ensemble.retrieve.search.diversity import REPEAT_COST, is_one_spot
from ensemble.retrieve.search.pulse import EVEN_STEP_S
from ensemble.retrieve.search.search import Search
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.threads import one_thread
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.described import Described
from ensemble.types.music import Heard

BEAM_WIDTH = 6
FIRST_PER_TAKE = 4
"""Candidates that are weighed for each continuation asked for."""
MAX_REFUSALS = 64
"""So many candidates in a row that cannot be played are a store to be mended, not a search to be continued."""
OnSkip = Callable[[str], None]


class Retriever:
    """Finds what comes next, and joins it.

    Args:
        store: of the chunks' vectors.
        described: a recording's description by its sha256.
        settings: what decides the search and the seams.
        on_skip: told, in one line each, what could not be used and why.
        on_found: told what every search of the store gave.
    """

    def __init__(
        self,
        store: Store,
        described: Callable[[str], Described],
        settings: RetrieveSettings,
        on_skip: OnSkip = lambda line: None,  # noqa: ARG005
        on_found: OnFound = lambda found: None,  # noqa: ARG005
    ) -> None:
        self._on_found = on_found
        self._store, self._described, self._settings, self._on_skip = store, described, settings, on_skip

    def continuations(self, heard: Heard, wish: ContinuationQuery) -> tuple[Continuation, ...]:
        """The best ways to go on, best first, each beginning with something else.

        The extended leader lasts as long as the leader and `wish.extend_s` together, to the sample; where the material
        ends sooner, so does it, and the last hop's term `missing_s` says by how much.

        Args:
            heard: what was understood of the whole leader.
            wish: what is asked for.

        Raises:
            RetrieveError: nothing can follow, with how many were refused for what.
            StoreError: the store cannot be asked.
        """
        with one_thread():
            return self._continuations(heard, wish)

    def _continuations(self, heard: Heard, wish: ContinuationQuery) -> tuple[Continuation, ...]:
        if self._store.count() == 0:
            raise RetrieveError("the store", "is empty", "fill it: ensemble index add PATH")
        leave = find_exit(heard, wish.leader.duration_s)
        tail = _tail_of(heard, wish, leave, self._settings.fade_ms / 1000)
        context = context_of_leader(heard, wish.leader, leave.at_s, recording_sha256=wish.source_sha256)
        wanted_s = (tail.stop_sample - tail.at_sample) / tail.sample_rate
        search = Search(self._store, self._described, self._settings)
        hops = Hops(search, self._described, self._settings, context, self._on_found)
        first = hops.after_leader(wanted_s, FIRST_PER_TAKE * wish.top_k)
        return self._played(hops, first, tail, wanted_s, wish.top_k)

    def _played(
        self, hops: Hops, first: tuple[HopStep, ...], tail: Tail, wanted_s: float, top_k: int
    ) -> tuple[Continuation, ...]:
        """Play the best chain until there are enough; what cannot be played is refused and the next best is tried."""
        refused, chosen, reasons = Refused(), list[Continuation](), dict[str, int]()
        open_first = list(first)
        for _ in range(MAX_REFUSALS + top_k):
            chain = _best(open_first, hops, refused, wanted_s)
            if chain is None or len(chosen) == top_k:
                break
            try:
                continuation = splice(chain, tail, self._described, self._settings.fade_ms / 1000)
            except UnusableError as error:
                self._on_skip(str(error))
                reasons[error.problem] = reasons.get(error.problem, 0) + 1
                refused = _refusing(refused, chain, error)
                continue
            chosen.append(continuation)
            open_first = _left(open_first, chain.steps[0])
        if not chosen:
            raise _nothing_found(hops.num_scored, {**hops.vetoed, **reasons})
        return tuple(sorted(chosen, key=lambda continuation: -continuation.total))


def _tail_of(heard: Heard, wish: ContinuationQuery, leave: ExitPoint, fade_s: float) -> Tail:
    """The leader's tail in samples of the render.

    Raises:
        RetrieveError: the leader is left before its tail begins: all of what follows is silence.
    """
    rate = wish.tail.sample_rate
    stop = wish.tail_start_sample + wish.tail.num_samples
    at_sample = min(round(leave.at_s * rate), stop)
    if at_sample - wish.tail_start_sample < rate * 4 * fade_s:
        silent_s = stop / rate - leave.at_s
        raise RetrieveError("the leader", f"ends in {silent_s:.1f} s of silence", "cut it where the music ends")
    moments_s = heard.beats_s if leave.is_beat else np.arange(0.0, leave.at_s, EVEN_STEP_S)
    beats = [round(moment * rate) - wish.tail_start_sample for moment in moments_s[moments_s <= leave.at_s].tolist()]
    nature = nature_of(wish.tail.samples, rate, [beat for beat in beats if beat > 0], fade_s)
    return Tail(
        sound=wish.tail.samples,
        sample_rate=rate,
        start_sample=wish.tail_start_sample,
        at_sample=at_sample,
        stop_sample=stop + round(wish.extend_s * rate),
        nature=nature if leave.is_beat else replace(nature, attacks_ms=()),
    )


def _best(first: list[HopStep], hops: Hops, refused: Refused, wanted_s: float) -> Chain[HopStep] | None:
    """The best chain of what has not been refused."""
    allowed = [step for step in first if refused.allows(None, step)]

    def follow(step: HopStep) -> list[HopStep]:
        return [after for after in hops.after(step) if refused.allows(step, after)]

    return best_chain(allowed, follow, wanted_s, BEAM_WIDTH)


def _refusing(refused: Refused, chain: Chain[HopStep], error: UnusableError) -> Refused:
    """Refuse what an error names: a recording, or one join."""
    step = chain.steps[error.number]
    if error.is_recording:
        return replace(refused, recordings=refused.recordings | {step.recording})
    before = chain.steps[error.number - 1].spot if error.number else None
    return replace(refused, joins=refused.joins | {(before, step.spot)})


def _left(first: list[HopStep], chosen: HopStep) -> list[HopStep]:
    """What may begin another continuation: other spots, and those of the same recording at a cost."""
    place = (chosen.recording, chosen.start_s)
    others = [step for step in first if not is_one_spot((step.recording, step.start_s), place)]
    return [
        replace(step, cost=step.cost + REPEAT_COST) if step.recording == chosen.recording else step for step in others
    ]


def _nothing_found(num_scored: int, reasons: dict[str, int]) -> RetrieveError:
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
    problem = f"nothing in the store may follow ({num_scored} scored" + (f": {counts})" if counts else ")")
    return RetrieveError("continuation", problem, "index more recordings: ensemble index add PATH")
