"""Readers survive files that are damaged at random; and the fuzzer sees what does not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ensemble.errors import DataError
from tests.bench import fuzz as bench
from tests.bench.fuzz import READERS, Reader, fuzz

NUM_FILES, NUM_CASES = 40, 200


@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives(name: str, tmp_path: Path) -> None:
    findings = fuzz(name, tmp_path, num_files=NUM_FILES, num_cases=NUM_CASES)
    assert not findings, "\n".join(f"{one.kept}: {one.problem}" for one in findings)


def _raise(_: Path) -> None:
    raise ZeroDivisionError


def _hang(_: Path) -> None:
    while True:
        pass


def _write(_: Path) -> None:
    Path(tempfile.mkstemp()[1]).write_text("left")


def _refuse(path: Path) -> None:
    raise DataError(path.name, "in\ntwo lines")


@pytest.mark.parametrize(
    ("read", "problem"),
    [(_raise, "ZeroDivisionError"), (_hang, "takes more than"), (_write, "writes"), (_refuse, "several lines")],
)
def test_what_is_not_survived_is_found_and_its_file_kept(
    read: object, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "bad", Reader(".bin", lambda _: b"content", read))  # type: ignore[arg-type]
    monkeypatch.setattr(bench, "MAX_S", 0.2)
    (finding,) = fuzz("bad", tmp_path / "kept", num_cases=1)
    assert problem in finding.problem
    assert Path(finding.kept).read_bytes() == b"content"
