"""Which stretch of which recording may follow which: candidates of the store as steps for the beam search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ensemble.events import unheard
from ensemble.retrieve.join.beam_search import Step
from ensemble.retrieve.join.exit_point import exits_s, music_ends_s
from ensemble.retrieve.search.context import JoinContext, context_of_recording
from ensemble.retrieve.search.diversity import MIN_APART_S
from ensemble.retrieve.search.gather import Pair
from ensemble.retrieve.search.query import shares
from ensemble.retrieve.search.rerank import measure
from ensemble.retrieve.search.search import Candidate, Found, Search
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.described import Described

SHORTEST_HOP_S = 4.0
"""The least music that a candidate must have left, unless the whole continuation is shorter."""
FOLLOWERS = 8
"""How many candidates are considered where one recording is left for another."""
WORST_TOTAL = 1e-3
"""A score of 0 would cost infinitely much: worse scores count as this."""
Spot = tuple[str, int, int]
"""Recording, chunk, and semitones of transposition."""
OnFound = Callable[[Found], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HopStep(Step):
    """A candidate as a step."""

    candidate: Candidate
    """Where it begins, and how it is played."""

    @property
    def spot(self) -> Spot:
        """Where it begins, and how far it is transposed."""
        return self.recording, self.candidate.chunk, self.candidate.semitones


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What turned out to be unusable."""

    recordings: frozenset[str] = frozenset()
    """Recordings whose file cannot be played."""
    joins: frozenset[tuple[Spot | None, Spot]] = frozenset()
    """Joins that click: from where (None is the leader) to where."""

    def allows(self, before: HopStep | None, step: HopStep) -> bool:
        """Whether a step may follow another, or the leader."""
        return step.recording not in self.recordings and (before.spot if before else None, step.spot) not in self.joins


class Hops:
    """The graph of which step may follow which; the store is searched only for steps that the beam search reaches.

    Args:
        search: searches the store.
        described: returns a recording's description by its sha256.
        settings: the weights, and how far a recording may be transposed and its tempo changed.
        leader: what everything that follows is to be relevant to.
        on_found: told what every search found.
    """

    def __init__(
        self,
        search: Search,
        described: Callable[[str], Described],
        settings: RetrieveSettings,
        leader: JoinContext,
        on_found: OnFound = unheard,
    ) -> None:
        self._search, self._described, self._settings, self._leader = search, described, settings, leader
        self._on_found = on_found
        self._known: dict[tuple[str, float], tuple[Candidate, ...]] = {}
        self._steps_after: dict[tuple[Spot, float], tuple[HopStep, ...]] = {}
        self.num_scored = 0
        self.vetoed = Counter[str]()

    def after_leader(self, wanted_s: float, limit: int) -> tuple[HopStep, ...]:
        """Steps that may follow the leader, best first: those that last long enough, and shorter ones."""
        steps: dict[tuple[Spot, float], HopStep] = {}
        for min_remaining_s in sorted({wanted_s, min(wanted_s, SHORTEST_HOP_S)}, reverse=True):
            for candidate in self._searched(self._leader, limit, min_remaining_s):
                for step in self._steps(candidate):
                    steps.setdefault((step.spot, step.stop_s), step)
        return tuple(sorted(steps.values(), key=lambda step: (step.cost, step.recording, step.start_s, -step.stop_s)))

    def after(self, step: HopStep) -> Sequence[HopStep]:
        """Steps that may follow a step where it is left: relevant to the leader, and well joined to it as played."""
        key = (step.spot, step.stop_s)
        if key not in self._steps_after:
            found = [self._as_played(candidate, step) for candidate in self._candidates_after(step)]
            allowed = [candidate for candidate in found if self._is_playable(candidate)]
            self._steps_after[key] = tuple(one for each in self._with_relevance(allowed) for one in self._steps(each))
        return self._steps_after[key]

    def _candidates_after(self, step: HopStep) -> tuple[Candidate, ...]:
        """What may follow the recording at its own pitch and tempo, but for the recording's own going on from there."""
        key = (step.recording, step.stop_s)
        if key not in self._known:
            context = context_of_recording(self._described(step.recording), step.stop_s)
            found = self._searched(context, FOLLOWERS, SHORTEST_HOP_S)
            self._known[key] = tuple(
                candidate
                for candidate in found
                if candidate.recording.sha256 != step.recording or abs(candidate.start_s - step.stop_s) >= MIN_APART_S
            )
        return self._known[key]

    @staticmethod
    def _as_played(candidate: Candidate, step: HopStep) -> Candidate:
        """Transpose what follows as the recording before it is transposed, and change its tempo alike."""
        return replace(
            candidate,
            semitones=candidate.semitones + step.candidate.semitones,
            tempo_ratio=candidate.tempo_ratio * step.candidate.tempo_ratio,
        )

    def _is_playable(self, candidate: Candidate) -> bool:
        in_tempo = abs(candidate.tempo_ratio - 1.0) <= self._settings.max_stretch + 1e-9
        return in_tempo and abs(candidate.semitones) <= self._settings.max_semitones

    def _with_relevance(self, candidates: list[Candidate]) -> list[Candidate]:
        """Score relevance against the leader instead of the step before, so that a long chain stays close to it."""
        if not candidates:
            return []
        pairs = [
            Pair(described=self._described(one.recording.sha256), chunk=one.chunk, semitones=one.semitones)
            for one in candidates
        ]
        relevance = measure(self._leader, pairs, self._settings).relevance
        alpha, _ = shares(self._settings)
        scored = []
        for candidate, relevant in zip(candidates, relevance.tolist(), strict=True):
            total = candidate.score.total + alpha * (relevant - candidate.score.relevance)
            score = replace(candidate.score, relevance=relevant, total=total)
            scored.append(replace(candidate, score=score))
        return scored

    def _searched(self, context: JoinContext, limit: int, min_remaining_s: float) -> tuple[Candidate, ...]:
        found = self._search.candidates(context, limit, min_remaining_s=min_remaining_s)
        self._on_found(found)
        self.num_scored += found.num_scored
        self.vetoed.update(found.vetoed)
        return found.candidates

    def _steps(self, candidate: Candidate) -> list[HopStep]:
        """One step per place where the recording may be left."""
        described = self._described(candidate.recording.sha256)
        rings_s = (music_ends_s(described, candidate.chunk) - candidate.start_s) / candidate.tempo_ratio
        return [
            HopStep(
                recording=candidate.recording.sha256,
                start_s=candidate.start_s,
                stop_s=exit_s,
                lasts_s=(exit_s - candidate.start_s) / candidate.tempo_ratio,
                rings_s=rings_s,
                cost=-math.log(min(max(candidate.score.total, WORST_TOTAL), 1.0)),
                candidate=candidate,
            )
            for exit_s in exits_s(described, candidate.chunk)
        ]
