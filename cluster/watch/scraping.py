"""Read from Ray's metrics pages what only the driver of a render knows; no Prometheus is needed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

ANSWER_S = 2.0
QUEUE = "ray_ensemble_blocks_in_flight"
LIVE_QUANTA, LIVE_LEFT = "ray_ensemble_live_quanta_total", "ray_ensemble_live_left_seconds"
LIVE_RESTED = "ray_ensemble_live_stop_reaction_bars"


class Told(NamedTuple):
    """What drivers tell of their renders, by job (as Ray writes it, in hexadecimal)."""

    in_flight: dict[tuple[str, str], float]
    """Blocks asked for and not answered, by job and part."""
    live: dict[str, dict[str, float]]
    """Of live sessions: `in_time`, the share of quanta that were ready in time, `left_p50_ms`, `left_p99_ms`, and
    `stop_reaction_bars`, how many bars after the last stop of its leader the band was 20 dB down."""


def told_by_drivers(nodes: Iterable[tuple[str, int]]) -> Told:
    """What the drivers of all renders tell.

    Args:
        nodes: host and port of each one's metrics; one that does not answer is passed over.
    """
    due: dict[tuple[str, str], float] = defaultdict(float)
    quanta: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    live: dict[str, dict[str, float]] = defaultdict(dict)
    for host, port in nodes:
        page = _page(host, port)
        for labels, value in samples(page, QUEUE):
            due[_job(labels), labels["part"]] += value
        for labels, value in samples(page, LIVE_QUANTA):
            quanta[_job(labels)][labels["ready"]] += value
        for labels, value in samples(page, LIVE_LEFT):
            live[_job(labels)][f"left_p{labels['percent']}_ms"] = round(1000 * value)
        for labels, value in samples(page, LIVE_RESTED):
            live[_job(labels)]["stop_reaction_bars"] = round(value, 2)
    for job, counted in quanta.items():
        if total := sum(counted.values()):
            live[job]["in_time"] = round(counted["in_time"] / total, 4)
    return Told(dict(due), dict(live))


def _job(labels: dict[str, str]) -> str:
    """A driver's id begins with its job's."""
    return labels["WorkerId"][:8]


def samples(page: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of every sample of one metric on a page."""
    from prometheus_client.parser import text_string_to_metric_families

    lines = [line for line in page.splitlines() if line.startswith(name)]
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    return [(one.labels, one.value) for family in families for one in family.samples if one.name == name]


def _page(host: str, port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=ANSWER_S) as answer:
            page: str = answer.read().decode()
            return page
    except (urllib.error.URLError, OSError):
        return ""
