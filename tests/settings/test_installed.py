"""Players and stores of other packages: found by entry point, played, and held to the text of their module."""

from __future__ import annotations

import sys
from code import InteractiveInterpreter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ensemble
from ensemble.errors import ConfigError, StoreError, VerifyError
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.settings.installed import PLAYERS, STORES, installed_names, lent, load_installed, sha256_of_installed

MODULE = """
import numpy as np
from ensemble import QuantumPlayer
from ensemble.retrieve.library.exact import ExactStore


class Sine(QuantumPlayer):
    def __init__(self, follower, sample_rate, seed):
        super().__init__(sample_rate)

    def _quantum(self, cue, memory, ringing):
        frames = np.arange(20 * self.hop) / self.hop
        f0_hz = np.interp(frames, np.arange(21), cue.f0_hz[0])
        turns = memory.get("turns", np.zeros(1)) + np.cumsum(f0_hz / self.sample_rate)
        samples = 0.1 * np.sin(2 * np.pi * turns) * (f0_hz > 0)
        return samples.astype(np.float32), {"turns": turns[-1:] % 1.0}, ringing


def shelf(uri, token, is_fresh):
    return ExactStore()
"""
ANNOUNCED = """
[ensemble.players]
sine = sine_player:Sine
gone = sine_player:Gone
broken = broken_player:Broken

[ensemble.stores]
shelf = sine_player:shelf
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two players and a store; its module."""
    site = tmp_path / "site"
    about = site / "sine_player-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sine-player\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ANNOUNCED)
    (site / "sine_player.py").write_text(MODULE)
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "sine_player", raising=False)  # of another test
    return site / "sine_player.py"


def band(folder: Path, voice: str) -> str:
    path = folder / "band.yaml"
    path.write_text(
        f"name: duo\nfollowers:\n"
        f"  - {{name: lead, instrument: violin, role: double, voice: {voice}}}\n"
        f"  - {{name: bass, instrument: electric_bass, role: bass}}\n"
    )
    return str(path)


def test_a_player_of_another_package_plays_its_part(installed: Path, short_leader_file: Path, tmp_path: Path) -> None:
    assert "sine" in installed_names(PLAYERS)
    take = ensemble.render(short_leader_file, tmp_path / "out", band=band(tmp_path, "sine"))
    assert np.abs(take.stems["lead"]).max() > 0.01
    assert take.manifest.plan.request.weights_sha256["lead"]
    again = ensemble.render(short_leader_file, tmp_path / "again", band=band(tmp_path, "sine"))
    assert np.array_equal(again.stems["lead"], take.stems["lead"])
    installed.write_text(MODULE.replace("0.1 *", "0.2 *"))
    with pytest.raises(VerifyError, match="sine: is not the voice that 'lead' played"):
        ensemble.verify(tmp_path / "out")


def test_a_player_is_lent_to_a_call(installed: Path, short_leader_file: Path, tmp_path: Path) -> None:
    from sine_player import Sine  # type: ignore[import-not-found]  # written by the fixture

    duo = tmp_path / "band.yaml"
    with pytest.raises(ConfigError, match="'whistle' is unknown"):
        ensemble.render(short_leader_file, tmp_path / "out", band=band(tmp_path, "whistle"))
    take = ensemble.render(short_leader_file, tmp_path / "out", band=str(duo), players={"whistle": Sine})
    assert np.abs(take.stems["lead"]).max() > 0.01
    assert ensemble.verify(take, players={"whistle": Sine}).is_good
    with pytest.raises(ConfigError, match=r"'violin' is the name of a voice already; lend it"):
        ensemble.render(short_leader_file, tmp_path / "other", band=str(duo), players={"violin": Sine})
    louder = ensemble.redo(take, ensemble.Edits(gain_db={"lead": 3.0}), players={"whistle": Sine})
    assert louder.manifest.plan.request.weights_sha256 == take.manifest.plan.request.weights_sha256
    assert "whistle" not in installed_names(PLAYERS)
    installed.write_text(MODULE.replace("def shelf", "GAIN = 0.2\n\ndef shelf"))
    with pytest.raises(VerifyError, match="whistle: is not the voice that 'lead' played"):
        ensemble.verify(take, players={"whistle": Sine})


def test_what_is_lent_must_all_be_told_by_a_file(installed: Path) -> None:
    from sine_player import Sine

    def enclosing(*settings: Any) -> Any:
        return Sine(*settings)

    typed: dict[str, Any] = {"__name__": "__console__"}
    InteractiveInterpreter(typed).runsource("class Typed: pass\n", symbol="exec")
    InteractiveInterpreter(typed).runsource("def made(*settings): return Typed()\n", symbol="exec")
    for made in (enclosing, partial(Sine), typed["Typed"], typed["made"], Sine.__call__):
        with lent(PLAYERS, {"whistle": made}), pytest.raises(ConfigError, match="'whistle' is no class or function of"):
            sha256_of_installed(PLAYERS, "whistle")
    with lent(PLAYERS, {"whistle": Sine}):
        assert sha256_of_installed(PLAYERS, "whistle")


def test_what_is_not_announced_or_cannot_be_loaded_is_one_line(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'sin' is unknown; .*sine"):
        ensemble.load_band(band(tmp_path, "sin"))
    with pytest.raises(ConfigError, match=r"entry point 'gone' cannot be loaded .*; mend the package"):
        load_installed(PLAYERS, "gone")
    (installed.parent / "broken_player.py").write_text("raise RuntimeError('no theremin is plugged in')")
    with pytest.raises(ConfigError, match=r"'broken' cannot be loaded \(no theremin is plugged in\); mend the package"):
        load_installed(PLAYERS, "broken")
    with pytest.raises(ConfigError, match=r"no installed package has 'none' \(there is shelf\)"):
        load_installed(STORES, "none")


def test_a_store_of_another_package_is_opened_by_its_scheme(installed: Path, tmp_path: Path) -> None:
    place = LibraryPlace.of("shelf://here", str(tmp_path / "ledger"))
    library = open_library(place)
    assert place.is_server
    library.close()
    with pytest.raises(StoreError, match=r"or shelf://\.\.\."):
        LibraryPlace.of("qdrant://here")
