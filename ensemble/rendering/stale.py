"""What an edit makes stale: from the request before and the request after to stages, parts and bars."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import NamedTuple

from ensemble.chart.text import parse_chart
from ensemble.config import FollowerSettings
from ensemble.plan import RenderRequest
from ensemble.rendering.deciding import NOT_CONDUCTED, NOT_PLAYED
from ensemble.settings.style import Style

_OF_ONE_PART = {"seed", "retakes", "given"}
"""Settings that change what one follower plays, and nobody else."""
_LEADS_IN_BEATS = 3
"""The last beat of a bar leads into the next one, and how it is played is prepared 0.4 s before."""


class Stale(NamedTuple):
    """An upper bound of what has to be done again: what is really done lies within it."""

    stages: tuple[str, ...]
    """Of `understand` (what is said is laid over what was heard), `arrange`, `play` and `mix`, in this order."""
    parts: dict[str, int]
    """The parts that are played again, and the first bar, from 1 on, in which they may differ."""
    mixed: tuple[str, ...]
    """The parts that are only placed anew in the mix."""


def stale(was: RenderRequest, now: RenderRequest) -> Stale:
    """What has to be done again, once `was` is rendered, for `now`.

    Args:
        was: the request of the earlier version.
        now: that of the new one, of the same leader.
    """
    reheard = was.overrides != now.overrides or was.band.intro != now.band.intro
    is_other_band = was.seed != now.seed or _common(was) != _common(now)
    from_bar = 1 if is_other_band else _first_changed_bar(was, now)
    before = {follower.name: follower for follower in was.band.followers}
    parts: dict[str, int] = {}
    mixed: list[str] = []
    for follower in now.band.followers:
        name, old = follower.name, before.get(follower.name)
        if old is None or is_other_band or _player(old, was) != _player(follower, now):
            parts[name] = 1
        elif bars := [*_retaken(old, follower), *([from_bar] if reheard else [])]:
            parts[name] = min(bars)
        elif (old.gain_db, old.pan, old.room_db) != (follower.gain_db, follower.pan, follower.room_db):
            mixed.append(name)
    own = [one.model_dump(include=_OF_ONE_PART) for one in was.band.followers]
    is_written = reheard or is_other_band or own != [one.model_dump(include=_OF_ONE_PART) for one in now.band.followers]
    asked = {"understand": reheard, "arrange": is_written, "play": bool(parts), "mix": was != now}
    return Stale(tuple(stage for stage, is_asked in asked.items() if is_asked), parts, tuple(mixed))


def _common(request: RenderRequest) -> tuple[object, ...]:
    """What every part may depend on, beside the leader and the seed."""
    followers = [one.model_dump(exclude=NOT_CONDUCTED | _OF_ONE_PART) for one in request.band.followers]
    manner = request.band.model_dump(exclude={"name", "followers", "mix"})
    return followers, manner, request.transpose, request.tail_s, request.extension


def _player(follower: FollowerSettings, request: RenderRequest) -> tuple[object, ...]:
    """What decides the whole of one part's sound, beside its cues."""
    sha256 = request.weights_sha256.get(follower.name)
    return follower.model_dump(exclude=NOT_PLAYED), sha256, follower.seed, follower.given, request.sample_rate


def _retaken(old: FollowerSettings, new: FollowerSettings) -> list[int]:
    """The first bars of the takes of some bars that are not in both."""
    return [one.first_bar for one in (*old.retakes, *new.retakes) if (one in old.retakes) != (one in new.retakes)]


def _first_changed_bar(was: RenderRequest, now: RenderRequest) -> int:
    """The first bar in which parts may differ: as long before the first other bar of the chart as they lead into it."""
    texts = [one.overrides.chart for one in (was, now)]
    if None in texts or was.overrides.model_copy(update={"chart": texts[1]}) != now.overrides:
        return 1
    old, new = (parse_chart(str(text)) for text in texts)
    if new.key is None or replace(old, lines=(), bars=()) != replace(new, lines=(), bars=()):
        return 1
    equal = list(takewhile(lambda pair: pair[0] == pair[1], zip(old.bars, new.bars, strict=False)))
    beats_per_bar = new.metre.beats_per_bar
    leads_in_beats = _LEADS_IN_BEATS + (beats_per_bar if _walks(now.band.style) else 0)
    return max(len(equal) + 1 - -(-leads_in_beats // beats_per_bar), 1)


def _walks(style: Style | None) -> bool:
    """Whether a bass walks, in some metre: from the bar before to another chord."""
    rows = (bass.row for patterns in style.metres.values() for bass in patterns.bass) if style is not None else ()
    return any("w" in bar for row in rows for bar in row)
