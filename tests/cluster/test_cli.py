"""The command as a stranger meets it: what it writes, what it says, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from ensemble.manifest import Manifest

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
        "manifest.json", "leader.wav", "report.html", ".memory", "take-00/mix.wav", "take-00/dynamics.csv",
        *(f"take-00/stems/{part}.wav" for part in (*parts, "room")), *(f"take-00/parts/{part}.mid" for part in parts),
    }  # fmt: skip


def test_an_added_part_is_written_as_in_yaml_and_else_refused_in_one_line(rendered: Path) -> None:
    added = "name=cello,instrument=cello,role=counter,range_midi=[36, 60]"
    told = ensemble("redo", rendered, "--add", added, "--dry-run", "--json")
    assert "cello" in json.loads(told.stdout)["parts"], told.stderr
    refused = ensemble("redo", rendered, "--add", "name=[", "--dry-run")
    assert "--add: 'name=[' is no list of settings" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_redo_of_no_render_says_only_that(tmp_path: Path) -> None:
    refused = ensemble("redo", tmp_path / "none", "--gain", "bass=1", "--local")
    assert refused.returncode == 1
    assert "manifest.json: cannot be read" in refused.stderr
    assert "remembered" not in refused.stderr


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
    assert len(result["checks"]) == 9


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
    assert json.loads(done.stdout)["manifest"]["plan"]["request"]["seed"] == 0


def make_bad_inputs(folder: Path, good: Path) -> dict[str, tuple[Path, str]]:
    """By kind: a path, and the words that must be said of it. The names say nothing, so that the words must."""
    rate = 16_000
    tone = (0.3 * np.sin(np.arange(2 * rate) * 0.17)).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * rate)
    paths = {kind: folder / f"x{index}.wav" for index, kind in enumerate(BAD_INPUTS)}
    paths["a folder"].mkdir()
    paths["nothing in it"].touch()
    paths["words"].write_text("these are words\n" * 1000)
    paths["the head of a wav"].write_bytes(good.read_bytes()[:1_000])
    soundfile.write(folder / "whole.flac", noise, rate)
    paths["the head of a flac"].write_bytes((folder / "whole.flac").read_bytes()[:9_000])
    for kind, at, value in (("nan", 100, np.nan), ("infinity", 100, np.inf)):
        broken = tone.copy()
        broken[at] = value
        soundfile.write(paths[kind], broken, rate, subtype="FLOAT")
    soundfile.write(paths["0.1 s"], tone[: rate // 10], rate)
    soundfile.write(paths["silence"], tone * 0, rate)
    with soundfile.SoundFile(paths["two hours"], "w", 8000, 1, "ULAW", format="WAV") as long:
        for _ in range(120):
            long.write(np.resize(tone, 60 * 8000))
    return {kind: (paths[kind], BAD_INPUTS[kind]) for kind in BAD_INPUTS}


BAD_INPUTS = {
    "no file": "there is no such file; check the path",
    "a folder": "holds no leaders; add recordings",
    "nothing in it": "is empty; export it again",
    "words": "is not a recording",
    "the head of a wav": "is cut short",
    "the head of a flac": "is cut short",
    "nan": "has samples that are not numbers",
    "infinity": "has samples that are not numbers",
    "0.1 s": "lasts 0.10 s; give at least 0.5 s",
    "silence": "is silent",
    "two hours": "lasts 120.0 min; cut it to 30 min",
}


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refusal consists of."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("ensemble: ")
    return line


@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_bad_input_gets_one_line_and_leaves_nothing(kind: str, short_leader_file: Path, tmp_path: Path) -> None:
    path, words = make_bad_inputs(tmp_path, short_leader_file)[kind]
    line = refused(ensemble("render", path, "--out", tmp_path / "out", "--local"))
    assert f"{path}: " in line
    assert words in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("band", "words"),
    [
        ("jazz", "band: 'jazz' is unknown; choose one of"),
        ("name: b\nfollowers: [{name: a, instrument: kazoo, role: bass}]", "unknown instrument 'kazoo'"),
        ("name: b\ntempo: 3\nfollowers: [{name: a, instrument: cello, role: bass}]", "unknown key 'tempo'"),
        ("name: b\nfollowers: [{name: a, instrument: cello, role: bass, pan: '1'}]", "a.pan: Input should"),
    ],
)
def test_a_band_that_is_wrong_gets_one_line(band: str, words: str, short_leader_file: Path, tmp_path: Path) -> None:
    if "\n" in band:
        (tmp_path / "band.yaml").write_text(band)
        band = str(tmp_path / "band.yaml")
    assert words in refused(ensemble("render", short_leader_file, "-o", tmp_path / "out", "--local", "--band", band))
    assert not (tmp_path / "out").exists()


def test_force_keeps_a_strangers_files(short_leader_file: Path, tmp_path: Path) -> None:
    (tmp_path / "leader.wav").write_text("the only copy")
    line = refused(ensemble("render", short_leader_file, "-o", tmp_path, "--local", "--force"))
    assert "no render's manifest" in line
    assert [path.name for path in tmp_path.iterdir()] == ["leader.wav"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk for a block or two of a short render, where this machine lets us have one."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2000k", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("SKIPPED LOUDLY: no right to mount a small disk here (run as root)")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_gets_one_line_and_loses_nothing(
    short_leader_file: Path, small_disk: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = small_disk / "out"
    line = refused(ensemble("render", short_leader_file, "-o", out, "--local"))
    assert "No space left on device" in line
    assert f"`ensemble render --resume {out}` goes on" in line
    subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)
    assert ensemble("render", "--resume", out, "--local").returncode == 0
    whole = tmp_path_factory.mktemp("whole") / "out"
    assert ensemble("render", short_leader_file, "-o", whole, "--local").returncode == 0
    takes = [Manifest.read(folder / "manifest.json").takes for folder in (out, whole)]
    assert takes[0] == takes[1]
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [".memory"]


def test_a_disk_that_is_full_before_the_first_block_is_left_as_it_was(
    short_leader_file: Path, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,size=200k", small_disk], check=True)
    line = refused(ensemble("render", short_leader_file, "-o", small_disk / "out", "--local"))
    assert "No space left on device" in line
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("render --rate 44000", "'44000' is unknown; did you mean '44100'? choose one of 16000, 32000, 44100, 48000; "),
        ("export --as midl x", "'midl' is unknown; did you mean 'midi'? choose one of daw, zip, stems, midi, chart; "),
        (
            "evaluate player --split tset x",
            "'tset' is unknown; did you mean 'test'? choose one of train, valid, test; ",
        ),
        ("render --bnd rock", "--band"),
        ("rendr", "'render'"),
        ("listen", "Missing argument 'leader'"),
        ("render --tempo fast", "--tempo"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_near_word_and_ends_with_two(words: str, told: str) -> None:
    done = ensemble(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ensemble: ")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr
    assert "-h` says more" in done.stderr


def test_a_group_of_commands_alone_prints_its_help() -> None:
    done = ensemble("data")
    assert (done.returncode, done.stderr) == (2, "")
    assert "inspect" in done.stdout


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
    chart = tmp_path / "song.chart"
    done = ensemble("listen", short_leader_file, "--out", tmp_path / "heard.json", "--chart", chart)
    assert done.returncode == 0, done.stderr
    written = chart.read_text()
    assert f"title: {short_leader_file.stem}\n" in written
    assert str(chart) in "".join(done.stdout.split()), "a long path goes on in the next line"
    heard = json.loads((tmp_path / "heard.json").read_text())
    assert len(heard["frames"]["f0_hz"]) == 300
    assert len(heard["chords"]) == len(heard["beats_s"]) >= 4
    assert heard["key"] in done.stdout
    chart.write_text(written + "| H |\n")
    wrong = ensemble("render", short_leader_file, "--chart", chart, "--out", tmp_path / "out", "--local")
    assert (wrong.returncode, (tmp_path / "out").exists()) == (1, False)
    assert f"{chart}:{len(written.splitlines()) + 1}: bar " in wrong.stderr
    again = ensemble("listen", short_leader_file, "--chart", chart)
    assert again.returncode == 1, "a corrected chart is not replaced"
    assert "exists already" in again.stderr


def test_export_names_what_it_wrote(rendered: Path, tmp_path: Path) -> None:
    done = ensemble("export", rendered, "--as", "midi", "--out", tmp_path / "song.mid", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"written": str(tmp_path / "song.mid")}
    refused = ensemble("export", tmp_path)
    assert (refused.returncode, "manifest.json: cannot be read" in refused.stderr) == (1, True)


def test_a_chart_is_written_in_another_key_and_form(tmp_path: Path) -> None:
    song = tmp_path / "song.chart"
    song.write_text("key: G\n| G | D/F# |\n")
    assert ensemble("chart", song, "--transpose", "-2").stdout == "key: F major\n| F | C/E |\n"
    done = ensemble("chart", song, "--form", "chordpro", "--out", tmp_path / "song.cho")
    assert done.returncode == 0, done.stderr
    assert ensemble("chart", tmp_path / "song.cho").stdout == "key: G\n\n| G | D/F# |\n"
    kept = ensemble("chart", song, "--out", tmp_path / "song.cho")
    assert (kept.returncode, "exists already" in kept.stderr) == (1, True)


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


@pytest.mark.alone
@pytest.mark.ray
@pytest.mark.parametrize(
    ("stage", "polite", "options"),
    [
        ("loading", signal.SIGINT, ()),
        ("start Ray", signal.SIGINT, ()),
        ("place the band", signal.SIGTERM, ()),
        ("listening", signal.SIGINT, ()),
        ("playing", signal.SIGTERM, ()),
        ("playing", signal.SIGINT, ("--local",)),
    ],
)
def test_a_polite_end_takes_two_seconds_and_leaves_nothing(
    tmp_path: Path, stage: str, polite: signal.Signals, options: tuple[str, ...]
) -> None:
    command = [*ENSEMBLE, "render", "--out", tmp_path / "out", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as render:
        assert render.stderr
        said = next(line for line in render.stderr if stage in line)
        time.sleep(0.3)
        processes = family(render.pid)
        render.send_signal(polite)
        began = time.perf_counter()
        said = render.stderr.read()
        render.wait(timeout=20)
        took_s = time.perf_counter() - began
    assert render.returncode == 130, said
    assert said.strip().splitlines()[-1] == "ensemble: interrupted"
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(processes, timeout=0.5)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []  # a zombie is dead, its parent is slow
    assert not (tmp_path / "out").exists()
    assert took_s < 2.0


@pytest.mark.alone  # `status` asks every Ray of the machine
@pytest.mark.ray
def test_status_finds_the_band_of_a_running_render(tmp_path: Path) -> None:
    command = [*ENSEMBLE, "render", "--out", tmp_path / "out", "--block-frames", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as render:
        assert render.stderr
        next(line for line in render.stderr if "playing" in line)
        done = ensemble("status", "--json")
        render.send_signal(signal.SIGINT)
        render.stderr.read()
    assert done.returncode == 0, done.stderr
    assert {row["name"] for row in json.loads(done.stdout)} == {"conductor", "bass", "rhythm", "drums"}
