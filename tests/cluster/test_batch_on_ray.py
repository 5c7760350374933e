"""Many leaders by a pool of workers: the same files as alone, though workers are killed; nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest

from agents.renderer import Renderer, Task
from cluster.batch.batch import BatchSummary
from ensemble.audio.files import write_clip
from ensemble.errors import AudioError, OutputError, VoiceError
from ensemble.rendering.render import render
from ensemble.types.music import AudioClip
from tests.cluster.test_batch import DUO, KERN, REQUEST, files, receipts, render_batch, statuses

PARTIAL = re.compile(rf"\.partial-{re.escape(socket.gethostname())}-(\d+)-")


@pytest.fixture(scope="module")
def leaders(short_leader: AudioClip, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two recordings and two scores."""
    folder = tmp_path_factory.mktemp("leaders")
    for number in range(2):
        samples = short_leader.samples[:, 8_000 * number :]
        write_clip(folder / f"guitar {number}.wav", AudioClip(samples=samples, sample_rate=16_000))
        (folder / f"tune {number}.krn").write_text(KERN.replace("4cc", f"4{'dd' if number else 'cc'}"))
    return sorted(folder.iterdir())


def kill_one_at_work(out: Path, killed: list[int]) -> None:
    """Kill whoever is first seen in the midst of a leader."""
    until = time.monotonic() + 120.0
    while not killed and time.monotonic() < until:
        for stems in out.glob("*/.partial-*/new/take-00/stems"):
            found = PARTIAL.match(stems.parents[2].name)
            assert found
            os.kill(int(found[1]), signal.SIGKILL)
            killed.append(int(found[1]))
            return
        time.sleep(0.005)


@pytest.mark.ray
def test_a_worker_that_is_killed_costs_time_and_nothing_else(
    local_ray: None, leaders: list[Path], tmp_path: Path
) -> None:
    out, killed = tmp_path / "out", list[int]()
    killer = threading.Thread(target=kill_one_at_work, args=(out, killed))
    killer.start()
    summary = render_batch(leaders, out, workers=2, settings=REQUEST)
    killer.join()
    assert killed
    assert summary.lost == 1
    assert set(statuses(summary).values()) == {"rendered"}
    for leader in leaders:
        alone = tmp_path / "alone" / leader.stem
        render(leader, alone, band=DUO, sample_rate=16_000, seed=2)
        assert files(out / leader.stem) == files(alone)
        assert receipts(out / leader.stem) == receipts(alone)
    assert list(out.rglob(".*")) == []
    assert {path.name for path in out.iterdir()} == {*(leader.stem for leader in leaders), "batch.json"}
    assert not list(Path(tempfile.gettempdir()).glob(f"ensemble-batch-{socket.gethostname()}-{killed[0]}-*"))


@pytest.mark.ray
def test_a_leader_that_takes_too_long_is_named_and_leaves_nothing(
    local_ray: None, leaders: list[Path], tmp_path: Path
) -> None:
    summary = render_batch(leaders[:1], tmp_path / "out", workers=1, settings=REQUEST, leader_s=0.0)
    assert statuses(summary) == {"guitar 0": "failed"}
    assert "took more than 0 s" in summary.outcomes[0].reason
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"batch.json"}


@pytest.mark.ray
def test_a_large_leader_is_read_where_it_lies(
    local_ray: None, leaders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.batch.batch.BY_VALUE_BYTES", 0)
    summary = render_batch([*leaders[2:], tmp_path / "gone.wav"], tmp_path / "out", settings=REQUEST)
    assert statuses(summary) == {"tune 0": "rendered", "tune 1": "rendered", "gone": "failed"}
    assert summary.workers == 2
    assert summary.music_s_per_s > 0.0


@pytest.mark.ray
def test_a_place_of_this_process_is_refused_on_ray(local_ray: None, leaders: list[Path]) -> None:
    with pytest.raises(OutputError, match="exists in this process alone; add --local"):
        render_batch(leaders, "memory://store/out", settings=REQUEST)


def test_a_node_without_the_output_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=rf"absent: is not what it is elsewhere on {socket.gethostname()}; name a"):
        Renderer(0, [16_000], str(tmp_path / "absent" / ".batch-x")).ready()


@pytest.mark.parametrize(("size_bytes", "problem"), [(7, "is another file on"), (8, "is not on")])
def test_a_leader_that_is_not_on_the_node_is_refused(tmp_path: Path, size_bytes: int, problem: str) -> None:
    leader = tmp_path / "song.wav"
    if size_bytes == 7:
        leader.write_bytes(b"another")
    task = Task(str(leader), 8, str(tmp_path / "out"), REQUEST.model_dump_json(), False, 100)
    with pytest.raises(AudioError, match=rf"song\.wav: {problem} {socket.gethostname()}; put it where every node"):
        Renderer(0, [16_000]).render(task)


def test_a_node_with_other_voices_is_refused(leaders: list[Path], tmp_path: Path) -> None:
    request = REQUEST.model_copy(update={"weights_sha256": {"bass": "0" * 64}})
    size_bytes = leaders[0].stat().st_size
    task = Task(str(leaders[0]), size_bytes, str(tmp_path / "out"), request.model_dump_json(), False, 100)
    with pytest.raises(VoiceError, match="has other voices on"):
        Renderer(0, [16_000]).render(task)
    assert not (tmp_path / "out").exists()


def test_a_summary_counts_what_was_rendered_now() -> None:
    assert BatchSummary(out="out", outcomes=(), wall_s=0.0, workers=0).music_s_per_s == 0.0
