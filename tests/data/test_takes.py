"""Splits: by hash for ever in large sets, and never empty in small ones."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.data.compose.piece import draw_piece
from ensemble.data.compose.track import track_name
from ensemble.data.takes import SPLITS, split_of, splits_of

NAMES = st.sets(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6), max_size=24)


@given(NAMES)
def test_three_pieces_are_enough_for_all_three_splits(names: set[str]) -> None:
    splits = splits_of(dict.fromkeys(names, ("violin",)))
    assert splits.keys() == names
    assert set(splits.values()) == set(SPLITS[: len(names)])
    held_out = Counter(splits.values())
    by_hash = Counter(map(split_of, names))
    assert sum((held_out - by_hash).values()) <= 2  # no more is moved than is needed


@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), max_size=12))
def test_what_can_be_learned_from_is_never_held_out_whole(played: list[set[str]]) -> None:
    pieces = {f"piece {number}": one for number, one in enumerate(played)}
    splits = splits_of(pieces)
    for instrument in {one for found in played for one in found}:
        assert any(splits[piece] == "train" and instrument in found for piece, found in pieces.items())


def test_a_large_set_is_split_by_hash_alone() -> None:
    names = [track_name(number) for number in range(1, 200)]
    assert splits_of(dict.fromkeys(names, ("violin", "drums"))) == {name: split_of(name) for name in names}


@pytest.mark.parametrize("style", ["house", "other"])
def test_seven_composed_tracks_give_every_instrument_something_in_each_split(style: str) -> None:
    for seed in range(20):
        pieces = {
            track_name(number): {part.player.instrument for part in draw_piece(seed, number, style).parts}
            for number in range(1, 8)
        }
        splits = splits_of(pieces)
        for instrument in set.union(*pieces.values()):
            assert {splits[piece] for piece, played in pieces.items() if instrument in played} == set(SPLITS)
