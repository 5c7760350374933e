"""The takes of a version: how good each continuation is, and what it is made of."""

from __future__ import annotations

from cluster.serve.take_desks import TakeDesks
from ensemble.config import Settings
from ensemble.manifest import Manifest
from ensemble.retrieve.search.quality import in_words
from ensemble.takes import AS_GIVEN


class TakeSource(Settings):
    """A recording that a continuation is made of."""

    title: str
    """Its name."""
    licence: str
    """On what terms it may be used."""


class TakeSeam(Settings):
    """A join between two recordings."""

    at_s: float
    """Where it is, in seconds of the take."""
    seam: float
    """Its score, of 1."""
    title: str
    """The recording that begins there."""


class StudioTake(Settings):
    """A take."""

    name: str
    """`take-00` follows the leader as given, the others go on after its end."""
    duration_s: float
    """How long it is, in seconds."""
    total: float | None
    """Its score, of 1; None for the leader as given."""
    worth: str
    """How good its weakest join is, in words; empty where that is not known."""
    sources: tuple[TakeSource, ...]
    """What it goes on with."""
    seams: tuple[TakeSeam, ...]
    """Where recordings meet."""


def takes_of(manifest: Manifest, desks: TakeDesks) -> list[StudioTake]:
    """Every take of a version: the leader as given, then its continuations from the best on."""
    rate = manifest.plan.request.sample_rate
    plans = dict(zip(sorted(manifest.takes.keys() - {AS_GIVEN}), manifest.plan.continuations, strict=False))
    found = []
    for name in sorted(manifest.takes):
        plan = plans.get(name)
        hops = () if plan is None else plan.hops
        found.append(
            StudioTake(
                name=name,
                duration_s=desks.takes[name].num_samples / rate,
                total=None if plan is None else plan.total,
                worth="" if plan is None or plan.quality is None else in_words(plan.quality),
                sources=tuple(
                    TakeSource(title=title, licence=licence)
                    for title, licence in dict.fromkeys((hop.title, hop.licence) for hop in hops)
                ),
                seams=tuple(
                    TakeSeam(at_s=round(hop.begins_s, 3), seam=hop.score.seam, title=hop.title) for hop in hops
                ),
            )
        )
    return found
