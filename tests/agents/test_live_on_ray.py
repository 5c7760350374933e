"""A live session whose players are actors."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agents import RayBand
from ensemble.band import Band, LocalBand
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderPlan
from ensemble.rendering.live import LiveSession
from ensemble.rendering.live_run import run_session
from ensemble.rendering.request import request_for
from tests.agents.test_band import pid_of
from tests.listen.leader_sounds import RATE, chords, clicks

BLOCK = 1_600


class Strummed:
    """Six seconds of two chords."""

    def blocks(self) -> Iterator[np.ndarray]:
        struck = chords([(48, 52, 55)] * 6 + [(43, 47, 50)] * 6, 0.5)
        sound = (struck + 0.4 * clicks(120, 6, 0.0)[: len(struck)]).astype(np.float32)
        yield from (sound[start : start + BLOCK] for start in range(0, len(sound), BLOCK))


class Unheard:
    """Plays nothing to anybody."""

    def play(self, start_sample: int, sound: np.ndarray) -> None:
        assert sound.shape[0] == 2


@pytest.mark.ray
def test_a_player_that_is_killed_while_it_plays_changes_no_byte(local_ray: None, tmp_path: Path) -> None:
    request = request_for(
        "rock", voice="naive", sample_rate=RATE, live=LiveSettings(count_in_beats=4), overrides=Overrides(tempo_bpm=120)
    )
    plan = RenderPlan(request=request, leader_sha256="")

    def played(band: Band, kill_at: int | None) -> dict[str, str]:
        session = LiveSession(request, band)

        def on_block() -> None:
            if session.num_samples == kill_at:
                assert isinstance(band, RayBand)
                os.kill(pid_of(band.seat().players["bass"]), signal.SIGKILL)

        run_session(session, Strummed(), Unheard(), tmp_path / f"{kill_at}.wav", RATE, on_block)
        return session.samples_sha256

    reference = played(LocalBand(plan), None)
    band = RayBand(plan)
    try:
        assert played(band, 20 * BLOCK) == reference
        assert band.tally().restarts == 1
    finally:
        band.close()
