"""Another seed is another take of the same song: other strokes, lines and fills over the same harmony."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct.grid import grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import load_band
from ensemble.measure.cases import notes_of
from ensemble.measure.harmony_fit import chord_tone_ratio, tones_of_chords, tones_of_notes
from ensemble.measure.style_features import LINES, pattern_of
from ensemble.measure.styles import share_changed
from ensemble.settings.style import Manner
from ensemble.settings.style_file import load_style
from ensemble.types.music import Hits, Part
from tests.conduct.handmade_leader import heard_of, of

STYLES = (None, "rock", "swing", "bossa_nova", "funk", "reggae", "folk", "country")
HEARD = heard_of(bars=24, bpm=100)
FRAMES = HEARD.frames.num_frames


def take(style: str | None, seed: int, band: str = "rock") -> tuple[Part | Hits, ...]:
    manner = Manner(style=load_style(style) if style else None)
    return write_parts(HEARD, load_band(band).followers, FRAMES + 100, seed, manner=manner)


def ratios(parts: tuple[Part | Hits, ...]) -> list[float]:
    chords = tones_of_chords(HEARD, FRAMES)
    found = [chord_tone_ratio(chords, tones_of_notes(notes_of(part), FRAMES)) for part in parts]
    return [ratio for ratio in found if ratio is not None]


@pytest.mark.parametrize("style", STYLES)
def test_onsets_differ_and_the_harmony_does_not(style):
    one, other = take(style, 1), take(style, 2)
    swing = (load_style(style).swing if style else None) or 0.5
    patterns = [pattern_of(parts, ("bass", "pad", "drums"), grid_of(HEARD), swing) for parts in (one, other)]
    changed = {name: share_changed(*patterns, at) for at, name in enumerate(LINES)}
    lines = [{(round(note.start_s / 0.15), note.pitch_midi) for note in notes_of(parts[0])} for parts in (one, other)]
    assert len(lines[0] ^ lines[1]) > 0.15 * len(lines[0] | lines[1])
    assert changed["chords"] > 0.05
    assert max(changed[drum] for drum in ("kick", "snare", "cymbals")) > 0.1
    assert np.mean(list(changed.values())) < 0.7  # it is the same song still
    assert ratios(one) == pytest.approx(ratios(other), abs=0.05)


def test_seed_0_is_the_pattern_as_it_is_written():
    plain = take("bossa_nova", 0)[2]
    assert isinstance(plain, Hits)
    bar_s = 4 * 60 / 100
    by_bar = [
        {round((hit.time_s - bar * bar_s) / (bar_s / 16)) for hit in plain.hits
         if hit.drum == "kick" and -0.02 < hit.time_s - bar * bar_s < bar_s - 0.02}
        for bar in range(2, 20)
    ]  # fmt: skip
    assert all(bar == {0, 6, 8, 14} for bar in by_bar)


def test_lines_differ_and_stay_in_the_chords():
    one, other = (of(take(None, seed, "quartet")[0]) for seed in (1, 2))
    assert [note.pitch_midi for note in one.notes] != [note.pitch_midi for note in other.notes]
    assert ratios((one,)) == pytest.approx(ratios((other,)), abs=0.05)
