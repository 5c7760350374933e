"""What a band plays in a style: strokes where its rows have them, roots under new chords, swing as stated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from ensemble.conduct.grid import LOOK_AHEAD_BEATS, grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings, load_band
from ensemble.errors import ConfigError
from ensemble.listen.overrides import Overrides, with_overrides
from ensemble.settings.style import Fill, Manner, Style, metre_of
from ensemble.settings.style_file import load_style, shipped_styles
from ensemble.types.harmony import Chord
from ensemble.types.music import Heard, Hit, Hits, Part
from tests.conduct.handmade_leader import cut, heard_of, of, restless

ROCK = load_band("rock").followers
LOOP = ((0, "maj"), (9, "min"), (5, "maj"), (7, "7"))
SIMPLE = {3: "3/4", 4: "4/4"}


def played(heard: Heard, style: str | Style, seed: int = 0, **manner: float) -> tuple[Part, Part, Hits]:
    """Bass, rhythm guitar and drums."""
    whole = Manner(style=load_style(style) if isinstance(style, str) else style, **manner)
    bass, rhythm, drums = write_parts(heard, ROCK, heard.frames.num_frames + 100, seed, manner=whole)
    assert isinstance(drums, Hits)
    return of(bass), of(rhythm), drums


def places(times_s: list[float], heard: Heard) -> list[int]:
    """Sixteenths of the bar in which strokes fall, in bars of four straight beats."""
    beats = np.interp(times_s, heard.beats_s, np.arange(len(heard.beats_s)))
    return [int(place) % 16 for place in np.round(4 * beats)]


@pytest.mark.parametrize("name", [name for name in shipped_styles() if "4/4" in load_style(name).metres])
def test_every_style_plays_what_its_rows_have(name):
    style, heard = load_style(name), heard_of(bars=16, bpm=96)
    bass, rhythm, drums = played(heard, style, humanize=0.0)
    assert len(bass.notes) > 16
    assert len(rhythm.notes) > 16
    if name == "free":
        return
    late = 0.0 if style.swing == 0.5 else 1.0
    for groove in [*style.metres["4/4"].drums]:
        assert set(groove.rows)
    written = {
        at for groove in style.metres["4/4"].drums for bar in groove.rows.get("kick", ()) for at in range(16)
        if bar[at] != "-"
    }  # fmt: skip
    first_fill = [hit for hit in drums.hits if hit.drum == "kick" and hit.time_s < 15 * 60 / 96]
    if not late:
        assert set(places([hit.time_s for hit in first_fill], heard)) <= written | {0}


@pytest.mark.parametrize("name", ["country", "bossa_nova", "reggae", "funk", "swing", "rock"])
def test_the_first_note_under_a_chord_is_its_root(name):
    heard = heard_of(bars=16, bpm=96, loop=LOOP)
    bass, *_ = played(heard, name)
    bar_s = 4 * 60 / 96
    for bar in range(15):
        first = next(note for note in bass.notes if note.start_frame / 100 > bar * bar_s - 0.05)
        assert round(first.pitch_midi) % 12 == LOOP[bar % 4][0]


def test_a_band_without_a_style_plays_freely():
    heard = heard_of(bars=8)
    plain = write_parts(heard, ROCK, 1700, 0)
    free = write_parts(heard, ROCK, 1700, 0, manner=Manner(style=load_style("free")))
    assert [of(one).notes for one in plain[:2]] == [of(one).notes for one in free[:2]]
    assert plain[2] == free[2]


def test_one_drop_leaves_the_one_to_the_bass_and_skanks_off_the_beat():
    heard = heard_of(bars=8, bpm=80, melody=((72, 2.0),))
    _, rhythm, drums = played(heard, "reggae", humanize=0.0)
    kicks = places([hit.time_s for hit in drums.hits if hit.drum == "kick"], heard)
    assert set(kicks[:-1]) == {8}  # the last is the ending
    skank = [note for note in rhythm.notes if note.start_frame / 100 < 6 * 4 * 60 / 80]
    assert {place % 4 for place in places([note.start_frame / 100 for note in skank], heard)} == {2}
    assert max(note.stop_frame - note.start_frame for note in skank) < 25


@pytest.mark.parametrize(("name", "share"), [("swing", 0.64), ("blues_shuffle", 0.667), ("rock", 0.5)])
def test_the_band_swings_as_the_style_says(name, share):
    heard = heard_of(bars=12, bpm=100)
    _, _, drums = played(heard, name, humanize=0.0)
    inside = [hit.time_s / 0.6 % 1 for hit in drums.hits if hit.drum in ("ride", "closed_hat")]
    halves = [place for place in inside if 0.3 < place < 0.9]
    assert np.median(halves) == pytest.approx(share, abs=0.005)


def test_a_walking_bass_moves_on_every_beat_through_the_chords():
    heard = heard_of(bars=12, bpm=140)
    bass, *_ = played(heard, "swing")
    grid = grid_of(heard)
    notes = [note for note in bass.notes if note.start_frame / 100 < grid.seconds(grid.final_beat) - 0.1]
    assert len(notes) >= grid.final_beat - 1
    pitch = [round(note.pitch_midi) for note in notes]
    steps = np.abs(np.diff(pitch))
    assert (steps == 0).mean() < 0.15
    assert np.median(steps) <= 4
    own = [pitch[at] % 12 in Chord(root=LOOP[at // 4 % 4][0], quality=LOOP[at // 4 % 4][1]).tones for at in range(40)]
    assert np.mean(own) > 0.8


def test_a_style_that_has_nothing_for_the_metre_says_so():
    with pytest.raises(ConfigError, match="waltz is in 3/4; the leader has 4 beats of two parts"):
        played(heard_of(bars=8), "waltz")


def test_a_learned_arranger_and_the_conductor_leave_bass_and_drums_to_the_style():
    heard = heard_of(bars=8)
    bass = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
    (plain,) = write_parts(heard, (bass,), 1700, 0, manner=Manner(style=load_style("folk")))

    class Refuses:
        def knows(self, follower: FollowerSettings) -> bool:
            return True

        def write(self, *given: object) -> None:
            raise AssertionError

    (again,) = write_parts(heard, (bass,), 1700, 0, Refuses(), manner=Manner(style=load_style("folk")))  # type: ignore[arg-type]
    assert of(again).notes == of(plain).notes


@pytest.mark.parametrize("name", ["swing", "bossa_nova", "funk", "blues_shuffle"])
@pytest.mark.parametrize("seed", [0, 3])
def test_a_longer_leader_does_not_change_what_was_written(name, seed):
    whole = heard_of(bars=20, bpm=100)
    shorter = cut(whole, 51)
    settled_s = (51 - LOOK_AHEAD_BEATS - 2 * 4) * 0.6
    bars = [played(heard, name, seed) for heard in (whole, shorter)]
    for one, other in zip(*bars, strict=True):
        if isinstance(one, Hits):
            assert isinstance(other, Hits)
            ours, theirs = ([hit for hit in part.hits if hit.time_s < settled_s] for part in (one, other))
            assert [replace(hit, index=0) for hit in ours] == [replace(hit, index=0) for hit in theirs]
        else:
            ours, theirs = (
                [note for note in part.notes if note.stop_frame / 100 < settled_s] for part in (one, of(other))
            )
            assert ours == theirs
        assert len(ours) > 10


@pytest.mark.parametrize("name", shipped_styles())
def test_a_leader_without_manners_is_followed_in_every_style(name):
    style = load_style(name)
    metre = metre_of(next(iter(style.metres)))
    heard = replace(restless(5, metre.beats_per_bar), beat_division=metre.beat_division)
    bass, rhythm, drums = played(heard, style, seed=7, complexity=1.0)
    for part, follower in ((bass, ROCK[0]), (rhythm, ROCK[1])):
        low, high = follower.range
        assert all(low <= note.pitch_midi <= high for note in part.notes)
    assert (np.diff([hit.time_s for hit in drums.hits]) >= 0).all()


def strokes_per_bar(parts: tuple[Part, Part, Hits], bars: int) -> list[float]:
    bass, rhythm, drums = parts
    return [len(bass.notes) / bars, len(rhythm.notes) / bars, len(drums.hits) / bars]


@pytest.mark.parametrize("style", ["free", "rock", "funk", "bossa_nova"])
def test_density_replaces_the_leaders(style):
    heard = heard_of(bars=12, bpm=100)
    counts = []
    for density in (0.0, 1.0):
        band = tuple(one.model_copy(update={"density": density}) for one in ROCK)
        parts = write_parts(heard, band, heard.frames.num_frames + 100, 0, manner=Manner(style=load_style(style)))
        bass, rhythm, drums = parts
        assert isinstance(drums, Hits)
        counts.append(strokes_per_bar((of(bass), of(rhythm), drums), 12))
    assert (np.array(counts[1]) > 1.1 * np.array(counts[0])).all()


def test_complexity_takes_ghost_notes_and_fills_away_or_adds_them():
    heard = heard_of(bars=16, bpm=90)
    snares = [
        sum(hit.drum == "snare" for hit in played(heard, "funk", complexity=complexity)[2].hits)
        for complexity in (0.0, 0.25, 0.5)
    ]
    assert snares[0] < 0.6 * snares[2]
    assert snares[0] < snares[1] < snares[2]
    fills = [
        sum(hit.drum == "tom" for hit in played(heard, "reggae", complexity=complexity, seed=1)[2].hits)
        for complexity in (0.2, 0.5, 0.8)
    ]
    assert fills[0] == 0
    assert fills[1] < fills[2]


def test_who_is_not_humanized_plays_on_the_grid():
    heard = heard_of(bars=8, bpm=96)
    strict, loose, usual = (played(heard, "rock", humanize=humanize)[2].hits for humanize in (0.0, 1.0, 0.5))
    grid_s = 60 / 96 / 4

    def astray(hits: tuple[Hit, ...]) -> float:
        return float(np.mean([abs((hit.time_s + grid_s / 2) % grid_s - grid_s / 2) for hit in hits[:-4]]))

    assert astray(strict) < 1e-9
    assert astray(loose) == pytest.approx(2 * astray(usual), rel=0.1)


def test_a_chart_says_how_much_the_band_gives_in_a_section():
    heard = heard_of(bars=16, bpm=100)
    bars = "| C | Am | F | G7 | C | Am | F | G7 |\n"
    chart = f"tempo: 100\nmetre: 4/4\n[Verse]\nenergy: 0\n{bars}[Chorus]\nenergy: 1\n{bars}"
    laid = with_overrides(heard, Overrides(chart=chart))
    assert laid.energy[:32].tolist() == [0.0] * 32
    assert laid.energy[32:].tolist() == [1.0] * 32
    _, _, drums = played(laid, "rock")
    times = {drum: [hit.time_s for hit in drums.hits if hit.drum == drum] for drum in ("ride", "closed_hat")}
    assert min(times["ride"]) >= 32 * 0.6 - 0.02
    assert max(times["closed_hat"]) < 33 * 0.6


def test_a_percussionist_plays_what_a_drummer_leaves_and_both_have_two_hands():
    heard = heard_of(bars=12, bpm=96)
    drummers = tuple(
        FollowerSettings(name=plays, instrument="drums", role="drums", plays=plays)  # type: ignore[arg-type]
        for plays in ("kit", "percussion", "style")
    )
    manner = Manner(style=load_style("bossa_nova"), humanize=0.0)
    parts = write_parts(heard, drummers, heard.frames.num_frames + 100, 0, manner=manner)
    kit, percussion, all_in_one = (part.hits for part in parts if isinstance(part, Hits))
    assert {hit.drum for hit in percussion} == {"shaker"}
    assert {"rim", "kick", "closed_hat"} <= {hit.drum for hit in kit} <= {"rim", "kick", "closed_hat", "snare"}
    freely = [hit for hit in all_in_one if hit.drum == "shaker"]
    assert 0 < len(freely) < len(percussion)  # he has hat and rim in his hands
    at_once = Counter(round(hit.time_s * 20) for hit in all_in_one if hit.drum != "kick")
    assert max(at_once.values()) <= 2


def test_a_percussionist_goes_on_in_the_drummers_fills():
    heard = heard_of(bars=12, bpm=96)
    player = FollowerSettings(name="drums", instrument="drums", role="drums", plays="percussion")
    style = load_style("bossa_nova")
    without, beside = (
        write_parts(
            heard, (player,), heard.frames.num_frames, 0, manner=Manner(style=one, humanize=0.0, complexity=1.0)
        )
        for one in (style, style.model_copy(update={"fills": [Fill.model_validate({"snare": "xxxX"})]}))
    )
    assert beside == without
