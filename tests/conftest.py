"""Shared fixtures: the leader recordings, and one local Ray for the whole run."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_AUDIO = Path(__file__).parents[2] / "shared" / "audio"


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """Real recordings beside the checkout; tests that need them say so when they are absent."""
    if not SHARED_AUDIO.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: no real recordings at {SHARED_AUDIO}")
    return SHARED_AUDIO
