"""A Ray that stays between renders, jobs that are submitted to it, and what is left when it is gone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import numpy as np
import psutil
import pytest

from cluster.sessions import keep_alive
from cluster.sessions.noted import Kept
from ensemble.audio.files import write_clip
from ensemble.errors import BandError, ConfigError
from ensemble.manifest import MANIFEST, Manifest
from ensemble.rendering.render import render
from ensemble.types.music import AudioClip
from tests.cluster.serve.studios import ended, uploaded

ROOT = Path(__file__).parents[2]


TOKEN = {"RAY_AUTH_MODE": "token"}


def _environment(home: Path) -> dict[str, str]:
    kept = {"XDG_STATE_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    return {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | kept


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cluster", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ensemble(home: Path, *words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *(str(word) for word in words)]
    return subprocess.run(
        command, cwd=cwd, env=_environment(home), capture_output=True, text=True, check=False, timeout=280
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where it is noted that a Ray is kept; one is, while the tests of this file run."""
    folder = tmp_path_factory.mktemp("state")
    done = ensemble(folder, "up", "--num-cpus", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["address"].startswith("127.0.0.1:")
    yield folder
    kept = json.loads((folder / "ensemble" / "up.json").read_text())
    assert ensemble(folder, "down").stdout == "down\n"
    assert ensemble(folder, "down").stdout == "no Ray was running\n"
    assert not Path(kept["folder"]).exists()
    words = (kept["folder"], kept["address"])
    left = [
        one.info
        for one in psutil.process_iter(["pid", "cmdline", "environ"])
        if any(word in " ".join(one.info["cmdline"] or []) for word in words)
        or (one.info["environ"] or {}).get("TMPDIR") == kept["folder"]
    ]
    assert not left


@pytest.fixture(scope="module")
def alone(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return render(short_leader_file, tmp_path_factory.mktemp("alone") / "out", sample_rate=16_000)


@pytest.mark.slow
def test_a_render_takes_the_players_that_are_warm_and_leaves_them(
    home: Path, short_leader_file: Path, tmp_path: Path, alone: Manifest
) -> None:
    address = json.loads((home / "ensemble" / "up.json").read_text())["address"]  # other tests' bands are up, too

    def warm() -> set[tuple[str, int]]:
        rows = json.loads(ensemble(home, "status", "--address", address, "--json").stdout)
        return {(row["name"], row["pid"]) for row in rows}

    players = warm()
    assert {name for name, _ in players} == {"conductor", "bass", "rhythm", "drums"}
    done = ensemble(home, "render", short_leader_file, "--out", tmp_path / "out", "--rate", "16000", "--seed", "0")
    assert done.returncode == 0, done.stderr
    assert Manifest.read(tmp_path / "out" / "manifest.json").takes == alone.takes
    assert warm() == players


@pytest.mark.slow
def test_a_render_leaves_a_band_warm_for_as_long_as_it_said(
    short_leader_file: Path, tmp_path: Path, alone: Manifest
) -> None:
    words = ("render", short_leader_file, "--out", tmp_path / "out", "--rate", "16000", "--no-report")
    done = ensemble(tmp_path / "state", *words, "--keep-warm", "3s")
    assert done.returncode == 0, done.stderr
    note = tmp_path / "state" / "ensemble" / "up.json"
    assert json.loads(note.read_text())["idle_s"] == 3.0
    assert Manifest.read(tmp_path / "out" / "manifest.json").takes == alone.takes
    until = time.monotonic() + 60.0
    while note.exists() and time.monotonic() < until:
        time.sleep(0.2)
    assert ensemble(tmp_path / "state", "down").stdout == "no Ray was running\n"


@pytest.mark.slow
def test_recordings_are_indexed_on_it(home: Path, short_leader_file: Path, tmp_path: Path) -> None:
    done = ensemble(home, "index", "add", short_leader_file, "--index", tmp_path / "index", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "join Ray" in done.stderr
    assert "1 recordings added" in done.stdout


@pytest.mark.slow
def test_a_studio_on_it_renders_on_loopback_and_leaves_only_the_ray(
    home: Path, short_leader_file: Path, tmp_path: Path, alone: Manifest
) -> None:
    kept = json.loads((home / "ensemble" / "up.json").read_text())

    def served() -> list[psutil.Process]:
        family = [
            one
            for one in psutil.process_iter(["environ"])
            if kept["folder"] == (one.info["environ"] or {}).get("TMPDIR")
        ]
        return [one for one in family if one.cmdline() and one.cmdline()[0].startswith("ray::Serve")]

    where = ("--address", kept["address"], "--port", "0", "--data", str(tmp_path / "data"))
    studio = started(home, "studio", "--no-browser", *where)
    assert studio.stdout is not None
    url, _, key = studio.stdout.readline().strip().partition("/#token=")
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False) as client:
        song = uploaded(client, short_leader_file)
        job = client.post(f"/api/songs/{song}/render", json={"sample_rate": 16000}).json()["id"]
        assert ended(client, job)["state"] == "done"
        manifest = Manifest.parse(client.get(f"/api/songs/{song}/files/v1/{MANIFEST}").content, "it")
    assert manifest.takes == alone.takes
    listening = [
        one.laddr.ip for process in served() for one in process.net_connections("tcp") if one.status == "LISTEN"
    ]
    assert listening
    assert {*listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    studio.terminate()
    _, said = studio.communicate(timeout=280)
    assert (studio.returncode, served()) == (130, []), said


@pytest.mark.slow
def test_a_job_is_sent_with_its_files_and_its_result_is_fetched(
    home: Path, short_leader_file: Path, tmp_path: Path, alone: Manifest
) -> None:
    done = ensemble(
        home, "submit", "--fetch", tmp_path / "got", "render", short_leader_file, "--out", tmp_path / "out",
        "--rate", "16000",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "playing" in done.stdout
    assert Manifest.read(tmp_path / "got" / "manifest.json").takes == alone.takes


@pytest.mark.slow
def test_a_job_that_fails_says_why(home: Path, tmp_path: Path) -> None:
    (tmp_path / "words.wav").write_text("no sound")
    done = ensemble(home, "submit", "render", tmp_path / "words.wav", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "ended as failed (ensemble: " in done.stderr
    assert "words.wav: is not a recording" in done.stderr


@pytest.mark.slow
def test_who_stops_following_a_job_is_told_that_it_goes_on_and_how_to_end_it(
    home: Path, short_leader: AudioClip, tmp_path: Path
) -> None:
    long = np.tile(short_leader.samples, 60)  # three minutes: the job is still playing when it is stopped
    write_clip(tmp_path / "long.wav", AudioClip(samples=long, sample_rate=short_leader.sample_rate))
    words = ("submit", "render", str(tmp_path / "long.wav"), "--out", str(tmp_path / "out"))
    with started(home, *words) as following:
        assert following.stdout is not None
        following.stdout.readline()  # of the job
        following.send_signal(signal.SIGINT)
        told, complaint = following.communicate(timeout=280)
    assert following.returncode == 130
    assert complaint == "ensemble: interrupted\n"
    (line,) = (line for line in told.splitlines() if " goes on: " in line)
    stop = line.split("`")[3]
    assert " job stop " in stop
    ended = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", *shlex.split(stop)[2:]], env=_environment(home) | TOKEN,
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "stopped" in (ended.stdout + ended.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "x"), "verify: is not submitted"),
        (("render", "--out", "here"), "is a path of this folder alone"),
        (("--address", "http://127.0.0.1:9", "render", "README.md", "--out", "/nowhere/x"), "does not take the job"),
        (("render", "absent.wav", "--out", "/nowhere/x"), "absent.wav: is not here"),
        (("render", "/nowhere/absent.wav", "--out", "/nowhere/x"), "absent.wav: is not here"),
        (("render", "tests", "--out", "/nowhere/x"), "is a folder, and only files are sent along"),
        (("--no-wait", "--fetch", "x", "render", "--out", "/nowhere/x"), "waits for the result"),
    ],
)
def test_what_cannot_be_submitted_is_one_line(home: Path, words: tuple[str, ...], said: str) -> None:
    done = ensemble(home, "submit", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:9", "does not answer"), ("nonsense", "does not answer"), ("ray://127.0.0.1:9", "does not answer")],
)
def test_an_address_where_nobody_is_gives_one_line_at_once(
    tmp_path: Path, short_leader_file: Path, address: str, said: str
) -> None:
    done = ensemble(tmp_path, "render", short_leader_file, "--out", tmp_path / "out", "--address", address)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_relative_result_is_refused_before_anything_is_sent() -> None:
    from cluster.sessions.jobs import check_out

    check_out("s3://bucket/out", "http://head:8265")
    check_out("/srv/out", "http://head:8265")
    with pytest.raises(ConfigError, match="name a folder that all nodes see, or a URL"):
        check_out("out", "http://head:8265")


def test_a_leader_is_looked_for_where_it_must_be(tmp_path: Path) -> None:
    from cluster.sessions.jobs import check_leader

    check_leader(None, "http://head:8265")
    check_leader("s3://bucket/leader.wav", "http://head:8265")
    check_leader("/srv/leader.wav", "http://head:8265")
    check_leader(str(tmp_path), "http://127.0.0.1:8265")
    with pytest.raises(ConfigError, match="is not here"):
        check_leader("/srv/leader.wav", "http://127.0.0.1:8265")


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[tuple[Kept, list[psutil.Process]]]:
    """What is left of a Ray: one that does not end when asked, and two whose environment nobody sees."""
    folder = tmp_path / "ray"
    folder.mkdir()
    script = "trap 'env -i sleep 60 &' TERM; env -i sleep 60 & echo ready; while :; do wait; done"
    with subprocess.Popen(
        ["sh", "-c", script], env=os.environ | {"TMPDIR": str(folder)}, start_new_session=True,
        stdout=subprocess.PIPE, text=True,
    ) as shell:  # fmt: skip
        assert shell.stdout is not None
        shell.stdout.readline()
        ray = Kept("127.0.0.1:9", "http://127.0.0.1:9", str(folder), session_id=shell.pid)
        kin = [psutil.Process(shell.pid), *psutil.Process(shell.pid).children()]
        yield ray, kin
        for one in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(one.pid) == shell.pid:
                    one.kill()


def test_down_is_done_when_every_process_is_gone(
    stubborn: tuple[Kept, list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ray, kin = stubborn
    monkeypatch.setattr(keep_alive, "ASKED_S", 0.5)
    bystander = subprocess.Popen(["tail", "-f", "/dev/null", f"--pid={os.getpid()}", "--", f"{ray.folder}/x"])
    assert keep_alive._end(ray)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in kin)
    assert keep_alive._processes(ray) == set()
    assert not Path(ray.folder).exists()
    assert bystander.poll() is None  # its command line names the folder, and it is none of Ray's
    bystander.kill()
    bystander.wait()


def test_a_session_whose_number_is_somebody_elses_by_now_is_left_alone(
    stubborn: tuple[Kept, list[psutil.Process]],
) -> None:
    ray, kin = stubborn
    assert keep_alive._processes(ray) >= set(kin)
    assert keep_alive._processes(ray._replace(folder="/nowhere")) == set()


def test_down_says_so_where_a_process_does_not_end(
    stubborn: tuple[Kept, list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ray, _ = stubborn
    monkeypatch.setattr(keep_alive, "ASKED_S", 0.2)
    monkeypatch.setattr(keep_alive, "KILLED_S", 0.0)
    with pytest.raises(BandError, match=r"does not end: processes \d+"):
        keep_alive._end(ray)
    assert Path(ray.folder).exists()


def test_a_port_that_is_taken_meanwhile_costs_another_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "ensemble").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        tried: list[keep_alive.Ports] = []

        def started(_num_cpus: int | None, ports: keep_alive.Ports) -> tuple[Kept, str]:
            tried.append(ports)
            return Kept(f"127.0.0.1:{ports.gcs}", "", ""), "no" if len(tried) == 1 else ""

        draws = iter([[taken.getsockname()[1], 2, 3, 4], [5, 6, 7, 8]])
        monkeypatch.setattr(keep_alive, "_free_ports", lambda _count: next(draws))
        monkeypatch.setattr(keep_alive, "_started", started)
        assert keep_alive._start(None).address == "127.0.0.1:5"
        assert len(tried) == 2


def test_a_dashboards_port_that_was_taken_for_a_moment_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "ensemble").mkdir()
    tried: list[int] = []

    def started(_num_cpus: int | None, ports: keep_alive.Ports) -> tuple[Kept, str]:
        tried.append(ports.dashboard)
        return Kept("", "", ""), "in use" if ports.dashboard == keep_alive.DASHBOARD_PORT else ""

    monkeypatch.setattr(keep_alive, "_is_free", lambda _port: True)  # again, by the time of the look
    monkeypatch.setattr(keep_alive, "_started", started)
    keep_alive._start(None)
    assert tried[0] == keep_alive.DASHBOARD_PORT
    assert len(tried) == 2


def test_a_start_that_fails_for_another_reason_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[keep_alive.Ports] = []

    def started(_num_cpus: int | None, ports: keep_alive.Ports) -> tuple[Kept, str]:
        calls.append(ports)
        return Kept("", "", ""), "out of memory"

    monkeypatch.setattr(keep_alive, "_started", started)
    with pytest.raises(BandError, match="did not start \\(out of memory\\)"):
        keep_alive._start(None)
    assert [ports.dashboard == keep_alive.DASHBOARD_PORT for ports in calls] in ([False], [True, False])


def test_ports_that_are_free_are_all_different() -> None:
    ports = keep_alive._free_ports(50)
    assert len(set(ports)) == 50
    assert all(map(keep_alive._is_free, ports))


def test_whoever_comes_second_waits_for_up_or_down_to_finish(tmp_path: Path) -> None:
    (tmp_path / "ensemble").mkdir()
    with (tmp_path / "ensemble" / "up.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with started(tmp_path, "down") as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=2.0)
            fcntl.flock(held, fcntl.LOCK_UN)
            assert second.communicate(timeout=280)[0] == "no Ray was running\n"


def test_a_state_folder_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "ensemble").write_text("a file where the folder should be")
    done = ensemble(tmp_path, "up")
    assert done.returncode == 1
    assert "up.lock: cannot be written" in done.stderr
    assert "XDG_STATE_HOME" in done.stderr


@pytest.mark.slow
def test_a_ray_that_seats_nobody_any_more_is_not_kept(tmp_path: Path, short_leader_file: Path) -> None:
    assert ensemble(tmp_path, "up", "--num-cpus", "2", "--json").returncode == 0
    folder = json.loads((tmp_path / "ensemble" / "up.json").read_text())["folder"]
    for one in psutil.process_iter(["name", "cmdline"]):
        if one.info["name"] == "raylet" and any(folder in word for word in one.info["cmdline"]):
            one.kill()
            one.wait(10)
    try:
        done = ensemble(tmp_path, "render", short_leader_file, "--out", tmp_path / "out", "--rate", "16000")
        assert done.returncode == 0, done.stderr
        assert "start Ray" in done.stderr
    finally:
        assert ensemble(tmp_path, "down").stdout == "down\n"


def test_a_cluster_without_the_package_is_one_line(monkeypatch: pytest.MonkeyPatch, short_leader_file: Path) -> None:
    from ray import job_submission

    from cluster.sessions.jobs import submit

    class Elsewhere:
        """A cluster whose shell knows no `ensemble`."""

        def __init__(self, address: str) -> None:
            self.address = address

        def submit_job(self, **_asked: object) -> str:
            return "raysubmit_1"

        async def tail_job_logs(self, _job: str) -> AsyncIterator[str]:
            yield "/bin/sh: 1: ensemble: not found\n"

        def get_job_info(self, _job: str) -> SimpleNamespace:
            return SimpleNamespace(status="FAILED", driver_exit_code=127)

    monkeypatch.setattr(job_submission, "JobSubmissionClient", Elsewhere)
    told: list[str] = []
    parameters = {"leader": str(short_leader_file), "out": "/srv/out"}
    with pytest.raises(BandError, match="found no `ensemble` on the cluster; start Ray there with"):
        submit([str(short_leader_file)], parameters, "http://head:8265", told.append, is_followed=True)
    assert told == ["/bin/sh: 1: ensemble: not found"]
