"""What is asked of a render, whoever leads: everything in the plan but the leader."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from ensemble import clock
from ensemble.conduct.models import models_sha256
from ensemble.config import BandSettings, Settings, load_band, located
from ensemble.listen.overrides import Overrides
from ensemble.manifest import Manifest
from ensemble.plan import Extension, RenderPlan
from ensemble.play.voice_file import VOICE

DEFAULT_BAND = "rock"
DEFAULT_RATE = 48_000
_WORDS = {
    "sample_rate": "another rate", "seed": "another seed", "band": "another band", "weights_sha256": "other voices",
    "overrides": "another tempo, metre, key or chords", "extension": "another way of going on",
    "tail_s": "another tail",
}  # fmt: skip


class RenderRequest(Settings):
    """A render without its leader: one order serves many."""

    sample_rate: int = DEFAULT_RATE
    seed: int = 0
    band: BandSettings
    weights_sha256: dict[str, str] = {}
    overrides: Overrides = Overrides()
    extension: Extension | None = None

    @classmethod
    def of(
        cls,
        band: str | BandSettings = DEFAULT_BAND,
        *,
        seed: int = 0,
        sample_rate: int = DEFAULT_RATE,
        voice: str | None = None,
        arranger: str | None = None,
        overrides: Overrides | None = None,
        extension: Extension | None = None,
    ) -> Self:
        """Read a band and hash its voices; see `ensemble.rendering.render.render` for the arguments.

        Raises:
            ConfigError: the band, or the rate, is not one.
            VoiceError, ConductorError, ArrangerError: weights are gone.
        """
        settings = band if isinstance(band, BandSettings) else load_band(band)
        if voice is not None:
            settings = settings.with_voice(located("voice", voice, Path.cwd(), "voice"))
        if arranger is not None:
            settings = settings.model_copy(update={"arranger": located("arranger", arranger, Path.cwd(), "arranger")})
        clock.hop_samples(sample_rate)
        return cls(
            sample_rate=sample_rate, seed=seed, band=settings, weights_sha256=weights_of(settings),
            overrides=overrides or Overrides(), extension=extension,
        )  # fmt: skip

    def plan(self, leader_sha256: str, score_sha256: str | None) -> RenderPlan:
        """What is rendered for one leader."""
        asked = {name: getattr(self, name) for name in type(self).model_fields}
        return RenderPlan(leader_sha256=leader_sha256, score_sha256=score_sha256, **asked)

    def weights_here(self) -> dict[str, str]:
        """The same voices' hashes on this node."""
        return weights_of(self.band)

    def difference(self, manifest: Manifest, source_sha256: str, *, is_score: bool) -> str:
        """In a few words, what an earlier render was made from that this one would not be; empty if they are the same.

        Args:
            manifest: of the earlier render.
            source_sha256: of this leader's file.
            is_score: whether it would be read as a score.
        """
        was = manifest.plan
        if manifest.source_sha256 != source_sha256 or (was.score_sha256 is not None) != is_score:
            return "another leader"
        now = self.plan(was.leader_sha256, was.score_sha256)
        return next((words for name, words in _WORDS.items() if getattr(now, name) != getattr(was, name)), "")


def weights_of(settings: BandSettings) -> dict[str, str]:
    """The sha256 of every voice file, by part, and of the conductor's and the arranger's by office.

    Raises:
        EnsembleError: one cannot be read.
    """
    weights = {follower.name: digest for follower in settings.followers if (digest := VOICE.sha256_of(follower.voice))}
    return weights | models_sha256(settings)
