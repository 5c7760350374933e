"""A redo gives what a render of the edited request gives, leaves what the edit does not touch, and can be undone."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import write_pieces
from ensemble.band import LocalBand
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import ConfigError, OutputError, VerifyError
from ensemble.events import Events
from ensemble.manifest import Manifest
from ensemble.output.publish import publishing
from ensemble.output.staging import HISTORY, MEMORY
from ensemble.perform import Pace
from ensemble.rendering.edits import Edits
from ensemble.rendering.history import History
from ensemble.rendering.redo import redo, switch, undo
from ensemble.rendering.render import render, render_request
from ensemble.rendering.verify import verify

RATE = 16_000
BAND = BandSettings(
    name="four",
    followers=(
        FollowerSettings(name="bass", instrument="electric_bass", role="bass"),
        FollowerSettings(name="keys", instrument="piano", role="pad", pan=0.3),
        FollowerSettings(name="violin", instrument="violin", role="counter", pan=-0.3),
        FollowerSettings(name="drums", instrument="drums", role="drums"),
    ),
)


@pytest.fixture(scope="module")
def strummed(tmp_path_factory) -> Path:
    """Four chords of 0.6 s each."""
    path = tmp_path_factory.mktemp("leader") / "strummed.wav"
    time_s = np.arange(round(0.6 * RATE)) / RATE
    chords = [(57, 60, 64), (53, 57, 60), (55, 59, 62), (57, 60, 64)]
    sound = np.concatenate(
        [
            sum(np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * time_s) for note in chord) * np.exp(-4 * time_s)
            for chord in chords
        ]
    )
    write_pieces(path, [0.2 * sound[None].astype(np.float32)], RATE, 1)
    return path


@pytest.fixture(scope="module")
def rendered(tmp_path_factory, strummed) -> Path:
    out = tmp_path_factory.mktemp("renders") / "song"
    render(strummed, out, band=BAND, sample_rate=RATE)
    return out


@pytest.fixture
def song(rendered, tmp_path) -> Path:
    """A render that a test may change."""
    return Path(shutil.copytree(rendered, tmp_path / "song"))


def tree(folder: Path) -> dict[str, str]:
    """The hash of every file that a user sees."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    seen = {path.relative_to(folder): path for path in files}
    return {
        str(name): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in seen.items()
        if not str(name).startswith(".")
    }


def in_full(manifest: Manifest, leader: Path, out: Path) -> Manifest:
    """A render of a manifest's request, with nothing remembered."""
    request = manifest.plan.request
    return render_request(request, leader, out, force=False, band_factory=LocalBand, pace=Pace(), events=Events())


@pytest.mark.parametrize(
    ("edits", "changed", "played"),
    [
        (Edits(gain_db={"bass": 2.0}), {"stems/bass.wav", "mix.wav"}, set()),
        (Edits(pan={"drums": -1.0}), {"stems/drums.wav", "mix.wav"}, set()),
        (Edits(gain_db={"leader": -3.0}), {"mix.wav"}, set()),
        (
            Edits(parts=("drums",), seed=3),
            {"stems/drums.wav", "parts/drums.mid", "mix.wav"},
            {"conductor", "drums"},
        ),
        (Edits(voice={"violin": "seeded"}), {"stems/violin.wav", "mix.wav"}, {"violin"}),
        (Edits(drop=("violin",)), {"stems/violin.wav", "parts/violin.mid", "dynamics.csv", "mix.wav"}, {"conductor"}),
    ],
)  # fmt: skip
def test_what_an_edit_does_not_touch_is_neither_played_nor_written(song, strummed, tmp_path, edits, changed, played):
    was = Manifest.read(song / "manifest.json").takes["take-00"].files
    inodes = {name: (song / "take-00" / name).stat().st_ino for name in was}
    now = redo(song, edits)
    files = now.takes["take-00"].files
    assert {name for name in was if files.get(name) != was[name]} == changed
    assert set(now.execution.busy_s) == played
    for name in was.keys() - changed:
        assert (song / "take-00" / name).stat().st_ino == inodes[name], name
    if played:
        assert now.takes == in_full(now, strummed, tmp_path / "full").takes


def test_undo_gives_every_file_back_and_versions_can_be_gone_to_and_verified(song):
    first = tree(song)
    redo(song, Edits(gain_db={"bass": 2.0}))
    second = tree(song)
    redo(song, Edits(parts=("bass",), seed=1))
    third = tree(song)
    assert len({str(one) for one in (first, second, third)}) == 3
    undo(song)
    assert tree(song) == second
    undo(song)
    assert tree(song) == first
    with pytest.raises(OutputError, match="nothing to undo"):
        undo(song)
    switch(song, 3)
    assert tree(song) == third
    assert [(one.number, one.parent) for one in History(song).versions] == [(1, None), (2, 1), (3, 2)]
    assert [tree(History(song).folder(number)) for number in (1, 2, 3)] == [first, second, third]
    assert verify(History(song).folder(2), LocalBand, Pace()).is_good
    with pytest.raises(OutputError, match="kept are 1, 2, 3"):
        switch(song, 4)


def test_a_version_made_after_an_undo_goes_on_from_there(song):
    redo(song, Edits(gain_db={"bass": 2.0}))
    undo(song)
    redo(song, Edits(gain_db={"bass": 4.0}))
    assert [(one.number, one.parent) for one in History(song).versions] == [(1, None), (2, 1), (3, 1)]
    assert Manifest.read(song / "manifest.json").plan.request.band.followers[0].gain_db == 4.0


def damaged(memory: Path) -> None:
    """Damage every 97th byte, but nothing that says where records begin."""
    content = bytearray(memory.read_bytes())
    content[2000::97] = bytes(byte ^ 1 for byte in content[2000::97])
    memory.write_bytes(content)


@pytest.mark.parametrize("spoil", [Path.unlink, damaged, lambda path: os.truncate(path, path.stat().st_size // 2)])
def test_without_its_memory_or_with_a_damaged_one_a_redo_gives_the_same(song, rendered, tmp_path, spoil):
    again = Path(shutil.copytree(rendered, tmp_path / "again"))
    edits = Edits(parts=("violin",), seed=4)
    spoil(again / MEMORY)
    assert redo(again, edits).takes == redo(song, edits).takes
    assert redo(again, Edits(gain_db={"bass": 1.0})).execution.busy_s == {}  # what was missing is there again


class Killed(BaseException):
    """Ends a redo where an exception of ours would not."""


def killing(at: str) -> Events:
    def kill(stage: str, done: int, total: int) -> None:
        if stage == at:
            raise Killed

    return Events(progress=kill)


@pytest.mark.parametrize("stage", ["listen", "play", "write"])
def test_a_redo_that_is_killed_leaves_the_version_before_whole(song, stage):
    before = tree(song)
    with pytest.raises(Killed):
        redo(song, Edits(parts=("bass",), seed=1), events=killing(stage))
    assert tree(song) == before
    assert not list(song.glob(".partial-*"))


def test_a_redo_that_is_killed_while_it_writes_its_report_can_be_undone(song):
    before = tree(song)
    with pytest.raises(Killed):
        redo(song, Edits(parts=("bass",), seed=1), events=killing("report"))
    after = tree(song)
    assert before.keys() - after.keys() == {"report.html"}
    redo(song, Edits(gain_db={"bass": 1.0}), report=False)
    undo(song)
    assert tree(song) == after
    undo(song)
    assert tree(song) == before


def test_a_second_redo_at_once_is_refused(song):
    before, edits = tree(song), Edits(gain_db={"bass": 1.0})
    with pytest.raises(OutputError, match="is being written by another render"), publishing(song, force=True):
        redo(song, edits)
    assert tree(song) == before


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (Edits(gain_db={"base": 1.0}), "the band: has no part 'base'; did you mean 'bass'"),
        (Edits(pan={"bass": 1.5}), "bass.pan"),
        (Edits(drop=("bass", "keys", "violin", "drums")), "followers"),
        (Edits(instrument={"bass": "kazoo"}), "kazoo"),
        (Edits(voice={"bass": "nobody"}), "bass.voice"),
        (Edits(chart="[A] | C |"), "chart"),
        (Edits(), "is that already"),
        (Edits(gain_db={"bass": 0.0}), "is that already"),
    ],
)
def test_a_wrong_edit_is_refused_in_one_line_and_changes_nothing(song, edits, message):
    before = tree(song)
    with pytest.raises((ConfigError, OutputError), match=message) as refusal:
        redo(song, edits)
    assert "\n" not in str(refusal.value)
    assert tree(song) == before


def test_a_file_that_was_changed_by_hand_is_told_and_made_anew_with_force(song, strummed, tmp_path):
    stem = song / "take-00" / "stems" / "keys.wav"
    content = bytearray(stem.read_bytes())
    content[9000] ^= 1
    stem.write_bytes(content)
    with pytest.raises(VerifyError, match=r"keys\.wav: was changed after the render; --force"):
        redo(song, Edits(gain_db={"bass": 1.0}))
    now = redo(song, Edits(gain_db={"bass": 1.0}), force=True)
    assert now.takes == in_full(now, strummed, tmp_path / "full").takes


def test_a_render_of_another_release_is_told(song):
    manifest = Manifest.read(song / "manifest.json")
    manifest.model_copy(update={"ensemble_version": "0.0.9"}).write(song / "manifest.json")
    with pytest.raises(VerifyError, match=r"release 0\.0\.9"):
        redo(song, Edits(gain_db={"bass": 1.0}))


def test_a_render_that_replaces_another_takes_its_versions_with_it(song, strummed):
    redo(song, Edits(gain_db={"bass": 2.0}))
    render(strummed, song, band=BAND, sample_rate=RATE, remembers=False, force=True)
    assert not (song / HISTORY).exists()
    assert not (song / MEMORY).exists()


def test_versions_share_what_is_equal(song):
    redo(song, Edits(gain_db={"bass": 2.0}))
    stems = [History(song).folder(number) / "take-00" / "stems" / "keys.wav" for number in (1, 2)]
    assert stems[0].samefile(stems[1])
