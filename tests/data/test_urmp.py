"""URMP: the published names, both layouts, and two violins that stay two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.data import urmp
from ensemble.data.readers import recognise
from ensemble.errors import DataError
from tests.data.miniature_sets import urmp_piece

SHORT = np.linspace(-0.5, 0.5, 1600)


@pytest.mark.parametrize(("below", "rate"), [("Dataset", 48_000), ("", 16_000)])
def test_both_layouts_are_read_alike(tmp_path: Path, below: str, rate: int) -> None:
    piece = urmp_piece(tmp_path / below, "01", "Jupiter", [("vn", SHORT), ("vc", SHORT)], rate)
    (tmp_path / "Supplementary_Files").mkdir()
    dataset = recognise(tmp_path).read(tmp_path)
    assert dataset.name == "urmp"
    assert [(take.piece, take.part, take.instrument) for take in dataset.takes] == [
        ("01_Jupiter_vn_vc", "1_vn", "violin"), ("01_Jupiter_vn_vc", "2_vc", "cello"),
    ]  # fmt: skip
    first = dataset.takes[0]
    assert first.audio == piece / "AuSep_1_vn_01_Jupiter.wav"
    assert first.notes == piece / "Notes_1_vn_01_Jupiter.txt"
    assert first.mix == piece / "AuMix_01_Jupiter_vn_vc.wav"
    assert not first.may_ship


def test_two_violins_of_one_piece_are_two_takes(tmp_path: Path) -> None:
    urmp_piece(tmp_path, "12", "Spring", [("vn", SHORT), ("vn", -SHORT), ("vc", SHORT)])
    takes = urmp.read(tmp_path).takes
    assert [take.part for take in takes] == ["1_vn", "2_vn", "3_vc"]
    assert len({take.audio for take in takes}) == 3


def test_every_instrument_of_the_set_is_known_by_its_code(tmp_path: Path) -> None:
    codes = ["vn", "va", "vc", "db", "fl", "ob", "cl", "sax", "bn", "tpt", "hn", "tbn", "tba"]
    urmp_piece(tmp_path, "40", "Miserere", [(code, SHORT) for code in codes])
    dataset = urmp.read(tmp_path)
    assert [take.label for take in sorted(dataset.takes, key=lambda take: int(take.part.split("_")[0]))] == codes
    assert dataset.skips == ()
    assert {take.label for take in dataset.takes if take.instrument is None} == {"tba"}


def test_one_tune_for_other_instruments_stays_in_one_split(tmp_path: Path) -> None:
    for tune in ("Pirates", "King", "Fugue", "Entertainer", "Jerusalem", "Nocturne"):
        urmp_piece(tmp_path, "24", tune, [("vn", SHORT), ("va", SHORT)])
        urmp_piece(tmp_path, "25", tune, [("vn", SHORT), ("sax", SHORT)])
    splits = {}
    for take in urmp.read(tmp_path).takes:
        splits.setdefault(take.piece.split("_")[1], set()).add(take.split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) > 1  # and not all in the same one


def test_a_tune_with_underscores_and_a_missing_note_list(tmp_path: Path) -> None:
    piece = urmp_piece(tmp_path, "07", "Gavotte_in_G", [("fl", SHORT)])
    (piece / "Notes_1_fl_07_Gavotte_in_G.txt").unlink()
    (take,) = urmp.read(tmp_path).takes
    assert (take.part, take.instrument, take.notes) == ("1_fl", "flute", None)


def test_a_name_that_does_not_fit_is_passed_over_and_named(tmp_path: Path) -> None:
    piece = urmp_piece(tmp_path, "01", "Jupiter", [("vn", SHORT)])
    (piece / "AuSep_vn_01_Jupiter.wav").write_bytes(b"")
    (piece / "._AuSep_1_vn_01_Jupiter.wav").write_bytes(b"leftover")
    empty = urmp_piece(tmp_path, "02", "Sonata", [("vn", SHORT)])
    (empty / "AuSep_1_vn_02_Sonata.wav").unlink()
    dataset = urmp.read(tmp_path)
    assert len(dataset.takes) == 1
    assert {skip.path.name for skip in dataset.skips} == {"AuSep_vn_01_Jupiter.wav", "02_Sonata_vn"}


def test_renamed_parts_are_refused_with_the_name_they_should_have(tmp_path: Path) -> None:
    piece = urmp_piece(tmp_path, "01", "Jupiter", [("vn", SHORT)])
    (piece / "AuSep_1_vn_01_Jupiter.wav").rename(piece / "AuSep_violin.wav")
    with pytest.raises(DataError, match="AuSep_<part>_<instrument>"):
        urmp.read(tmp_path)
