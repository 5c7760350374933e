"""A finished render is taken to a DAW: stems add up, notes and beats lie where they sound, projects keep the form."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import mido
import numpy as np
import pytest
import soundfile

from ensemble.audio.wav_chunks import SteadyTempo, WavNotes, append_chunks
from ensemble.chart.text import parse_chart
from ensemble.conduct.midi import beat_map
from ensemble.errors import OutputError, VerifyError
from ensemble.export.export import export
from ensemble.rendering.render import render
from tests.conduct.handmade_leader import heard_of

RATE = 16_000

FORM: dict[str, tuple[str, str, str]] = {
    "Project": ("version", "", "Application Transport Structure Arrangement Scenes"),
    "Application": ("name version", "", ""),
    "Transport": ("", "", "Tempo TimeSignature"),
    "Tempo": ("unit", "id name value min max", ""),
    "TimeSignature": ("numerator denominator", "id name", ""),
    "Structure": ("", "", "Track"),
    "Track": ("", "id name color comment contentType loaded", "Channel Track"),
    "Channel": ("", "id audioChannels destination role solo", "Devices Mute Pan Sends Volume"),
    "Volume": ("unit", "id name value min max", ""),
    "Arrangement": ("", "id name", "Lanes Markers TempoAutomation TimeSignatureAutomation"),
    "Lanes": ("", "id timeUnit track", "Lanes Clips"),
    "Clips": ("", "id timeUnit track", "Clip"),
    "Clip": ("time", "name duration", "Warps Notes"),
    "Warps": ("contentTimeUnit", "id timeUnit", "Audio Warp"),
    "Audio": ("channels sampleRate duration", "id", "File"),
    "File": ("path", "external", ""),
    "Warp": ("time contentTime", "", ""),
    "Notes": ("", "id timeUnit", "Note"),
    "Note": ("time duration channel key", "vel rel", ""),
    "Markers": ("", "id timeUnit", "Marker"),
    "Marker": ("time", "name", ""),
    "TempoAutomation": ("", "id timeUnit unit", "Target RealPoint"),
    "TimeSignatureAutomation": ("", "id timeUnit", "Target TimeSignaturePoint"),
    "Target": ("", "parameter", ""),
    "RealPoint": ("time value", "interpolation", ""),
    "TimeSignaturePoint": ("time numerator denominator", "", ""),
}
"""Of Project.xsd of DAWproject 1.0 what is used: attributes that must and may be there, children in their order."""


@pytest.fixture(scope="module")
def rendered(short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered") / "out"
    render(short_leader_file, out, voice="naive", sample_rate=RATE)
    return out


@pytest.fixture(scope="module")
def unpacked(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    with ZipFile(export(rendered, "zip", folder / "all.zip")) as whole:
        whole.extractall(folder)
    return next(path for path in folder.iterdir() if path.is_dir())


def sound(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, always_2d=True)
    assert rate == RATE
    return samples


def check_form(element: ET.Element) -> None:
    needed, allowed, children = (words.split() for words in FORM[element.tag])
    assert set(needed) <= set(element.attrib) <= {*needed, *allowed}, element.attrib
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order), f"children of {element.tag}"
    for child in element:
        check_form(child)


def test_leader_and_stems_add_up_to_the_mix_before_its_limiter(rendered: Path, unpacked: Path) -> None:
    stems = [sound(path) for path in sorted(unpacked.glob("0*.wav"))]
    assert len(stems) == 5  # the leader, three parts, and the room
    assert np.abs(stems[-1]).max() > 1e-3
    mix, premaster = sound(unpacked / "mix.wav"), sound(unpacked / "premaster.wav")
    total = np.zeros_like(mix)
    for stem in stems:
        total[: len(stem)] += stem
    assert np.abs(total - premaster).max() < 10 ** (-90 / 20)
    assert (mix == sound(rendered / "take-00" / "mix.wav")).all()
    quiet = np.abs(mix).max(axis=1) < 0.2  # far from the limiter the two differ by one gain
    gain = float((mix[quiet] * premaster[quiet]).sum() / np.square(premaster[quiet]).sum())
    assert np.abs(mix - gain * premaster)[quiet].max() < 0.02
    assert np.abs(premaster).max() > 0.02


def chunks_of(path: Path) -> dict[bytes, bytes]:
    """The chunks of a RIFF file by name, read as the format says."""
    whole, found, at = path.read_bytes(), dict[bytes, bytes](), 12
    assert struct.unpack_from("<I", whole, 4)[0] == len(whole) - 8
    while at < len(whole):
        name, size = struct.unpack_from("<4sI", whole, at)
        found[name] = whole[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(whole)
    return found


def test_every_sound_tells_its_place_its_tempo_and_its_chords(rendered: Path, unpacked: Path, tmp_path: Path) -> None:
    song = mido.MidiFile(unpacked / "song.mid")
    marked = [(at, message.text) for at, message in timed(song, 0) if message.type == "marker"]
    for path in unpacked.glob("*.wav"):
        chunks = chunks_of(path)
        cues = [struct.unpack_from("<II4sIII", chunks[b"cue "], 4 + 24 * number) for number in range(len(marked))]
        np.testing.assert_allclose([cue[1] / RATE for cue in cues], [at for at, _ in marked], atol=0.002)
        assert [cue[0] for cue in cues] == list(range(1, len(marked) + 1))
        for number, (_, name) in enumerate(marked, 1):
            assert struct.pack("<I", number) + name.encode() + b"\0" in chunks[b"LIST"]
        assert chunks[b"bext"][:256].rstrip(b"\0").decode() == unpacked.name
        assert struct.unpack_from("<Q", chunks[b"bext"], 338) == (0,)
    cut = chunks_of(next(export(rendered, "stems", tmp_path / "stems", from_bar_one=True).glob("01*.wav")))
    shift = soundfile.info(unpacked / "mix.wav").frames - soundfile.info(tmp_path / "stems" / "mix.wav").frames
    assert struct.unpack_from("<Q", cut[b"bext"], 338) == (shift,)


def test_a_tempo_stands_in_a_sound_where_it_has_one(tmp_path: Path) -> None:
    notes = WavNotes(description="a", originator="b", origin_sample=3, markers=(), tempo=SteadyTempo(96.0, 8, 3, 4))
    for tempo, expected in ((notes.tempo, True), (None, False)):
        soundfile.write(tmp_path / "a.wav", np.full(33, 0.5), RATE, subtype="PCM_24")
        append_chunks(tmp_path / "a.wav", replace(notes, tempo=tempo))
        chunks = chunks_of(tmp_path / "a.wav")
        assert (b"acid" in chunks) is expected
        assert b"cue " not in chunks
        assert (soundfile.read(tmp_path / "a.wav")[0] == 0.5).all()
    append_chunks(tmp_path / "a.wav", notes)
    fields = struct.unpack("<IHHfIHHf", chunks_of(tmp_path / "a.wav")[b"acid"])
    assert fields[4:] == (8, 4, 3, 96.0)


def test_one_midi_file_holds_every_part_where_it_sounds(rendered: Path, unpacked: Path) -> None:
    song = mido.MidiFile(unpacked / "song.mid")
    markers = [message.text for message in song.tracks[0] if message.type == "marker"]
    assert markers
    assert [message.key for message in song.tracks[0] if message.type == "key_signature"]
    names = [track.name for track in song.tracks]
    for name in ("bass", "rhythm", "drums"):
        alone = mido.MidiFile(rendered / "take-00" / "parts" / f"{name}.mid")
        alone_s = [at for at, message in timed(alone, 1) if message.type == "note_on"]
        among_s = [at for at, message in timed(song, names.index(name)) if message.type == "note_on"]
        np.testing.assert_allclose(among_s, alone_s, atol=0.002)
        assert among_s


def timed(song: mido.MidiFile, track: int) -> list[tuple[float, mido.Message]]:
    """The messages of one track with their seconds."""
    one = mido.MidiFile(type=1, ticks_per_beat=song.ticks_per_beat)
    one.tracks = [song.tracks[0], song.tracks[track]] if track else [song.tracks[0]]
    at, found = 0.0, []
    for message in one:
        at += message.time
        found.append((at, message))
    return found


def test_the_click_is_heard_on_the_beats_of_the_midi_file(unpacked: Path) -> None:
    click = sound(unpacked / "click.wav")[:, 0]
    loud = np.flatnonzero(np.abs(click) > 0.05)
    onsets_s = loud[np.diff(loud, prepend=-RATE) > RATE // 10] / RATE
    song = mido.MidiFile(unpacked / "song.mid")
    tempos = [(at, message.tempo) for at, message in timed(song, 0) if message.type == "set_tempo"]
    beats_s, at = [], 0.0
    while at < onsets_s[-1] + 0.1:
        beats_s.append(at)
        at += [tempo for start, tempo in tempos if start <= at + 1e-6][-1] / 1e6
    nearest = np.abs(np.subtract.outer(onsets_s, beats_s)).min(axis=1)
    assert len(onsets_s) >= 3
    assert nearest.max() < 0.018


def test_a_project_keeps_the_form_of_dawproject(unpacked: Path) -> None:
    with ZipFile(next(unpacked.glob("*.dawproject"))) as project:
        root = ET.fromstring(project.read("project.xml"))  # noqa: S314  our own
        metadata = ET.fromstring(project.read("metadata.xml"))  # noqa: S314
        names = set(project.namelist())
        assert project.testzip() is None
    check_form(root)
    assert metadata.findtext("Title") == "short"
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        for reference in ("track", "destination", "parameter"):
            assert element.attrib.get(reference, ids[0]) in ids
    assert {file.attrib["path"] for file in root.iter("File")} <= names
    assert len(list(root.iter("Note"))) > 10
    assert len(list(root.iter("Warps"))) == 5


def test_the_chart_is_what_was_heard(unpacked: Path) -> None:
    assert parse_chart((unpacked / "song.chart").read_text()).title == "short"


def test_from_bar_one_everything_is_cut_at_one_place(rendered: Path, unpacked: Path, tmp_path: Path) -> None:
    stems = export(rendered, "stems", tmp_path / "stems", from_bar_one=True)
    whole, cut = sound(unpacked / "mix.wav"), sound(stems / "mix.wav")
    shift = len(whole) - len(cut)
    assert shift >= 0
    assert (whole[shift:] == cut).all()
    assert np.abs(sound(stems / "click.wav")[: RATE // 50]).max() > 0.1, "it begins with the click of a downbeat"
    song = mido.MidiFile(export(rendered, "midi", tmp_path / "song.mid", from_bar_one=True))
    assert [message.numerator for message in song.tracks[0] if message.type == "time_signature"] == [4]


def test_a_steady_leader_gets_one_tempo_and_a_wandering_one_a_map() -> None:
    dice = np.random.default_rng(3)
    steady = heard_of(bars=16, bpm=120.0)
    steady.beats_s[:] += dice.uniform(-0.008, 0.008, len(steady.beats_s))
    beats = beat_map(steady, 0.015)
    assert len(beats.tempos.quarters) <= 2
    assert 0.001 < beats.off_s <= 0.015
    wandering = heard_of(bars=16, bpm=120.0)
    wandering.beats_s[:] += 0.1 * np.sin(np.arange(len(wandering.beats_s)) / 5)
    assert len(beat_map(wandering, 0.015).tempos.quarters) > 10
    assert beat_map(wandering, 0.015).off_s == 0.0


def test_what_cannot_be_exported_is_refused(rendered: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="has no take-07"):
        export(rendered, "zip", tmp_path / "x.zip", take="take-07")
    (tmp_path / "there.mid").touch()
    with pytest.raises(OutputError, match="exists"):
        export(rendered, "midi", tmp_path / "there.mid")
    with pytest.raises(OutputError, match="cannot be written"):
        export(rendered, "midi", tmp_path / "no" / "folder.mid")
    with pytest.raises(VerifyError, match="cannot be read"):
        export(tmp_path, "zip", tmp_path / "x.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.mid"]
