"""A redo gives what a render of the edited request gives, leaves what the edit does not touch, and can be undone."""

from __future__ import annotations

import math
import os
import re
import shutil
from pathlib import Path

import mido
import numpy as np
import pytest

from ensemble.audio.files import read_clip
from ensemble.band import LocalBand
from ensemble.conduct import parts
from ensemble.conduct.conductor import Conductor
from ensemble.conduct.given import GivenPart, Struck, laid
from ensemble.conduct.shaping import shape
from ensemble.config import FollowerSettings
from ensemble.errors import ConfigError, DataError, OutputError, VerifyError
from ensemble.events import Events
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.manifest import Manifest
from ensemble.output.publish import publishing
from ensemble.output.staging import HISTORY, MEMORY
from ensemble.perform import Pace
from ensemble.plan import Extension, RenderRequest
from ensemble.rendering.edits import Edits
from ensemble.rendering.history import History
from ensemble.rendering.levers import Levers
from ensemble.rendering.redo import dry_run, redo, switch, undo
from ensemble.rendering.render import render
from ensemble.rendering.replay import report
from ensemble.rendering.stale import Stale
from ensemble.rendering.verify import verify
from ensemble.types.music import Arrangement, Hit, Hits
from tests.conduct.handmade_leader import restless
from tests.rendering.redone import BAND, RATE, in_full, strum, tree


@pytest.fixture(scope="module")
def strummed(tmp_path_factory) -> Path:
    return strum(tmp_path_factory.mktemp("leader") / "strummed.wav")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory, strummed) -> Path:
    out = tmp_path_factory.mktemp("renders") / "song"
    render(strummed, out, band=BAND, sample_rate=RATE)
    return out


@pytest.fixture
def song(rendered, tmp_path) -> Path:
    """A render that a test may change."""
    return Path(shutil.copytree(rendered, tmp_path / "song"))


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


def test_another_take_of_one_part_leaves_the_notes_of_all_others_as_they_are_shaped(song, monkeypatch):
    shaped = []
    monkeypatch.setattr(parts, "shape", lambda name, *asked, **more: shaped.append(name) or shape(name, *asked, **more))
    conducted = []
    monkeypatch.setattr(Conductor, "conduct", lambda *_: conducted.append(1))
    redo(song, Edits(parts=("violin",), seed=3), report=False)
    assert shaped == ["violin"]
    assert conducted == []


def test_what_is_said_of_the_leader_can_be_edited(song, strummed, tmp_path):
    was = Manifest.read(song / "manifest.json")
    now = redo(song, Edits(overrides=Overrides(beat_level="double")))
    full = in_full(now, strummed, tmp_path / "full")
    assert (now.heard, now.takes) == (full.heard, full.takes)
    assert now.heard.num_beats > 1.5 * was.heard.num_beats
    assert redo(song, Edits(overrides=Overrides())).takes == was.takes


def test_how_the_leader_goes_on_can_be_edited(song):
    request = Manifest.read(song / "manifest.json").plan.request
    longer = Edits(extend_s=4.0, takes=3).edited(request, {})
    assert longer.extension == Extension(extend_s=4.0, top_k=3)
    other = Edits(another=(2,)).edited(longer, {})
    assert Edits(extend_s=8.0).edited(other, {}).extension == Extension(extend_s=8.0, top_k=3)
    with pytest.raises(ConfigError, match="--top-k"):
        Edits(takes=3).check(request)


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


def test_the_report_can_be_written_later_and_again(song, strummed, tmp_path):
    whole, silent = tree(song), tmp_path / "silent"
    render(strummed, silent, band=BAND, sample_rate=RATE, report=False)
    before = tree(silent)
    for folder, had in ((silent, before), (song, whole)):
        page = report(folder)
        assert page == folder / "report.html"
        assert {name: sha256 for name, sha256 in tree(folder).items() if name != page.name} == {
            name: sha256 for name, sha256 in had.items() if name != page.name
        }
        sounds = re.findall(r"data:audio/flac;base64,[^\"]+", page.read_text())
        assert len(set(sounds)) == 2 + len(BAND.followers)  # leader and mix
    damaged(silent / "take-00" / "mix.wav")
    with pytest.raises(VerifyError, match=r"mix\.wav"):
        report(silent)


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


def parts_of(folder: Path, name: str) -> list[tuple[float, int]]:
    """When each note of a part's MIDI file begins, in seconds, and which it is."""
    now_s, notes = 0.0, []
    for message in mido.MidiFile(folder / "take-00" / "parts" / f"{name}.mid"):
        now_s += message.time
        if message.type == "note_on" and message.velocity:
            notes.append((now_s, message.note))
    return notes


def midi_of(path: Path, notes: list[tuple[int, int, int]], channel: int = 0) -> Path:
    """A MIDI file of (note, begin in ms, length in ms), one after another or together, at 1 ms a tick."""
    events = [(begin, "note_on", note) for note, begin, _ in notes]
    events += [(begin + length, "note_off", note) for note, begin, length in notes]
    track, now = mido.MidiTrack(), 0
    for at, kind, note in sorted(events):
        track.append(mido.Message(kind, note=note, velocity=90, time=at - now, channel=channel))
        now = at
    document = mido.MidiFile(ticks_per_beat=500)  # 120 beats a minute
    document.tracks.append(track)
    document.save(path)
    return path


def test_edited_notes_are_played_by_the_voice_and_can_be_verified(song, tmp_path):
    before = Manifest.read(song / "manifest.json").takes["take-00"].files
    edited = midi_of(tmp_path / "edited.mid", [(40, 100, 300), (43, 500, 400), (45, 1200, 700)])
    now = redo(song, Edits(midi={"bass": str(edited)}))
    assert [note for _, note in parts_of(song, "bass")] == [40, 43, 45]
    np.testing.assert_allclose([at for at, _ in parts_of(song, "bass")], [0.1, 0.5, 1.2], atol=0.006)
    changed = {name for name, was in before.items() if now.takes["take-00"].files[name] != was}
    assert changed == {"stems/bass.wav", "parts/bass.mid", "mix.wav"}
    assert verify(song, LocalBand, Pace()).is_good
    redo(song, Edits(unlock=("bass",)))
    assert Manifest.read(song / "manifest.json").takes["take-00"].files == before


@pytest.mark.parametrize(
    ("part", "notes", "channel", "message"),
    [
        ("bass", [(36, 0, 100)], 9, r"holds drums \(channel 10\) at 0\.0 s; bass is electric_bass"),
        ("bass", [(40, 0, 100), (90, 300, 100)], 0, r"note 90 at 0\.3 s is out of range"),
        ("bass", [(40, 0, 400), (43, 200, 400)], 0, r"more than 1 notes at once at 0\.2 s"),
        ("drums", [(36, 0, 100)], 0, r"holds notes of an instrument at 0\.0 s"),
        ("drums", [(90, 100, 100)], 9, r"note 90 at 0\.1 s is no drum"),
        ("bass", [], 0, "holds no notes"),
    ],
)  # fmt: skip
def test_notes_that_a_part_cannot_play_are_refused(song, tmp_path, part, notes, channel, message):
    before = tree(song)
    edited = midi_of(tmp_path / "edited.mid", notes, channel)
    with pytest.raises(DataError, match=message):
        redo(song, Edits(midi={part: str(edited)}))
    assert tree(song) == before


@pytest.mark.parametrize(
    "content",
    [
        b"C D E",
        b"MThd" + bytes([0, 0, 0, 6, 0, 1, 0, 1, 0, 0]) + b"MTrk" + bytes([0, 0, 0, 8, 1, 0x90, 40, 90, 0, 255, 47, 0]),
        b"MThd" + bytes([0, 0, 0, 6, 0, 1, 0, 1, 1, 0]) + b"MTrk" + bytes([0, 0, 0, 6, 0, 255, 89, 2, 99, 0]),
    ],
    ids=["text", "no ticks in a beat", "no such key"],
)
def test_what_is_no_midi_file_is_refused(song, tmp_path, content):
    (tmp_path / "notes.mid").write_bytes(content)
    with pytest.raises(DataError, match="is not a MIDI file"):
        redo(song, Edits(midi={"bass": str(tmp_path / "notes.mid")}))


def test_edited_notes_stand_until_the_last_of_them_has_ended_in_a_take_that_goes_on():
    drums = BAND.followers[-1]
    written = Hits(name="drums", num_frames=1000, hits=(hit(1.0), hit(3.0)))
    arrangement = Arrangement(
        parts=(written,), features=np.zeros((1, 1), np.float32), leader_db=np.zeros(1000, np.float32), num_frames=1000,
        committed_frames=1000,
    )  # fmt: skip
    notes = (Struck(0.0, 2.0, 36, 90, 9), Struck(0.5, 0.6, 38, 90, 9))  # the one that begins first ends last
    (part,) = laid(
        arrangement,
        {"drums": GivenPart(notes=notes)},
        "take-01",
        restless(1),
        BAND.model_copy(update={"followers": (drums,)}),
    ).parts
    assert [one.time_s for one in part.hits] == [0.0, 0.5, 3.0]


def hit(time_s: float) -> Hit:
    return Hit(time_s=time_s, drum="snare", velocity=0.5, index=0)


def test_a_locked_part_stays_what_it_is_and_a_clash_is_told(song):
    before = Manifest.read(song / "manifest.json").takes["take-00"].files
    locked = redo(song, Edits(lock=("bass",)), report=False)
    assert locked.takes["take-00"].files == before
    now = redo(song, Edits(chart="metre: 4/4\nkey: F# major\n\n| F# | C# |\n", seed=4), report=False)
    files = now.takes["take-00"].files
    assert {name for name in before if files[name] == before[name] and "stems" in name} == {"stems/bass.wav"}
    assert "given_part_clashes" in now.heard.codes
    assert verify(song, LocalBand, Pace()).is_good


def test_a_locked_part_is_as_loud_as_it_was_whatever_the_conductor_predicts_now(strummed, tmp_path):
    band = BAND.model_copy(update={"conductor": "learned"})
    before = render(strummed, tmp_path / "song", band=band, sample_rate=RATE, report=False).takes["take-00"].files
    redo(tmp_path / "song", Edits(lock=("bass",)), report=False)
    now = redo(tmp_path / "song", Edits(chart="metre: 3/4\nkey: F# minor\n\n| F#m | C# |\n"), report=False)
    files = now.takes["take-00"].files
    assert files["stems/bass.wav"] == before["stems/bass.wav"]
    assert files["dynamics.csv"] != before["dynamics.csv"]
    assert verify(tmp_path / "song", LocalBand, Pace()).is_good


def test_which_of_two_alike_is_locked_is_remembered(strummed, tmp_path):
    twins = tuple(FollowerSettings(name=name, instrument="violin", role="counter") for name in ("one", "other"))
    band, song = BAND.model_copy(update={"conductor": "learned", "followers": twins}), tmp_path / "song"
    render(strummed, song, band=band, sample_rate=RATE, report=False)
    for name in ("one", "other"):
        redo(song, Edits(lock=(name,), chart="metre: 3/4\nkey: F# minor\n\n| F#m | C# |\n"), report=False)
        assert verify(song, LocalBand, Pace()).is_good, "a memory of the other one's dynamics was taken"
        undo(song)


@pytest.fixture(scope="module")
def long_song(tmp_path_factory) -> tuple[Path, Path]:
    """A leader of five bars, and its render by a chart of five bars."""
    folder = tmp_path_factory.mktemp("long")
    leader = strum(folder / "long.wav", times=5)
    overrides = Overrides(chart=chart_of("C"), tempo_bpm=100.0)
    render(leader, folder / "song", band=BAND, sample_rate=RATE, overrides=overrides, report=False)
    return leader, folder / "song"


def chart_of(last: str) -> str:
    """A chart of five bars."""
    return f"metre: 4/4\nfirst downbeat: 0\nkey: A minor\n\n| Am | F | G | Am | {last} |\n"


def first_difference_s(one: Path, other: Path) -> float:
    """When two stems begin to differ, in seconds."""
    differs = (read_clip(one).samples != read_clip(other).samples).any(axis=0)
    return float(np.argmax(differs)) / RATE if differs.any() else math.inf


BAR_S = 2.4


def test_a_take_of_some_bars_leaves_what_comes_before(long_song, tmp_path):
    leader, rendered = long_song
    song = Path(shutil.copytree(rendered, tmp_path / "song"))
    now = redo(song, Edits(parts=("violin", "drums"), seed=11, from_bar=4), report=False)
    for part in ("violin", "drums"):
        stem = Path("take-00") / "stems" / f"{part}.wav"
        assert 3 * BAR_S - 0.1 <= first_difference_s(song / stem, rendered / stem) < 5 * BAR_S
    assert now.takes == in_full(now, leader, tmp_path / "full").takes
    redo(song, Edits(parts=("drums",), seed=12, from_bar=2, to_bar=2), report=False)
    stems = [History(song).folder(number) / "take-00" / "stems" / "drums.wav" for number in (2, 3)]
    differs = (read_clip(stems[0]).samples != read_clip(stems[1]).samples).any(axis=0)
    assert np.flatnonzero(differs)[-1] / RATE < 3 * BAR_S  # drums come back to what they were
    with pytest.raises(ConfigError, match="bar 99 does not exist"):
        redo(song, Edits(parts=("violin",), seed=11, from_bar=99))


def test_another_chord_leaves_what_comes_before_and_is_told_beforehand(long_song, tmp_path):
    leader, rendered = long_song
    song = Path(shutil.copytree(rendered, tmp_path / "song"))
    edits = Edits(chart=chart_of("Dm"))
    told = dry_run(song, edits)
    assert told.stages == ("understand", "arrange", "play", "mix")
    assert told.parts == dict.fromkeys(["bass", "keys", "violin", "drums"], 4)  # its end leads into the other chord
    now = redo(song, edits, report=False)
    begins_s = [
        first_difference_s(song / stem, rendered / stem)
        for stem in (Path("take-00") / "stems" / f"{part}.wav" for part in told.parts)
    ]
    assert min(begins_s) >= 4 * BAR_S - 0.8  # half a beat leads into the new chord, and is prepared 0.4 s ahead
    assert now.takes == in_full(now, leader, tmp_path / "full").takes


def test_a_walking_bass_sets_out_in_the_bar_before_and_no_sooner(strummed, tmp_path):
    leader, song = strum(tmp_path / "long.wav", times=8), tmp_path / "song"
    chart = "metre: 4/4\nfirst downbeat: 0\nkey: A minor\n\n| Am | F | Dm | Dm | {} | G | C | G |\n"
    overrides = Overrides(chart=chart.format("C"), tempo_bpm=100.0)
    render(leader, song, band=BAND, sample_rate=RATE, overrides=overrides, levers=Levers(style="swing"), report=False)
    told = dry_run(song, Edits(chart=chart.format("Ebm7"))).parts
    before = Path(shutil.copytree(song, tmp_path / "before"))
    redo(song, Edits(chart=chart.format("Ebm7")), report=False)
    bass = Path("take-00") / "stems" / "bass.wav"
    begins_s = first_difference_s(song / bass, before / bass)
    assert 3 * BAR_S - 0.8 <= begins_s < 4 * BAR_S
    assert told["bass"] == 3


class Elsewhere(LocalBand):
    """A band on another kind of machine, which is killed at its fifth block of the bass."""

    left = 5

    def is_exact(self) -> bool:
        return False

    def play(self, part, score, state):
        self.left -= part == "bass"
        if not self.left:
            raise Killed
        return super().play(part, score, state)


def test_what_another_kind_of_machine_computed_is_not_remembered_even_if_it_is_killed(song):
    before = (song / MEMORY).read_bytes()
    with pytest.raises(Killed):
        redo(song, Edits(parts=("bass",), seed=1), band_factory=Elsewhere)
    assert (song / MEMORY).read_bytes() == before


def test_a_version_with_a_changed_file_is_told_and_taken_with_force(song):
    redo(song, Edits(gain_db={"bass": 2.0}), report=False)
    with (song / "take-00" / "stems" / "keys.wav").open("r+b") as stem:
        stem.seek(9000)
        stem.write(b"otherwise")
    with pytest.raises(VerifyError, match=r"keys\.wav: was changed after the render; --force takes it as it is"):
        undo(song)
    undo(song, force=True)
    assert Manifest.read(song / "manifest.json").plan.request.band.followers[0].gain_db == 0.0


@pytest.mark.parametrize(
    ("edits", "option"),
    [
        (Edits(midi={"bass": "notes.mid"}), "--midi"),
        (Edits(lock=("bass",)), "--lock"),
        (Edits(parts=("bass",), seed=1, from_bar=2), "--from"),
        (Edits(parts=("bass",), seed=1, to_bar=2), "--to"),
        (Edits(intro="count-1"), "--intro"),
        (Edits(ending="ritard"), "--ending"),
    ],
)
def test_what_a_live_session_cannot_do_is_refused_by_its_option(edits, option):
    with pytest.raises(ConfigError, match=f"{option}: is not for a live session"):
        edits.check(RenderRequest(band=BAND, live=LiveSettings()))


def test_the_voice_of_an_added_part_is_looked_for_from_the_present_folder():
    sax = FollowerSettings(name="sax", instrument="tenor_sax", role="double", voice="nobody")
    with pytest.raises(ConfigError, match=r"sax\.voice: 'nobody' is unknown"):
        Edits(add=(sax,)).edited(RenderRequest(band=BAND), {})


def test_a_dry_run_changes_nothing(song):
    before = tree(song)
    memory = (song / MEMORY).read_bytes()
    dry_run(song, Edits(lock=("bass",)))
    assert (song / MEMORY).read_bytes() == memory
    assert dry_run(song, Edits(gain_db={"bass": 1.0})) == Stale(("mix",), {}, ("bass",))
    assert dry_run(song, Edits(parts=("bass",), seed=1)).parts == {"bass": 1}
    assert tree(song) == before
