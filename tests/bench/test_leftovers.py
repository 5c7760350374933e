"""What a bench left behind is its own, whatever others do on the same machine meanwhile."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.chaos.leftovers import leftovers, own_folder


@contextmanager
def orphan(environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process whose parent has ended, so that it is nobody's child here."""
    said = subprocess.run(
        ["bash", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    process = psutil.Process(int(said.stdout))
    try:
        yield process.pid
    finally:
        process.kill()


def test_what_others_make_meanwhile_is_not_counted_and_what_is_its_own_is() -> None:
    elsewhere = dict(os.environ)
    with own_folder() as folder:
        nothing = leftovers(folder)
        with tempfile.NamedTemporaryFile(dir=folder.parent), orphan(elsewhere) as foreign:
            assert psutil.pid_exists(foreign)
            assert leftovers(folder) == nothing == set()
            with tempfile.NamedTemporaryFile() as kept, orphan() as own:
                assert leftovers(folder) == {f"file {kept.name}", f"process {own}"}
            made = subprocess.run(["mktemp"], capture_output=True, text=True, check=True).stdout.strip()
            assert leftovers(folder) == {f"file {made}"}


def test_the_folder_goes_and_temporary_files_go_where_they_went_before() -> None:
    before = os.environ.get("TMPDIR"), tempfile.gettempdir()
    with own_folder() as folder:
        (folder / "session").mkdir()
        assert Path(tempfile.gettempdir()) == folder
    assert not folder.exists()
    assert (os.environ.get("TMPDIR"), tempfile.gettempdir()) == before
