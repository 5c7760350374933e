"""The command as a stranger meets it: what it writes, what it says, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

ENSEMBLE = [str(Path(sys.executable).parent / "ensemble")]


def ensemble(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*ENSEMBLE, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=200)


@pytest.fixture(scope="module")
def rendered(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A render by the command, in a process of its own."""
    out = tmp_path_factory.mktemp("render") / "out"
    done = ensemble("render", short_leader_file, "--out", out, "--local", "--rate", "16000", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert f"report: {out / 'report.html'}" in done.stdout
    return out


def test_a_render_holds_everything_that_was_promised(rendered: Path) -> None:
    written = {str(path.relative_to(rendered)) for path in rendered.rglob("*") if path.is_file()}
    parts = ("bass", "rhythm", "drums")
    assert written == {
        "manifest.json", "leader.wav", "report.html", "take-00/mix.wav", "take-00/dynamics.csv",
        *(f"take-00/stems/{part}.wav" for part in parts), *(f"take-00/parts/{part}.mid" for part in parts),
    }  # fmt: skip


def test_stems_start_together_and_are_equally_long(rendered: Path) -> None:
    infos = [soundfile.info(path) for path in sorted(rendered.glob("take-00/**/*.wav"))]
    assert {(info.frames, info.samplerate, info.channels, info.subtype) for info in infos} == {
        (4 * 16_000, 16_000, 2, "PCM_24")
    }


def test_the_band_really_sounds(rendered: Path) -> None:
    for path in rendered.glob("take-00/stems/*.wav"):
        samples, _ = soundfile.read(path)
        assert np.sqrt(np.mean(samples**2)) > 1e-3, path


def test_the_manifest_hashes_every_file(rendered: Path) -> None:
    manifest = json.loads((rendered / "manifest.json").read_text())
    take = manifest["takes"]["take-00"]["files"]
    assert set(take) == {
        str(path.relative_to(rendered / "take-00")) for path in rendered.glob("take-00/**/*") if path.is_file()
    }
    assert all(len(entry["sha256"]) == 64 for entry in take.values())
    assert "/" not in manifest["source"]


def test_verify_plays_it_again_and_finds_it_equal(rendered: Path) -> None:
    done = ensemble("verify", rendered, "--local", "--block-frames", "37", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["is_good"]
    assert all(check["intact"] and check["reproduced"] for check in result["checks"])
    assert len(result["checks"]) == 8


@pytest.mark.ray
def test_actors_in_fresh_processes_write_the_same_files(rendered: Path) -> None:
    done = ensemble("verify", rendered, "--actors", "2", "--block-frames", "7", "--json")
    assert done.returncode == 0, done.stderr
    assert all(check["reproduced"] for check in json.loads(done.stdout)["checks"])


def test_verify_finds_one_changed_sample(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", rendered, copy], check=True)
    stem = copy / "take-00" / "stems" / "bass.wav"
    content = bytearray(stem.read_bytes())
    content[-1000] ^= 1
    stem.write_bytes(content)
    done = ensemble("verify", copy, "--local")
    assert done.returncode == 1
    assert "NOT reproduced" in done.stdout
    assert "changed or gone" in done.stdout


def test_another_seed_changes_the_stems(rendered: Path, short_leader_file: Path, tmp_path: Path) -> None:
    done = ensemble("render", short_leader_file, "-o", tmp_path / "out", "--local", "--rate", "16000", "--json")
    assert done.returncode == 0, done.stderr
    stems = "take-00/stems/rhythm.wav"
    assert (tmp_path / "out" / stems).read_bytes() != (rendered / stems).read_bytes()
    assert json.loads(done.stdout)["manifest"]["plan"]["seed"] == 0


def make_bad_inputs(folder: Path, good: Path) -> dict[str, tuple[Path, str]]:
    """A file, and what must be said of it."""
    rate = 16_000
    tone = (0.3 * np.sin(np.arange(2 * rate) * 0.17)).astype(np.float32)

    def wav(name: str, samples: np.ndarray) -> Path:
        soundfile.write(folder / name, samples, rate, subtype="FLOAT")
        return folder / name

    holes = tone.copy()
    holes[100] = np.nan
    endless = tone.copy()
    endless[100] = np.inf
    truncated = folder / "truncated.wav"
    truncated.write_bytes(good.read_bytes()[:20_000])
    flac = folder / "whole.flac"
    soundfile.write(flac, np.random.default_rng(1).normal(0, 0.1, 4 * rate), rate)
    cut = folder / "cut.flac"
    cut.write_bytes(flac.read_bytes()[:30_000])
    empty = folder / "empty.wav"
    empty.touch()
    text = folder / "text.wav"
    text.write_text("these are words\n" * 1000)
    return {
        "absent": (folder / "absent.wav", "no such file"),
        "a folder": (folder, "folder"),
        "empty": (empty, "empty"),
        "text": (text, ""),
        "truncated wav": (truncated, "truncated"),
        "truncated flac": (cut, ""),
        "nan": (wav("nan.wav", holes), "not numbers"),
        "infinite": (wav("inf.wav", endless), "not numbers"),
        "too short": (wav("short.wav", tone[: rate // 10]), "0.1"),
        "silent": (wav("silent.wav", tone * 0), "silen"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "absent",
        "a folder",
        "empty",
        "text",
        "truncated wav",
        "truncated flac",
        "nan",
        "infinite",
        "too short",
        "silent",
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(kind: str, short_leader_file: Path, tmp_path: Path) -> None:
    path, complaint = make_bad_inputs(tmp_path, short_leader_file)[kind]
    done = ensemble("render", path, "--out", tmp_path / "out", "--local")
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("ensemble: ")
    assert path.name in line
    assert complaint in line.lower()
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_wrong_usage_ends_with_two(tmp_path: Path) -> None:
    assert ensemble("render", "--rate", "12345").returncode == 2
    assert ensemble("render", "--no-such-option").returncode == 2
    assert ensemble("perform").returncode == 2


def test_a_folder_in_use_is_refused_and_kept(rendered: Path, short_leader_file: Path) -> None:
    before = (rendered / "manifest.json").read_bytes()
    done = ensemble("render", short_leader_file, "--out", rendered, "--local")
    assert done.returncode == 1
    assert "exists and is not empty" in done.stderr
    assert (rendered / "manifest.json").read_bytes() == before


def test_a_place_that_takes_no_files_is_refused(short_leader_file: Path) -> None:
    done = ensemble("render", short_leader_file, "--out", "/proc/ensemble-out", "--local")
    assert done.returncode == 1
    assert "/proc/ensemble-out: cannot be written" in done.stderr


def test_listen_writes_what_was_heard(short_leader_file: Path, tmp_path: Path) -> None:
    done = ensemble("listen", short_leader_file, "--out", tmp_path / "heard.json")
    assert done.returncode == 0, done.stderr
    heard = json.loads((tmp_path / "heard.json").read_text())
    assert len(heard["frames"]["f0_hz"]) == 300
    assert len(heard["chords"]) == len(heard["beats_s"]) >= 4
    assert heard["key"] in done.stdout


def test_status_says_when_nobody_plays() -> None:
    done = ensemble("status", "--address", "127.0.0.1:1")
    assert done.returncode == 1
    assert "none is running" in done.stderr


def test_doctor_finds_everything_that_a_render_needs() -> None:
    done = ensemble("doctor", "--json")
    findings = {finding["what"]: finding["verdict"] for finding in json.loads(done.stdout)}
    assert done.returncode == 0
    assert findings["ray"] == findings["ensemble, agents, cluster"] == "ok"


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


@pytest.mark.ray
@pytest.mark.parametrize("after_s", [2.0, 6.0, 10.0])
def test_ctrl_c_ends_within_two_seconds_and_leaves_no_process(tmp_path: Path, after_s: float) -> None:
    with subprocess.Popen(
        [*ENSEMBLE, "render", "--out", tmp_path / "out"], stderr=subprocess.PIPE, text=True
    ) as render:
        time.sleep(after_s)
        if render.poll() is not None:
            pytest.fail("the render was over before it could be interrupted")
        processes = family(render.pid)
        render.send_signal(signal.SIGINT)
        began = time.perf_counter()
        render.wait(timeout=20)
        took_s = time.perf_counter() - began
        said = render.stderr.read() if render.stderr else ""
    assert render.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(processes, timeout=0.5)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []  # a zombie is dead, its parent is slow
    assert not (tmp_path / "out").exists()
    assert took_s < 2.0
