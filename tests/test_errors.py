"""Every error says its line, and says it again on the other side of a process boundary."""

from __future__ import annotations

import pickle

import pytest

from ensemble import errors


def every_error(root: type[errors.EnsembleError] = errors.EnsembleError) -> list[type[errors.EnsembleError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in every_error(child))]


@pytest.mark.parametrize("kind", every_error())
def test_an_error_survives_the_trip(kind: type[errors.EnsembleError]) -> None:
    error = kind("voices/violin.json", "is absent", "check the path")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  as Ray does it
    assert type(again) is kind
    assert str(again) == str(error) == "voices/violin.json: is absent; check the path"
    assert (again.what, again.problem, again.cure) == (error.what, error.problem, error.cure)
