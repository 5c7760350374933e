"""Where a performance is kept: the stems of every take as they are played, then its mix, MIDI, facts and hashes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ensemble import clock
from ensemble.conduct.midi import write_midi
from ensemble.manifest import TakeReceipt
from ensemble.mix.bus import mix_files
from ensemble.mix.levels import stem_facts
from ensemble.plan import RenderPlan
from ensemble.rendering.checkpoint import Checkpoint, ResumeState
from ensemble.rendering.exports import file_receipt, write_dynamics
from ensemble.rendering.leader import LEADER, Lead, extend, planned
from ensemble.rendering.stem_writer import StemFiles
from ensemble.takes import AS_GIVEN, ExtendedLead, Take
from ensemble.types.continuation import Continuation
from ensemble.types.music import Dynamics, Stem

STEMS = "stems"
OnProgress = Callable[[str, int, int], None]
OnTake = Callable[[str], None]


class TakeRecorder(ExitStack):
    """Records one plan into a folder.

    Args:
        lead: the leader as recorded, kept in the folder as `leader.wav`; and how it went on, where that is known.
        plan: what is played.
        folder: to fill with a folder for each take.
        on_progress: told what is being done.
        on_take: told the name of each take when all its files are there.
        tape: of this render; with what an earlier process left on it, if one was broken off.

    Attributes:
        plan: the same, with what was found to go on with.
        takes: the receipts of the finished takes.
        seconds: spent on each kind of work.
    """

    def __init__(
        self,
        lead: Lead,
        plan: RenderPlan,
        folder: Path,
        on_progress: OnProgress,
        on_take: OnTake,
        tape: Checkpoint | None = None,
    ) -> None:
        super().__init__()
        self.plan = plan
        self.takes: dict[str, TakeReceipt] = dict(tape.takes) if tape is not None else {}
        self._tape = tape
        self.seconds: dict[str, float] = {}
        self._lead = lead
        self._folder = folder
        self._on_progress = on_progress
        self._on_take = on_take
        self._stems: dict[str, StemFiles] = {}

    def extend(self, continuations: Sequence[Continuation]) -> tuple[ExtendedLead, ...]:
        """Keep the leaders that go on, and note them in the plan.

        Raises:
            OSError: the disk is full.
        """
        kept = tuple(extend(self._lead, number, one, self._folder) for number, one in enumerate(continuations, 1))
        notes = tuple(planned(one, lead) for one, lead in zip(continuations, kept, strict=True))
        self.plan = self.plan.model_copy(update={"continuations": notes})
        if self._tape is not None:
            self._tape.note_plan(self.plan, self._tape.source, self._tape.source_sha256)
        return kept

    def standing(self, takes: Sequence[str]) -> ResumeState | None:
        """How far these takes were played together before; their stems are taken up, as far as they are acknowledged.

        Raises:
            OSError: the disk is full.
            OutputError: they are gone.
        """
        found = self._tape.standing(takes) if self._tape is not None else None
        if found is not None:
            for name in set(takes) - self.takes.keys():
                self._stems_of(name).take_up(found.num_samples)
        return found

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        """Write what one player sounded in one block into every take that shares it.

        Raises:
            OSError: the disk is full.
        """
        for name in takes:
            self._stems_of(name).append(stem)

    def acknowledge(
        self, takes: Sequence[str], dynamics: Dynamics, conducting: bytes, playing: dict[str, bytes]
    ) -> None:
        """Note on the tape where everybody stands, now that the stems are written.

        Raises:
            OSError: the disk is full.
        """
        if self._tape is not None:
            stop_frame = dynamics.start_frame + dynamics.loudness_db.shape[1]
            num_samples = self._stems[takes[0]].num_samples
            self._tape.note_block(takes, stop_frame, dynamics, conducting, playing, num_samples)

    def finish(self, take: Take) -> None:
        """Mix a take, measure it, and give it out.

        Raises:
            OSError: the disk is full.
        """
        if take.name in self.takes:
            return  # by the process before us
        folder, stems = self._folder / take.name, self._stems[take.name]
        stems.close()
        stems.forget_earlier()
        with self._timed("mix"):
            leader = folder / LEADER if take.name != AS_GIVEN else self._folder / LEADER
            # The gain is the leader's as recorded: what the takes share is mixed alike.
            gain_db = self.takes[AS_GIVEN].mix_gain_db if take.name != AS_GIVEN else None
            mix = folder / "mix.wav"
            gain_db = mix_files(leader, list(stems.paths.values()), mix, self.plan.band.mix, gain_db)
        with self._timed("write"):
            (folder / "parts").mkdir()
            for follower, part in zip(self.plan.band.followers, take.parts, strict=True):
                write_midi(folder / "parts" / f"{follower.name}.mid", part, follower, take.heard)
            write_dynamics(folder / "dynamics.csv", take.heard, take.dynamics)
        with self._timed("measure"):
            seams = clock.seams(take.num_frames, self.plan.sample_rate)
            facts = {name: stem_facts(path, seams) for name, path in (stems.paths | {"mix": mix}).items()}
            files = {
                str(path.relative_to(folder)): file_receipt(path)
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
        self.takes[take.name] = TakeReceipt(files=files, facts=facts, mix_gain_db=gain_db)
        if self._tape is not None:
            self._tape.note_take(take.name, self.takes[take.name])
        self._on_take(take.name)

    def _stems_of(self, name: str) -> StemFiles:
        """The open stems of a take; what another process left of it beside them is cleared away."""
        if name not in self._stems:
            folder = self._folder / name
            for path in folder.glob("*"):
                if path.name not in (LEADER, STEMS):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._stems[name] = StemFiles(folder / STEMS, self.plan.band.followers, self.plan.sample_rate)
            self.callback(self._stems[name].close)
        return self._stems[name]

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        self._on_progress(stage, 0, 1)
        began = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began
