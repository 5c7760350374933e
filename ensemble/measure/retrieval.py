"""Does search find what really comes next? A leader that breaks off, and a store in which its song was played again.

Convention: every song is played twice (`ensemble.measure.retrieval_songs`). A leader is cut out of the first take, the
store holds all second takes, in other keys, tempi and sounds. The right answer is the one chunk of the second take that
lies nearest to where the leader is left, if it is within half a beat; a question without such a chunk counts as missed.
The scorers see the same leaders and the same chunks. `mean_chroma` is the reference implementation's: cosine of the
mean chroma of the leader's tail and of the candidate's beginning, untransposed; `mean_chroma_any_key` lets it
transpose.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import RetrieveError
from ensemble.events import OnProgress, unheard
from ensemble.measure.bootstrap import interval
from ensemble.measure.retrieval_questions import RetrievalQuestion, questions_of
from ensemble.measure.retrieval_songs import make_songs, other_soundfont
from ensemble.measure.retrieval_store import SecondTakes
from ensemble.retrieve.retriever import Retriever
from ensemble.retrieve.search.search import Search
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.threads import one_thread
from ensemble.types.continuation import ContinuationQuery

DEPTHS = (1, 10, 200)
MIN_REMAINING_S = 4.0
ANY_LEVEL = None
"""The last of the steps in which search relaxes: how loudly a song is played again says nothing of what comes next."""
TAKES_PER_LEADER = 2
EXTEND_S = 5.0
MEASURES = ("click_ratio", "joined_level_step_db", "joined_spectral_distance_db", "joined_pitch_step_cents")
"""Terms of the joined sound that have a percentile among the leader's own transitions."""
Ranks = Sequence[int | None]
"""Where the right answers stand in their rankings, from 1; None for one that is not there, which counts 0."""


def evaluate_retrieval(
    num_songs: int = 20,
    *,
    seed: int = 0,
    soundfont: Path | None = None,
    settings: RetrieveSettings | None = None,
    on_progress: OnProgress = unheard,
) -> dict[str, Any]:
    """Measure search and seams.

    Args:
        num_songs: how many songs are composed.
        seed: other seeds give other songs.
        soundfont: of the second takes; one of `OTHER_SOUNDFONTS`, or another instrument of the first, if absent.
        settings: of the search; its weights are those of the scorer `full`.
        on_progress: told what is done (what, done, total).

    Returns:
        mrr, mrr_interval, recall_at_1, recall_at_10, recall_at_200 by scorer; difference_interval: of the mean
        reciprocal rank, full minus relevance, paired, over songs; what `measure_seams` gives; and what it was measured
        on.

    Raises:
        DataError: FluidSynth or its soundfont is missing.
    """
    chosen, other = settings or RetrieveSettings(), other_soundfont(soundfont)
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder, one_thread():
        takes, questions = SecondTakes(Path(folder)), list[RetrievalQuestion]()
        for song in make_songs(num_songs, seed, other):
            takes.add(song)
            questions += questions_of(song, takes)
            on_progress("compose, play and hear songs", song.number + 1, num_songs)
        ranks: dict[str, list[int | None]] = {}
        for done, question in enumerate(questions, 1):
            for scorer, rank in _ranks(question, takes, chosen, done).items():
                ranks.setdefault(scorer, []).append(rank)
            on_progress("search", done, len(questions))
        figures = _figures(ranks, [question.song for question in questions])
        figures |= measure_seams(questions, takes, chosen, on_progress)
    answered = sum(question.answer is not None for question in questions)
    return figures | {
        "songs": num_songs, "questions": len(questions), "answerable": answered, "chunks": takes.store.count(),
        "seed": seed, "second_takes": str(other) if other else "another instrument of the same soundfont",
    }  # fmt: skip


def _ranks(
    question: RetrievalQuestion, takes: SecondTakes, settings: RetrieveSettings, number: int
) -> dict[str, int | None]:
    """Where each scorer has the answer."""
    shuffled = np.random.Generator(np.random.Philox(number)).random(takes.store.count()).astype(np.float32)
    orders = {
        "random": takes.ranked(shuffled),
        "mean_chroma": takes.ranked(takes.chroma_likeness(question.tail_chroma, turns=1)),
        "mean_chroma_any_key": takes.ranked(takes.chroma_likeness(question.tail_chroma, turns=12)),
    }
    for name, alpha, beta in (
        ("relevance", 1.0, 0.0), ("seam", 0.0, 1.0), ("full", settings.alpha, settings.beta),
    ):  # fmt: skip
        search = Search(takes.store, takes.described, settings.model_copy(update={"alpha": alpha, "beta": beta}))
        ranked = search.ranked(question.context, ANY_LEVEL, min_remaining_s=MIN_REMAINING_S)
        allowed = ((one.recording.sha256, one.chunk) for one in ranked if not one.score.vetoes)
        orders[name] = list(dict.fromkeys(allowed))  # a chunk in several transpositions counts once
    return {
        name: order.index(question.answer) + 1 if question.answer in order else None for name, order in orders.items()
    }


def _figures(ranks: dict[str, list[int | None]], songs: Sequence[int]) -> dict[str, Any]:
    reciprocal = {scorer: reciprocal_ranks(found) for scorer, found in ranks.items()}
    return {
        "mrr": {scorer: float(values.mean()) for scorer, values in reciprocal.items()},
        "mrr_interval": {scorer: interval(values, songs) for scorer, values in reciprocal.items()},
        **{
            f"recall_at_{depth}": {scorer: recall_at(found, depth) for scorer, found in ranks.items()}
            for depth in DEPTHS
        },
        "difference_interval": interval(reciprocal["full"] - reciprocal["relevance"], songs),
    }


def reciprocal_ranks(ranks: Ranks) -> NDArray[np.float64]:
    """1 / rank, 0 without one.  [questions]

    Raises:
        ValueError: a rank below 1.
    """
    if any(rank is not None and rank < 1 for rank in ranks):
        raise ValueError("ranks begin at 1")
    return np.array([0.0 if rank is None else 1.0 / rank for rank in ranks])


def recall_at(ranks: Ranks, depth: int) -> float:
    """Share of the questions whose answer is among the first `depth`."""
    return float(np.mean([rank is not None and rank <= depth for rank in ranks]))


def measure_seams(
    questions: Sequence[RetrievalQuestion], takes: SecondTakes, settings: RetrieveSettings, on_progress: OnProgress
) -> dict[str, Any]:
    """Let the retriever go on from every leader, and read what its seams measured.

    Returns:
        seams: how many; seam_percentile_median: each seam's mean percentile over `MEASURES` among the leader's own
        transitions, the median of the seams; seam_percentiles: the median by measure; click_ratio_p95 and _max;
        clicks_beyond_attack: seams rougher than their surroundings and than the new sound's own attack;
        leaders_without_continuation.
    """
    retriever = Retriever(takes.store, takes.described, settings)
    percentiles: dict[str, list[float]] = {name: [] for name in MEASURES}
    per_seam, clicks, beyond, refused = list[float](), list[float](), 0, 0
    for done, question in enumerate(questions, 1):
        query = ContinuationQuery(
            leader=question.heard_clip, tail=question.clip, tail_start_sample=0, extend_s=EXTEND_S,
            top_k=TAKES_PER_LEADER,
        )  # fmt: skip
        try:
            continuations = retriever.continuations(question.heard, query)
        except RetrieveError:
            refused += 1
            continuations = ()
        for hop in (hop for continuation in continuations for hop in continuation.hops):
            terms = hop.score.terms
            placed = {name: terms[name].percentile for name in MEASURES if name in terms}
            known = {name: value for name, value in placed.items() if value is not None}
            for name, value in known.items():
                percentiles[name].append(value)
            if known:
                per_seam.append(float(np.mean(list(known.values()))))
            clicks.append(terms["click_ratio"].value)
            beyond += clicks[-1] > max(1.0, terms["attack_click_ratio"].value)
        on_progress("join", done, len(questions))
    return {
        "seams": len(clicks),
        "leaders_without_continuation": refused,
        "seam_percentile_median": float(np.median(per_seam)) if per_seam else None,
        "seam_percentiles": {name: float(np.median(values)) for name, values in percentiles.items() if values},
        "click_ratio_p95": float(np.percentile(clicks, 95)) if clicks else None,
        "click_ratio_max": max(clicks, default=None),
        "clicks_beyond_attack": beyond,
    }


def written_out(figures: dict[str, Any]) -> str:
    """The table as plain lines."""
    lines = [f"{'scorer':<22}{'MRR':>7}{'95 % interval':>18}" + "".join(f"{f'R@{depth}':>8}" for depth in DEPTHS)]
    for scorer, value in figures["mrr"].items():
        low, high = figures["mrr_interval"][scorer]
        recalls = "".join(f"{figures[f'recall_at_{depth}'][scorer]:8.2f}" for depth in DEPTHS)
        lines.append(f"{scorer:<22}{value:7.3f}{f'{low:.3f} to {high:.3f}':>18}{recalls}")
    low, high = figures["difference_interval"]
    lines.append(f"full minus relevance, paired: {low:+.3f} to {high:+.3f}")
    lines.append(
        f"{figures['questions']} leaders of {figures['songs']} songs ({figures['answerable']} with an answer) among "
        f"{figures['chunks']} chunks; second takes: {figures['second_takes']}"
    )
    if figures["seams"]:
        lines.append(
            f"{figures['seams']} seams: median percentile {figures['seam_percentile_median']:.0f} among leaders' own "
            f"transitions; click ratio {figures['click_ratio_p95']:.2f} at the 95th percentile, "
            f"{figures['click_ratio_max']:.2f} at most; {figures['clicks_beyond_attack']} rougher than an attack"
        )
    return "\n".join(lines)
