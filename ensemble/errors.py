"""One error tree. Every message names the thing, what is wrong with it, and the next step; every error pickles.

Programs go by the class, its `code` and `resumable`; the words are for people and decide nothing.

| code | class | what went wrong |
|---|---|---|
| ensemble | EnsembleError | anything below |
| audio | AudioError | a recording cannot be read, or is not something to follow |
| config | ConfigError | a setting, a band file or an argument is wrong |
| voice | VoiceError | a voice's weights or its card cannot be used |
| conductor | ConductorError | a conductor's weights or its card cannot be used |
| arranger | ArrangerError | an arranger's weights or its card cannot be used |
| wire | WireError | bytes are not a message of this version |
| output | OutputError | the output folder cannot be used |
| deadline | DeadlineError | an actor did not answer in time |
| band | BandError | the cluster has no room for a player, or has lost one |
| workers_lost | WorkersLostError | training workers died, or failed for a reason that another attempt may not meet |
| verify | VerifyError | a render could not be reproduced |
| data | DataError | a data set, a score or a label file cannot be used |
| retrieve | RetrieveError | nothing could be found that comes next |
| store | StoreError | the store of recordings cannot be used |
| store_version | StoreVersionError | it holds what another release made |
| store_busy | StoreBusyError | another process has the store open |
"""

from __future__ import annotations

from typing import ClassVar


class EnsembleError(Exception):
    """What the user can be told in one line: `what: problem; cure`.

    Args:
        what: the file, setting or actor concerned, as the user knows it.
        problem: what is wrong with it.
        cure: what to do next.

    Attributes:
        kept_in: the output folder that keeps what was played, so that `resume` can go on from there; empty if nothing
            is kept.
    """

    code: ClassVar[str] = "ensemble"

    def __init__(self, what: str, problem: str, cure: str = "") -> None:
        super().__init__(what, problem, cure)  # args and attributes rebuild the error on the other side of Ray
        self.what = what
        self.problem = problem
        self.cure = cure
        self.kept_in = ""

    @property
    def resumable(self) -> bool:
        """Whether the render that failed can be resumed."""
        return bool(self.kept_in)

    def __str__(self) -> str:
        kept = f"what was played is kept: `ensemble render --resume {self.kept_in}` goes on" if self.kept_in else ""
        return "; ".join(filter(None, [f"{self.what}: {self.problem}", self.cure, kept]))


class AudioError(EnsembleError):
    """A recording cannot be read, or is not something to follow."""

    code = "audio"


class ConfigError(EnsembleError):
    """A setting, a band file or an argument is wrong."""

    code = "config"


class VoiceError(EnsembleError):
    """A voice's weights or its card cannot be used."""

    code = "voice"


class ConductorError(EnsembleError):
    """A conductor's weights or its card cannot be used."""

    code = "conductor"


class ArrangerError(EnsembleError):
    """An arranger's weights or its card cannot be used."""

    code = "arranger"


class WireError(EnsembleError):
    """Bytes are not a message of this version."""

    code = "wire"


class OutputError(EnsembleError):
    """The output folder cannot be used."""

    code = "output"


class DeadlineError(EnsembleError):
    """An actor did not answer in time."""

    code = "deadline"


class BandError(EnsembleError):
    """The cluster has no room for a player, or has lost one."""

    code = "band"


class WorkersLostError(BandError):
    """Training workers died, or failed for a reason that another attempt may not meet."""

    code = "workers_lost"


class VerifyError(EnsembleError):
    """A render could not be reproduced."""

    code = "verify"


class DataError(EnsembleError):
    """A data set, a score or a label file cannot be used."""

    code = "data"


class RetrieveError(EnsembleError):
    """Nothing could be found that comes next."""

    code = "retrieve"


class StoreError(EnsembleError):
    """The store of recordings cannot be used."""

    code = "store"


class StoreVersionError(StoreError):
    """It holds what another release made."""

    code = "store_version"


class StoreBusyError(StoreError):
    """Another process has the store open."""

    code = "store_busy"
