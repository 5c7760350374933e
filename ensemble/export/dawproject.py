"""A project for DAWs: tracks with clips of sound and of notes, tempo, metre and chords on one time line.

Source: DAWproject 1.0, github.com/bitwig/dawproject, Project.xsd and MetaData.xsd.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from ensemble.audio.delivered import form_of
from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.midi import DRUM_NOTES, TICKS_PER_QUARTER
from ensemble.export.song import SongTake
from ensemble.machine import ensemble_version
from ensemble.types.music import Hits, Part

STROKE_QUARTERS = 0.1


def write_dawproject(song: SongTake, stems: list[Path], path: Path) -> None:
    """Write a project with the sound of the leader and of every stem, and a track of notes for every part.

    Args:
        song: the take.
        stems: the leader's sound and the stems, as `write_stems` returns them.
        path: the file to write.
    """
    with ZipFile(path, "w", ZIP_STORED) as project:
        for name, root in (("project.xml", _project(song, stems)), ("metadata.xml", _metadata(song))):
            indent(root)
            project.writestr(ZipInfo(name), tostring(root, encoding="utf-8", xml_declaration=True))
        for stem in stems:
            project.write(stem, f"audio/{stem.name}")


def _metadata(song: SongTake) -> Element:
    root = Element("MetaData")
    SubElement(root, "Title").text = song.title
    SubElement(root, "Comment").text = f"{song.heard.key}, played by ensemble {ensemble_version()}"
    return root


def _project(song: SongTake, stems: list[Path]) -> Element:
    length = max(_length(song, stem) for stem in stems)
    root = Element("Project", version="1.0")
    SubElement(root, "Application", name="ensemble", version=ensemble_version())
    transport = SubElement(root, "Transport")
    _parameter(transport, "Tempo", "tempo", 60 / song.beats.tempos.quarter_s[-1], "bpm")
    _, count, unit = song.beats.metres[-1]
    SubElement(transport, "TimeSignature", id="metre", numerator=str(count), denominator=str(unit))
    structure = SubElement(root, "Structure")
    lanes_of: list[tuple[str, Element]] = []
    for number, stem in enumerate(stems):
        _track(structure, f"audio{number}", "audio", stem.stem.split(" - ")[0], volume=1.0)
        lanes_of.append((f"audio{number}", _sound(song, stem)))
    for number, (follower, part, _) in enumerate(song.parts, 1):
        _track(structure, f"notes{number}", "notes", f"{follower.name} (notes)", volume=0.0)
        lanes_of.append((f"notes{number}", _notes(song, part)))
    _track(structure, "master", "audio notes", "Master", volume=1.0)
    arrangement = SubElement(root, "Arrangement", id="arrangement")
    lanes = SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    for track, content in lanes_of:
        lane = SubElement(lanes, "Lanes", id=f"{track}-lanes", track=track)
        clips = SubElement(lane, "Clips", id=f"{track}-clips")
        clip = SubElement(clips, "Clip", time="0.0", duration=_number(length))
        clip.append(content)
    _markers(arrangement, song)
    _automation(arrangement, song)
    return root


def _track(structure: Element, name: str, content: str, title: str, volume: float) -> None:
    track = SubElement(structure, "Track", id=name, name=title, contentType=content, loaded="true")
    role = "master" if name == "master" else "regular"
    channel = SubElement(track, "Channel", id=f"{name}-channel", role=role, audioChannels="2", solo="false")
    if role == "regular":
        channel.set("destination", "master-channel")
    _parameter(channel, "Volume", f"{name}-volume", volume, "linear")


def _parameter(parent: Element, tag: str, name: str, value: float, unit: str) -> None:
    SubElement(parent, tag, id=name, value=_number(value), unit=unit)


def _sound(song: SongTake, stem: Path) -> Element:
    """The sound of a track in seconds, held to the beats of the project."""
    form = form_of(stem)
    warps = Element("Warps", timeUnit="beats", contentTimeUnit="seconds")
    audio = SubElement(
        warps,
        "Audio",
        channels=str(form.num_channels),
        sampleRate=str(form.sample_rate),
        duration=_number(form.duration_s),
    )
    SubElement(audio, "File", path=f"audio/{stem.name}")
    tempos = song.beats.tempos
    end = _length(song, stem)
    places = [*(float(quarter) for quarter in tempos.quarters if quarter < end), end]
    for quarter, second in zip(places, tempos.seconds(places).tolist(), strict=True):
        SubElement(warps, "Warp", time=_number(quarter), contentTime=_number(second))
    return warps


def _notes(song: SongTake, part: Part | Hits) -> Element:
    notes = Element("Notes")
    if isinstance(part, Hits):
        written = [
            (_quarter(song, hit.time_s), STROKE_QUARTERS, 9, DRUM_NOTES[hit.drum], hit.velocity)
            for hit in part.hits
            if hit.time_s >= song.beats.start_s
        ]
    else:
        written = []
        for note in part.notes:
            start_s, stop_s = note.start_frame / FRAME_RATE_HZ, note.stop_frame / FRAME_RATE_HZ
            if stop_s > song.beats.start_s:
                start = _quarter(song, start_s)
                length = _quarter(song, stop_s) - start
                written.append((start, length, 0, round(note.pitch_midi), note.velocity / 127))
    for start, length, channel, key, velocity in sorted(written):
        SubElement(
            notes, "Note", time=_number(start), duration=_number(length), channel=str(channel), key=str(key),
            vel=_number(velocity),
        )  # fmt: skip
    return notes


def _markers(arrangement: Element, song: SongTake) -> None:
    changes = [(_quarter(song, at_s + song.beats.start_s), name) for at_s, name in song.markers()]
    if changes:
        markers = SubElement(arrangement, "Markers", id="chords", timeUnit="beats")
        for quarter, name in changes:
            SubElement(markers, "Marker", time=_number(quarter), name=name)


def _automation(arrangement: Element, song: SongTake) -> None:
    tempos = SubElement(arrangement, "TempoAutomation", id="tempos", timeUnit="beats", unit="bpm")
    SubElement(tempos, "Target", parameter="tempo")
    for quarter, quarter_s in zip(song.beats.tempos.quarters, song.beats.tempos.quarter_s, strict=True):
        SubElement(tempos, "RealPoint", time=_number(quarter), value=_number(60 / quarter_s), interpolation="hold")
    metres = SubElement(arrangement, "TimeSignatureAutomation", id="metres", timeUnit="beats")
    SubElement(metres, "Target", parameter="metre")
    for tick, count, unit in song.beats.metres:
        SubElement(
            metres, "TimeSignaturePoint", time=_number(tick / TICKS_PER_QUARTER), numerator=str(count),
            denominator=str(unit),
        )  # fmt: skip


def _quarter(song: SongTake, second: float) -> float:
    return song.beats.ticks(second) / TICKS_PER_QUARTER


def _length(song: SongTake, stem: Path) -> float:
    """How long a sound is, in quarters."""
    return _quarter(song, song.beats.start_s + form_of(stem).duration_s)


def _number(value: float) -> str:
    return f"{float(value):.9g}"
