"""Whatever is edited, however often: the result is that of a whole render of the edited request, to the byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.band import LocalBand
from ensemble.config import FollowerSettings
from ensemble.errors import ConfigError, OutputError
from ensemble.manifest import Manifest
from ensemble.output.staging import MEMORY
from ensemble.perform import Pace
from ensemble.rendering.edits import Edits
from ensemble.rendering.history import link_render
from ensemble.rendering.redo import redo, undo
from ensemble.rendering.render import render
from ensemble.rendering.stale import stale
from ensemble.rendering.verify import verify
from tests.rendering.redone import BAND, RATE, in_full, strum, tree

NUM_EDITS = int(os.environ.get("EDITS", "30"))
"""How many edits are tried; `make edits` tries 200."""
IN_A_ROW = 5
NAMES = [follower.name for follower in BAND.followers]
CHORDS = ["Am", "F", "G7", "C/E", "Dm7", "E", "N.C."]
ADDED = [
    FollowerSettings(name="sax", instrument="tenor_sax", role="double"),
    FollowerSettings(name="cello", instrument="cello", role="counter", voice="seeded"),
]

names = st.sampled_from(NAMES)
one_name = names.map(lambda name: (name,))
levels_db = st.sampled_from([-6.0, -0.5, 1.0, 4.0])
charts = st.lists(st.sampled_from(CHORDS), min_size=2, max_size=2).map(
    lambda chords: f"metre: 4/4\nkey: C major\n\n| {chords[0]} | {chords[1]} |\n"
)
edits = st.one_of(
    st.builds(Edits, gain_db=st.dictionaries(st.sampled_from([*NAMES, "leader"]), levels_db, min_size=1)),
    st.builds(Edits, pan=st.dictionaries(names, st.sampled_from([-1.0, 0.0, 0.25]), min_size=1)),
    st.builds(Edits, parts=st.lists(names, min_size=1, max_size=2, unique=True).map(tuple), seed=st.integers(0, 5)),
    st.builds(Edits, seed=st.integers(0, 5)),
    st.builds(
        Edits, voice=st.dictionaries(st.sampled_from(NAMES[:3]), st.sampled_from(["naive", "seeded"]), min_size=1)
    ),
    st.builds(Edits, instrument=st.fixed_dictionaries({"violin": st.sampled_from(["flute", "clarinet", "violin"])})),
    st.builds(Edits, style=st.sampled_from(["rock", "swing", "free"]), ending=st.sampled_from(["stop", "leader"])),
    st.builds(
        Edits, intro=st.sampled_from(["none", "count-1"]), density=st.fixed_dictionaries({"drums": st.just(0.9)})
    ),
    st.builds(Edits, parts=one_name, seed=st.integers(0, 5), from_bar=st.just(1), to_bar=st.just(1)),
    st.builds(Edits, lock=one_name),
    st.builds(Edits, unlock=one_name),
    st.builds(Edits, drop=one_name),
    st.builds(Edits, add=st.sampled_from(ADDED).map(lambda one: (one,))),
    st.builds(Edits, chart=charts),
    st.builds(
        Edits,
        chart=charts,
        gain_db=st.fixed_dictionaries({"bass": levels_db}),
        parts=st.just(("drums",)),
        seed=st.integers(0, 5),
    ),
)


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> tuple[Path, Path]:
    """A leader and its render."""
    folder = tmp_path_factory.mktemp("song")
    leader = strum(folder / "strummed.wav")
    render(leader, folder / "out", band=BAND, sample_rate=RATE, report=False)
    return leader, folder / "out"


@settings(max_examples=NUM_EDITS // IN_A_ROW, suppress_health_check=list(HealthCheck))
@given(st.lists(edits, min_size=IN_A_ROW, max_size=IN_A_ROW))
def test_edits_in_a_row_equal_whole_renders_and_are_undone_one_by_one(song, in_a_row):
    leader, rendered = song
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        out.mkdir()
        link_render(rendered, out)
        shutil.copyfile(rendered / MEMORY, out / MEMORY)
        versions = [tree(out)]
        for number, one in enumerate(in_a_row):
            was = Manifest.read(out / "manifest.json").plan.request
            try:
                now = redo(out, one, report=False)
            except (ConfigError, OutputError):  # a part that is gone or there already, or nothing new
                assert tree(out) == versions[-1]
                continue
            assert now.execution.busy_s.keys() - {"conductor", "listener"} <= stale(was, now.plan.request).parts.keys()
            if any(follower.given for follower in now.plan.request.band.followers):
                assert verify(out, LocalBand, Pace()).is_good
            else:
                assert now.takes == in_full(now, leader, Path(name) / str(number)).takes
            versions.append(tree(out))
        while len(versions) > 1:
            assert tree(out) == versions.pop()
            undo(out)
        assert tree(out) == versions.pop()
