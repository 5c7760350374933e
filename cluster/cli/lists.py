"""What there is to choose from: `styles`, `voices`, `bands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT

voices = typer.Typer(name="voices", help="List the trained voices, or add one.", invoke_without_command=True)


def styles(as_json: AsJson = False) -> None:
    """List the styles that a band can play in: their metres, their swing, and a line about each."""
    from ensemble.settings.style_file import load_style, shipped_styles

    known = [load_style(name) for name in shipped_styles()]
    document = [{"name": one.name, "metres": [*one.metres], "swing": one.swing, "about": one.about} for one in known]

    def show() -> None:
        table = Table("style", "metres", "swing", Column("", overflow="fold"), box=None, pad_edge=False)
        for one in known:
            swing = "as the leader's" if one.swing is None else "straight" if one.swing == 0.5 else f"{one.swing:g}"
            table.add_row(one.name, " ".join(one.metres), swing, one.about)
        OUT.print(table)

    print_result(as_json, document, show)


@voices.callback()
def list_voices(context: typer.Context, as_json: AsJson = False) -> None:
    """List the trained voices: the instrument, what was measured on pieces that it never heard, the licence."""
    if context.invoked_subcommand is not None:
        return
    from ensemble.config import BUILT_IN, own_voices, weights_dir, weights_in
    from ensemble.play.kit_file import KitCard
    from ensemble.play.own_voices import voice_card

    shipped = weights_dir("voice")
    places = {name: shipped / f"{name}.safetensors" for name in weights_in(shipped)}
    places |= own_voices()
    cards = {name: voice_card(path) for name, path in places.items()}
    document = [
        {
            "name": name, "kind": "kit" if isinstance(card, KitCard) else "voice", "instrument": card.instrument,
            "metrics": card.metrics, "licence": card.licence, "path": str(places[name]),
        }
        for name, card in cards.items()
    ]  # fmt: skip

    def show() -> None:
        table = Table("voice", "instrument", "spectral distance", "loudness error", "licence", box=None, pad_edge=False)
        for name, card in cards.items():
            distance, error = card.metrics.get("mss_ratio"), card.metrics.get("loudness_error_db")
            told = "" if distance is None else f"{distance:.2f} of naive"
            licence = card.licence.split(";", maxsplit=1)[0]
            table.add_row(name, card.instrument, told, "" if error is None else f"{error:.1f} dB", licence)
        OUT.print(table)
        OUT.print(f"without training: {', '.join(BUILT_IN['voice'])}; the last is a drum kit")
        OUT.print("by name or path: --voice NAME, or voice: NAME in a band file", markup=False)

    print_result(as_json, document, show)


@voices.command("add")
def add_voice(
    path: Annotated[Path, typer.Argument(help="The voice.safetensors of a training; its card lies beside it.")],
    name: Annotated[str | None, typer.Option(help="What it is called (default: my_ and its instrument).")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a trained voice under a name, which bands and --voice then know."""
    from ensemble.config import own_voices_dir
    from ensemble.play.own_voices import add_voice as add
    from ensemble.play.own_voices import voice_card

    known_as = name or f"my_{voice_card(path).instrument}"
    card = add(path, known_as)
    place = own_voices_dir() / f"{known_as}.safetensors"
    document = {"name": known_as, "instrument": card.instrument, "path": str(place)}
    print_result(as_json, document, lambda: OUT.print(f"{known_as} ({card.instrument}): {place}", markup=False))


def bands(as_json: AsJson = False) -> None:
    """List the bands that come with the package, and who plays in them."""
    from ensemble.config import load_band, shipped_bands

    known = [load_band(name) for name in shipped_bands()]
    document = [
        {
            "name": band.name,
            "followers": [{"name": one.name, "instrument": one.instrument, "role": one.role} for one in band.followers],
        }
        for band in known
    ]

    def show() -> None:
        table = Table("band", Column("who plays", overflow="fold"), box=None, pad_edge=False)
        for band in known:
            table.add_row(band.name, ", ".join(f"{one.name} ({one.instrument}, {one.role})" for one in band.followers))
        OUT.print(table)

    print_result(as_json, document, show)
