"""Plays a recording, or a melody in **kern or MIDI, with another instrument's voice: timbre transfer."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble.audio.delivered import delivered, form_of
from ensemble.audio.files import PEAK_CEILING, write_pieces
from ensemble.audio.loudness import integrated_lufs
from ensemble.band import LocalBand
from ensemble.conduct.transfer import transfer_to
from ensemble.config import BandSettings, FollowerSettings
from ensemble.errors import AudioError, OutputError, VoiceError
from ensemble.events import Events
from ensemble.files.replace import replacing
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.play.voice_file import VOICE
from ensemble.rendering.leader import take_in
from ensemble.rendering.render import render
from ensemble.rendering.request import DEFAULT_RATE
from ensemble.rendering.session import BandFactory
from ensemble.settings.transfer import Transfer
from ensemble.takes import AS_GIVEN, LEADER
from ensemble.types.music import Heard

_PART = "voice"


class Transformed(NamedTuple):
    """What was played, and how the line got there."""

    path: Path
    """The file: one channel, 24 bits, as long as the leader and what rings after it."""
    instrument: str
    """Whose voice it is."""
    transfer: Transfer
    """What was done to pitch and loudness."""
    gain_db: float
    """What brings it to the leader's loudness."""


def transform(
    leader: Path,
    out: Path,
    *,
    voice: str,
    seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
    force: bool = False,
    band_factory: BandFactory = LocalBand,
    events: Events | None = None,
) -> Transformed:
    """Let a voice sing what a leader sings.

    Octave and loudness are mapped to where the voice is at home; glides and vibrato stay, and what is no pitch is not
    played. The result begins with the leader and is as loud as it, in LUFS.

    Args:
        leader: the recording or score.
        out: the WAV file.
        voice: the name of a shipped or added voice, or the path of a trained one.
        seed: of the noise.
        sample_rate: of the result, in Hz.
        force: replace `out`.
        band_factory: makes the band; the default plays in this process.
        events: receives the stage and how much of it is done.

    Raises:
        VoiceError: there is no such voice, or it does not say what it learned.
        AudioError: the leader cannot be used, or has no pitch anywhere.
        OutputError: `out` exists, or is no WAV file's name.
        EnsembleError: something else is refused; `out` is left as it was.
    """
    if out.suffix.lower() != ".wav":
        raise OutputError(str(out), "is not a WAV file's name", "let it end in .wav")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise OutputError(str(out), "cannot be written", "name a WAV file in a folder that is there")
    if out.exists() and not force:
        raise OutputError(str(out), "is there already", "choose another name, or --force")
    card = VOICE.load(voice).card
    if card.learned is None:
        raise VoiceError(voice, "does not say which pitches and levels it learned", "train it with this release")
    events = events or Events()
    with tempfile.TemporaryDirectory(prefix="ensemble-transform-") as name:
        folder = Path(name)
        transfer = transfer_to(_heard(leader, sample_rate, folder, events), card.learned)
        if transfer is None:
            raise AudioError(str(leader), "has no pitch that could be played", "is it a voice or an instrument alone?")
        follower = FollowerSettings(
            name=_PART, instrument=card.instrument, role="transform", voice=voice, transfer=transfer
        )
        render(
            leader, folder / "take", band=BandSettings(name="transform", followers=(follower,)), seed=seed,
            sample_rate=sample_rate, band_factory=band_factory, events=events, remembers=False, report=False,
        )  # fmt: skip
        stem = folder / "take" / AS_GIVEN / "stems" / f"{_PART}.wav"
        gain_db = _gain_db(stem, folder / LEADER)
        gain = np.float32(10 ** (gain_db / 20))
        with replacing(out) as new:
            write_pieces(new, (piece[:1] * gain for piece in delivered(stem)), sample_rate, 1)
    return Transformed(path=out, instrument=card.instrument, transfer=transfer, gain_db=gain_db)


def _heard(leader: Path, sample_rate: int, folder: Path, events: Events) -> Heard:
    """The leader's line, which decides the transfer; its sound is kept beside."""
    events.progress("listen", 0, 1)
    lead = take_in(leader, sample_rate, folder)
    return lead.known or Listener().listen(at_analysis_rate(lead.clip))


def _gain_db(stem: Path, leader: Path) -> float:
    """What makes one channel of a stem as loud as the leader, as far as there is room below full scale."""
    rate = form_of(stem).sample_rate
    asked = integrated_lufs(delivered(leader), rate)
    found = integrated_lufs((piece[:1] for piece in delivered(stem)), rate)
    peak = max((float(np.abs(piece).max(initial=0.0)) for piece in delivered(stem)), default=0.0)
    if math.isinf(asked) or math.isinf(found) or not peak:
        return 0.0
    return min(asked - found, 20 * math.log10(PEAK_CEILING / peak))
