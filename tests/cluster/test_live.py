"""`ensemble live` by the sound card of a PulseAudio of its own, and from a file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import read_clip, write_clip
from ensemble.live.horizon import Horizon
from ensemble.live.levers import begin_levers
from tests.listen.leader_sounds import chords, clicks, clip_of
from tests.typed import ensemble as typed

LIVE = [sys.executable, "-m", "cluster", "live", "--rate", "16000", "--listen-beats", "0", "--tempo", "109", "--json"]
ROUTES = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


@pytest.fixture(scope="module")
def leader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strummed chords, long enough for the band to enter at a bar line whatever is lost of the beginning."""
    path = tmp_path_factory.mktemp("leader") / "leader.wav"
    struck = chords(([(48, 52, 55)] * 8 + [(43, 47, 50)] * 8) * 2, 0.55)
    write_clip(path, clip_of(struck + 0.4 * clicks(60 / 0.55, len(struck) / 16_000, 0.0)[: len(struck)]))
    return path


def test_who_is_counted_in_without_a_tempo_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    chart = tmp_path / "song.txt"
    chart.write_text("| C | G |\n", encoding="utf-8")
    for given in ((), ("--chart", chart)):
        refused = typed("live", "--file", tmp_path / "none.wav", "--out", tmp_path / "out", "--count-in", "4", *given)
        assert str(refused.exception) == "--count-in: needs a tempo; give --tempo, or a chart that has one"
    assert not (tmp_path / "out").exists()


def test_a_recording_is_followed_as_fast_as_it_can_be(leader: Path, tmp_path: Path) -> None:
    out, levers = tmp_path / "session", tmp_path / "asked.levers"
    begin_levers(levers, Horizon(0.5))
    done = subprocess.run(
        [*LIVE, "--file", str(leader), "--levers", str(levers), "--fast", "--style", "bossa_nova", "--out", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["replay_equal"]
    assert document["hears_band"] is document["clips"] is False
    assert document["deadline_hit_rate"] is document["late_quanta"] is None  # nothing was due
    assert 0 < document["beat_error_p50_ms"] < 40
    kept = json.loads((out / "manifest.json").read_text())
    assert kept == document["manifest"]
    assert kept["live"]["replay_equal"]
    assert kept["live"]["deadlines"] is None
    assert document["manifest"]["plan"]["request"]["band"]["style"]["name"] == "bossa_nova"
    assert document["manifest"]["plan"]["request"]["live"]["horizon_s"] == 0.5
    assert document["duration_s"] == pytest.approx(17.6, abs=0.02)
    assert (out / "take-00" / "mix.wav").is_file()
    for part in ("bass", "rhythm", "drums"):
        assert np.abs(read_clip(out / "take-00" / "stems" / f"{part}.wav").samples).max() > 0.01  # it has come in
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked.levers", "session"]
    again = subprocess.run(
        [*LIVE, "--file", str(leader), "--fast", "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "exists already" in again.stderr


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a PulseAudio with a microphone and headphones that are not there."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("SKIPPED LOUDLY: no PulseAudio; on Debian: apt install pulseaudio libasound2-plugins libportaudio2")
    routes = tmp_path / "asound.conf"
    routes.write_text(f"</usr/share/alsa/alsa.conf>\n{ROUTES}")
    (tmp_path / "home").mkdir()
    environment = os.environ | {
        "HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path), "PULSE_RUNTIME_PATH": str(tmp_path / "pulse"),
        "ALSA_CONFIG_PATH": str(routes),
    }  # fmt: skip
    sinks = [word for name in ("mic", "ears") for word in ("-L", f"module-null-sink sink_name={name} rate=16000")]
    server = subprocess.Popen(
        ["pulseaudio", "-n", *sinks, "-L", "module-native-protocol-unix", "--exit-idle-time=-1", "--daemonize=no"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for command in (["set-default-source", "mic.monitor"], ["set-default-sink", "ears"]):
            asked = ["pactl", *command]
            deadline = time.monotonic() + 60
            while subprocess.run(asked, env=environment, capture_output=True, check=False).returncode:
                assert time.monotonic() < deadline, "PulseAudio does not answer"
                time.sleep(0.1)
        yield environment
    finally:
        server.terminate()
        server.wait()


@pytest.mark.alone
def test_a_player_is_followed_by_the_sound_card(leader: Path, pulse: dict[str, str], tmp_path: Path) -> None:
    out, heard = tmp_path / "session", tmp_path / "ears.wav"
    listed = subprocess.run([*LIVE, "--list-devices"], env=pulse, capture_output=True, text=True, check=True)
    assert "default" in [one["name"] for one in json.loads(listed.stdout)["devices"]]
    ears = subprocess.Popen(
        ["parecord", "--device=ears.monitor", "--rate=16000", "--file-format=wav", str(heard)], env=pulse
    )
    session = subprocess.Popen(
        [*LIVE, "--out", str(out)], env=pulse, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        recording = tmp_path / "session.recording.wav"
        deadline = time.monotonic() + 120
        while not recording.exists():
            assert session.poll() is None, session.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        subprocess.run(["paplay", "--device=mic", str(leader)], env=pulse, check=True, timeout=60)
        session.send_signal(signal.SIGINT)
        printed, complaints = session.communicate(timeout=240)
    finally:
        session.kill()
        ears.terminate()
        ears.wait()
    assert session.returncode == 0, complaints
    document = json.loads(printed)
    assert document["replay_equal"]
    assert document["duration_s"] > 15.0  # PulseAudio may keep some of the beginning
    assert np.abs(read_clip(out / "leader.wav").samples).max() > 0.1
    assert np.abs(read_clip(heard).samples).max() > 0.01


@pytest.mark.parametrize(("left", "says"), [("wav", "was not rendered"), ("levers", "would write")])
def test_a_session_that_was_not_rendered_is_kept(left: str, says: str, leader: Path, tmp_path: Path) -> None:
    kept = tmp_path / f"session.recording.{left}"
    kept.write_bytes(b"# a song")
    done = subprocess.run(
        [*LIVE, "--file", str(leader), "--levers", str(kept), "--out", str(tmp_path / "session")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert says in done.stderr
    assert kept.read_bytes() == b"# a song"
