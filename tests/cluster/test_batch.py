"""Many leaders in one process: as single renders write them, none twice, none outside the root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

from cluster.batch.batch import BatchSummary, plan_batch, run_batch
from cluster.batch.leaders import LeaderEntry, leaders_of, read_leaders
from cluster.cli.app import app
from ensemble.audio.files import write_clip
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import ConfigError, EnsembleError, OutputError
from ensemble.manifest import Manifest
from ensemble.output.staging import MEMORY
from ensemble.plan import RenderRequest
from ensemble.rendering.levers import Levers
from ensemble.rendering.render import render
from ensemble.rendering.request import request_for
from ensemble.types.music import AudioClip

DUO = BandSettings(
    name="duo",
    followers=(
        FollowerSettings(name="bass", instrument="double_bass", role="bass"),
        FollowerSettings(name="kit", instrument="drums", role="drums"),
    ),
)
REQUEST = request_for(DUO, sample_rate=16_000, seed=2)
KERN = "**kern\n*M4/4\n*MM120\n4c\n4e\n4g\n4cc\n=\n4b\n4g\n4e\n4c\n==\n*-\n"


def render_batch(
    leaders: Sequence[str | Path | LeaderEntry],
    out: str | Path,
    *,
    workers: int | None = None,
    force: bool = False,
    settings: RenderRequest,
    leader_s: float = 600.0,
) -> BatchSummary:
    batch = plan_batch(leaders_of(leaders), out, settings, force=force)
    return run_batch(batch, workers=workers, block_frames=100, leader_s=leader_s)


def batch(leaders: Path, out: str | Path, *, force: bool = False, settings: RenderRequest = REQUEST) -> BatchSummary:
    return render_batch(read_leaders(leaders).entries, out, workers=0, settings=settings, force=force)


def statuses(summary: BatchSummary) -> dict[str, str]:
    return {one.name: one.status for one in summary.outcomes}


def reasons(summary: BatchSummary) -> dict[str, str]:
    assert all(len(one.reason.splitlines()) <= 1 for one in summary.outcomes)
    return {one.name: one.reason for one in summary.outcomes}


def files(folder: Path) -> dict[str, bytes]:
    """Everything that a render writes alike: not the report and the manifest, which tell how long it took, nor what is
    remembered for an edit, which a batch does not keep.
    """
    told = {"report.html", "manifest.json", MEMORY}
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if name not in told}


def receipts(folder: Path) -> object:
    manifest = Manifest.read(folder / "manifest.json")
    return manifest.plan, manifest.leader, manifest.takes, manifest.source, manifest.source_sha256


@pytest.fixture(scope="module")
def leaders(short_leader: AudioClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording, a score, and three who cannot lead."""
    folder = tmp_path_factory.mktemp("leaders")
    write_clip(folder / "guitar.wav", AudioClip(samples=short_leader.samples[:, :24_000], sample_rate=16_000))
    (folder / "tune.krn").write_text(KERN)
    (folder / "cut.wav").write_bytes((folder / "guitar.wav").read_bytes()[:1_000])
    (folder / "empty.flac").touch()
    write_clip(folder / "silent.wav", AudioClip(samples=np.zeros((1, 16_000), np.float32), sample_rate=16_000))
    (folder / "notes.txt").write_text("nobody")
    return folder


@pytest.fixture(scope="module")
def rendered(leaders: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BatchSummary]:
    out = tmp_path_factory.mktemp("batch") / "out"
    return out, batch(leaders, out)


def test_whoever_can_lead_is_rendered_and_the_rest_is_named(rendered: tuple[Path, BatchSummary]) -> None:
    out, summary = rendered
    assert statuses(summary) == {
        "cut": "failed", "empty": "failed", "guitar": "rendered", "silent": "failed", "tune": "rendered",
    }  # fmt: skip
    assert "cut.wav: is cut short" in reasons(summary)["cut"]
    assert "empty.flac: is empty" in reasons(summary)["empty"]
    assert "silent.wav: is silent" in reasons(summary)["silent"]
    assert not summary.is_good
    assert summary.music_s == pytest.approx(2.5 + 5.0)
    assert {path.name for path in out.iterdir()} == {"guitar", "tune", "batch.json"}


def test_a_render_in_a_batch_is_the_render_alone(
    rendered: tuple[Path, BatchSummary], leaders: Path, tmp_path: Path
) -> None:
    for name in ("guitar.wav", "tune.krn"):
        alone = tmp_path / name
        render(leaders / name, alone, band=DUO, sample_rate=16_000, seed=2, remembers=False)
        together = rendered[0] / Path(name).stem
        assert files(together) == files(alone)
        assert receipts(together) == receipts(alone)


def test_the_summary_lies_beside_the_renders(rendered: tuple[Path, BatchSummary]) -> None:
    out, summary = rendered
    document = json.loads((out / "batch.json").read_text())
    assert document == summary.document()
    guitar = next(one for one in document["leaders"] if one["name"] == "guitar")
    assert guitar["duration_s"] == 2.5
    assert len(guitar["manifest_sha256"]) == 64
    assert document["music_s_per_s"] == pytest.approx(document["music_s"] / document["wall_s"], rel=0.01)


@pytest.fixture
def done(rendered: tuple[Path, BatchSummary], tmp_path: Path) -> Path:
    """The same batch, to be spoilt."""
    shutil.copytree(rendered[0], tmp_path / "done")
    return tmp_path / "done"


def test_what_is_done_is_done_already(leaders: Path, done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*.wav")}
    for force in (False, True):
        summary = batch(leaders, done, force=force)
        assert statuses(summary)["guitar"] == statuses(summary)["tune"] == "done already"
        assert summary.music_s == 0.0
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*.wav")} == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 3}, "a render of another seed"),
        ({"sample_rate": 32_000}, "a render of another rate"),
        ({"band": DUO.model_copy(update={"name": "other"})}, "a render of another band"),
        ({"weights_sha256": {"bass": "0" * 64}}, "a render of other voices"),
    ],
)
def test_other_settings_are_refused(leaders: Path, done: Path, change: dict[str, object], words: str) -> None:
    before = files(done / "guitar")
    summary = batch(leaders, done, settings=REQUEST.model_copy(update=change))
    assert statuses(summary)["guitar"] == "refused"
    assert f"{words}; add --force to replace it" in reasons(summary)["guitar"]
    assert files(done / "guitar") == before


def test_a_leader_that_changed_is_refused_and_replaced_by_force(leaders: Path, done: Path, tmp_path: Path) -> None:
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed" / "tune.krn").write_text(KERN.replace("4cc", "4dd"))
    assert "a render of another leader" in reasons(batch(tmp_path / "changed", done))["tune"]
    before = files(done / "tune")
    assert statuses(batch(tmp_path / "changed", done, force=True)) == {"tune": "rendered"}
    assert files(done / "tune").keys() == before.keys()
    assert files(done / "tune") != before
    assert statuses(batch(tmp_path / "changed", done)) == {"tune": "done already"}


def test_a_render_that_lacks_a_file_is_not_done(leaders: Path, done: Path) -> None:
    (done / "guitar" / "take-00" / "stems" / "bass.wav").unlink()
    assert "without its take-00/stems/bass.wav" in reasons(batch(leaders, done))["guitar"]


def test_what_is_no_render_is_refused_even_by_force(leaders: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "guitar").mkdir(parents=True)
    (tmp_path / "out" / "guitar" / "leader.wav").write_text("the only copy")
    (tmp_path / "out" / "tune").write_text("a file")
    found = reasons(batch(leaders, tmp_path / "out", force=True))
    assert "holds something that is not a complete render" in found["guitar"]
    assert "tune: is a file" in found["tune"]
    assert (tmp_path / "out" / "guitar" / "leader.wav").read_text() == "the only copy"


def test_nothing_is_written_through_a_link(leaders: Path, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (tmp_path / "precious").write_text("mine")
    (out / "guitar").symlink_to(elsewhere)
    (out / "tune").symlink_to(tmp_path / "not there yet")
    (out / "batch.json").symlink_to(tmp_path / "precious")
    found = reasons(batch(leaders, out, force=True))
    assert "is a link; remove it" in found["guitar"]
    assert "is a link; remove it" in found["tune"]
    assert list(elsewhere.iterdir()) == []
    assert not (tmp_path / "not there yet").exists()
    assert (tmp_path / "precious").read_text() == "mine"
    assert json.loads((out / "batch.json").read_text())["leaders"]


@pytest.mark.parametrize("name", ["../up", "/up", "a/b", "..", ".", "", ".hidden", "batch.json", "a\0b"])
def test_no_name_leads_out_of_the_root(leaders: Path, tmp_path: Path, name: str) -> None:
    entry = LeaderEntry(name=name, leader=leaders / "guitar.wav")
    summary = render_batch([entry], tmp_path / "root" / "out", workers=0, settings=REQUEST)
    assert [one.status for one in summary.outcomes] == ["refused"]
    assert {path.name for path in tmp_path.rglob("*")} == {"root", "out", "batch.json"}


def test_a_linked_leader_is_read_inside_its_folder_only(leaders: Path, tmp_path: Path) -> None:
    (tmp_path / "leaders").mkdir()
    (tmp_path / "leaders" / "stolen.wav").symlink_to(leaders / "guitar.wav")
    summary = batch(tmp_path / "leaders", tmp_path / "out")
    assert statuses(summary) == {"stolen": "refused"}
    assert "is a link out of its folder" in reasons(summary)["stolen"]


def test_a_list_gives_everybody_a_band_and_a_seed(leaders: Path, tmp_path: Path) -> None:
    (tmp_path / "band.yaml").write_text("name: solo\nfollowers: [{name: bass, instrument: cello, role: bass}]\n")
    tune = leaders / "tune.krn"
    (tmp_path / "list.yaml").write_text(
        f"- {{leader: {tune}, name: one, band: band.yaml, seed: 9}}\n- {{leader: {tune}, name: two, band: jazz}}\n"
        f"- gone.wav\n"
    )
    swinging = request_for(DUO, sample_rate=16_000, seed=2, levers=Levers(style="swing"))
    summary = batch(tmp_path / "list.yaml", tmp_path / "out", settings=swinging)
    assert statuses(summary) == {"one": "rendered", "two": "refused", "gone": "failed"}
    assert "'jazz' is unknown" in reasons(summary)["two"]
    assert "gone.wav: there is no such file" in reasons(summary)["gone"]
    plan = Manifest.read(tmp_path / "out" / "one" / "manifest.json").plan
    assert (plan.request.band.name, plan.request.seed, plan.request.sample_rate) == ("solo", 9, 16_000)
    assert plan.request.band.style == swinging.band.style


def test_a_batch_goes_to_a_url_and_is_found_there(leaders: Path, rendered: tuple[Path, BatchSummary]) -> None:
    store = MemoryFileSystem()
    summary = batch(leaders, "memory://store/out")
    assert statuses(summary) == statuses(rendered[1])
    kept = files(rendered[0] / "guitar")
    assert {name: store.cat_file(f"/store/out/guitar/{name}") for name in kept} == kept
    assert json.loads(store.cat_file("/store/out/batch.json")) == summary.document()
    assert statuses(batch(leaders, "memory://store/out"))["guitar"] == "done already"
    store.rm_file("/store/out/guitar/take-00/mix.wav")
    assert "without its take-00/mix.wav" in reasons(batch(leaders, "memory://store/out"))["guitar"]
    store.rm("/store", recursive=True)


@pytest.mark.parametrize(("kind", "problem"), [("file", "is a file"), ("render", "holds a single render")])
def test_a_root_that_is_none_is_refused(leaders: Path, tmp_path: Path, kind: str, problem: str) -> None:
    if kind == "file":
        (tmp_path / "out").touch()
    else:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "manifest.json").touch()
    with pytest.raises(OutputError, match=f"out: {problem}"):
        batch(leaders, tmp_path / "out")


def test_a_root_without_rights_is_refused(open_folder: Path, leaders: Path, as_nobody: None) -> None:
    with pytest.raises(EnsembleError, match=r"cannot be written \(Permission denied\)"):
        render_batch([leaders / "guitar.wav"], open_folder / "out", workers=0, settings=REQUEST)


def test_a_thousand_of_whom_two_can_lead(leaders: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cut = (leaders / "cut.wav").read_bytes()
    for number in range(998):
        (tmp_path / "in" / f"bad {number:03}.wav").write_bytes(cut if number % 2 else b"")
    for number in range(2):
        (tmp_path / "in" / f"good {number}.krn").write_text(KERN)
    summary = batch(tmp_path / "in", tmp_path / "out")
    assert (summary.count("failed"), summary.count("rendered")) == (998, 2)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good 0", "good 1", "batch.json"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a short render and not for a long one, where this machine lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], check=False).returncode:
        pytest.skip("SKIPPED LOUDLY: no right to mount a small disk here (run as root)")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_ends_one_leader_and_not_the_next(leaders: Path, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "long.krn").write_text(KERN.replace("*MM120", "*MM20"))
    (tmp_path / "in" / "short.krn").write_text(KERN.replace("*MM120", "*MM240"))
    summary = batch(tmp_path / "in", small_disk / "out", settings=REQUEST.model_copy(update={"sample_rate": 32_000}))
    assert statuses(summary) == {"long": "failed", "short": "rendered"}
    assert "No space left on device" in reasons(summary)["long"]
    assert {path.name for path in (small_disk / "out").iterdir()} == {"short", "batch.json"}


def test_a_killed_batch_leaves_nothing_that_stays(leaders: Path, tmp_path: Path) -> None:
    out, dead = tmp_path / "out", 2**22 + 1
    (out / "tune" / f".partial-{os.uname().nodename}-{dead}-x" / "new").mkdir(parents=True)
    (out / f".batch-{os.uname().nodename}-{dead}-x").touch()
    summary = render_batch([leaders / "tune.krn"], out, workers=0, settings=REQUEST)
    assert statuses(summary) == {"tune": "rendered"}
    assert list(out.rglob(".*")) == []


def test_the_command_renders_many_and_says_who_failed(leaders: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out"), "--local", "--rate", "16000", "--voice", "naive"]
    (tmp_path / "list.txt").write_text(f"{leaders / 'tune.krn'}\n{leaders / 'empty.flac'}\n")
    done = CliRunner().invoke(app, ["render", str(tmp_path / "list.txt"), *options])
    assert done.exit_code == 1
    assert "empty.flac: is empty" in done.output
    assert "1 rendered, 1 failed" in " ".join(done.output.split())
    again = CliRunner().invoke(app, ["render", str(tmp_path / "list.txt"), *options, "--json"])
    document = json.loads(again.stdout)
    assert [one["status"] for one in document["leaders"]] == ["done already", "failed"]
    assert [one["code"] for one in document["leaders"]] == ["", "audio"]


@pytest.mark.parametrize("content", [(), ("notes.txt", "cover.jpg")])
def test_a_folder_without_leaders_is_one_line(tmp_path: Path, content: tuple[str, ...]) -> None:
    for name in content:
        (tmp_path / name).touch()
    done = CliRunner().invoke(app, ["render", str(tmp_path), "--out", str(tmp_path / "out"), "--local"])
    assert isinstance(done.exception, ConfigError)
    assert "holds no leaders" in str(done.exception)
    assert not (tmp_path / "out").exists()
