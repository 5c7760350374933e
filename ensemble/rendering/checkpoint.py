"""The checkpoint of a render: what is played and written so far, so that another process can resume the render.

One file holds messages (see `wire`), each with its length and checksum: the plan, the plan again once continuations are
chosen, the dynamics of every block, and the receipt of every finished take. A last message that is incomplete is
ignored. The states after the last block of each segment are kept in a file of their own, which is replaced as a whole.

A segment is music that some takes share: the common beginning of all, or the rest of one.
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
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import ConductorState, Dynamics, PlayerState
from ensemble.wire import pack, unpack

_HEAD_BYTES = 8


class Checkpoint:
    """Written while a render runs, and read by the process that resumes it.

    Args:
        folder: of the checkpoint's files; empty, or as an earlier process left it.

    Attributes:
        plan: the plan that is rendered; None where nothing is written yet.
        source: name of the leader's file.
        source_sha256: sha256 of that file.
        doubts: what is wrong with it.
        is_of_this_machine: whether everything so far was played on a machine of this fingerprint.
        takes: the receipts of the finished takes, by name.
        is_resumed: whether an earlier process had played a block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._dynamics: dict[str, list[Dynamics]] = {}
        self.plan: RenderPlan | None = None
        self.source = ""
        self.source_sha256 = ""
        self.doubts: tuple[Diagnostic, ...] = ()
        self.is_of_this_machine = True
        self.takes: dict[str, TakeReceipt] = {}
        for message in _messages(folder / CHECKPOINT):
            self._read(unpack(message, dict))
        self.is_resumed = bool(self._dynamics)

    def reached(self) -> dict[str, ResumeState]:
        """Read where the earlier process stopped, by segment."""
        states = {path.stem: path.read_bytes() for path in self._folder.glob(f"*{STATES_SUFFIX}")}
        return {name: self._resume_state(name, unpack(message, dict)) for name, message in states.items()}

    def write_plan(
        self, plan: RenderPlan, source: str, source_sha256: str, doubts: tuple[Diagnostic, ...] = ()
    ) -> None:
        """Add the plan, and the name and hash of the leader's file, and what is wrong with it.

        Raises:
            OSError: the disk is full; so do the other methods that write.
        """
        self.plan, self.source, self.source_sha256, self.doubts = plan, source, source_sha256, doubts
        self._append(
            kind="plan", plan=plan.model_dump(mode="json"), source=source, source_sha256=source_sha256, doubts=doubts,
            fingerprint=fingerprint(),
        )  # fmt: skip

    def write_block(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes],
        num_samples: dict[str, int],
    ) -> None:  # fmt: skip
        """Add a block whose stems are written.

        Args:
            takes: the takes that share it.
            dynamics: its dynamics.
            conducting: the conductor's state after it, as a message.
            playing: every player's state after it, as a message, by part.
            num_samples: how many samples of every stem are written, by part.
        """
        segment = segment_name(takes)
        self._append(kind="block", segment=segment, dynamics=dynamics)
        states = {
            "stop_frame": dynamics.start_frame + dynamics.num_frames, "num_samples": num_samples,
            "conducting": conducting, "playing": playing,
        }  # fmt: skip
        with replacing(self._folder / f"{segment}{STATES_SUFFIX}") as aside:
            aside.write_bytes(pack(states))

    def write_take(self, name: str, receipt: TakeReceipt) -> None:
        """Add the receipt of a finished take."""
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
            os.ftruncate(self._file.fileno(), whole)  # cuts off an incomplete last message
        data = pack(message)
        head = len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big")
        if self._file.write(head + data) != len(head) + len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder / CHECKPOINT))

    def _read(self, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "plan":
                self.plan = RenderPlan.model_validate(message["plan"])
                self.source, self.source_sha256 = message["source"], message["source_sha256"]
                self.doubts = tuple(message.get("doubts", ()))
                self.is_of_this_machine = message["fingerprint"] == fingerprint()
            case "block":
                dynamics = message["dynamics"]
                known = self._dynamics.setdefault(message["segment"], [])
                while known and known[-1].start_frame >= dynamics.start_frame:
                    known.pop()  # another process resumed before this block and played it again
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
    """Read the checkpoint of an interrupted render.

    Raises:
        CheckpointError: the render was interrupted before its first block, or another release wrote the checkpoint.
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
    """Read every message of a file up to the first that is incomplete or damaged."""
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
