"""Retrieve: a leader that has stopped goes in, continuations of it come out, best first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

import numpy as np

from ensemble.errors import RetrieveError
from ensemble.events import unheard
from ensemble.retrieve.join.beam_search import Chain, best_chain
from ensemble.retrieve.join.exit_point import ExitPoint, find_exit
from ensemble.retrieve.join.hops import Hops, HopStep, OnFound, Refused
from ensemble.retrieve.join.material import UnusableError
from ensemble.retrieve.join.seam import own_transitions
from ensemble.retrieve.join.splice import Tail, splice
from ensemble.retrieve.library.store import Store
from ensemble.retrieve.search import pulse
from ensemble.retrieve.search.context import context_of_leader
from ensemble.retrieve.search.diversity import REPEAT_COST, is_one_spot
from ensemble.retrieve.search.quality import is_chance, quality_of
from ensemble.retrieve.search.search import Search
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.threads import one_thread
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.described import Described
from ensemble.types.music import Heard

BEAM_WIDTH = 6
FIRST_PER_TAKE = 4
"""Candidates considered for each continuation that is asked for."""
MAX_REFUSALS = 64
"""After this many candidates that cannot be played the search ends: the library needs repair."""
OnSkip = Callable[[str], None]


class Retriever:
    """Finds what comes next, and joins it to the leader.

    Args:
        store: of the chunks' vectors.
        described: returns a recording's description by its sha256.
        settings: what decides the search and the seams.
        on_skip: told, in one line each, what could not be used and why.
        on_found: told what every search of the store found.
    """

    def __init__(
        self,
        store: Store,
        described: Callable[[str], Described],
        settings: RetrieveSettings,
        on_skip: OnSkip = unheard,
        on_found: OnFound = unheard,
    ) -> None:
        self._on_found = on_found
        self._store, self._described, self._settings, self._on_skip = store, described, settings, on_skip

    @one_thread()
    def continuations(self, heard: Heard, query: ContinuationQuery) -> tuple[Continuation, ...]:
        """Find the best continuations, best first, each beginning at another spot.

        Beside the first, only those are given that are better than chance: fewer than `query.top_k` is an answer. In
        the place of those that `query.another` names stand the next best, whatever they are worth.

        The extended leader lasts as long as the leader and `query.extend_s` together, to the sample; where the material
        ends sooner, so does it, and the last hop's term `missing_s` says by how much.

        Args:
            heard: what was understood of the whole leader.
            query: what is asked for.

        Raises:
            RetrieveError: nothing can follow; it says how many candidates were refused for which reason. Or there is no
                other one.
            StoreError: the store cannot be asked.
        """
        if self._store.count() == 0:
            raise RetrieveError("the store", "is empty", "fill it: ensemble index add PATH")
        exit_point = find_exit(heard, query.leader.duration_s)
        tail = _tail_of(heard, query, exit_point, self._settings.fade_ms / 1000)
        context = context_of_leader(heard, query.leader, exit_point.at_s, recording_sha256=query.source_sha256)
        wanted_s = (tail.stop_sample - tail.at_sample) / tail.sample_rate
        search = Search(self._store, self._described, self._settings)
        hops = Hops(search, self._described, self._settings, context, self._on_found)
        past = _Past()
        best_first = self._played(hops, FIRST_PER_TAKE * query.top_k, tail, wanted_s, past)
        chosen, passed_over = list[Continuation](), list[Continuation]()
        for one in islice(best_first, query.top_k):
            if chosen and is_chance(one.quality):
                passed_over.append(one)
                break
            chosen.append(one)
        if not chosen:
            raise _nothing_found(hops.num_scored, hops.vetoed + past.reasons)
        chosen.sort(key=lambda continuation: -continuation.total)
        more = self._played(hops, FIRST_PER_TAKE * (query.top_k + len(query.another)), tail, wanted_s, past)
        others = chain(passed_over, best_first, more)
        for number in query.another:
            other = next(others, None)
            if number > len(chosen) or other is None:
                problem = "has no other" if number <= len(chosen) else f"is not there: {len(chosen)} were found"
                raise RetrieveError(f"continuation {number}", problem, "index more recordings: ensemble index add PATH")
            chosen[number - 1] = other
        return tuple(chosen)

    def _played(self, hops: Hops, limit: int, tail: Tail, wanted_s: float, past: _Past) -> Iterator[Continuation]:
        """Play the best chain, then the next; what cannot be played is refused for a reason, and the next is tried."""
        open_first = list(hops.after_leader(wanted_s, limit))
        for step in past.begun:
            open_first = _without(open_first, step)
        while past.reasons.total() < MAX_REFUSALS and (best := _best(open_first, hops, past.refused, wanted_s)):
            try:
                continuation = splice(best, tail, self._described, self._settings.fade_ms / 1000)
            except UnusableError as error:
                self._on_skip(str(error))
                past.reasons[error.reason] += 1
                past.refused = _refusing(past.refused, best, error)
                continue
            weakest = min(hop.score.total for hop in continuation.hops)
            past.begun.append(best.steps[0])
            open_first = _without(open_first, best.steps[0])
            yield replace(continuation, quality=quality_of(weakest, self._settings))


@dataclass(slots=True)
class _Past:
    """What was played, and what could not be."""

    begun: list[HopStep] = field(default_factory=list)
    """The first step of each continuation."""
    refused: Refused = field(default_factory=Refused)
    """What turned out to be unusable."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How often what was refused for which reason."""


def _tail_of(heard: Heard, query: ContinuationQuery, exit_point: ExitPoint, fade_s: float) -> Tail:
    """The leader's tail, at the rate of the render.

    Raises:
        RetrieveError: the exit point lies before the tail: the whole tail is silent.
    """
    rate = query.tail.sample_rate
    stop = query.tail_start_sample + query.tail.num_samples
    at_sample = min(round(exit_point.at_s * rate), stop)
    if at_sample - query.tail_start_sample < rate * 4 * fade_s:
        silent_s = stop / rate - exit_point.at_s
        raise RetrieveError("the leader", f"ends in {silent_s:.1f} s of silence", "cut it where the music ends")
    moments_s = pulse.moments_s(heard.beats_s if exit_point.is_beat else np.empty(0), exit_point.at_s)
    beats = [
        round(moment * rate) - query.tail_start_sample for moment in moments_s[moments_s <= exit_point.at_s].tolist()
    ]
    own = own_transitions(query.tail.samples, rate, [beat for beat in beats if beat > 0], fade_s)
    return Tail(
        sound=query.tail.samples,
        sample_rate=rate,
        start_sample=query.tail_start_sample,
        at_sample=at_sample,
        stop_sample=stop + round(query.extend_s * rate),
        own=own if exit_point.is_beat else replace(own, attacks_ms=()),
    )


def _best(first: list[HopStep], hops: Hops, refused: Refused, wanted_s: float) -> Chain[HopStep] | None:
    """The best chain without steps or joins that were refused."""
    allowed = [step for step in first if refused.allows(None, step)]

    def follow(step: HopStep) -> list[HopStep]:
        return [after for after in hops.after(step) if refused.allows(step, after)]

    return best_chain(allowed, follow, wanted_s, BEAM_WIDTH)


def _refusing(refused: Refused, chain: Chain[HopStep], error: UnusableError) -> Refused:
    """Refuse what could not be played: the recording, or this join only."""
    step = chain.steps[error.number]
    if error.reason.is_of_recording:
        return replace(refused, recordings=refused.recordings | {step.recording})
    before = chain.steps[error.number - 1].spot if error.number else None
    return replace(refused, joins=refused.joins | {(before, step.spot)})


def _without(first: list[HopStep], chosen: HopStep) -> list[HopStep]:
    """What may begin another continuation: other spots, those of the same recording at a cost."""
    place = (chosen.recording, chosen.start_s)
    others = [step for step in first if not is_one_spot((step.recording, step.start_s), place)]
    return [
        replace(step, cost=step.cost + REPEAT_COST) if step.recording == chosen.recording else step for step in others
    ]


def _nothing_found(num_scored: int, reasons: Counter[str]) -> RetrieveError:
    counts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    problem = f"nothing in the store may follow ({num_scored} scored" + (f": {counts})" if counts else ")")
    return RetrieveError("continuation", problem, "index more recordings: ensemble index add PATH")
