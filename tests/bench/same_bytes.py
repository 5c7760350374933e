"""Whether a change keeps the bytes: the same music rendered by two revisions, `make same-bytes BASE=REVISION`."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cluster.main import main
from ensemble.errors import BandError
from ensemble.files.digest import file_digest
from tests.bench.checkout import ROOT

SUFFIXES = {".wav", ".mid", ".csv"}
CASES = {
    "rock": ("--band", "rock"),
    "quartet": ("--band", "quartet"),
    "extended": ("--extend", "12", "--top-k", "2"),
}
BUNDLED = "bundled"


def same_bytes(
    base: Annotated[str, typer.Argument(help="The git revision to compare this folder with.")],
    leaders: Annotated[list[Path] | None, typer.Argument(help="Recordings to play to beside the bundled one.")] = None,
    cases: Annotated[
        list[str] | None, typer.Option("--case", help=f"Only this one of {', '.join(CASES)}; may be given again.")
    ] = None,
) -> None:
    """Render with BASE and with this folder as it is, and compare every sample, note and number.

    The bundled guitar is played to by both shipped bands and, with two continuations, by the default one; so is every
    recording that is named. Files that differ are listed, and the exit status is 1.
    """
    if unknown := set(cases or ()) - CASES.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose of {', '.join(CASES)}", param_hint="--case")
    sources: dict[str, list[str]] = {BUNDLED: []} | {leader.stem: [str(leader.resolve())] for leader in leaders or ()}
    with tempfile.TemporaryDirectory(prefix="ensemble-same-bytes-") as name:
        folder = Path(name)
        checkout = unpacked(base, folder / "base")
        before = hashes(checkout, sources, cases or [*CASES], folder / "before")
        after = hashes(ROOT, sources, cases or [*CASES], folder / "after")
    for path in sorted(before | after):
        verdict = "same   " if before.get(path) == after.get(path) else "DIFFERS"
        typer.echo(f"{verdict} {before.get(path, 'absent'):.16} {after.get(path, 'absent'):.16} {path}")
    differing = sum(before.get(path) != after.get(path) for path in before | after)
    typer.echo(f"{len(before | after)} files, {differing} differ")
    raise typer.Exit(int(differing > 0))


def unpacked(revision: str, folder: Path) -> Path:
    """The files of a revision in a new folder, of which git keeps no note: nothing else has to be cleared away.

    Raises:
        typer.BadParameter: git does not know the revision.
    """
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        raise typer.BadParameter(archive.stderr.decode().strip(), param_hint="BASE")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def hashes(checkout: Path, sources: dict[str, list[str]], cases: list[str], out: Path) -> dict[str, str]:
    """Render all cases with one checkout: the sha256 of every file that holds music, by leader, case and path.

    The corpus is indexed anew by each checkout: an index that the other one made would hide what it hears differently.

    Raises:
        BandError: a render failed.
    """
    found = {}
    environment = os.environ | {"PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(out / "cache")}
    for leader, source in sources.items():
        for case in cases:
            folder = out / leader / case
            typer.echo(f"{out.name}: {leader}, {case}", err=True)
            command = [sys.executable, "-m", "cluster", "render", *source, "--local", *CASES[case]]
            done = subprocess.run(
                [*command, "--out", str(folder)], cwd=checkout, env=environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            if done.returncode:
                said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
                raise BandError(f"{out.name}: {leader}, {case}", f"the render failed ({said[-1]})")
            for path in sorted(folder.rglob("*")):
                if path.suffix in SUFFIXES:
                    name = f"{leader}/{case}/{path.relative_to(folder)}"
                    found[name] = file_digest(path)
    return found


if __name__ == "__main__":
    main(partial(typer.run, same_bytes))
