"""Who gives a band its dynamics, who writes its parts, and who shapes their notes."""

from __future__ import annotations

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_file import ARRANGER
from ensemble.conduct.conductor_file import CONDUCTOR
from ensemble.conduct.dynamics import DynamicsModel, LeaderGain
from ensemble.conduct.learned import LearnedDynamics
from ensemble.conduct.performer import Performer
from ensemble.conduct.performer_file import PERFORMER
from ensemble.config import LEADER_GAIN, LEARNED, RULES, BandSettings, FollowerSettings, weights_dir, weights_in
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.instruments import CATALOGUE, InstrumentSpec

OF_PERFORMERS = "performer/"
"""Before the name of a part, for the file of its performer."""


def dynamics_of(band: BandSettings) -> DynamicsModel:
    """The model that a band's `conductor` setting names.

    Raises:
        ConductorError: it names a file that cannot be used.
    """
    if band.conductor == LEADER_GAIN:
        return LeaderGain([follower.level_db for follower in band.followers])
    return LearnedDynamics(CONDUCTOR.load(band.conductor), band.followers)


def arranger_of(band: BandSettings) -> Arranger | None:
    """The arranger that a band's `arranger` setting names; None: rules write.

    Raises:
        ArrangerError: it names a file that cannot be used.
    """
    return None if band.arranger == RULES else Arranger(ARRANGER.load(band.arranger))


def performer_for(band: BandSettings, follower: FollowerSettings) -> str:
    """Who shapes the notes of a follower: `rules`, or what the weights of a performer are found by.

    An instrument that nobody has learned has that of its family whose range is nearest, where there is one.
    """
    named = follower.performer or band.performer
    if follower.role in ("drums", "transform"):
        return RULES
    if named != LEARNED:
        return named
    spec = follower.spec
    shipped = [name for name in weights_in(weights_dir("performer")) if CATALOGUE[name].family == spec.family]
    return min(
        shipped, key=lambda name: (name != spec.name, abs(_middle(CATALOGUE[name]) - _middle(spec))), default=RULES
    )


def _middle(spec: InstrumentSpec) -> float:
    return sum(spec.range_midi) / 2


def performers_of(band: BandSettings) -> dict[str, Performer]:
    """The performers of a band's parts; of those that are not among them rules shape the notes.

    Raises:
        PerformerError: a setting names a file that cannot be used.
    """
    settings = {follower.name: performer_for(band, follower) for follower in band.followers}
    loaded = {one: Performer(PERFORMER.load(one)) for one in sorted({*settings.values()} - {RULES})}
    return {name: loaded[one] for name, one in settings.items() if one != RULES}


def stand_ins(band: BandSettings) -> tuple[Diagnostic, ...]:
    """A warning for every part whose notes another instrument's performer shapes."""
    found = []
    for follower in band.followers:
        one = performer_for(band, follower)
        if one in CATALOGUE and one != follower.instrument:
            text = f"No performer has learned the {follower.instrument}: {one}'s shapes the notes of {follower.name}."
            found.append(Diagnostic(code="performer_stands_in", text=text))
    return tuple(found)


def models_sha256(band: BandSettings) -> dict[str, str]:
    """The digests of the files of a band's conductor, arranger and performers: by setting, and by `performer/PART`.

    Raises:
        ConductorError, ArrangerError, PerformerError: a file cannot be read, or is not named like one.
    """
    found = {"conductor": CONDUCTOR.sha256_of(band.conductor), "arranger": ARRANGER.sha256_of(band.arranger)}
    for follower in band.followers:
        found[OF_PERFORMERS + follower.name] = PERFORMER.sha256_of(performer_for(band, follower))
    return {name: digest for name, digest in found.items() if digest is not None}


def is_model(name: str) -> bool:
    """Whether a digest is one of `models_sha256`."""
    return name in ("conductor", "arranger") or name.startswith(OF_PERFORMERS)
