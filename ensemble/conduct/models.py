"""Who gives a band its dynamics, and who writes its parts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_file import arranger_path, arranger_sha256, load_arranger
from ensemble.conduct.conductor_file import check_name, load_conductor, read_bytes
from ensemble.conduct.dynamics import DynamicsModel, LeaderGain
from ensemble.conduct.learned import LearnedDynamics
from ensemble.config import LEADER_GAIN, RULES, BandSettings, conductors_dir, shipped_conductors


def dynamics_of(band: BandSettings) -> DynamicsModel:
    """The model that a band's `conductor` setting names.

    Raises:
        ConductorError: it names a file that cannot be used.
    """
    if band.conductor == LEADER_GAIN:
        return LeaderGain([follower.level_db for follower in band.followers])
    return LearnedDynamics(load_conductor(conductor_path(band.conductor)), band.followers)


def arranger_of(band: BandSettings) -> Arranger | None:
    """The arranger that a band's `arranger` setting names; None: rules write.

    Raises:
        ArrangerError: it names a file that cannot be used.
    """
    return None if band.arranger == RULES else Arranger(load_arranger(arranger_path(band.arranger)))


def desk_sha256(band: BandSettings) -> dict[str, str]:
    """The digests of what lies on a band's desk, by office (`conductor`, `arranger`), where it is a file.

    Raises:
        ConductorError, ArrangerError: a file cannot be read, or is not named like one.
    """
    found = {"conductor": conductor_sha256(band.conductor), "arranger": arranger_sha256(band.arranger)}
    return {office: digest for office, digest in found.items() if digest is not None}


def conductor_path(conductor: str) -> Path:
    """Where a trained conductor lies: a shipped one by its name, any other by its path."""
    return conductors_dir() / f"{conductor}.safetensors" if conductor in shipped_conductors() else Path(conductor)


def conductor_sha256(conductor: str) -> str | None:
    """The digest of a band's `conductor` setting where that is a file; the leader's gain has none.

    Raises:
        ConductorError: the file cannot be read, or is not named like a conductor.
    """
    if conductor == LEADER_GAIN:
        return None
    path = conductor_path(conductor)
    check_name(path)
    return hashlib.sha256(read_bytes(path)).hexdigest()
