"""What the report says of a band: words for figures, a warning for a late stem, honesty about too little."""

from __future__ import annotations

import numpy as np

from ensemble.measure.cases import FollowPart, LeadPart
from ensemble.measure.harmony_fit import TimedNote, tones_of_notes
from ensemble.report.facts import following_facts

ONSETS_S = np.arange(1, 60) * 0.5
NOTES = tuple(TimedNote(at, at + 0.4, 60.0) for at in ONSETS_S)
LEADER = LeadPart(onsets_s=ONSETS_S, tones=tones_of_notes(NOTES, 3000), chords=np.ones((12, 3000), np.bool_))


def stem(late_s: float, pitch: float, num: int = 59) -> FollowPart:
    notes = tuple(TimedNote(at + late_s, at + late_s + 0.4, pitch) for at in ONSETS_S[:num])
    return FollowPart(
        name="bass_line", role="bass", range_midi=(28, 61), onsets_s=ONSETS_S[:num] + late_s, notes=notes,
        tones=tones_of_notes(notes, 3000),
    )  # fmt: skip


def test_a_follower_in_time_and_in_tune():
    (fact,) = following_facts(LEADER, [stem(0.008, 48.0)])
    assert (fact.name, fact.value, fact.is_good) == ("bass line", "8 ms from the leader's onsets", True)
    assert "0 semitone clashes a minute" in fact.note
    assert "drift" in fact.note


def test_a_late_follower_a_semitone_off_is_marked():
    (fact,) = following_facts(LEADER, [stem(0.035, 49.0)])
    assert not fact.is_good
    assert fact.value.startswith("35 ms")
    clashes = int(fact.note.split(", ")[-1].split()[0])
    assert clashes > 60


def test_a_follower_who_hardly_plays_is_not_judged():
    (fact,) = following_facts(LEADER, [stem(0.0, 48.0, num=3)])
    assert "Too few shared onsets" in fact.value
    assert fact.is_good
