"""What a page may ask for: only shipped bands, styles and voices, and nothing that names a file."""

from __future__ import annotations

from functools import cache
from typing import get_args

from cluster.serve.jam_models import JamOrder
from cluster.serve.models import (
    BandChoice,
    BandPart,
    Catalogue,
    ChartEdit,
    ChartView,
    InstrumentChoice,
    PreviewOrder,
    RenderOrder,
    StudioLimits,
    StyleChoice,
)
from ensemble.chart.chart import Chart
from ensemble.chart.editing import with_bar, with_chord, with_energy, with_section, with_setting
from ensemble.chart.text import parse_chart, write_chart
from ensemble.config import BUILT_IN, load_band, shipped_bands, weights_dir, weights_in
from ensemble.errors import ConfigError
from ensemble.export.export import ExportKind
from ensemble.rendering.edits import Edits
from ensemble.rendering.levers import Ending, Intro, Levers
from ensemble.settings.style_file import load_style, shipped_styles
from ensemble.types.choices import offer
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import Role


def check_order(order: RenderOrder) -> None:
    """Make sure that a render asks for what is shipped.

    Raises:
        ConfigError: a band, a style or a part is unknown.
    """
    if order.band not in shipped_bands():
        raise ConfigError("band", f"{order.band!r} is unknown", offer(order.band, shipped_bands()))
    check_style(order.levers.style)
    order.levers.applied_to(load_band(order.band))


def check_jam(order: JamOrder) -> None:
    """Make sure that a session asks for what is shipped; see `check_order`."""
    check_order(RenderOrder(band=order.band, levers=Levers(style=order.style)))


def check_preview(order: PreviewOrder) -> None:
    """Make sure that a preview asks for what is shipped; see `check_order`."""
    check_order(RenderOrder(band=order.band, levers=Levers(style=order.style)))


def check_edits(edits: Edits) -> None:
    """Make sure that an edit asks for what is shipped.

    Raises:
        ConfigError: a style or a voice is unknown, or a file is named.
    """
    check_style(edits.style)
    for name in (*edits.voice.values(), *(one.voice for one in edits.add)):
        if name not in _voices():
            raise ConfigError("voice", f"{name!r} is unknown", offer(name, _voices()))
    if edits.midi or any(one.given is not None for one in edits.add):
        raise ConfigError("midi", "names a file of the server", "use `ensemble redo --midi`")


def check_style(name: str | None) -> None:
    """Make sure that a style is shipped.

    Raises:
        ConfigError: it is unknown.
    """
    if name is not None and name not in shipped_styles():
        raise ConfigError("style", f"{name!r} is unknown", offer(name, shipped_styles()))


def edited_chart(edit: ChartEdit) -> ChartView:
    """A chart's text with one change; nothing is played.

    Raises:
        ConfigError: the text is no chart, or the change does not fit it.
    """
    chart = parse_chart(edit.text)
    if edit.first_downbeat_s is not None:
        chart = with_setting(chart, "first downbeat", f"{round(edit.first_downbeat_s, 3):g}")
    if edit.tempo_bpm is not None:
        chart = with_setting(chart, "tempo", f"{round(edit.tempo_bpm, 2):g}")
    if edit.bar is not None:
        chart = _with_edited_bar(chart, edit, edit.bar)
    return read_view(chart)


def _with_edited_bar(chart: Chart, edit: ChartEdit, bar: int) -> Chart:
    if edit.chords is not None:
        chart = with_bar(chart, bar, edit.chords.strip("| ").split() or ["N"])
    if edit.chord is not None:
        chart = with_chord(chart, bar, edit.beat or 1, edit.chord)
    if edit.section is not None:
        chart = with_section(chart, bar, edit.section.strip())
    if edit.energy is not None:
        chart = with_energy(chart, bar, edit.energy)
    return chart


def read_view(chart: Chart) -> ChartView:
    """A chart as it is answered."""
    return ChartView(text=write_chart(chart), bars=len(chart.bars))


def catalogue(limits: StudioLimits) -> Catalogue:
    """All that can be chosen."""
    return Catalogue(
        bands=_bands(),
        styles=_styles(),
        instruments=tuple(
            InstrumentChoice(name=one.name, family=one.family)
            for one in sorted(CATALOGUE.values(), key=lambda one: one.name)
        ),
        roles=get_args(Role),
        intros=get_args(Intro),
        endings=get_args(Ending),
        export_kinds=get_args(ExportKind),
        limits=limits,
    )


@cache
def _bands() -> tuple[BandChoice, ...]:
    return tuple(
        BandChoice(
            name=name,
            parts=tuple(
                BandPart(name=one.name, instrument=one.instrument, role=one.role) for one in load_band(name).followers
            ),
        )
        for name in shipped_bands()
    )


@cache
def _styles() -> tuple[StyleChoice, ...]:
    styles = [load_style(name) for name in shipped_styles()]
    return tuple(StyleChoice(name=one.name, about=one.about, metres=tuple(one.metres)) for one in styles)


@cache
def _voices() -> tuple[str, ...]:
    return (*BUILT_IN["voice"], *weights_in(weights_dir("voice")))
