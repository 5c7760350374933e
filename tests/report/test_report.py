from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ensemble.chart.text import parse_chart
from ensemble.config import load_band
from ensemble.errors import OutputError
from ensemble.events import Events
from ensemble.files.receipts import FileReceipt, StemFacts
from ensemble.manifest import Execution, HeardSummary, Manifest, TakeReceipt
from ensemble.plan import ContinuationPlan, RenderPlan, RenderRequest
from ensemble.report import facts, pictures
from ensemble.report.page import write_report
from ensemble.takes import Take
from ensemble.types.continuation import Hop, JoinQuality, SeamScore, Term
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.doubts import ChordDoubt
from ensemble.types.harmony import NO_CHORD
from ensemble.types.music import Arrangement, Chord, Dynamics, Frames, Heard, Hit, Hits, Key, Note, Part

RATE = 16_000
SECONDS = 4.0
FRAMES = round(100 * SECONDS)
FOLLOWERS = ("bass", "rhythm", "drums")
EVIL = "<script>alert('hé')</script> & \"co\".wav"


def sine(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A render whose every sound is a sine of its own pitch; the band rings on for half a second."""
    stems = tmp_path / "take-00" / "stems"
    stems.mkdir(parents=True)
    soundfile.write(tmp_path / "leader.wav", sine(440, SECONDS), RATE, subtype="PCM_24")
    for hz, name in zip((110, 330, 880), FOLLOWERS, strict=True):
        soundfile.write(stems / f"{name}.wav", np.stack([sine(hz, SECONDS + 0.5)] * 2, axis=1), RATE, subtype="PCM_24")
    soundfile.write(tmp_path / "take-00" / "mix.wav", np.stack([sine(220, SECONDS + 0.5)] * 2, axis=1), RATE)
    return tmp_path


@pytest.fixture
def heard() -> Heard:
    frames = Frames(
        f0_hz=np.full(FRAMES, 440.0, np.float32),
        loudness_db=np.full(FRAMES, -12.0, np.float32),
        confidence=np.ones(FRAMES, np.float32),
        onset=np.zeros(FRAMES, np.float32),
        chroma=np.zeros((12, FRAMES), np.float32),
    )
    chords = (Chord(root=9, quality="min"),) * 4 + (Chord(root=3, quality="maj7"),) * 3
    return Heard(
        frames=frames, beats_s=0.25 + 0.5 * np.arange(7), tempo_bpm=120.0, beats_per_bar=3, first_downbeat=1,
        key=Key(tonic=9, mode="minor"), chords=chords, tuning_cents=-14.0,
        diagnostics=(Diagnostic(code="several_notes", text="<b>two voices</b> at 0:02"),),
    )  # fmt: skip


def a_part(name: str, hz: float) -> Part:
    note = Note(start_frame=0, stop_frame=FRAMES, pitch_midi=45.0, velocity=90)
    f0_hz = np.full((1, FRAMES), hz, np.float32)
    return Part(name=name, notes=(note,), f0_hz=f0_hz, level_db=np.zeros_like(f0_hz))


@pytest.fixture
def render(folder: Path, heard: Heard) -> dict[str, Any]:
    hits = (Hit(time_s=0.25, drum="kick", velocity=0.9, index=0), Hit(time_s=0.75, drum="snare", velocity=0.4, index=1))
    loudness = np.full((3, FRAMES), -20.0, np.float32)
    measured = StemFacts(peak_dbfs=-3.0, true_peak_dbtp=-2.9, loudness_lufs=-16.2, click_ratio=0.8)
    receipt = FileReceipt(sha256="ab" * 32, samples_sha256="cd" * 32)
    band = load_band("rock")
    written = (a_part("bass", 110), a_part("rhythm", 330), Hits(name="drums", hits=hits, num_frames=FRAMES))
    manifest = Manifest(
        ensemble_version="0.1.0",
        plan=RenderPlan(request=RenderRequest(sample_rate=RATE, band=band, seed=7), leader_sha256="ef" * 32),
        source=EVIL,
        source_sha256="01" * 32,
        heard=HeardSummary(
            tempo_bpm=120, beats_per_bar=3, num_beats=7, key="A minor", tuning_cents=-14, chords=(), warnings=()
        ),
        leader=receipt,
        takes={
            "take-00": TakeReceipt(
                files={"mix.wav": receipt, "stems/bass.wav": receipt, "parts/bass.mid": receipt},
                facts={
                    "mix": measured,
                    "bass": measured.model_copy(update={"click_ratio": 14.2, "clipped_samples": 3}),
                },
                mix_gain_db=6.0,
            )
        },
        execution=Execution(
            band_kind="local", block_frames=200, actors=0, restarts=2, duration_s=SECONDS, seconds={"play": 0.5}
        ),
        fingerprint={"cpu": "a <fast> one"},
    )
    return {
        "folder": folder,
        "manifest": manifest,
        "takes": [
            Take(
                name="take-00",
                heard=heard,
                arrangement=Arrangement(
                    parts=written,
                    features=np.zeros((1, 0), np.float32),
                    leader_db=loudness[0],
                    num_frames=FRAMES,
                    committed_frames=FRAMES,
                ),
                dynamics=Dynamics(
                    start_frame=0, parts=FOLLOWERS, loudness_db=loudness, low_db=loudness - 3, high_db=loudness + 3
                ),
            )
        ],
    }


class Page(HTMLParser):
    """What the tests ask of a page: its tags, the text inside them, and that every tag is closed by its own."""

    VOID = frozenset({"meta", "link", "input", "br", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def text(self, tag: str) -> str:
        return " ".join(" ".join(self.texts.get(tag, [])).split())


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_one_page_with_a_player_for_every_sound_and_nothing_from_elsewhere(render):
    page = page_of(write_report(**render))
    addresses = [value for _, attrs in page.tags for name, value in attrs.items() if name in {"src", "href"}]
    assert all(address.startswith(("data:", "take-00/", "leader.wav", "manifest.json")) for address in addresses)
    players = {attrs["aria-label"]: attrs["src"] for attrs in page.all("audio")}
    assert list(players) == ["mix", "leader", *FOLLOWERS]
    assert not re.search(r"https?://|@import|url\(", (render["folder"] / "report.html").read_text())
    assert [path.name for path in render["folder"].iterdir() if path.name.startswith(("report", "."))] == [
        "report.html"
    ]


@pytest.mark.parametrize(("name", "hz"), [("leader", 440), ("bass", 110), ("drums", 880), ("mix", 220)])
def test_every_player_holds_its_own_sound_from_sample_0(render, name, hz):
    page = page_of(write_report(**render))
    source = next(attrs["src"] for attrs in page.all("audio") if attrs["aria-label"] == name)
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(source.split(",")[1])), always_2d=True)
    assert rate == RATE
    assert abs(len(sound) / rate - (SECONDS if name == "leader" else SECONDS + 0.5)) < 0.1
    spectrum = np.abs(np.fft.rfft(sound[: 2 * RATE, 0]))
    assert np.argmax(spectrum) / 2 == pytest.approx(hz, abs=1)


def test_names_from_outside_are_text_and_never_markup(render):
    page = page_of(write_report(**render))
    assert page.text("h1") == EVIL
    assert "<b>two voices</b> at 0:02" in page.text("aside")
    assert "a <fast> one" in page.text("dd")
    assert len(page.all("script")) == 2  # the times and the player


def test_the_policy_forbids_the_network_and_every_other_script(render):
    page = page_of(write_report(**render))
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy
    text = (render["folder"] / "report.html").read_text(encoding="utf-8")
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL).group(1)
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy


def test_sound_that_would_make_the_page_too_large_is_played_from_the_render(render):
    page = page_of(write_report(**render, max_pcm_bytes=1000))
    sources = [attrs["src"] for attrs in page.all("audio")]
    assert sources == ["take-00/mix.wav", "leader.wav", *(f"take-00/stems/{name}.wav" for name in FOLLOWERS)]
    assert all((render["folder"] / source).is_file() for source in sources)
    assert "plays the WAV files beside it" in page.text("main")


def test_every_sound_is_counted_while_the_report_is_written(render):
    told = []
    write_report(**render, events=Events(progress=lambda *step: told.append(step)))
    sounds = 2 + len(FOLLOWERS)
    assert told == [("report", done, sounds) for done in range(sounds + 1)]


def test_the_page_says_what_was_heard_and_measured(render):
    page = page_of(write_report(**render))
    headline = page.text("dl")
    for said in ("120 bpm", "A minor", "436.5 Hz", "\N{MINUS SIGN}14 cents", "3 beats a bar", "16 kHz"):
        assert said in headline
    table = page.text("table")
    assert "bass \N{MINUS SIGN}16.2 \N{MINUS SIGN}2.9 3 14.20" in table
    main = page.text("main")
    for said in ("please check", "with 2 restarts", "8 x", "ensemble verify .", "in blocks of 2.0 s", "ab" * 32):
        assert said in main


def test_every_file_of_the_render_has_a_link_with_a_name_for_people(render):
    page = page_of(write_report(**render))
    files = ["take-00/mix.wav", "take-00/parts/bass.mid", "take-00/stems/bass.wav"]
    assert [link["href"] for link in page.all("a")] == ["leader.wav", "manifest.json", *files]
    assert "mix bass, notes bass, sound" in page.text("ul")


def test_the_chart_is_there_to_be_corrected(render):
    page = page_of(write_report(**render))
    chart = parse_chart("\n".join(line for line in page.texts["textarea"][0].splitlines()))
    assert [bar.chords for bar in chart.bars] == [("Am",) * 3, ("Ebmaj7",) * 3]
    assert "ensemble redo . --chart song.chart" in page.text("main")


def test_how_it_followed_is_measured_on_the_parts_and_needs_no_midi(render):
    """A bass on Bb against a leader on A clashes all the time; the part says so, and there is no MIDI file."""
    assert not list(render["folder"].rglob("*.mid"))
    wrong = Note(start_frame=0, stop_frame=FRAMES, pitch_midi=46.0, velocity=90)
    (take,) = render["takes"]
    parts = take.arrangement.parts
    for notes, clashes in (((wrong,), True), (parts[0].notes, False)):
        arrangement = replace(take.arrangement, parts=(replace(parts[0], notes=notes), *parts[1:]))
        page = page_of(write_report(**(render | {"takes": [replace(take, arrangement=arrangement)]})))
        said = re.search(r"bass Too few shared onsets to measure .*?(\d+) semitone clashes", page.text("main"))
        assert said is not None
        assert (int(said[1]) > 0) is clashes


def test_a_continuation_is_listed_with_its_source_and_with_what_its_seam_measures(render):
    folder, manifest, (given,) = render["folder"], render["manifest"], render["takes"]
    shutil.copytree(folder / "take-00", folder / "take-01")
    shutil.copyfile(folder / "leader.wav", folder / "take-01" / "leader.wav")
    terms = {"level_step_db": Term(value=-1.5, unit="dB", percentile=40.0), "harmony": Term(value=0.8, unit="0..1")}
    hop = Hop(
        path="/music/roof.wav", recording_sha256="ab" * 32, title="<Tin Roof>", licence="CC0-1.0", start_s=61.0,
        stop_s=63.0, semitones=-2.0, tempo_ratio=1.05, gain_db=-1.3, aligned_ms=3.0, fade_ms=25.0, begins_s=2.04,
        score=SeamScore(relevance=0.5, seam=0.75, total=0.6, terms=terms),
    )  # fmt: skip
    quality = JoinQuality(word="poor", within_songs=12.0, among_random=70.0)
    found = ContinuationPlan(
        leader_sha256="ab" * 32, begin_sample=32_640, beats_s=(), total=0.6, quality=quality, hops=(hop,)
    )
    plan = manifest.plan.model_copy(update={"continuations": (found,)})
    takes = manifest.takes | {"take-01": manifest.takes["take-00"]}
    extended = manifest.model_copy(update={"plan": plan, "takes": takes})
    page = page_of(write_report(folder, extended, [given, replace(given, name="take-01")]))
    assert page.text("ol").startswith("Take 0 0:04 The leader as given")
    assert (
        "Take 1 0:04 0.60 of 1 poor: better than 12 % of joins within songs and 70 % of random ones <Tin Roof>"
        in page.text("ol")
    )
    minus, article = "\N{MINUS SIGN}", page.text("article")
    for said in (
        "Take 1 at 0:02.0 <Tin Roof> CC0-1.0 from 1:01 to 1:03 of it",
        f"transposed by {minus}2.00 semitones, played 5.0 % faster, {minus}1.3 dB, moved by +3.0 ms to fit",
        "relevance 0.50 seam 0.75 total 0.60",
        f"level step {minus}1.50 dB 40 harmony 0.80 of 1",
    ):
        assert said in article


def test_every_control_and_picture_has_a_name(render):
    page = page_of(write_report(**render))
    named = [attrs for attrs in page.all("button") if not attrs.get("data-bar")] + page.all("svg")
    assert all(attrs.get("aria-label") or attrs.get("aria-hidden") for attrs in named)
    ranges = [attrs for attrs in page.all("input") if attrs["type"] == "range"]
    assert len({attrs["aria-label"] for attrs in ranges}) == len(ranges) == 1 + 1 + len(FOLLOWERS)


def test_a_missing_stem_is_named(render):
    (render["folder"] / "take-00" / "stems" / "rhythm.wav").unlink()
    with pytest.raises(OutputError, match=r"rhythm\.wav: is missing"):
        write_report(**render)


def test_a_leader_without_beats_pitch_or_followers_heard_still_has_a_page(render, heard):
    frames = Frames(
        f0_hz=np.zeros(FRAMES, np.float32),
        loudness_db=np.full(FRAMES, -100.0, np.float32),
        confidence=heard.frames.confidence,
        onset=heard.frames.onset,
        chroma=heard.frames.chroma,
    )
    silent = Heard(
        frames=frames, beats_s=np.zeros(0), tempo_bpm=0.0, beats_per_bar=4, first_downbeat=0, key=heard.key, chords=(),
        tuning_cents=0.0,
    )  # fmt: skip
    nobody = Hits(name="drums", hits=(), num_frames=FRAMES)
    arrangement = replace(render["takes"][0].arrangement, parts=(nobody,))
    render["takes"] = [replace(render["takes"][0], heard=silent, arrangement=arrangement)]
    page = page_of(write_report(**render))
    assert len(page.all("audio")) == 5
    assert "440 Hz" in page.text("dl")


def points(path: str) -> np.ndarray:
    """The corners of a path of relative lines.  [points, 2]"""
    start, rest = re.fullmatch(r"M(-?\d+ -?\d+)l(.*?)z?", path).groups()
    steps = np.array([start.split(), *np.array(rest.split()).reshape(-1, 2)], dtype=int)
    return np.cumsum(steps, axis=0)


def test_pitch_is_drawn_where_it_sounds_on_a_logarithmic_axis():
    axis = pictures.Axis(low=45.0, high=69.0)
    octaves = pictures.midi(np.array([110.0, 220.0, 440.0]))
    np.testing.assert_allclose(axis.height(octaves), [1000, 500, 0])
    f0_hz = np.concatenate([np.full(50, 220.0), np.zeros(50), np.full(100, 440.0)])
    path = pictures.curve(pictures.midi(f0_hz), axis, duration_s=2.0)
    low, high = (points("M" + piece) for piece in path.split("M")[1:])
    assert (low[:, 1] == 500).all()
    assert (high[:, 1] == 0).all()
    assert (low[0, 0], low[-1, 0]) == (0, 4900)  # frames 0 to 49 of 200, in 20000 units
    assert (high[0, 0], high[-1, 0]) == (10_000, 19_900)


def test_a_waveform_fills_its_box_and_its_silence_is_a_hairline():
    from ensemble.audio.flac import COLUMNS, Envelope

    half = np.where(np.arange(COLUMNS) < COLUMNS // 2, 0.25, 0.0).astype(np.float32)
    corners = points(pictures.wave(Envelope(low=-half, high=half)))
    early, late = corners[corners[:, 0] < 9900], corners[corners[:, 0] > 10_100]
    assert (early[:, 1].min(), early[:, 1].max()) == (0, 1000)
    assert 490 < late[:, 1].min() < late[:, 1].max() < 510


def test_drum_strokes_stand_at_their_time_in_the_row_of_their_drum():
    hits = Hits(
        name="drums",
        hits=(
            Hit(time_s=1.0, drum="kick", velocity=1.0, index=0),
            Hit(time_s=1.5, drum="snare", velocity=0.1, index=1),
        ),
        num_frames=200,
    )
    assert pictures.strokes(hits, duration_s=2.0) == ["M15000 250h0", "", "", "M10000 750h0"]
    assert [tick.label for tick in pictures.drum_ticks(hits)] == ["snare", "kick"]


def test_a_silence_before_the_leader_is_no_bar_of_the_chart(heard):
    silent_s = heard.beats_s[1] - 0.05
    still = np.where(np.arange(heard.frames.num_frames) < 100 * silent_s, -100, heard.frames.loudness_db)
    late = replace(heard, frames=replace(heard.frames, loudness_db=still.astype(np.float32)), first_downbeat=5)
    chart = facts.bars(late)
    assert facts.entry(late) == 1
    assert chart[0].number == 0
    assert sum(beats for _, beats, _ in chart[0].chords) == 4
    assert facts.bars(replace(late, first_downbeat=1))[0].number == 1
    ended = replace(heard, chords=(*heard.chords[:4], *[NO_CHORD] * 3))
    assert [bar.number for bar in facts.bars(ended)] == [0, 1]


def test_the_chord_chart_has_a_pickup_and_whole_bars(heard):
    chart = facts.bars(heard)
    assert [(bar.number, bar.chords) for bar in chart] == [
        (0, (("Am", 1, None),)),
        (1, (("Am", 3, None),)),
        (2, (("E♭maj7", 3, None),)),
    ]


def test_sections_of_a_chart_begin_again_with_it(heard):
    chart = parse_chart("metre: 3/4\n[Verse]\n| Am |\n")
    assert [bar.section for bar in facts.bars(heard, chart)] == ["", "Verse", "Verse"]
    assert [bar.section for bar in facts.bars(heard)] == ["", "", ""]


def test_a_chord_that_is_as_likely_wrong_is_shown_as_doubtful(heard: Heard) -> None:
    other = Chord(root=0, quality="maj")
    sure = [0.9, 0.9, 0.3, 0.3, 0.4, 0.4, 0.2]
    doubted = replace(heard, chord_doubts=tuple(ChordDoubt(confidence=one, other=other) for one in sure))
    assert facts.second_choice(doubted, 0, 4) is None
    assert facts.second_choice(doubted, 4, 7) == "C"
    assert facts.second_choice(heard, 4, 7) is None
    assert [[chord.other for chord in bar.chords] for bar in facts.bars(doubted)] == [[None], [None], ["C"]]


def test_a_doubt_says_what_the_chart_would_say(heard: Heard) -> None:
    other = Chord(root=0, quality="maj")
    doubts = [ChordDoubt(confidence=0.9, other=other)] * 4 + [ChordDoubt(confidence=0.2, other=other)] * 3
    chords = (*heard.chords[:5], *[Chord(root=2, quality="min")] * 2)
    doubted = replace(
        heard, chords=chords, chord_doubts=tuple(doubts), second_tempo_bpm=60.0, second_bars=(4, 1),
        diagnostics=tuple(Diagnostic(code=code, text="") for code in ("tempo_uncertain", "bars_uncertain")),
    )  # fmt: skip
    assert facts.doubts(doubted) == [
        ("tempo", 0, "120 bpm", "60 bpm", "tempo: 60"),
        ("metre", 0, "3 beats", "4 beats", "metre: 4/4"),
        ("chord", 2, "E♭maj7", "C", "| C Dm . |"),
        ("chord", 2, "Dm", "C", "| Ebmaj7 C . |"),
    ]
    elsewhere = replace(doubted, second_bars=(3, 2))
    assert facts.doubts(elsewhere)[1] == ("bar 1", 0, "0.75 s", "1.25 s", "first downbeat: 1.250")
    assert facts.doubts(replace(heard, second_tempo_bpm=60.0)) == []


def test_a_bar_that_may_begin_elsewhere_is_shown_as_doubtful(heard: Heard) -> None:
    doubted = replace(heard, bar_confidence=np.array([0.9, 0.4], np.float32))
    assert [facts.is_doubtful_bar(doubted, number) for number in (1, 2, 3)] == [False, True, False]
    assert not facts.is_doubtful_bar(heard, 1)
