"""Who gives a band its dynamics, and who writes its parts."""

from __future__ import annotations

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_file import ARRANGER
from ensemble.conduct.conductor_file import CONDUCTOR
from ensemble.conduct.dynamics import DynamicsModel, LeaderGain
from ensemble.conduct.learned import LearnedDynamics
from ensemble.config import LEADER_GAIN, RULES, BandSettings


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


def models_sha256(band: BandSettings) -> dict[str, str]:
    """The digests of the files that a band's `conductor` and `arranger` settings name, by setting.

    Raises:
        ConductorError, ArrangerError: a file cannot be read, or is not named like one.
    """
    found = {"conductor": CONDUCTOR.sha256_of(band.conductor), "arranger": ARRANGER.sha256_of(band.arranger)}
    return {setting: digest for setting, digest in found.items() if digest is not None}
