"""Shared fixtures: recordings to follow, plans to play, and one local Ray for all files of a process."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

from agents.environment import prepare_environment
from ensemble.types.music import AudioClip

if TYPE_CHECKING:
    from ensemble.plan import RenderPlan
    from ensemble.takes import Lead

hypothesis.settings.register_profile("untimed", deadline=None)  # only tests marked `alone` measure time
hypothesis.settings.load_profile("untimed")

prepare_environment()  # before a test file imports Ray, as commands do
os.environ.pop("PYTHONUNBUFFERED", None)  # commands that a test runs buffer what they print, as everybody's do

SHARED_AUDIO = Path(__file__).parents[2] / "shared" / "audio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: a process that began one last would be waited for by the others."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """Real recordings beside the checkout; tests that need them say so when they are absent."""
    if not SHARED_AUDIO.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no real recordings at {SHARED_AUDIO}")
    return SHARED_AUDIO


@pytest.fixture(scope="session")
def short_leader() -> AudioClip:
    """Three seconds of the bundled guitar at 16 kHz, prepared as `render` would."""
    from ensemble.audio.files import prepared_clip, read_clip
    from ensemble.leaders import leader_path

    clip = prepared_clip(read_clip(leader_path()), 16_000)
    return AudioClip(samples=np.ascontiguousarray(clip.samples[:, : 3 * 16_000]), sample_rate=16_000)


@pytest.fixture(scope="session")
def short_leader_file(short_leader: AudioClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same three seconds as a file."""
    from ensemble.audio.files import write_clip

    path = tmp_path_factory.mktemp("leader") / "short.wav"
    write_clip(path, short_leader)
    return path


@pytest.fixture(scope="session", params=["naive", "seeded"])
def voiced_plan(request: pytest.FixtureRequest, short_leader: AudioClip) -> RenderPlan:
    """A plan for the short leader with a part of every role, in two voices."""
    from tests.performing import ORCHESTRA, plan_for

    return plan_for(short_leader, ORCHESTRA.with_voice(request.param))


@pytest.fixture(scope="session")
def reference(voiced_plan: RenderPlan, short_leader: AudioClip) -> dict[str, str]:
    """What every part of `voiced_plan` sounds, hashed, as one process plays it."""
    from ensemble.band import LocalBand
    from tests.performing import hashes

    return hashes(LocalBand(voiced_plan), short_leader, voiced_plan, 100)


@pytest.fixture(scope="session")
def two_ways_on(tmp_path_factory: pytest.TempPathFactory) -> Lead:
    """A leader of twelve seconds with two continuations."""
    from tests import performing

    return performing.two_ways_on(tmp_path_factory.mktemp("two-ways-on"))


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray for every test of this process that needs one; its ports and its folder are its own."""
    from cluster.sessions.local import local_ray as session

    with session(num_cpus=2):
        yield
    gc.collect()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; whoever is not root is not let to write in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locked.wav").write_text("kept from others")
        (folder / "locked.wav").chmod(0o000)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Permissions mean nothing to root: be nobody meanwhile. Everybody else stays who they are."""
    was = os.geteuid()
    os.seteuid(65_534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)
