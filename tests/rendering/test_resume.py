"""A render that was broken off, whenever that was, goes on to the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ensemble.band import LocalBand
from ensemble.corpus import corpus_pieces
from ensemble.errors import BandError, CheckpointError, OutputError
from ensemble.files.receipts import FileReceipt
from ensemble.manifest import Manifest
from ensemble.perform import Pace
from ensemble.plan import Extension
from ensemble.rendering.checkpoint import CHECKPOINT, Checkpoint
from ensemble.rendering.render import render, resume
from ensemble.retrieve.find_sources import find_sources
from ensemble.retrieve.index_local import index_sources
from ensemble.retrieve.library.opening import LibraryPlace
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.diagnostics import Diagnostic

WHOLE = [".memory", "leader.wav", "manifest.json", "report.html", "take-00"]
PACE = Pace(block_frames=20)


class Killed(BaseException):
    """What a process does not survive."""


def files_of(manifest: Manifest) -> dict[str, FileReceipt]:
    return {f"{take}/{name}": kept for take, given in manifest.takes.items() for name, kept in given.files.items()}


class Fragile(LocalBand):
    """A band that breaks in its so-many-th block of one part."""

    def __init__(self, plan: Any, blocks: int, error: BaseException) -> None:
        super().__init__(plan)
        self._left = blocks
        self._error = error

    def play(self, part: str, score: Any, state: Any) -> Any:
        if part == "bass":
            self._left -= 1
            if self._left < 0:
                raise self._error
        return super().play(part, score, state)


@pytest.fixture(scope="module")
def undisturbed(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    return render(short_leader_file, out, sample_rate=16_000, pace=PACE)


def broken(leader: Path, out: Path, blocks: int, error: BaseException, **settings: Any) -> None:
    with pytest.raises(type(error)):
        render(
            leader,
            out,
            sample_rate=16_000,
            pace=PACE,
            band_factory=lambda plan: Fragile(plan, blocks, error),
            **settings,
        )


@contextmanager
def nobody_clears_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What a killed process leaves."""
    with monkeypatch.context() as patch:
        patch.setattr("ensemble.output.publish.clear", lambda *_: None)
        yield patch


@pytest.mark.parametrize("blocks", [2, 3, 9, 19])
def test_whenever_a_process_is_killed_another_ends_with_the_same_bytes(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with nobody_clears_up(monkeypatch):
        broken(short_leader_file, out, blocks, Killed())
    resumed = resume(out, pace=Pace(block_frames=7))
    assert resumed.execution.is_resumed
    assert files_of(resumed) == files_of(undisturbed)
    assert resumed.plan == undisturbed.plan
    assert sorted(path.name for path in out.iterdir()) == WHOLE


def test_killed_twice_and_with_a_torn_checkpoint(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with nobody_clears_up(monkeypatch):
        broken(short_leader_file, out, 6, Killed())
        (checkpoint,) = out.glob(f".partial-*/{CHECKPOINT}")
        with checkpoint.open("ab") as file:
            file.write(b"\x00\x00\x10\x00half a mess")
        with pytest.raises(Killed):
            resume(out, pace=PACE, band_factory=lambda plan: Fragile(plan, 5, Killed()))
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)


def test_what_a_lost_cluster_left_is_kept_and_the_error_says_how_to_go_on(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest
) -> None:
    out = tmp_path / "out"
    lost = BandError("bass", "was lost 5 times in a row (why)", "see its log, and render again")
    with pytest.raises(BandError, match=rf"what was played is kept: `ensemble render --resume {out}` goes on"):
        render(short_leader_file, out, sample_rate=16_000, pace=PACE, band_factory=lambda plan: Fragile(plan, 8, lost))
    with pytest.raises(OutputError, match=r"holds a render that was broken off; .*--resume"):
        render(short_leader_file, out, sample_rate=16_000, pace=PACE)
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)


def test_what_broke_before_its_first_block_leaves_nothing(short_leader_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken(short_leader_file, out, 0, BandError("bass", "was lost"))
    assert not out.exists()
    with pytest.raises(OutputError, match="holds no render that was broken off"):
        resume(out)


def test_an_interrupted_render_of_release_0_1_0_is_refused_in_one_line(short_leader_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken(short_leader_file, out, 5, BandError("bass", "was lost"))
    (checkpoint,) = out.glob(f".partial-*/{CHECKPOINT}")
    checkpoint.rename(checkpoint.with_name("tape"))
    with pytest.raises(CheckpointError) as refusal:
        resume(out)
    assert str(refusal.value) == f"{out}: holds a render that release 0.1.0 broke off; render again with --force"
    with pytest.raises(OutputError, match="--force begins again"):
        render(short_leader_file, out, sample_rate=16_000, pace=PACE)
    assert render(short_leader_file, out, sample_rate=16_000, pace=PACE, force=True).takes
    assert not list(out.glob(".partial-*"))


def test_a_voice_that_has_changed_meanwhile_is_refused(
    short_leader_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    broken(short_leader_file, out, 5, BandError("bass", "was lost"))
    monkeypatch.setattr("ensemble.rendering.request.weights_of", lambda _band, **_how: {"bass": "another"})
    with pytest.raises(Exception, match="is not the voice that 'bass' played"):
        resume(out)
    monkeypatch.undo()
    assert resume(out, pace=PACE).takes


def test_takes_that_go_on_are_finished_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken in the common beginning, in the first rest, and in the last; what was given out stays where it is."""
    music, leader = tmp_path / "music", tmp_path / "leader.wav"
    music.mkdir()
    for path in (piece.path for piece in corpus_pieces()[:2]):
        samples, rate = soundfile.read(path, frames=30 * 48_000)
        soundfile.write(music / f"{path.stem}.flac", samples, rate)
    samples, rate = soundfile.read(corpus_pieces()[3].path, frames=6 * 48_000)
    soundfile.write(leader, samples, rate)
    settings = RetrieveSettings(uri=str(tmp_path / "store"))
    index_sources(find_sources([music], "CC0-1.0"), LibraryPlace.of(settings.uri, settings.ledger))
    extension = Extension(extend_s=3.0, top_k=2, retrieve=settings)
    whole = render(leader, tmp_path / "whole", sample_rate=16_000, pace=PACE, extension=extension)
    assert len(whole.takes) == 3
    for blocks in (4, 34, 52):
        out = tmp_path / f"out-{blocks}"
        with nobody_clears_up(monkeypatch):
            broken(leader, out, blocks, Killed(), extension=extension)
        assert files_of(resume(out, pace=PACE)) == files_of(whole)
        assert not list(out.glob(".partial-*"))


def test_a_resumed_render_that_is_interrupted_keeps_everything(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest
) -> None:
    """An error, then a process that is told to stop, which clears up as far as it may; then the rest."""
    out = tmp_path / "out"
    broken(short_leader_file, out, 6, BandError("bass", "was lost"))
    with pytest.raises(Killed):
        resume(out, pace=Pace(block_frames=7), band_factory=lambda plan: Fragile(plan, 9, Killed()))
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)


def test_a_block_that_was_noted_without_its_states_is_not_told_twice(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with nobody_clears_up(monkeypatch):
        broken(short_leader_file, out, 6, Killed())
        (partial,) = out.glob(".partial-*")
        before = (partial / "take-00.states").read_bytes()
        with pytest.raises(Killed):
            resume(out, pace=PACE, band_factory=lambda plan: Fragile(plan, 1, Killed()))
        (partial,) = out.glob(".partial-*")
        (partial / "take-00.states").write_bytes(before)  # as if the last write had failed
        with pytest.raises(Killed):
            resume(out, pace=PACE, band_factory=lambda plan: Fragile(plan, 4, Killed()))
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)


@pytest.mark.parametrize("moves", range(5))
def test_killed_while_it_is_delivered(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """After any number of moves, also over an earlier render, the new one is finished or the old one is there."""
    out = tmp_path / "out"
    earlier = render(short_leader_file, out, sample_rate=16_000, pace=PACE, seed=9)
    left, rename = [moves], Path.rename

    def fragile(path: Path, target: Path) -> Path:
        if ".partial-" in f"{path}{target}" and (path.parent == out or Path(target).parent == out):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
        return rename(path, target)

    with nobody_clears_up(monkeypatch) as patch:
        patch.setattr("ensemble.output.publish._undo", lambda _done: None)
        patch.setattr(Path, "rename", fragile)
        with pytest.raises(Killed):
            render(short_leader_file, out, sample_rate=16_000, pace=PACE, force=True)
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)
    assert files_of(undisturbed) != files_of(earlier)
    assert sorted(path.name for path in out.iterdir()) == WHOLE


@pytest.mark.parametrize("moves", [0, 1])
def test_killed_while_a_take_is_given_out(
    short_leader_file: Path, tmp_path: Path, undisturbed: Manifest, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    out = tmp_path / "out"
    left, rename = [moves], Path.rename

    def fragile(path: Path, target: Path) -> Path:
        if "take-00" in path.name:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
        return rename(path, target)

    with nobody_clears_up(monkeypatch) as patch:
        patch.setattr(Path, "rename", fragile)
        with pytest.raises(Killed):
            render(short_leader_file, out, sample_rate=16_000, pace=PACE)
    assert files_of(resume(out, pace=PACE)) == files_of(undisturbed)


def test_kill_minus_nine_in_the_real_command(short_leader_file: Path, tmp_path: Path, undisturbed: Manifest) -> None:
    out = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from ensemble.perform import Pace\n"
        "from ensemble.events import Events\n"
        "from ensemble.rendering.render import render\n"
        "def look(stage, done, total):\n"
        "    if stage == 'play' and done >= 160:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "pace, told = Pace(block_frames=20), Events(progress=look)\n"
        "render(sys.argv[1], sys.argv[2], sample_rate=16000, pace=pace, events=told)\n"
    )
    command: Sequence[str] = [sys.executable, "-c", script, str(short_leader_file), str(out)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120)
    assert done.returncode == -9
    again = [sys.executable, "-m", "cluster", "render", "--resume", str(out), "--local", "--json"]
    subprocess.run(again, cwd=Path(__file__).parents[2], check=True, timeout=120, stdout=subprocess.DEVNULL)
    assert files_of(Manifest.read(out / "manifest.json")) == files_of(undisturbed)


def test_a_checkpoint_tells_only_what_was_written_whole(tmp_path: Path, undisturbed: Manifest) -> None:
    checkpoint = Checkpoint(tmp_path)
    doubts = (Diagnostic(code="cut_short", text="The file ends early."),)
    checkpoint.write_plan(undisturbed.plan, "leader.wav", "abc", doubts)
    receipt = undisturbed.takes["take-00"]
    checkpoint.write_take("take-00", receipt)
    checkpoint.close()
    whole = (tmp_path / CHECKPOINT).read_bytes()
    for length in (0, 7, 8, len(whole) // 2, len(whole) - 1, len(whole)):
        (tmp_path / CHECKPOINT).write_bytes(whole[:length])
        read = Checkpoint(tmp_path)
        assert read.takes == ({"take-00": receipt} if length == len(whole) else {})
        read.write_take("take-01", receipt)
        read.close()
        assert "take-01" in Checkpoint(tmp_path).takes
    assert (read.source, read.source_sha256, read.doubts) == ("leader.wav", "abc", doubts)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
