"""Writes a performance to disk: the stems of a take while they are played, then its mix, MIDI, levels and hashes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ensemble.conduct.midi import beat_map, write_midi
from ensemble.events import Events
from ensemble.manifest import TakeReceipt
from ensemble.mix.bus import lift_of_leader_db, lifted, mix_files
from ensemble.mix.room import ROOM, write_room
from ensemble.plan import RenderPlan
from ensemble.rendering.checkpoint import Checkpoint
from ensemble.rendering.earlier import STEMS, Earlier
from ensemble.rendering.exports import file_receipt, write_dynamics
from ensemble.rendering.stem_writer import StemWriter
from ensemble.takes import AS_GIVEN, LEADER, ResumeState, Take, segment_name
from ensemble.types.music import Arrangement, Dynamics, Stem


class TakeRecorder(ExitStack):
    """Records one performance into a folder and a checkpoint: the `Recorder` of a render.

    Args:
        plan: the plan that is played.
        folder: holds the leader as `leader.wav`; a folder for each take is added.
        checkpoint: of this render.
        reached: where an earlier process stopped, by segment.
        events: receives the stages `mix` and `write`.
        on_take: called with the name of each take when all its files are written.
        earlier: the version that this one is made of; its files are taken over where they would be equal.

    Attributes:
        takes: the receipts of the finished takes, by name.
        seconds: time spent on each stage.
    """

    def __init__(
        self,
        plan: RenderPlan,
        folder: Path,
        checkpoint: Checkpoint,
        reached: Mapping[str, ResumeState],
        events: Events,
        on_take: Callable[[str], None],
        earlier: Earlier | None = None,
    ) -> None:
        super().__init__()
        self.takes: dict[str, TakeReceipt] = dict(checkpoint.takes)
        self.seconds: dict[str, float] = {}
        self._request = plan.request
        self._folder = folder
        self._checkpoint = checkpoint
        self._reached = reached
        self._events = events
        self._on_take = on_take
        self._earlier = earlier
        self._stems: dict[str, StemWriter] = {}

    def begin(self, plan: RenderPlan, arrangements: Mapping[str, Arrangement]) -> None:
        """Write the plan into the checkpoint, and open the stems of every take that is not finished.

        Of stems that an earlier process wrote, what the checkpoint acknowledges is kept.

        Raises:
            OSError: the disk is full.
            OutputError: stems of the earlier process are missing.
        """
        if plan != self._checkpoint.plan:
            kept = self._checkpoint
            kept.write_plan(plan, kept.source, kept.source_sha256, kept.doubts)
        for name in arrangements.keys() - self.takes.keys():
            folder = self._folder / name
            for path in folder.glob("*"):
                if path.name not in (LEADER, STEMS):  # an earlier process was interrupted while it wrote them
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            stems = StemWriter(
                folder / STEMS, self._request.band.followers, self._request.sample_rate, arrangements[name].num_frames,
                self._earlier.stems(name) if self._earlier else {}, has_room=self._request.band.mix.room is not None,
            )  # fmt: skip
            self.callback(stems.abandon)
            self._stems[name] = stems
            reached = self._reached.get(name) or self._reached.get(segment_name(tuple(arrangements)))
            if reached is not None:
                stems.restore(reached.num_samples)

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        """Write the sound of one player in one block into every take that shares it.

        Raises:
            OSError: the disk is full.
        """
        for name in takes:
            self._stems[name].append(stem)

    def acknowledge(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes]
    ) -> None:
        """Write the states after a block into the checkpoint, now that its stems are written.

        A redo needs none: it is done again from its memory.

        Raises:
            OSError: the disk is full.
        """
        if self._earlier is not None:
            return
        num_samples = self._stems[takes[0]].num_samples
        self._checkpoint.write_block(takes, dynamics, conducting, playing, num_samples)

    def finish(self, take: Take) -> None:
        """Mix a take, write its MIDI, dynamics and receipt, and report that it is complete.

        Raises:
            OSError: the disk is full.
        """
        if take.name in self.takes:
            return  # an earlier process had finished it
        folder, stems = self._folder / take.name, self._stems[take.name]
        written = stems.close()
        with self._timed("mix"):
            leader = folder / LEADER if take.name != AS_GIVEN else self._folder / LEADER
            # Every take is mixed with the gain of take-00, so that what the takes share sounds the same in all.
            first = self.takes[AS_GIVEN] if take.name != AS_GIVEN else None
            settings, gain_db = self._request.band.mix, first.mix_gain_db if first else None
            lift_db = first.leader_lift_db if first else lift_of_leader_db(leader, stems.played, settings)
            mix, room = folder / "mix.wav", settings.room
            paths = stems.paths | {"mix": mix}
            if room is not None and stems.sent is not None:
                paths[ROOM] = folder / STEMS / f"{ROOM}.wav"
                written[ROOM] = write_room(stems.sent, room, paths[ROOM], self._request.sample_rate, stems.sum)
            written["mix"], gain_db = mix_files(leader, stems.sum, mix, lifted(settings, lift_db), gain_db)
            stems.close_sums()
        with self._timed("write"):
            (folder / "parts").mkdir()
            beats = beat_map(take.heard)
            for follower, part in zip(self._request.band.followers, take.arrangement.parts, strict=True):
                write_midi(folder / "parts" / f"{follower.name}.mid", part, follower, beats)
            write_dynamics(folder / "dynamics.csv", take.heard, take.dynamics)
            measured = {path: written[name].receipt for name, path in paths.items()}
            files = {
                str(path.relative_to(folder)): measured.get(path) or file_receipt(path)
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            if self._earlier is not None:
                self._earlier.share(take.name, folder, files)
        facts = {name: sound.facts for name, sound in written.items()}
        self.takes[take.name] = TakeReceipt(files=files, facts=facts, mix_gain_db=gain_db, leader_lift_db=lift_db)
        self._checkpoint.write_take(take.name, self.takes[take.name])
        self._on_take(take.name)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        self._events.progress(stage, 0, 1)
        began = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began
