"""`evaluate live`: lets a band follow recordings with references as if they were played now, and measures it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble.audio.files import prepared_clip, printable, read_clip
from ensemble.band import Band, LocalBand
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import BandSettings
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, visible
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.overrides import FASTEST_BPM, SLOWEST_BPM
from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.live.leader import first_frame_counted
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import Followed
from ensemble.measure.annotations import Annotation, Times, read_annotation, tempo_of
from ensemble.measure.harmony_fit import Bools
from ensemble.measure.live import BEAT_FIGURES, FIGURES, Figures, chart_of, score_live
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.live import LiveSession
from ensemble.rendering.live_run import STOPPED_S, deadlines_of, in_steps, run_simulated, stop_reaction_bars
from ensemble.rendering.request import request_for
from ensemble.types.music import Arrangement, AudioClip, FloatArray

PLAYED = ("deadline_hit_rate", "horizon_left_p99_ms", "stop_reaction_bars")
"""Of playing at 16 kHz, on a clock that is simulated; see `Deadlines` and `stop_reaction_bars`."""
CLEAR_F = 0.9
"""A recording's beat is clear where the tracker that knows it whole has this F-measure."""
COUNTED_BEATS = 5
"""The tempo of a count is that of so many beats from where it leads."""
TAIL_FRAMES = 100
OFFLINE_S = 600.0
"""Listening to a whole recording may take so long."""
BLOCK_SAMPLES = ANALYSIS_RATE_HZ // 50


def evaluate_live(
    folder: Path,
    band: BandSettings,
    live: LiveSettings,
    max_s: float = 60.0,
    on_progress: OnProgress = unheard,
    *,
    with_chart: bool = False,
    skipped_bars: int = 0,
) -> dict[str, Any]:
    """Follow every recording of a folder that has beats or chords beside it as if it were played now.

    Args:
        folder: recordings with references, as `evaluate_listening` takes them.
        band: who plays.
        live: how it follows. Where the band counts in, it does so at the tempo of the reference's first beats, and the
            recording begins with the first bar; those without beats are followed without a count.
        max_s: how much of each is used.
        on_progress: told the recording's name, how many are done, and of how many.
        with_chart: follow those whose references tell bars and chords alone, each by a chart of them, from its first
            bar on.
        skipped_bars: so many bars are left out in the middle of each, which its chart has.

    Returns:
        The mean of each of `FIGURES` and `PLAYED`, None where no recording has it; `clear`, the means of `BEAT_FIGURES`
        of the recordings whose beat is clear (see `CLEAR_F`); `replay_equal`, whether every stream
        gave the same samples again, cut otherwise; `counts`; and `recordings` with the same.

    Raises:
        DataError: a reference is damaged, or there is none.
        AudioError: a recording cannot be read.
    """
    if not folder.is_dir():
        raise DataError(printable(folder), "is no folder", "name a folder of recordings with references")
    sounds = [path for path in visible(folder) if path.suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)]
    known = [
        (path, reference)
        for path in sounds
        if (reference := read_annotation(path)) and (reference.beats_s is not None or reference.chord_labels)
    ]
    if with_chart:
        known = [(path, reference) for path, reference in known if chart_of(reference)]
    if not known:
        needed = "bars and chords" if with_chart else "beats or chords"
        raise DataError(printable(folder), f"holds no recording with {needed}", "lay NAME.beats or .lab beside it")
    request = request_for(band, sample_rate=ANALYSIS_RATE_HZ, live=live.model_copy(update={"count_in_beats": 0}))
    players = LocalBand(RenderPlan(request=request, leader_sha256=""))
    LiveSession(request, players).warm_up()
    found: dict[str, dict[str, Any]] = {}
    for done, (path, reference) in enumerate(known):
        on_progress(f"following {printable(path.stem)}", done, len(known))
        clip = read_clip(path)
        take = _Take(reference, at_analysis_rate(prepared_clip(clip, clip.sample_rate)).samples[0], request)
        take = _skipped(_charted(take), skipped_bars, max_s) if with_chart else take
        take = _counted_in(take, live) if live.count_in_beats else take
        samples = in_steps(take.samples[: round(max_s * ANALYSIS_RATE_HZ)])[1]
        found[path.stem] = _played(take._replace(samples=samples), players)
    clear = [one for one in found.values() if (one["offline_beats_f"] or 0.0) >= CLEAR_F]
    values = {name: _known(name, found.values()) for name in (*FIGURES, *PLAYED)}
    return {name: _mean(some) for name, some in values.items()} | {
        "clear": {name: _mean(_known(name, clear)) for name in BEAT_FIGURES},
        "replay_equal": all(one["replay_equal"] for one in found.values()),
        "counts": {name: len(some) for name, some in values.items()},
        "recordings": found,
    }


class _Take(NamedTuple):
    """What is followed once."""

    reference: Annotation
    """What is known of it."""
    samples: FloatArray
    """Mono, at 16 kHz.  [samples]"""
    request: RenderRequest
    """How it is followed."""


def _counted_in(take: _Take, live: LiveSettings) -> _Take:
    """The recording laid behind a count, so that its first bar begins where the band expects it."""
    beats_s, bars_s = take.reference.beats_s, take.reference.downbeats_s
    if beats_s is None:
        return take
    played_s = beats_s[beats_s < len(take.samples) / ANALYSIS_RATE_HZ]
    counted_s = played_s if bars_s is None or not len(bars_s) else played_s[played_s >= bars_s[0]]
    if (tempo_bpm := tempo_of(counted_s[:COUNTED_BEATS])) is None:
        return take
    tempo_bpm = float(np.clip(tempo_bpm, SLOWEST_BPM, FASTEST_BPM))
    begin = first_frame_counted(live, 60 * FRAME_RATE_HZ / tempo_bpm) - round(counted_s[0] * FRAME_RATE_HZ)
    said = take.request.overrides.model_copy(update={"tempo_bpm": tempo_bpm})
    asked = take.request.model_copy(update={"overrides": said, "live": live})
    return _moved(take._replace(request=asked), begin)


def _charted(take: _Take) -> _Take:
    """The recording from its first bar on, with the chart that its reference tells."""
    bars_s = take.reference.downbeats_s
    said = take.request.overrides.model_copy(update={"chart": chart_of(take.reference)})
    asked = take.request.model_copy(update={"overrides": said})
    return _moved(take._replace(request=asked), 0 if bars_s is None else -math.floor(bars_s[0] * FRAME_RATE_HZ))


def _moved(take: _Take, by_frames: int) -> _Take:
    """The recording and its reference so much later, behind silence; what is then before the beginning is left out."""
    by_s, samples = by_frames / FRAME_RATE_HZ, by_frames * ANALYSIS_RATE_HZ // FRAME_RATE_HZ
    return take._replace(
        reference=_at(take.reference, lambda times_s: times_s + by_s, lambda times_s: times_s + by_s >= 0),
        samples=np.pad(take.samples[max(-samples, 0) :], (max(samples, 0), 0)),
    )


def _skipped(take: _Take, bars: int, max_s: float) -> _Take:
    """The recording and its reference without the middle ones of the bars that are used."""
    bars_s = take.reference.downbeats_s
    if not bars or bars_s is None:
        return take
    bars_s = bars_s[bars_s < min(max_s, len(take.samples) / ANALYSIS_RATE_HZ)]
    first = (len(bars_s) - bars) // 2
    if first < 1:
        return take
    start_s, stop_s = bars_s[[first, first + bars]].tolist()
    start, stop = round(start_s * ANALYSIS_RATE_HZ), round(stop_s * ANALYSIS_RATE_HZ)
    return take._replace(
        reference=_at(
            take.reference,
            lambda times_s: np.where(times_s < stop_s, np.minimum(times_s, start_s), times_s - (stop_s - start_s)),
            lambda times_s: (times_s < start_s) | (times_s >= stop_s),
        ),
        samples=np.concatenate([take.samples[:start], take.samples[stop:]]),
    )


def _at(reference: Annotation, moved: Callable[[Times], Times], is_kept: Callable[[Times], Bools]) -> Annotation:
    """A reference's beats, bar lines and chords at other times; beats and bar lines may be left out."""
    beats_s, bars_s, spans_s = reference.beats_s, reference.downbeats_s, reference.chord_spans_s
    return replace(
        reference,
        beats_s=None if beats_s is None else moved(beats_s[is_kept(beats_s)]),
        downbeats_s=None if bars_s is None else moved(bars_s[is_kept(bars_s)]),
        chord_spans_s=None if spans_s is None else moved(spans_s),
    )


def _played(take: _Take, players: Band) -> dict[str, Any]:
    """All figures of one recording, after whose end the leader is silent."""
    reference, samples, request = take
    session = LiveSession(request, players, keeps_all=True)
    blocks = np.split(samples, range(BLOCK_SAMPLES, len(samples), BLOCK_SAMPLES))
    run_simulated(session, blocks, ANALYSIS_RATE_HZ)
    deadlines = deadlines_of(session)
    stop_bars = stop_reaction_bars(session, ANALYSIS_RATE_HZ)
    again = LiveSession(request, players)
    for _ in again.hear(np.pad(samples, (0, STOPPED_S * ANALYSIS_RATE_HZ))):
        pass
    num_frames = len(samples) * FRAME_RATE_HZ // ANALYSIS_RATE_HZ
    follower = session.follower
    followed = Followed(follower.heard(num_frames), follower.arrangement(num_frames + TAIL_FRAMES))
    scored: Figures = score_live(reference, followed, _offline(samples, request, num_frames))
    return {
        **scored,
        "deadline_hit_rate": deadlines.deadline_hit_rate,
        "horizon_left_p99_ms": deadlines.horizon_left_p99_ms,
        "stop_reaction_bars": stop_bars,
        "replay_equal": again.samples_sha256 == session.samples_sha256,
    }


def _offline(samples: FloatArray, request: RenderRequest, num_frames: int) -> Arrangement:
    """What the same band plays where it knows the whole recording."""
    asked = request.model_copy(update={"live": None})
    band = LocalBand(RenderPlan(request=asked, leader_sha256=""))
    clip = AudioClip(samples=samples[None], sample_rate=ANALYSIS_RATE_HZ)
    (arrangement,) = band.collect([band.arrange(band.listen(clip, asked.overrides), num_frames)], OFFLINE_S)
    return arrangement


def _known(name: str, found: Iterable[dict[str, Any]]) -> list[float]:
    return [value for one in found if (value := one[name]) is not None]


def _mean(some: Sequence[float]) -> float | None:
    return round(float(np.mean(some)), 4) if some else None
