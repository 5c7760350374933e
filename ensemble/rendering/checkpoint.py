"""The checkpoint of a render: what has been played and acknowledged, so that another process can go on from there.

One file holds messages (see `wire`), each with its length and checksum: the plan, the plan again once it is known how
the leader goes on, the dynamics of every block, and the receipt of every finished take. A torn last message is as good
as none. The states after the last block of each segment lie in a file of their own, replaced whole.

A segment is what some takes share: their common beginning, then the rest of each.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from ensemble.errors import CheckpointError, EnsembleError
from ensemble.files.replace import replacing
from ensemble.machine import fingerprint
from ensemble.manifest import TakeReceipt
from ensemble.output.staging import CHECKPOINT, OLD_CHECKPOINT, STATES_SUFFIX
from ensemble.plan import RenderPlan
from ensemble.takes import ResumeState, segment_name
from ensemble.types.music import ConductorState, Dynamics, PlayerState
from ensemble.wire import pack, unpack

_HEAD_BYTES = 8


class Checkpoint:
    """Written as a render goes, read by whoever takes over.

    Args:
        folder: where it lies, empty or as an earlier process left it.

    Attributes:
        plan: what is rendered; None where nothing was written yet.
        source: the name of the leader's file.
        source_sha256: of that file.
        is_of_this_machine: whether everything in it was played on this fingerprint.
        takes: the receipts of the finished takes.
        is_resumed: whether an earlier process had played a block.
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
        for message in _messages(folder / CHECKPOINT):
            self._read(unpack(message, dict))
        self.is_resumed = bool(self._dynamics)

    def reached(self) -> dict[str, ResumeState]:
        """Where the earlier process stopped, by segment."""
        states = {path.stem: path.read_bytes() for path in self._folder.glob(f"*{STATES_SUFFIX}")}
        return {name: self._resume_state(name, unpack(message, dict)) for name, message in states.items()}

    def write_plan(self, plan: RenderPlan, source: str, source_sha256: str) -> None:
        """Keep what is rendered, from which file. Raises OSError where the disk is full, like all that write."""
        self.plan, self.source, self.source_sha256 = plan, source, source_sha256
        self._append(
            kind="plan", plan=plan.model_dump(mode="json"), source=source, source_sha256=source_sha256,
            fingerprint=fingerprint(),
        )  # fmt: skip

    def write_block(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes],
        num_samples: dict[str, int],
    ) -> None:  # fmt: skip
        """A block of a segment is played and its stems are written; the states are messages, and stay unopened."""
        segment = segment_name(takes)
        self._append(kind="block", segment=segment, dynamics=dynamics)
        states = {
            "stop_frame": dynamics.start_frame + dynamics.num_frames, "num_samples": num_samples,
            "conducting": conducting, "playing": playing,
        }  # fmt: skip
        with replacing(self._folder / f"{segment}{STATES_SUFFIX}") as aside:
            aside.write_bytes(pack(states))

    def write_take(self, name: str, receipt: TakeReceipt) -> None:
        """A take is finished."""
        self.takes[name] = receipt
        self._append(kind="take", name=name, receipt=receipt.model_dump(mode="json"))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, **message: object) -> None:
        if self._file is None:
            whole = sum(_HEAD_BYTES + len(data) for data in _messages(self._folder / CHECKPOINT))
            self._file = (self._folder / CHECKPOINT).open("ab", buffering=0)
            os.ftruncate(self._file.fileno(), whole)  # what was torn
        data = pack(message)
        head = len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big")
        if self._file.write(head + data) != len(head) + len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder / CHECKPOINT))

    def _read(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "plan":
                self.plan = RenderPlan.model_validate(message["plan"])
                self.source, self.source_sha256 = message["source"], message["source_sha256"]
                self.is_of_this_machine = message["fingerprint"] == fingerprint()
            case "block":
                dynamics = message["dynamics"]
                known = self._dynamics.setdefault(message["segment"], [])
                while known and known[-1].start_frame >= dynamics.start_frame:
                    known.pop()  # it was played again by another process
                known.append(dynamics)
            case "take":
                self.takes[message["name"]] = TakeReceipt.model_validate(message["receipt"])

    def _resume_state(self, segment: str, states: dict[str, Any]) -> ResumeState:
        stop_frame = states["stop_frame"]
        return ResumeState(
            stop_frame=stop_frame,
            num_samples=states["num_samples"],
            dynamics=tuple(one for one in self._dynamics.get(segment, ()) if one.start_frame < stop_frame),
            conducting=unpack(states["conducting"], ConductorState),
            playing={name: unpack(state, PlayerState) for name, state in states["playing"].items()},
        )


def read_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint of a render that was broken off.

    Raises:
        CheckpointError: it was broken off before its first block, or by another release.
    """
    out, again = str(folder.parent), "render again with --force"
    if (folder / OLD_CHECKPOINT).is_file():
        raise CheckpointError(out, "holds a render that release 0.1.0 broke off", again)
    try:
        checkpoint = Checkpoint(folder)
    except (EnsembleError, ValidationError, KeyError, AttributeError) as error:
        raise CheckpointError(out, "holds a render that another release broke off", again) from error
    if not checkpoint.is_resumed:
        raise CheckpointError(out, "was broken off before its first block", again)
    return checkpoint


def _messages(path: Path) -> Iterator[bytes]:
    """Every whole message of a file, up to the first that is torn."""
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
