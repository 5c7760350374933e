"""A leader that goes on, as a stranger meets it: what is written, what is proved, what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.main import get_command

from cluster.cli.app import app
from ensemble.corpus import corpus_pieces
from ensemble.listen.overrides import Overrides
from ensemble.plan import Extension

ENSEMBLE = [str(Path(sys.executable).parent / "ensemble")]


def ensemble(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*ENSEMBLE, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pieces of the corpus, cut to half a minute, in a store of their own."""
    folder, index = tmp_path_factory.mktemp("music"), tmp_path_factory.mktemp("store") / "index"
    for path in (piece.path for piece in corpus_pieces()[:3]):
        samples, rate = soundfile.read(path, frames=30 * 48_000)
        soundfile.write(folder / f"{path.stem}.flac", samples, rate)
    done = ensemble("index", "add", folder, "--index", index, "--local", "--licence", "CC0-1.0")
    assert done.returncode == 0, done.stderr
    return index


@pytest.fixture(scope="module")
def leader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of a fourth piece."""
    path = tmp_path_factory.mktemp("leader") / "leader.wav"
    samples, rate = soundfile.read(corpus_pieces()[3].path, frames=8 * 48_000)
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture(scope="module")
def extended(store: Path, leader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("extended") / "out"
    done = ensemble(
        "render", leader, "--out", out, "--local", "--rate", "16000", "--voice", "naive",
        "--extend", "5", "--top-k", "2", "--index", store,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{out / 'take-01' / 'mix.wav'} can be heard" in done.stderr
    return out


def test_every_take_is_whole_and_goes_on_as_long_as_asked(extended: Path) -> None:
    manifest = json.loads((extended / "manifest.json").read_text())
    assert sorted(manifest["takes"]) == ["take-00", "take-01", "take-02"]
    assert soundfile.info(extended / "leader.wav").frames == 8 * 16_000
    for take, plan in zip(("take-01", "take-02"), manifest["plan"]["continuations"], strict=True):
        assert soundfile.info(extended / take / "leader.wav").frames == pytest.approx(13 * 16_000, abs=160)
        for stem in (extended / take / "stems").iterdir():
            assert soundfile.info(stem).frames == pytest.approx(14 * 16_000, abs=160)
        assert all(hop["licence"] == "CC0-1.0" and hop["score"]["terms"] for hop in plan["hops"])
        assert 4.0 < plan["begin_sample"] / 16_000 <= 8.0


def test_the_takes_begin_alike_and_part_later(extended: Path) -> None:
    manifest = json.loads((extended / "manifest.json").read_text())
    shared = round(manifest["execution"]["shared_s"] * 16_000)
    # 20 ms before the fork: a quantum's last frame is joined to the one after it.
    sounds = [soundfile.read(extended / take / "stems" / "bass.wav")[0] for take in ("take-00", "take-01", "take-02")]
    assert shared >= 2 * 16_000
    np.testing.assert_array_equal(sounds[0][: shared - 320], sounds[1][: shared - 320])
    np.testing.assert_array_equal(sounds[0][: shared - 320], sounds[2][: shared - 320])
    assert not np.array_equal(sounds[1], sounds[2])


def test_the_band_plays_on_after_the_leader_as_given_has_ended(extended: Path) -> None:
    for take in ("take-01", "take-02"):
        mix, _ = soundfile.read(extended / take / "mix.wav")
        bass, _ = soundfile.read(extended / take / "stems" / "bass.wav")
        assert np.sqrt(np.mean(mix[9 * 16_000 : 12 * 16_000] ** 2)) > 0.01
        assert np.sqrt(np.mean(bass[9 * 16_000 : 12 * 16_000] ** 2)) > 1e-3


def test_verify_plays_every_take_again(extended: Path) -> None:
    done = ensemble("verify", extended, "--local", "--block-frames", "37", "--json")
    assert done.returncode == 0, done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert {check["name"].split("/")[0] for check in checks} == {"take-00", "take-01", "take-02"}
    assert all(check["intact"] and check["reproduced"] for check in checks)


@pytest.mark.ray
def test_a_take_goes_on_otherwise_and_the_others_stay(extended: Path, tmp_path: Path) -> None:
    folder = tmp_path / "edited"
    shutil.copytree(extended, folder)
    done = ensemble("redo", folder, "--take", "1", "--another", "--local", "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    before, after = (json.loads((one / "manifest.json").read_text()) for one in (extended, folder))
    was, now = (one["plan"]["continuations"] for one in (before, after))
    assert now[1]["hops"] == was[1]["hops"]
    assert now[0]["hops"] not in [one["hops"] for one in was]
    assert now[0]["quality"]["word"] in ("good", "fair", "poor")
    for take in ("take-00", "take-02"):
        assert after["takes"][take]["files"] == before["takes"][take]["files"]
    assert after["takes"]["take-01"]["files"] != before["takes"]["take-01"]["files"]
    refused = ensemble("redo", folder, "--another", "--local")
    assert "--take: and --another go together; say which take" in refused.stderr
    assert ensemble("redo", folder, "--undo").returncode == 0
    assert json.loads((folder / "manifest.json").read_text())["takes"] == before["takes"]


def test_actors_find_and_play_the_same(extended: Path, store: Path, leader: Path, tmp_path: Path) -> None:
    done = ensemble(
        "render", leader, "--out", tmp_path / "out", "--actors", "2", "--rate", "16000", "--voice", "naive",
        "--extend", "5", "--top-k", "2", "--index", store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours, theirs = (json.loads((out / "manifest.json").read_text()) for out in (tmp_path / "out", extended))
    assert ours["plan"] == theirs["plan"]
    assert ours["takes"] == theirs["takes"]


def test_the_report_lists_takes_and_seams(extended: Path) -> None:
    page = (extended / "report.html").read_text()
    assert "The takes" in page
    assert page.count('<article class="seam">') >= 2
    assert 'href="take-00/report.html"' in page
    assert 'href="../report.html"' in (extended / "take-02" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--top-k", "2"), "--top-k: goes with --extend; add --extend SECONDS"),
        (("--index", "nowhere"), "--index: goes with --extend"),
        (("--extend", "5", "--index", "nowhere"), "holds no recordings; run `ensemble index add"),
        (("--extend", "5", "--index", "http://127.0.0.1:9"), "127.0.0.1:9: cannot be opened: nobody answers there"),
        (("--extend", "5", "--retrieval", "absent.yaml"), "absent.yaml: cannot be read"),
        (("--key", "H# blues"), "key"),
        (("--voice", "kazoo"), "voice: 'kazoo' is unknown; choose one of naive, seeded, "),
        (("--arranger", "nobody"), "arranger: 'nobody' is unknown; choose one of rules, "),
        (("--chords", "absent.txt"), "absent.txt: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...], words: str, leader: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = ensemble("render", leader, "--out", out, "--local", "--rate", "16000", "--voice", "naive", *arguments)
    assert done.returncode == 1
    said = done.stderr.strip().splitlines()[-1]
    assert words in said
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_the_command_line_allows_what_the_settings_allow() -> None:
    def limits(field: Any) -> set[float]:
        bounds = (getattr(one, name, None) for one in field.metadata for name in ("ge", "le"))
        return {bound for bound in bounds if bound is not None}

    options: dict[str | None, Any] = {option.name: option for option in get_command(app).commands["render"].params}
    for name, field in (
        ("tempo", Overrides.model_fields["tempo_bpm"]),
        ("beats_per_bar", Overrides.model_fields["beats_per_bar"]),
        ("extend", Extension.model_fields["extend_s"]),
        ("top_k", Extension.model_fields["top_k"]),
    ):
        assert {options[name].min, options[name].max} == limits(field), name


@pytest.mark.parametrize(
    "arguments", [("--tempo", "3000"), ("--beats-per-bar", "13"), ("--beats-per-bar", "1"), ("--extend", "0")]
)
def test_a_number_out_of_range_is_refused_by_its_option(
    arguments: tuple[str, str], leader: Path, tmp_path: Path
) -> None:
    done = ensemble("render", leader, "--out", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert f"Invalid value for '{arguments[0]}'" in done.stderr
    assert not (tmp_path / "out").exists()
