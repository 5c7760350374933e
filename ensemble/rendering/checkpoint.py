"""The tape of a render: what has been played and acknowledged, so that another process can go on from there.

One file holds messages, each with its length and checksum: the plan, the plan again once it is known how the leader
goes on, the dynamics of every block, and the receipt of every finished take. A torn last message is as good as none.
Where everybody stands after the last block of each stretch lies in a file of its own, replaced whole.

A stretch is what some takes share: their common beginning, then the rest of each.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ensemble.errors import EnsembleError, OutputError
from ensemble.files.replace import replacing
from ensemble.machine import fingerprint
from ensemble.manifest import TakeReceipt
from ensemble.plan import RenderPlan
from ensemble.types.music import ConductorState, Dynamics, PlayerState
from ensemble.wire import pack, unpack

CHECKPOINT = "tape"
_HEAD_BYTES = 8
_PLAN, _BLOCK, _TAKE = "plan", "block", "take"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """Where everybody stands in a stretch: up to `stop_frame` all is played, kept and acknowledged.

    num_samples: that every stem has by then, by part; a player keeps some frames back until it knows what follows.
    """

    stop_frame: int
    num_samples: dict[str, int]
    dynamics: tuple[Dynamics, ...]
    conducting: ConductorState
    playing: dict[str, PlayerState]


class Checkpoint:
    """Written as a render goes, read by whoever takes over.

    Args:
        folder: where the tape and the standings lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._dynamics: dict[str, list[Dynamics]] = {}
        self.plan: RenderPlan | None = None
        self.source = ""
        self.source_sha256 = ""
        self.is_of_this_machine = True
        self.takes: dict[str, TakeReceipt] = {}
        self._states = {path.stem: path.read_bytes() for path in folder.glob("*.states")}
        for message in _messages(folder / CHECKPOINT):
            kind, *value = unpack(message, tuple)
            self._recall(str(kind), value)

    @property
    def has_blocks(self) -> bool:
        """Whether there is anything to go on from."""
        return self.plan is not None and bool(self._dynamics)

    def note_plan(self, plan: RenderPlan, source: str, source_sha256: str) -> None:
        """What is rendered, from which file. Raises OSError where the disk is full, like all that write."""
        self.plan, self.source, self.source_sha256 = plan, source, source_sha256
        self._append(_PLAN, (plan.model_dump_json(), source, source_sha256, json.dumps(fingerprint())))

    def note_block(
        self, takes: Sequence[str], stop_frame: int, dynamics: Dynamics, conducting: bytes,
        playing: dict[str, bytes], num_samples: dict[str, int],
    ) -> None:  # fmt: skip
        """A block of a stretch is played and its stems are kept; the states are messages, and stay unopened."""
        stretch = _stretch(takes)
        self._append(_BLOCK, (stretch, dynamics))
        states = pack((stop_frame, num_samples, conducting, playing))
        with replacing(self._folder / f"{stretch}.states") as aside:
            aside.write_bytes(states)

    def note_take(self, name: str, receipt: TakeReceipt) -> None:
        """A take is finished."""
        self.takes[name] = receipt
        self._append(_TAKE, (name, receipt.model_dump_json()))

    def standing(self, takes: Sequence[str]) -> ResumeState | None:
        """Where an earlier process left a stretch; None where it had not begun.

        Raises:
            WireError: it is not a standing of this release.
        """
        stretch = _stretch(takes)
        if stretch not in self._states:
            return None
        stop_frame, num_samples, conducting, playing = unpack(self._states[stretch], tuple)
        dynamics = tuple(one for one in self._dynamics[stretch] if one.start_frame < stop_frame)
        return ResumeState(
            stop_frame=stop_frame, num_samples=num_samples, dynamics=dynamics,
            conducting=unpack(conducting, ConductorState),
            playing={name: unpack(state, PlayerState) for name, state in playing.items()},
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, kind: str, value: tuple[object, ...]) -> None:
        if self._file is None:
            whole = sum(_HEAD_BYTES + len(message) for message in _messages(self._folder / CHECKPOINT))
            self._file = (self._folder / CHECKPOINT).open("ab", buffering=0)
            os.ftruncate(self._file.fileno(), whole)  # what was torn
        message = pack((kind, *value))
        head = len(message).to_bytes(4, "big") + zlib.crc32(message).to_bytes(4, "big")
        if self._file.write(head + message) != len(head) + len(message):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder / CHECKPOINT))

    def _recall(self, kind: str, value: list[object]) -> None:
        if kind == _PLAN:
            self.plan = RenderPlan.model_validate_json(str(value[0]))
            self.source, self.source_sha256 = str(value[1]), str(value[2])
            self.is_of_this_machine = json.loads(str(value[3])) == fingerprint()
        elif kind == _BLOCK and isinstance(value[1], Dynamics):
            stretch = str(value[0])
            known = self._dynamics.setdefault(stretch, [])
            while known and known[-1].start_frame >= value[1].start_frame:
                known.pop()  # it was played again by another process
            known.append(value[1])
        elif kind == _TAKE:
            self.takes[str(value[0])] = TakeReceipt.model_validate_json(str(value[1]))


def read_checkpoint(folder: Path) -> Checkpoint:
    """The tape of a render that was broken off.

    Raises:
        OutputError: it was broken off before its first block, or the tape is not one of this release.
    """
    try:
        tape = Checkpoint(folder)
    except (EnsembleError, ValueError, IndexError) as error:
        raise OutputError(str(folder), "holds a tape of another release", "render again with --force") from error
    if not tape.has_blocks:
        raise OutputError(str(folder), "was broken off before its first block", "render again with --force")
    return tape


def _stretch(takes: Sequence[str]) -> str:
    return takes[0] if len(takes) == 1 else "shared"


def _messages(path: Path) -> Iterator[bytes]:
    """Every whole message of a tape, up to the first that is torn."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    at = 0
    while at + _HEAD_BYTES <= len(data):
        length, check = int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
        message = data[at + _HEAD_BYTES : at + _HEAD_BYTES + length]
        if len(message) < length or zlib.crc32(message) != check:
            return
        yield message
        at += _HEAD_BYTES + length
