"""Several Rays on one machine: one that ends does not hide the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from cluster.sessions.attach import LocalRay
from cluster.watch import watching as watched
from ensemble.errors import BandError

OURS, THEIRS = "127.0.0.1:1", "127.0.0.1:2"


@pytest.fixture
def awake(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Two Rays that are up; one of them cannot be joined."""
    awake = {OURS, THEIRS}

    @contextlib.contextmanager
    def joined(place: str) -> Iterator[None]:
        if place == THEIRS:
            raise BandError(f"Ray at {place}", "cannot be joined", "see `ensemble doctor`")
        yield

    monkeypatch.setattr(watched, "found", lambda: [LocalRay(THEIRS, is_ours=False), LocalRay(OURS, is_ours=True)])
    monkeypatch.setattr(watched, "answers", lambda place: place in awake)
    monkeypatch.setattr(watched, "joined_ray", joined)
    monkeypatch.setattr(watched, "_rows", lambda place: [{"name": "bass", "ray": place}])
    return awake


def test_a_ray_that_ends_while_it_is_joined_does_not_hide_the_others(
    awake: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    join = watched.joined_ray

    @contextlib.contextmanager
    def ended(place: str) -> Iterator[None]:
        awake.discard(THEIRS)
        with join(place):
            yield

    with watched.watching("auto") as look:
        monkeypatch.setattr(watched, "joined_ray", ended)
        assert look() == [{"name": "bass", "ray": OURS}]


def test_a_ray_that_refuses_is_named_once_and_hides_nobody(awake: set[str]) -> None:
    refused: list[str] = []
    with watched.watching("auto", lambda refusal: refused.append(refusal.what)) as look:
        assert look() == look() == [{"name": "bass", "ray": OURS}]
    assert refused == [f"Ray at {THEIRS}"]


def test_where_every_ray_refuses_the_first_ones_reason_is_told(
    awake: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def refusing(place: str) -> Iterator[None]:
        raise BandError(f"Ray at {place}", "refuses our token")
        yield

    monkeypatch.setattr(watched, "joined_ray", refusing)
    with watched.watching("auto") as look, pytest.raises(BandError, match="refuses our token"):
        look()
