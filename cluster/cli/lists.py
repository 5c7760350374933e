"""What there is to choose from: `styles`, `voices`, `bands`."""

from __future__ import annotations

from rich.table import Column, Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT


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


def voices(as_json: AsJson = False) -> None:
    """List the trained voices: the instrument, what was measured on pieces that it never heard, the licence."""
    from ensemble.config import weights_dir, weights_in
    from ensemble.play.kit_file import KIT
    from ensemble.play.voice_file import VOICE

    cards = {name: (KIT if name == "drums" else VOICE).load(name).card for name in weights_in(weights_dir("voice"))}
    document = [
        {"name": name, "instrument": card.instrument, "metrics": card.metrics, "licence": card.licence}
        for name, card in cards.items()
    ]

    def show() -> None:
        table = Table("voice", "instrument", "spectral distance", "loudness error", "licence", box=None, pad_edge=False)
        for name, card in cards.items():
            distance, error = card.metrics.get("mss_ratio"), card.metrics.get("loudness_error_db")
            told = "" if distance is None else f"{distance:.2f} of naive"
            licence = card.licence.split(";", maxsplit=1)[0]
            table.add_row(name, card.instrument, told, "" if error is None else f"{error:.1f} dB", licence)
        OUT.print(table)
        OUT.print("by name or path: --voice NAME, or voice: NAME in a band file", markup=False)

    print_result(as_json, document, show)


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
