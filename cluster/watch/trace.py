"""From a render's events and Ray's timeline to a trace that chrome://tracing and ui.perfetto.dev open."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Event = dict[str, Any]


class Noted(NamedTuple):
    """One event of the log."""

    at: float
    """In seconds since 1970."""
    event: str
    facts: Mapping[str, Any]


class Rows:
    """Numbers the processes and rows of the trace, and keeps their names."""

    def __init__(self) -> None:
        self._processes: dict[str, int] = {}
        self._threads: dict[tuple[str, str], int] = {}
        self.names: list[Event] = []

    def of(self, process: str, thread: str, shown: str = "") -> dict[str, int]:
        """`pid` and `tid` of a row; `shown` is its title, if not `thread`."""
        if process not in self._processes:
            self._processes[process] = len(self._processes) + 1
            self._name("process_name", process, self._processes[process], 0)
        key = (process, thread)
        if key not in self._threads:
            self._threads[key] = len(self._threads) + 1
            self._name("thread_name", shown or thread, self._processes[process], self._threads[key])
        return {"pid": self._processes[process], "tid": self._threads[key]}

    def _name(self, kind: str, name: str, pid: int, tid: int) -> None:
        self.names.append({"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}})


def trace_of(noted: Sequence[Noted], ended_at: float, timeline: Iterable[Event] = ()) -> str:
    """The trace, as JSON.

    Args:
        noted: the events, in order of time.
        ended_at: when the render was over, in seconds since 1970.
        timeline: of `ray.timeline`; the actors of this render are kept.
    """
    rows = Rows()
    events = [*_stages(noted, ended_at, rows), *_answers(noted, rows)]
    events += _of_ray(timeline, {str(one.facts.get("render")) for one in noted}, rows)
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": [*rows.names, *events]})


def _stages(noted: Sequence[Noted], ended_at: float, rows: Rows) -> list[Event]:
    """The driver's stages, one after the other."""
    stages = [one for one in noted if one.event == "stage"]
    ends = [*(one.at for one in stages[1:]), ended_at]
    return [
        _span(str(one.facts["stage"]), "stage", one.at, end - one.at, rows.of("render", "stages"))
        for one, end in zip(stages, ends, strict=False)
    ]


def _answers(noted: Sequence[Noted], rows: Rows) -> list[Event]:
    """What every actor worked on, by its own clock, and how long the driver waited for it."""
    events: list[Event] = []
    number = itertools.count(1)
    for one in noted:
        facts = one.facts
        if one.event == "restarted":
            place = rows.of("players", str(facts["part"]))
            events.append({"ph": "i", "s": "t", "name": "restarted", "ts": one.at * 1e6, **place, "args": facts})
        if one.event != "answered":
            continue
        block = facts["block"]
        name = "question" if block is None else f"block {block}"
        args = {fact: facts[fact] for fact in ("render", "take", "part", "block", "host", "player_pid")}
        began_at = facts["ended_at"] - facts["busy_s"]
        events.append(_span(name, "work", began_at, facts["busy_s"], rows.of("players", str(facts["part"])), args))
        waited = {"cat": "asked", "name": f"{facts['part']} {name}", "id": next(number), **rows.of("render", "asked")}
        events.append({**waited, "ph": "b", "ts": facts["asked_at"] * 1e6, "args": args})
        events.append({**waited, "ph": "e", "ts": (facts["asked_at"] + facts["seconds"]) * 1e6})
    return events


def _of_ray(timeline: Iterable[Event], renders: set[str], rows: Rows) -> list[Event]:
    """Ray's record of the same calls: arguments unpacked, executed, stored. Rows are named as the actors are."""
    told = list(timeline)
    names: dict[str, str] = {}
    for event in told:
        made = event["cat"].removeprefix("task::").partition(":")
        if made[2].endswith(".__init__") and made[0].rpartition("-")[2] in renders:
            names[event["tid"]] = made[0]
    return [
        {**event, **rows.of(f"Ray on {event['pid']}", event["tid"], names[event["tid"]])}
        for event in told
        if event["tid"] in names
    ]


def _span(
    name: str, kind: str, began_at: float, seconds: float, place: dict[str, int], args: dict[str, Any] | None = None
) -> Event:
    times = {"ts": began_at * 1e6, "dur": max(seconds, 0.0) * 1e6}
    return {"ph": "X", "name": name, "cat": kind, **times, **place, "args": args or {}}
