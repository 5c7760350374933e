"""`ensemble transform`: a singer or player as another instrument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import Monitor


def transform(
    leader: Annotated[Path, typer.Argument(help="A recording of one voice or instrument, or a melody (.krn, .mid).")],
    voice: Annotated[str, typer.Option(help="What plays it: a voice (see `voices`) or a .safetensors file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The WAV file to write (default: LEADER-VOICE.wav, here).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed, of breath and bow noise.")] = 0,
    rate: Annotated[
        Literal["16000", "32000", "44100", "48000"], typer.Option(help="Sample rate of the output in Hz.")
    ] = "48000",
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play what is sung or played in a recording with another instrument's voice."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.events import Events
        from ensemble.rendering.transform import transform as run

        target = out or Path(f"{leader.stem}-{Path(voice).stem}.wav")
        done = run(
            leader, target, voice=voice, seed=seed, sample_rate=int(rate), force=force,
            events=Events(progress=monitor.progress),
        )  # fmt: skip
    found = {
        "written": str(done.path), "instrument": done.instrument, "gain_db": round(done.gain_db, 2),
        "transfer": done.transfer.model_dump(),
    }  # fmt: skip
    moved = f"{done.transfer.octaves:+d} octaves" if done.transfer.octaves else "in its own octave"
    print_result(as_json, found, lambda: typer.echo(f"{done.path}: {done.instrument}, {moved}"))
