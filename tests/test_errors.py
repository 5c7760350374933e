"""Every error says its line, and says it again on the other side of a process boundary."""

from __future__ import annotations

import pickle

import pytest

from ensemble import errors


def every_error(root: type[errors.EnsembleError] = errors.EnsembleError) -> list[type[errors.EnsembleError]]:
    """Those of `ensemble.errors`, whatever else is loaded."""
    below = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(kind for child in below for kind in every_error(child))]


def sent(error: errors.EnsembleError) -> errors.EnsembleError:
    """As Ray sends it."""
    again: errors.EnsembleError = pickle.loads(pickle.dumps(error))  # noqa: S301
    return again


@pytest.mark.parametrize("kind", every_error())
def test_an_error_survives_the_trip(kind: type[errors.EnsembleError]) -> None:
    error = kind("voices/violin.json", "is absent", "check the path")
    again = sent(error)
    assert type(again) is kind
    assert str(again) == str(error) == "voices/violin.json: is absent; check the path"
    assert (again.what, again.problem, again.cure) == (error.what, error.problem, error.cure)
    assert (again.code, again.resumable) == (error.code, False)


def test_what_was_kept_survives_the_trip_and_is_told() -> None:
    error = errors.BandError("rhythm", "was lost 3 times in a row")
    error.kept_in = "out"
    again = sent(error)
    assert again.resumable
    told = "rhythm: was lost 3 times in a row; what was played is kept: `ensemble render --resume out` goes on"
    assert str(again) == str(error) == told


def test_codes_stay_and_every_kind_has_its_own() -> None:
    codes = [kind.code for kind in every_error()]
    assert sorted(codes) == [
        "arranger", "audio", "band", "checkpoint", "conductor", "config", "data", "deadline", "ensemble", "job_lost",
        "listener", "output", "performer", "retrieve", "store", "store_busy", "store_version", "verify", "voice",
        "wire", "workers_lost",
    ]  # fmt: skip


def test_an_error_without_a_code_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="code"):
        type("NamelessError", (errors.EnsembleError,), {})
