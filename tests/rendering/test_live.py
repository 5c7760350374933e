"""A live session, and its recording rendered again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ensemble.band import LocalBand
from ensemble.config import load_band
from ensemble.errors import BandError, ConfigError
from ensemble.events import Events
from ensemble.live.levers import read_levers
from ensemble.live.settings import LiveSettings
from ensemble.manifest import Manifest
from ensemble.perform import Pace
from ensemble.plan import Extension, RenderPlan, RenderRequest
from ensemble.rendering.live import DEAREST, LiveSession, check_cost
from ensemble.rendering.live_run import deadlines_of, facts_of, is_replayed, levers_of, run_session
from ensemble.rendering.render import render_request
from ensemble.rendering.request import request_for
from ensemble.rendering.verify import verify
from tests.listen.leader_sounds import RATE, chords, clicks

SLOW_RATE = 32_000


@pytest.fixture(scope="module")
def leader() -> np.ndarray:
    """Nine seconds of strummed chords, at 32 kHz as 16 kHz has them."""
    struck = chords([(48, 52, 55)] * 8 + [(43, 47, 50)] * 8, 0.55)[: 9 * RATE]
    struck = struck + 0.4 * clicks(60 / 0.55, 9, 0.0)[: len(struck)]
    return np.repeat(struck.astype(np.float32), 2)[: 8 * SLOW_RATE + 777]


@pytest.fixture(scope="module")
def request_live() -> RenderRequest:
    band = load_band("rock").with_voice("naive")
    return request_for(band, seed=3, sample_rate=SLOW_RATE, live=LiveSettings(listen_beats=0))


class Cut:
    """A leader that comes in blocks of random lengths."""

    def __init__(self, leader: np.ndarray, seed: int) -> None:
        self._leader, self._chance = leader, np.random.default_rng(seed)

    def blocks(self) -> Iterator[np.ndarray]:
        start = 0
        while start < len(self._leader):
            stop = start + int(self._chance.integers(1, SLOW_RATE))
            yield self._leader[start:stop]
            start = stop


class Kept:
    """Keeps what the band plays."""

    def __init__(self) -> None:
        self.played: list[tuple[int, np.ndarray]] = []

    def play(self, start_sample: int, sound: np.ndarray) -> None:
        self.played.append((start_sample, sound))


def run(request: RenderRequest, leader: np.ndarray, seed: int, recording: Path) -> tuple[LiveSession, Kept]:
    session, sink = LiveSession(request, LocalBand(RenderPlan(request=request, leader_sha256=""))), Kept()
    asked = iter([] if request.live is None or request.live.levers else [("mute", "bass"), ("gain", "rhythm=-6")])

    def ask() -> None:
        if session.num_samples > 4 * SLOW_RATE and (lever := next(asked, None)):
            session.ask(*lever)

    run_session(session, Cut(leader, seed), sink, recording, SLOW_RATE, ask)
    return session, sink


@pytest.fixture(scope="module")
def rendered(
    request_live: RenderRequest, leader: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LiveSession, Kept, Path, Manifest]:
    folder = tmp_path_factory.mktemp("live")
    session, sink = run(request_live, leader, 1, folder / "recording.wav")
    manifest = render_request(
        session.request, folder / "recording.wav", folder / "out", force=False, band_factory=LocalBand, pace=Pace(),
        events=Events(),
    )  # fmt: skip
    return session, sink, folder / "out", manifest


def test_the_recording_rendered_again_gives_what_was_played(rendered: tuple) -> None:
    session, sink, _, manifest = rendered
    facts = facts_of(session, is_equal=is_replayed(session.samples_sha256, manifest))
    assert facts.replay_equal
    assert session.is_recorded
    assert not facts.late_stems
    assert not facts.hears_band
    assert not facts.clips
    assert facts.deadlines == deadlines_of(session)
    assert facts.deadlines.num_quanta == len(session.left_s) == len(sink.played) - 1
    assert facts.beat_error_p50_ms is not None
    assert facts.beat_error_p50_ms < 40
    assert facts.beat_error_p50_ms <= facts.beat_error_p95_ms
    assert facts.duration_s == pytest.approx(8.03, abs=0.01)
    ends = [start + sound.shape[1] for start, sound in sink.played]
    assert [start for start, _ in sink.played] == [0, *ends[:-1]]
    assert ends[-1] == SLOW_RATE * 903 // 100
    assert max(np.abs(sound).max() for _, sound in sink.played) > 0.01


def test_what_was_asked_for_is_written_while_it_is_asked(rendered: tuple, request_live: RenderRequest) -> None:
    session, _, out, _ = rendered
    asked = session.request.live.levers
    parts = [one.name for one in request_live.band.followers]
    assert [one.kind for one in asked] == ["mute", "gain"]
    assert read_levers(levers_of(out.with_name("recording.wav")), parts) == asked


def test_how_the_stream_is_cut_changes_nothing(
    rendered: tuple, request_live: RenderRequest, leader: np.ndarray, tmp_path: Path
) -> None:
    assert len(rendered[0].request.live.levers) == 2
    again, _ = run(rendered[0].request, leader, 2, tmp_path / "recording.wav")
    assert again.samples_sha256 == rendered[0].samples_sha256


@pytest.mark.parametrize("ahead", [{"horizon_s": 1.0}, {"horizon_s": 2.0}, {"horizon_beats": 3.0}], ids=str)
def test_what_is_committed_when_the_leader_ends_is_rendered_too(
    ahead: dict[str, float], request_live: RenderRequest, leader: np.ndarray, tmp_path: Path
) -> None:
    request = request_live.model_copy(update={"live": LiveSettings(listen_beats=0, **ahead)})
    session, sink = run(request, leader[: 6 * SLOW_RATE], 3, tmp_path / "recording.wav")
    manifest = render_request(
        session.request, tmp_path / "recording.wav", tmp_path / "out", force=False, band_factory=LocalBand,
        pace=Pace(), events=Events(), report=False,
    )  # fmt: skip
    assert is_replayed(session.samples_sha256, manifest)
    assert (
        sum(sound.shape[1] for _, sound in sink.played) == request.live_tail_frames * SLOW_RATE // 100 + 6 * SLOW_RATE
    )
    assert max(np.abs(sound).max() for _, sound in sink.played) > 0.01


def test_a_session_verifies(rendered: tuple) -> None:
    assert verify(rendered[2], LocalBand, Pace(block_frames=37)).is_good


def test_a_full_disk_ends_the_recording_and_not_the_band(
    request_live: RenderRequest, leader: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(soundfile.SoundFile):
        def write(self, data: np.ndarray) -> None:
            if self.frames > 2 * SLOW_RATE:
                raise soundfile.LibsndfileError(2, "full")
            super().write(data)

    monkeypatch.setattr(
        "ensemble.rendering.live_run.sound_file", lambda path, *form, **more: Full(str(path), *form, **more)
    )
    session, sink = run(request_live, leader[: 5 * SLOW_RATE], 1, tmp_path / "recording.wav")
    assert not session.is_recorded
    assert 2 * SLOW_RATE < session.num_recorded < session.num_samples == 5 * SLOW_RATE
    assert soundfile.info(tmp_path / "recording.wav").frames == session.num_recorded
    assert sum(sound.shape[1] for _, sound in sink.played) == 6 * SLOW_RATE


def test_a_live_leader_is_not_extended(request_live: RenderRequest) -> None:
    with pytest.raises(ValueError, match="cannot be extended"):
        RenderRequest.model_validate(request_live.model_dump() | {"extension": Extension(extend_s=3.0).model_dump()})


def test_a_session_needs_its_settings(request_live: RenderRequest) -> None:
    plain = request_live.model_copy(update={"live": None})
    with pytest.raises(ConfigError, match="live"):
        LiveSession(plain, LocalBand(RenderPlan(request=plain, leader_sha256="")))


def test_a_session_is_warm_before_it_begins(request_live: RenderRequest) -> None:
    session = LiveSession(request_live, LocalBand(RenderPlan(request=request_live, leader_sha256="")))
    assert session.warm_up() > 0
    assert session.num_samples == 0
    assert session.follower.committed_frames == 0


def test_a_session_that_this_machine_cannot_play_in_time_is_refused() -> None:
    check_cost(0.9 * DEAREST)
    with pytest.raises(BandError, match="for each second of this band"):
        check_cost(DEAREST)
