from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.attacks import attack_near
from ensemble.errors import RetrieveError
from ensemble.retrieve.join.material import UnusableReason
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.retriever import Retriever
from ensemble.retrieve.search.quality import CHANCE
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import Continuation, ContinuationQuery
from ensemble.types.music import AudioClip, Heard
from tests.retrieve.tunes import RATE, Shelf, clip_of, shelf_of, tune, wish_for

TEMPO_BPM = 110.0
BEAT_S = 60 / TEMPO_BPM
LEADER_BEATS = 20


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The leader's tune played by somebody else and going on; three other tunes, one of them short."""
    sounds = {
        "same-tune": clip_of(tune(1, 56, tempo_bpm=TEMPO_BPM, brightness=1.5, level=0.08)),
        "other": clip_of(tune(2, 48, tempo_bpm=TEMPO_BPM)),
        "slower": clip_of(tune(3, 40, tempo_bpm=105.0)),
        "short": clip_of(tune(4, 14, tempo_bpm=TEMPO_BPM)),
    }
    return shelf_of(tmp_path_factory.mktemp("shelf"), sounds)


@pytest.fixture(scope="module")
def leader() -> AudioClip:
    """Ten seconds of tune 1, cut while its last note rings."""
    return clip_of(tune(1, 56, tempo_bpm=TEMPO_BPM)[: round((LEADER_BEATS + 0.6) * BEAT_S * RATE)])


@pytest.fixture(scope="module")
def asked(leader: AudioClip) -> tuple[Heard, ContinuationQuery]:
    return wish_for(leader, 8.0, 3)


def pitch_classes(samples: np.ndarray) -> np.ndarray:
    """Energy by pitch class, 200 to 2000 Hz.  [12]"""
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    inside = (hz > 200) & (hz < 2000)
    place = np.rint(12 * np.log2(hz[inside] / 440)).astype(int) % 12
    return np.sqrt(np.bincount(place, weights=power[inside], minlength=12))


def retriever(shelf: Shelf, skipped: list[str] | None = None) -> Retriever:
    return Retriever(
        shelf.store(), shelf.described, RetrieveSettings(), (skipped if skipped is not None else []).append
    )


def extended(leader: AudioClip, found: Continuation) -> np.ndarray:
    return np.concatenate([leader.samples[:, : found.begin_sample], found.clip.samples], axis=1)


def spans(found: Continuation) -> list[tuple[str, float, float]]:
    return sorted((hop.recording_sha256, hop.start_s, hop.stop_s) for hop in found.hops)


def test_every_way_of_going_on_lasts_to_the_sample_and_begins_elsewhere(shelf, leader, asked):
    found = retriever(shelf).continuations(*asked)
    assert len(found) == 3
    for one in found:
        assert extended(leader, one).shape == (1, leader.num_samples + 8 * RATE)
        assert one.clip.sample_rate == RATE
        assert np.abs(one.clip.samples[0, -5:]).max() < 1e-3
        assert np.abs(one.clip.samples[0, : 6 * RATE]).max() > 0.05
        assert one.hops[0].begins_s == one.begin_sample / RATE
        assert (np.diff(one.beats_s) > 0).all()
        assert one.beats_s[0] > one.hops[0].begins_s
        np.testing.assert_array_equal(np.rint(one.clip.samples * 2**23), one.clip.samples * 2**23)
    assert [one.total for one in found] == sorted((one.total for one in found), reverse=True)
    first = [(one.hops[0].recording_sha256, one.hops[0].start_s) for one in found]
    assert all(a[0] != b[0] or abs(a[1] - b[1]) >= 4.0 for n, a in enumerate(first) for b in first[:n])


def test_the_next_best_stands_where_another_was_asked_for(shelf, asked):
    heard, query = asked
    found = retriever(shelf).continuations(heard, replace(query, top_k=2))
    other = retriever(shelf).continuations(heard, replace(query, top_k=2, another=(2,)))
    both = retriever(shelf).continuations(heard, replace(query, top_k=2, another=(2, 2)))
    assert spans(other[0]) == spans(both[0]) == spans(found[0])
    assert len({str(spans(one[1])) for one in (found, other, both)}) == 3
    with pytest.raises(RetrieveError, match="continuation 3: is not there: 2 were found"):
        retriever(shelf).continuations(heard, replace(query, top_k=2, another=(3,)))
    with pytest.raises(RetrieveError, match="continuation 1: has no other"):
        retriever(shelf.only("short")).continuations(heard, replace(query, extend_s=1.0, top_k=1, another=(1,) * 9))


def test_beside_the_first_nothing_is_given_that_is_no_better_than_chance(shelf, asked):
    heard, query = asked
    found = retriever(shelf).continuations(heard, replace(query, top_k=16))
    assert 3 <= len(found) < 16
    assert found[0].quality.word == "good"
    assert all(one.quality.among_random >= CHANCE for one in found[1:])


def test_others_are_found_beyond_the_first_candidates(shelf, asked, monkeypatch):
    monkeypatch.setattr("ensemble.retrieve.retriever.FIRST_PER_TAKE", 1)
    heard, query = asked
    found = [
        retriever(shelf).continuations(heard, replace(query, top_k=1, another=another))[0]
        for another in ((), (1,), (1, 1))
    ]
    assert len({str(spans(one)) for one in found}) == 3


def test_what_was_no_better_than_chance_is_the_first_other_one(shelf, asked, monkeypatch):
    heard, query = asked
    seen = []
    monkeypatch.setattr("ensemble.retrieve.retriever.is_chance", lambda quality: seen.append(quality) or len(seen) > 1)
    found = retriever(shelf).continuations(heard, replace(query, top_k=3, another=(2,)))
    assert len(found) == 2
    assert found[1].quality == seen[-1]


def test_the_true_continuation_comes_first_and_stays_in_time(shelf, leader, asked):
    best = retriever(shelf).continuations(*asked)[0]
    hop = best.hops[0]
    assert hop.title == "same-tune"
    assert hop.semitones == 0
    left_s = best.beats_s[0] - hop.aligned_ms / 1000
    assert abs(hop.start_s - left_s) < 0.03  # the very beat at which the leader was left
    assert leader.duration_s - left_s < 1.1 * BEAT_S
    sound = extended(leader, best)
    for beat in range(LEADER_BEATS + 2, LEADER_BEATS + 12):
        struck = attack_near(sound, round(beat * BEAT_S * RATE), RATE, 0.045)
        assert struck is not None
        assert abs(struck / RATE - beat * BEAT_S) < 0.02


def test_chosen_seams_do_not_click_and_every_term_is_kept(shelf, asked):
    for one in retriever(shelf).continuations(*asked):
        terms = one.hops[0].score.terms
        assert terms["click_ratio"].value <= max(1.1, terms["attack_click_ratio"].value)
        assert 0 <= terms["click_ratio"].percentile <= 100
        assert {"joined_level_step_db", "joined_beat_phase_ms", "level_step_db", "spectral_distance"} <= terms.keys()
        assert not one.hops[0].score.vetoes
        assert 10.0 <= one.hops[0].fade_ms <= 40.0
        assert abs(one.hops[0].aligned_ms) <= 12.0
        assert abs(one.hops[0].gain_db) <= 3.01


def test_the_same_bytes_whatever_the_order_of_the_rows(shelf, asked):
    orders = [list(shelf.known), list(shelf.known)[::-1]]
    answers = [
        Retriever(shelf.store(order), shelf.described, RetrieveSettings()).continuations(*asked) for order in orders
    ]
    assert [one.clip.digest for one in answers[0]] == [one.clip.digest for one in answers[1]]
    assert [one.hops for one in answers[0]] == [one.hops for one in answers[1]]


def test_a_recording_in_another_key_is_brought_to_the_leaders(tmp_path, leader, asked):
    higher = shelf_of(tmp_path, {"higher": clip_of(tune(1, 48, tempo_bpm=TEMPO_BPM, semitones=3.0, brightness=1.5))})
    best = retriever(higher).continuations(*asked)[0]
    assert best.hops[0].semitones == -3.0
    start = round(best.beats_s[2] * RATE)
    heard, written = extended(leader, best)[0], tune(1, 56, tempo_bpm=TEMPO_BPM)
    profiles = [pitch_classes(sound[start : start + 4 * RATE]) for sound in (heard, written)]
    likeness = [float(np.corrcoef(np.roll(profiles[0], turn), profiles[1])[0, 1]) for turn in range(12)]
    assert int(np.argmax(likeness)) == 0
    assert likeness[0] > 0.9


def test_a_slower_recording_is_brought_to_the_leaders_tempo(tmp_path, asked):
    slower = shelf_of(tmp_path, {"slower": clip_of(tune(1, 48, tempo_bpm=TEMPO_BPM / 1.05, brightness=1.5))})
    best = retriever(slower).continuations(*asked)[0]
    assert best.hops[0].tempo_ratio == pytest.approx(1.05, abs=0.012)
    assert np.diff(best.beats_s).mean() == pytest.approx(BEAT_S, rel=0.012)


def test_a_stereo_leader_at_48_khz_gets_two_channels_at_48_khz(shelf):
    mono = tune(1, 24, tempo_bpm=TEMPO_BPM, rate=48_000)
    stereo = clip_of(np.stack([mono, 0.7 * mono]), 48_000)
    heard, wish = wish_for(stereo, 5.0, 1)
    (best,) = retriever(shelf).continuations(heard, wish)
    assert best.clip.num_channels == 2
    assert best.begin_sample + best.clip.num_samples == stereo.num_samples + 5 * 48_000


def test_a_long_way_is_several_recordings_and_nothing_twice(shelf, leader):
    heard, wish = wish_for(leader, 45.0, 2)
    for one in retriever(shelf).continuations(heard, wish):
        assert len(one.hops) > 1
        assert extended(leader, one).shape[1] == leader.num_samples + 45 * RATE
        for before, after in zip(spans(one), spans(one)[1:], strict=False):
            assert before[0] != after[0] or before[2] <= after[1] + 0.02
        begins = [hop.begins_s for hop in one.hops]
        assert begins == sorted(begins)
        for hop, later in zip(one.hops, one.hops[1:], strict=False):
            lasts_s = (hop.stop_s - hop.start_s) / hop.tempo_ratio
            assert later.begins_s - hop.begins_s == pytest.approx(lasts_s, abs=0.1)
        assert (np.diff(one.beats_s) > 0.2).all()


def test_more_than_there_is_gives_all_there_is_and_says_what_is_missing(shelf, leader):
    heard, wish = wish_for(leader, 60.0, 1)
    (best,) = retriever(shelf.only("short")).continuations(heard, wish)
    missing = best.hops[-1].score.terms["missing_s"]
    ends_s = (best.begin_sample + best.clip.num_samples) / RATE
    assert missing.unit == "s"
    assert ends_s + missing.value == pytest.approx(leader.duration_s + 60.0, abs=1e-6)
    assert best.total < 0.2


def test_fewer_than_asked_for_is_an_answer(shelf, leader):
    heard, wish = wish_for(leader, 4.0, 20)
    found = retriever(shelf.only("short")).continuations(heard, wish)
    assert 1 <= len(found) <= 3


def spoil(shelf: Shelf, how: str, folder: Path) -> Shelf:
    """The same descriptions over files of which the first choice's is gone, other, or damaged."""
    one = shelf.titled("same-tune")
    path = folder / "same-tune.wav"
    data = Path(one.recording.path).read_bytes()
    if how == "changed":
        path.write_bytes(data[:-6] + b"\x01\x02\x03\x04\x05\x06")
    recording = replace(one.recording, path=str(path))
    if how == "damaged":
        import hashlib

        path.write_bytes(b"RIFF" + b"\x00" * 4096)
        recording = replace(recording, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    spoilt = replace(one, recording=recording)
    kept = {sha256: other for sha256, other in shelf.known.items() if other is not one}
    return Shelf({**kept, recording.sha256: spoilt})


@pytest.mark.parametrize(("how", "reason"), [("moved", "has moved"), ("changed", "has changed"), ("damaged", "index")])
def test_a_file_that_cannot_be_trusted_is_passed_over_with_a_reason(shelf, asked, tmp_path, how, reason):
    skipped: list[str] = []
    spoilt = spoil(shelf, how, tmp_path)
    found = retriever(spoilt, skipped).continuations(*asked)
    assert found
    assert "same-tune" not in {hop.title for one in found for hop in one.hops}
    assert len(skipped) == 1
    assert "same-tune.wav" in skipped[0]
    assert how == "damaged" or reason in skipped[0]


@pytest.mark.parametrize(
    ("how", "reason"),
    [("moved", UnusableReason.MOVED), ("changed", UnusableReason.CHANGED), ("damaged", UnusableReason.DAMAGED)],
)
def test_where_nothing_can_be_used_the_reasons_are_counted(shelf, asked, tmp_path, how, reason):
    with pytest.raises(RetrieveError, match=rf"scored: .*1 {reason}[,)]") as refusal:
        retriever(spoil(shelf.only("same-tune"), how, tmp_path)).continuations(*asked)
    assert "ensemble index add" in str(refusal.value)


def test_an_empty_store_is_refused_with_the_cure(asked):
    empty = Retriever(ExactStore(), {}.__getitem__, RetrieveSettings())
    with pytest.raises(RetrieveError, match="the store: is empty; fill it"):
        empty.continuations(*asked)


def test_a_silent_leader_is_refused(shelf, leader):
    heard, wish = wish_for(leader, 4.0, 1)
    silent = replace(heard, frames=replace(heard.frames, loudness_db=np.full_like(heard.frames.loudness_db, -100.0)))
    with pytest.raises(RetrieveError, match="is silent"):
        retriever(shelf).continuations(silent, wish)


def test_silence_at_the_end_is_not_what_is_continued(shelf, leader):
    trailing = clip_of(np.pad(leader.samples, ((0, 0), (0, 3 * RATE))))
    heard, wish = wish_for(trailing, 5.0, 1)
    (best,) = retriever(shelf).continuations(heard, wish)
    assert best.begin_sample / RATE < leader.duration_s
    assert best.begin_sample + best.clip.num_samples == trailing.num_samples + 5 * RATE
    with pytest.raises(RetrieveError, match=r"ends in .* s of silence"):
        retriever(shelf).continuations(*wish_for(trailing, 5.0, 1, tail_s=2.0))


def test_a_leader_of_less_than_a_second_is_continued(shelf):
    short = clip_of(tune(1, 8, tempo_bpm=TEMPO_BPM)[: round(0.7 * RATE)])
    heard, wish = wish_for(short, 4.0, 1)
    (best,) = retriever(shelf).continuations(heard, wish)
    assert best.begin_sample + best.clip.num_samples == short.num_samples + 4 * RATE


def test_a_leader_without_a_beat_is_left_at_its_last_sound(shelf):
    time_s = np.arange(6 * RATE) / RATE
    held = sum(0.1 * np.sin(2 * np.pi * hz * time_s) for hz in (261.6, 329.6, 392.0))
    heard, wish = wish_for(clip_of(held), 5.0, 1)
    (best,) = retriever(shelf).continuations(heard, wish)
    assert 5.8 < best.begin_sample / RATE < 6.0
