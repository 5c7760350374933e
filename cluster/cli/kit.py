"""`ensemble train kit` and `ensemble evaluate kit`. Reads arguments, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor
from cluster.cli.train_options import command_line

Samples = Annotated[
    Path, typer.Option("--samples", help="The samples folder of Debian's sonic-pi-samples, unpacked or installed.")
]
Soundfont = Annotated[
    Path | None,
    typer.Option(
        help="General MIDI soundfont of rim, ride bell, second crash and percussion (default: the formula's)."
    ),
]


def train_kit(
    samples: Samples = Path("/usr/share/sonic-pi/samples"),
    soundfont: Soundfont = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The kit (.safetensors); its card goes beside it.")] = Path(
        "drums.safetensors"
    ),
    as_json: AsJson = False,
) -> None:
    """Fit the drum kit to recorded strokes and measure it; the same recordings give the same bytes."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.readers import check_set

        check_set(samples)
        from ensemble.measure.kit import evaluate_kit, keep_figures
        from ensemble.train.kit.fit import fit_kit
        from ensemble.train.kit.hits import FITTED
        from ensemble.types.music import ALL_DRUMS

        monitor.stage("fitting drums")
        num_drums = len(ALL_DRUMS if soundfont else FITTED)
        fit_kit(
            samples, out, soundfont, command=command_line(),
            on_drum=lambda drum, number: monitor.progress(f"fitting {drum}", number, num_drums),
        )  # fmt: skip
        monitor.stage("measuring")
        figures = evaluate_kit(out, samples, soundfont)
        keep_figures(out, figures)
    _show(figures, as_json=as_json)


def evaluate_kit(
    kit: Annotated[Path, typer.Argument(metavar="KIT", help="A fitted kit (.safetensors).")],
    samples: Samples = Path("/usr/share/sonic-pi/samples"),
    soundfont: Soundfont = None,
    as_json: AsJson = False,
) -> None:
    """Measure a drum kit on recorded strokes, fitted and held out, beside the formula, noise and silence."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.measure.kit import evaluate_kit as measure

        monitor.stage("measuring")
        figures = measure(kit, samples, soundfont)
    _show(figures, as_json=as_json)


def _show(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
        return
    typer.echo(f"{'drum':<11}{'recording':<22}{'distance':>9}{'formula':>9}{'noise':>7}{'silence':>9}{'of noise':>10}")
    for hit in figures["hits"]:
        name = hit["hit"] + ("" if hit["fitted"] else " *")
        values = (hit["mss"], hit["mss_formula"], hit["mss_noise"], hit["mss_silence"], hit["noise_ratio"])
        typer.echo(f"{hit['drum']:<11}{name:<22}" + "{:>9.3f}{:>9.3f}{:>7.2f}{:>9.2f}{:>10.2f}".format(*values))
    typer.echo("* held out: another drum of its class")
    typer.echo(
        f"onsets within {figures['onset_error_ms']:.2f} ms, click ratio {figures['click_ratio']:.2f}, "
        f"peak {figures['peak']:.3f}, offset {figures['offset_db']:.0f} dB, ends at {figures['end_db']:.0f} dB"
    )
