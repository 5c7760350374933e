"""Slakh in every size it comes in: stems are found by their files, instruments by their programs, splits by folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from ensemble.data import slakh
from ensemble.data.programs import instrument_of_program, instrument_of_words
from ensemble.data.readers import recognise
from ensemble.data.takes import Dataset, split_of
from ensemble.errors import DataError
from ensemble.types.instruments import CATALOGUE
from tests.data.miniature_sets import slakh_track

SHORT = np.linspace(-0.5, 0.5, 1600)


def parts(dataset: Dataset) -> set[tuple[str, str]]:
    return {(take.piece, take.part) for take in dataset.takes}


def edit(track: Path, change: dict[str, object], stem: str = "S00") -> None:
    path = track / "metadata.yaml"
    document = yaml.safe_load(path.read_text())
    document["stems"][stem] |= change
    path.write_text(yaml.safe_dump(document))


def test_a_babyslakh_track_is_read_whole(tmp_path: Path) -> None:
    track = slakh_track(tmp_path / "Track00003", {"bass": SHORT, "guitar": SHORT, "drums": SHORT})
    (track / "MIDI").mkdir()
    (track / "MIDI" / "S01.mid").write_bytes(b"MThd")
    dataset = recognise(tmp_path).read(tmp_path)
    assert dataset.name == "slakh"
    assert [take.instrument for take in dataset.takes] == ["electric_bass", "electric_guitar", "drums"]
    assert dataset.takes[1].audio == track / "stems" / "S01.wav"
    assert dataset.takes[1].notes == track / "MIDI" / "S01.mid"
    assert {take.mix for take in dataset.takes} == {track / "mix.wav"}
    assert {take.split for take in dataset.takes} == {split_of("Track00003")}
    assert not any(take.may_ship for take in dataset.takes)
    assert dataset.skips == ()


def test_redux_keeps_its_splits_its_flac_and_leaves_out_what_was_withdrawn(tmp_path: Path) -> None:
    for number, folder in enumerate(("train", "validation", "test", "omitted")):
        slakh_track(tmp_path / folder / f"Track{number:05}", {"bass": SHORT}, suffix=".flac")
    dataset = recognise(tmp_path).read(tmp_path)
    assert {(take.piece, take.split) for take in dataset.takes} == {
        ("Track00000", "train"), ("Track00001", "valid"), ("Track00002", "test"),
    }  # fmt: skip
    assert all(take.audio and take.audio.suffix == ".flac" for take in dataset.takes)


@pytest.mark.parametrize(("flag", "is_there"), [(False, True), (True, False)])
def test_the_file_is_believed_and_not_the_flag(tmp_path: Path, flag: bool, is_there: bool) -> None:
    track = slakh_track(tmp_path / "Track00001", {"bass": SHORT, "guitar": SHORT})
    edit(track, {"audio_rendered": flag})
    if not is_there:
        (track / "stems" / "S00.wav").unlink()
    dataset = slakh.read(tmp_path)
    assert (("Track00001", "S00") in parts(dataset)) == is_there
    assert any(skip.path.name == "S00" and "no audio" in skip.reason for skip in dataset.skips) != is_there


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"program_num": 128, "is_drum": True, "inst_class": "Drums"}, "drums"),
        ({"program_num": 48, "inst_class": "Strings (continued)"}, None),
        ({"program_num": 42, "inst_class": "Strings (continued)"}, "cello"),
        ({"program_num": 17, "inst_class": "Organ"}, None),
        ({"program_num": 88, "inst_class": "Synth Pad"}, None),
        ({"program_num": 38, "inst_class": "Bass"}, None),  # a synthesizer
        ({"program_num": None, "inst_class": "Bass", "midi_program_name": "Electric Bass (finger)"}, "electric_bass"),
        ({"program_num": None, "inst_class": "Piano", "midi_program_name": None}, "piano"),
        ({"program_num": "33", "inst_class": "Strings (continued)", "midi_program_name": ""}, None),
    ],
)
def test_instruments_come_from_the_program_then_from_the_name(
    tmp_path: Path, facts: dict[str, object], expected: str | None
) -> None:
    track = slakh_track(tmp_path / "Track00001", {"bass": SHORT})
    edit(track, {"is_drum": False} | facts)
    assert slakh.read(tmp_path).takes[0].instrument == expected


def test_every_program_leads_into_the_catalogue_and_back() -> None:
    named = {instrument_of_program(program) for program in range(129)} - {None}
    assert named == set(CATALOGUE)
    for name, instrument in CATALOGUE.items():
        if name != "drums":
            assert instrument_of_program(instrument.program) == name


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Violins", "violin"), ("violin_2", "violin"), ("el. bass", "electric_bass"), ("E-Bass", "electric_bass"),
        ("acoustic guitar", "nylon_guitar"), ("Acoustic Guitar (steel)", "steel_guitar"), ("guitar", "electric_guitar"),
        ("ElectricGuitar", "electric_guitar"),
        ("Upright Bass", "double_bass"), ("Acoustic Bass", "double_bass"),
        ("bass guitar", "electric_bass"), ("bass drum", "drums"), ("Drum Kit", "drums"), ("celli", "cello"),
        ("Flöte", "flute"), ("Flo\u0308te", "flute"), ("01 Trumpets", "trumpet"), ("Alto Sax", None),
        ("sax", "tenor_sax"),
        ("bass clarinet", None), ("viola da gamba", None), ("brass", None), ("steel drums", None),
        ("Bassoon", "bassoon"),
        ("French Horn", "horn"), ("English Horn", None), ("Oboe 1", "oboe"), ("Posaune", "trombone"),
        ("synth bass", None), ("electric piano", "electric_piano"), ("grand piano", "piano"),
        ("Church Organ", "organ"), ("Drawbar Organ", None),
        ("theremin", None), ("", None),
        ("123", None), ("Electric Guitar (muted)", "electric_guitar"), ("Muted Trumpet", None),
    ],
)  # fmt: skip
def test_names_are_understood_in_any_spelling_and_not_overstretched(label: str, expected: str | None) -> None:
    assert instrument_of_words(label) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "missing"),
        ("stems: [1, 2", "not YAML"),
        ("- a list", "lists no stems"),
        ("stems: {}", "lists no stems"),
        ("stems: !!python/object/apply:os.system ['true']", "not YAML"),
        ("stems:\n  ../../secret: {program_num: 33}\n  S00: 5", None),
        ("[" * 100_000, "not YAML"),
        ("- " * 100_000, "not YAML"),
        ("# " + "x" * 2**20, "too large"),
    ],
)
def test_damaged_metadata_costs_one_track_and_is_named(tmp_path: Path, text: str | None, complaint: str | None) -> None:
    slakh_track(tmp_path / "Track00001", {"bass": SHORT})
    bad = slakh_track(tmp_path / "Track00002", {"bass": SHORT})
    (bad / "metadata.yaml").unlink()
    if text is not None:
        (bad / "metadata.yaml").write_text(text)
    dataset = slakh.read(tmp_path)
    assert parts(dataset) == {("Track00001", "S00")}
    assert any(bad in (skip.path, *skip.path.parents) for skip in dataset.skips)
    if complaint:
        assert any(complaint in skip.reason for skip in dataset.skips)


def test_one_tune_never_lies_on_both_sides_of_a_split(tmp_path: Path) -> None:
    slakh_track(tmp_path / "train" / "Track00001", {"bass": SHORT}, uuid="same")
    slakh_track(tmp_path / "train" / "Track00003", {"bass": SHORT}, uuid="same")
    slakh_track(tmp_path / "test" / "Track00002", {"bass": SHORT}, uuid="same")
    slakh_track(tmp_path / "test" / "Track00004", {"bass": SHORT}, uuid="other")
    dataset = slakh.read(tmp_path)
    twins = {take.piece for take in dataset.takes if take.piece != "Track00004"}
    assert twins in ({"Track00001", "Track00003"}, {"Track00002"})
    assert ("Track00004", "S00") in parts(dataset)
    assert any("same MIDI" in skip.reason for skip in dataset.skips)


def test_a_stem_that_nobody_describes_is_named(tmp_path: Path) -> None:
    track = slakh_track(tmp_path / "Track00001", {"bass": SHORT})
    (track / "stems" / "S07.wav").write_bytes(b"")
    (track / "stems" / "._S00.wav").write_bytes(b"leftover")
    assert [(skip.path.name, skip.reason) for skip in slakh.read(tmp_path).skips] == [
        ("S07.wav", "is not in metadata.yaml")
    ]


def test_our_own_sets_bring_their_labels_and_may_be_shipped(tmp_path: Path) -> None:
    track = slakh_track(tmp_path / "Track00001", {"bass": SHORT, "guitar": SHORT})
    (tmp_path / "composer.json").write_text("{}")
    facts = (track / "metadata.yaml").read_text().replace("none.nkm", "FluidR3_GM.sf2", 1)
    (track / "metadata.yaml").write_text(facts)
    (track / "labels").mkdir()
    np.savez(track / "labels" / "S00.npz", f0_hz=np.zeros(10))
    first, second = slakh.read(tmp_path).takes
    assert first.labels == track / "labels" / "S00.npz"
    assert second.labels is None
    assert first.may_ship
    assert "ours" in first.licence
    assert not second.may_ship  # of a sound whose licence is not known
    assert "yours to know" in second.licence


def test_a_set_without_any_stem_is_refused(tmp_path: Path) -> None:
    track = slakh_track(tmp_path / "Track00001", {"bass": SHORT})
    (track / "stems" / "S00.wav").unlink()
    with pytest.raises(DataError, match="no audio file"):
        slakh.read(tmp_path)


def test_the_real_excerpt_is_read(shared_audio: Path) -> None:
    root = shared_audio / "babyslakh_16k"
    dataset = recognise(root).read(root)
    assert len(dataset.takes) == 10
    by_part = {take.part: take for take in dataset.takes}
    assert by_part["S01"].instrument == "drums"
    assert by_part["S03"].instrument == "electric_bass"
    assert by_part["S04"].label == "Strings (continued)"
    assert by_part["S04"].instrument is None
    assert {(skip.path.name, skip.reason.split(" (")[0]) for skip in dataset.skips} == {
        ("S06", "has no audio file"), ("Track00007", "metadata.yaml is missing"),
    }  # fmt: skip
