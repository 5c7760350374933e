"""How well a trained conductor foretells held-out followers, beside four simple rules and what the generator knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.conductor_features import (
    HEARD_ROWS,
    MAX_LOOK_AHEAD_FRAMES,
    PLACED_ROWS,
    anchor_db_of,
    frames_of_ms,
)
from ensemble.conduct.conductor_file import CONDUCTOR, MEDIAN, ConductorWeights, follower_ids
from ensemble.conduct.dynamics import QUANTUM_CONDUCTOR_FRAMES
from ensemble.conduct.foretell import foretell
from ensemble.conduct.learned import told_frames
from ensemble.data.takes import Split
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.measure.bootstrap import interval
from ensemble.measure.conducting_rivals import ConductingCase, Rival, cases_of, fit_ceiling, fit_rivals
from ensemble.measure.conducting_strokes import stroke_scores
from ensemble.measure.curves import rises_f1, slope_correlation
from ensemble.threads import one_thread
from ensemble.train.conductor.crops import LeaderScene, scenes_of
from ensemble.train.conductor.material import PlayedPiece, read_pieces, takes_in
from ensemble.types.instruments import CATALOGUE

LOOK_AHEADS_MS = (-600, -400, 0, 100, 250, 500)
"""Below 0 the leader's last so many are not known, as to a band that follows a player: 400 ms are its usual horizon,
600 ms a beat at 100 a minute."""
MAIN_MS = 100
Curve = NDArray[np.float64]


class Scores(NamedTuple):
    """Of one contender on one case; nan where there is nothing to score."""

    error_db: float
    """Mean absolute error of its loudness where the part plays."""
    correlation: float
    """Of its loudness with the true one."""
    slope_correlation: float
    """See `curves.slope_correlation`."""
    rises_f1: float
    """See `curves.rises_f1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What the conductor says of one case."""

    median_db: Curve
    """The loudness that it expects.  [frames]"""
    low_db: Curve
    """The lower end of its 80 % range.  [frames]"""
    high_db: Curve
    """The upper end.  [frames]"""


def evaluate_conductor(
    path: Path,
    sets: Sequence[Path],
    cache: Path,
    *,
    split: Split | None = "test",
    trained_on: Sequence[Path] | None = None,
    leaders_per_piece: int = 2,
    on_progress: OnProgress = unheard,
) -> dict[str, Any]:
    """Measure one conductor on pieces that it never learned from.

    Args:
        path: of the conductor.
        sets: whose pieces are foretold.
        cache: where what was heard is kept.
        split: which of their pieces; None takes all of them, for a set that nothing was trained on.
        trained_on: where the baselines learn, on the training split; the same sets when absent.
        leaders_per_piece: how many of a piece's parts lead, one after the other.
        on_progress: told the stage and how much of it is done.

    Returns:
        Figures at 100 ms (`error_db`, `best_baseline`, `best_baseline_error_db`, `ceiling_error_db`, `gain_interval`,
        `gap_closed`, `coverage_80`, `width_ratio_to_marginal`), all contenders' under `by_look_ahead_ms`, and
        `strokes` (see `stroke_scores`). Errors are mean absolute dB over the frames in which a part plays, by piece,
        then over pieces; the interval is of the best baseline's error less the conductor's, over pieces drawn again.

    Raises:
        ConductorError: the conductor cannot be used.
        DataError: a set cannot, or holds no piece to learn or to measure on.
    """
    conductor = CONDUCTOR.read(path)

    def pieces(roots: Sequence[Path], wanted: Split | None) -> list[PlayedPiece]:
        takes = [one for root in roots for one in takes_in(root) if wanted is None or one[1].split == wanted]
        found = read_pieces(takes, cache, leaders_per_piece, on_progress)
        if not found:
            where = ", ".join(map(str, roots))
            raise DataError(where, f"no piece of several parts in the {wanted} split", "name another set")
        return found

    home = sets if trained_on is None else trained_on
    learned, tried = pieces(home, "train"), pieces(home, "valid")
    measured = pieces(sets, split)
    with one_thread():
        return measure(conductor, learned, tried, measured, on_progress)


def measure(
    conductor: ConductorWeights,
    learned: Sequence[PlayedPiece],
    tried: Sequence[PlayedPiece],
    measured: Sequence[PlayedPiece],
    on_progress: OnProgress,
) -> dict[str, Any]:
    """The figures, from pieces in memory.

    Args:
        conductor: who is measured.
        learned: the baselines learn from these.
        tried: and choose on these.
        measured: all meet on these.
        on_progress: told the stage and how much of it is done.
    """
    scenes = [
        [(piece.name, scene) for piece in some for scene in scenes_of([piece])] for some in (learned, tried, measured)
    ]
    by_look_ahead: dict[str, Any] = {}
    for number, look_ahead_ms in enumerate(LOOK_AHEADS_MS):
        on_progress("foretell", number, len(LOOK_AHEADS_MS))
        train, valid, test = (
            [case for name, scene in some for case in cases_of(name, scene, look_ahead_ms)] for some in scenes
        )
        ceiling = fit_ceiling(train) if all(case.known_db is not None for case in test) else None
        foretold = [one for _, scene in scenes[2] for one in foretold_of(conductor, scene, look_ahead_ms)]
        rivals = [*fit_rivals(train, valid), *([ceiling] if ceiling else [])]
        by_look_ahead[str(look_ahead_ms)] = _compared(test, foretold, rivals, _marginal_width_db(train))
    main = by_look_ahead[str(MAIN_MS)]
    return {
        "pieces": len(measured),
        "cases": len(test),
        **{name: value for name, value in main.items() if name != "contenders"},
        "strokes": stroke_scores(conductor, [scene for _, scene in scenes[0]], scenes[2], MAIN_MS),
        "by_look_ahead_ms": by_look_ahead,
    }


def foretold_of(conductor: ConductorWeights, scene: LeaderScene, look_ahead_ms: int) -> list[Foretold]:
    """What a conductor says of every follower of a scene, at the balance of the music that it learned from.

    Of a leader who is heard late it is told what it is told live.
    """
    card = conductor.card
    rows = cases_of("", scene, look_ahead_ms)[0].rows.copy()
    if look_ahead_ms < 0:
        told = told_frames(card, frames_of_ms(-look_ahead_ms))
        rows[len(HEARD_ROWS) + PLACED_ROWS.index("look_ahead")] = told / MAX_LOOK_AHEAD_FRAMES
    whole = np.pad(rows, ((0, 0), (0, -rows.shape[1] % QUANTUM_CONDUCTOR_FRAMES)), mode="edge")
    ids = np.stack([follower_ids(card, part.instrument, part.role) for part in scene.followers])
    levels = foretell(conductor, ids, whole).levels_db[:, : rows.shape[1]].astype(np.float64)
    anchor_db = anchor_db_of(rows).astype(np.float64)
    found = []
    for part, level in zip(scene.followers, levels, strict=True):
        family = CATALOGUE[part.instrument].family
        usual_db = anchor_db + card.balance_db.get(part.instrument, card.balance_db.get(family, 0.0))
        low_db, high_db = level[:, 0] - card.margin_db[0], level[:, -1] + card.margin_db[1]
        found.append(
            Foretold(median_db=usual_db + level[:, MEDIAN], low_db=usual_db + low_db, high_db=usual_db + high_db)
        )
    return found


def _compared(
    test: Sequence[ConductingCase], foretold: Sequence[Foretold], rivals: Sequence[Rival], marginal_db: dict[str, float]
) -> dict[str, Any]:
    """All contenders at one look-ahead."""
    answers: dict[str, list[Curve]] = {"conductor": [one.median_db for one in foretold]}
    answers |= {rival.name: [rival.answer(case) for case in test] for rival in rivals}
    errors, contenders = {}, {}
    for name, curves in answers.items():
        scores = [_score(case, curve) for case, curve in zip(test, curves, strict=True)]
        errors[name] = _by_piece(test, [score.error_db for score in scores])
        contenders[name] = {
            field: _mean(_by_piece(test, [getattr(score, field) for score in scores])) for field in Scores._fields
        }
    simple = [name for name in errors if name not in ("conductor", "ceiling")]
    best = min(simple, key=lambda name: float(errors[name].mean()))
    gain_db = errors[best] - errors["conductor"]
    gap_db = float((errors[best] - errors["ceiling"]).mean()) if "ceiling" in errors else None
    inside, width_db, marginal = _interval(test, foretold, marginal_db)
    return {
        "error_db": contenders["conductor"]["error_db"],
        "best_baseline": best,
        "best_baseline_error_db": contenders[best]["error_db"],
        "ceiling_error_db": contenders["ceiling"]["error_db"] if "ceiling" in contenders else None,
        "gain_interval": interval(gain_db),
        "gap_closed": round(float(gain_db.mean()) / gap_db, 4) if gap_db else None,
        "coverage_80": round(inside, 4),
        "width_db": round(width_db, 3),
        "width_ratio_to_marginal": round(width_db / marginal, 4),
        "contenders": contenders,
    }


def _score(case: ConductingCase, answer_db: Curve) -> Scores:
    playing = case.part.is_playing
    if playing.sum() < 2:
        return Scores(np.nan, np.nan, np.nan, np.nan)
    truth_db, said_db = case.played_db, answer_db[playing]
    varies = truth_db.std() > 0 and said_db.std() > 1e-6
    return Scores(
        error_db=float(np.abs(said_db - truth_db).mean()),
        correlation=float(np.corrcoef(truth_db, said_db)[0, 1]) if varies else 0.0,
        slope_correlation=slope_correlation(case.part.loudness_db, answer_db, playing),
        rises_f1=rises_f1(case.part.loudness_db, answer_db, playing),
    )


def _by_piece(cases: Sequence[ConductingCase], values: Iterable[float]) -> Curve:
    """The mean of every piece's cases.  [pieces]"""
    found: dict[str, list[float]] = {}
    for case, value in zip(cases, values, strict=True):
        found.setdefault(case.piece, []).append(value)
    return np.array([np.nanmean(one) for one in found.values() if not np.isnan(one).all()])


def _mean(values: Curve) -> float | None:
    """None where no piece has anything to score."""
    return round(float(values.mean()), 4) if len(values) else None


def _interval(
    test: Sequence[ConductingCase], foretold: Sequence[Foretold], marginal_db: dict[str, float]
) -> tuple[float, float, float]:
    """Share of played frames inside the interval, its mean width, and the mean width of the instrument's own."""
    inside, width, marginal = [], [], []
    for case, one in zip(test, foretold, strict=True):
        playing = case.part.is_playing
        low_db, high_db = one.low_db[playing], one.high_db[playing]
        inside.append((case.played_db >= low_db) & (case.played_db <= high_db))
        width.append(high_db - low_db)
        usual = marginal_db.get(case.part.instrument, float(np.mean(list(marginal_db.values()))))
        marginal.append(np.full(len(low_db), usual))
    return tuple(float(np.concatenate(one).mean()) for one in (inside, width, marginal))  # type: ignore[return-value]


def _marginal_width_db(train: Sequence[ConductingCase]) -> dict[str, float]:
    """From the 10 % to the 90 % line of all that an instrument played in training."""
    played: dict[str, list[Curve]] = {}
    for case in train:
        played.setdefault(case.part.instrument, []).append(case.played_db)
    return {name: float(np.ptp(np.quantile(np.concatenate(found), (0.1, 0.9)))) for name, found in played.items()}
