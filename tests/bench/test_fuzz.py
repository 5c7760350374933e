"""Readers survive files that are damaged at random; and the fuzzer sees what does not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ensemble.audio import ffmpeg
from ensemble.errors import DataError
from tests.audio.made_sounds import FORMS
from tests.bench import fuzz as bench
from tests.bench.fuzz import READERS, Reader, fuzz

NUM_FILES = 60
NUM_CASES = {
    "kern": 5_000, "midi": 1_000, "m4a": 40, "mp3": 2_000, "ogg": 1_600, "style": 1_000,
    **dict.fromkeys(("wav", "rf64", "w64", "aiff", "flac"), 2_600),
}  # fmt: skip
"""Two minutes together, with those of texts, where a machine has nothing else to do."""
NUM_TEXTS = 2_500
"""Cases of every other kind."""


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_reader_survives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in FORMS:
        monkeypatch.setenv("PATH", "/nowhere")  # ffmpeg, which reads what libsndfile refuses, takes longer still
    elif name == "m4a" and not ffmpeg.is_installed():
        pytest.skip("ffmpeg is not installed")
    num_cases = NUM_CASES.get(name, NUM_TEXTS)
    findings = fuzz(name, tmp_path, num_files=min(NUM_FILES, num_cases // 3), num_cases=num_cases)
    assert not findings, "\n".join(f"{one.kept}: {one.problem}" for one in findings)


def _raise(_: Path) -> None:
    raise ZeroDivisionError


def _hang(_: Path) -> None:
    while True:
        pass


def _write(_: Path) -> None:
    Path(tempfile.mkstemp()[1]).write_text("left")


def _swell(_: Path) -> None:
    bytearray(b"x" * 10**8)


def _refuse(path: Path) -> None:
    raise DataError(path.name, "in\ntwo lines")


@pytest.mark.parametrize(
    ("read", "problem"),
    [
        (_raise, "ZeroDivisionError"),
        (_hang, "takes more than"),
        (_write, "writes"),
        (_refuse, "several lines"),
        (_swell, " MB"),
    ],
)
def test_what_is_not_survived_is_found_and_its_file_kept(
    read: object, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "bad", Reader(".bin", lambda _: b"content", read))  # type: ignore[arg-type]
    if read is _hang:
        monkeypatch.setattr(bench, "MAX_S", 0.2)  # a machine that is busy takes longer for what does not hang
    monkeypatch.setattr(bench, "MAX_BYTES", 10**8)
    findings = fuzz("bad", tmp_path / "kept", num_cases=2)
    assert len(findings) == 2  # the second as well as the first
    for finding in findings:
        assert problem in finding.problem
        assert Path(finding.kept).read_bytes() == b"content"
