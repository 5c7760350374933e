"""A score leads a band from end to end: known, not heard; the same bytes on Ray; verified; refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble import render
from ensemble.audio.files import read_clip
from ensemble.band import LocalBand
from ensemble.errors import DataError, VerifyError
from ensemble.listen.listener import Listener
from ensemble.manifest import Manifest
from ensemble.perform import Pace
from ensemble.plan import RenderPlan
from ensemble.rendering.leader import take_in, take_up
from ensemble.rendering.request import request_for
from ensemble.rendering.verify import verify
from ensemble.scores.kern.reader import read_kern
from ensemble.scores.score import read_score
from ensemble.scores.symbolic import hear_melody
from tests.scores.melody_midi import write_midi

LANTERN = Path(__file__).parent / "kern" / "lantern.krn"
ENSEMBLE = str(Path(sys.executable).parent / "ensemble")


def again(folder: Path) -> bool:
    return verify(folder, LocalBand, Pace(block_frames=37)).is_good


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("score") / "out"
    render(LANTERN, out, band="quartet", sample_rate=16_000, seed=2)
    return out


def test_the_manifest_says_what_the_score_says(rendered: Path) -> None:
    manifest = Manifest.read(rendered / "manifest.json")
    heard = manifest.heard
    assert (heard.key, heard.tempo_bpm, heard.beats_per_bar, heard.num_beats) == ("G major", 96.0, 3, 12)
    assert (heard.tuning_cents, heard.warnings, heard.codes) == (0.0, (), ())
    assert (rendered / "leader.krn").read_bytes() == LANTERN.read_bytes()
    assert manifest.plan.score_sha256 == manifest.source_sha256 == read_score(LANTERN).sha256


def test_the_leader_sounds_the_notes_of_the_score(rendered: Path) -> None:
    melody = read_kern(LANTERN)
    heard = Listener().listen(read_clip(rendered / "leader.wav"))
    for note in melody.notes:
        middle = slice(round(100 * note.onset_s) + 3, round(100 * note.stop_s) - 3)
        written_hz = 440 * 2 ** ((note.pitch_midi - 69) / 12)
        cents = 1200 * np.log2(np.median(heard.frames.f0_hz[middle]) / written_hz)
        assert abs(cents) < 20.0, note
    assert heard.key == melody.key


def test_everybody_plays_along(rendered: Path) -> None:
    for path in (rendered / "take-00" / "stems").glob("*.wav"):
        assert np.sqrt(np.mean(read_clip(path).samples ** 2)) > 1e-3, path


def test_it_is_verified_from_the_score_that_was_kept(rendered: Path) -> None:
    assert again(rendered)


def test_another_score_beside_the_leader_is_found_out(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", rendered, copy], check=True)
    text = (copy / "leader.krn").read_text()
    (copy / "leader.krn").write_text(text.replace("*G:", "*e:"))
    with pytest.raises(VerifyError, match="not the score of this manifest"):
        again(copy)
    (copy / "leader.krn").unlink()
    with pytest.raises(VerifyError, match=r"leader.krn: there is no such file; render again from the score"):
        again(copy)


def test_the_same_melody_as_midi_is_understood_alike(rendered: Path, tmp_path: Path) -> None:
    write_midi(tmp_path / "song.MID", read_kern(LANTERN))
    made = render(tmp_path / "song.MID", tmp_path / "out", band="quartet", sample_rate=16_000, seed=2)
    first = Manifest.read(rendered / "manifest.json")
    assert (tmp_path / "out" / "leader.mid").is_file()
    assert (made.heard.key, made.heard.tempo_bpm, made.heard.chords) == (
        first.heard.key, first.heard.tempo_bpm, first.heard.chords,
    )  # fmt: skip
    assert again(tmp_path / "out")


def test_another_render_over_it_leaves_no_score_behind(rendered: Path, short_leader_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", rendered, copy], check=True)
    made = render(short_leader_file, copy, sample_rate=16_000, force=True)
    assert made.plan.score_sha256 is None
    assert not (copy / "leader.krn").exists()


@pytest.mark.ray
def test_a_ray_band_plays_the_same_bytes(local_ray: None, rendered: Path) -> None:
    from agents import RayBand

    assert verify(rendered, RayBand, Pace()).is_good


def test_a_render_keeps_to_its_expansion_list(tmp_path: Path) -> None:
    sections = LANTERN.parent / "sections.krn"
    for expansion, duration_s in ((None, 3.6), ("short", 2.4)):
        lead = take_in(sections, 16_000, tmp_path, expansion)
        assert lead.clip.duration_s == pytest.approx(duration_s)
        request = request_for(expansion=expansion, sample_rate=16_000)
        plan = RenderPlan(request=request, leader_sha256=lead.clip.digest, score_sha256=lead.score_sha256)
        known = take_up(tmp_path, plan, "sections.krn").known
        assert known is not None
        assert known.frames.num_frames == round(100 * duration_s)
    with pytest.raises(DataError, match=r"no expansion list 'long'; choose one of: short, written"):
        take_in(sections, 16_000, tmp_path, "long")
    with pytest.raises(DataError, match="is no score"):
        take_in(tmp_path / "leader.wav", 16_000, tmp_path, "short")


def test_a_leader_that_is_known_is_not_listened_to(rendered: Path) -> None:
    """A score in another key than its notes: the band is told, and believes it."""
    odd = rendered.parent / "odd.krn"
    odd.write_text(LANTERN.read_text().replace("*G:", "*f#:"))
    assert str(render(odd, rendered.parent / "odd", sample_rate=16_000).heard.key) == "F# minor"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("chord.krn", b"**kern\n4c 4e\n*-\n", "chord.krn:2: '4c 4e' is a chord"),
        ("short.krn", b"**kern\n16c\n*-\n", "short.krn: lasts 0.15 s"),
        ("cut.mid", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\x20\0\x90", "cut.mid: is damaged or cut short"),
        ("empty.midi", b"", "empty.midi: is empty"),
    ],
)
def test_a_bad_score_gets_one_line_and_leaves_nothing(
    name: str, content: bytes, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        render(tmp_path / name, tmp_path / "out")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_the_command_hears_and_renders_a_score(tmp_path: Path) -> None:
    told = subprocess.run([ENSEMBLE, "listen", LANTERN, "--json"], capture_output=True, text=True, check=True)
    heard = hear_melody(read_kern(LANTERN))
    assert json.loads(told.stdout)["beats_s"] == np.round(heard.beats_s, 4).tolist()
    (tmp_path / "bad.krn").write_text("**kern\t**kern\n4c\t4e\n*-\t*-\n")
    done = subprocess.run(
        [ENSEMBLE, "render", tmp_path / "bad.krn", "--local", "--out", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"ensemble: {tmp_path / 'bad.krn'}:1: has 2 **kern spines")
    assert "Traceback" not in done.stderr
