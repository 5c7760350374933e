"""Read from Ray's metrics pages what only the driver of a render knows; no Prometheus is needed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable

ANSWER_S = 2.0
QUEUE = "ray_ensemble_blocks_in_flight"


def blocks_in_flight(nodes: Iterable[tuple[str, int]]) -> dict[tuple[str, str], float]:
    """Blocks asked for and not answered, by job (as Ray writes it, in hexadecimal) and part.

    Args:
        nodes: host and port of each one's metrics; one that does not answer is passed over.
    """
    due: dict[tuple[str, str], float] = defaultdict(float)
    for host, port in nodes:
        for labels, value in samples(_page(host, port), QUEUE):
            due[labels["WorkerId"][:8], labels["part"]] += value  # a driver's id begins with its job's
    return dict(due)


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
