"""Makes a `RenderRequest` from a band's name and options, and compares requests and weights with earlier renders."""

from __future__ import annotations

from pathlib import Path

from ensemble import clock
from ensemble.audio.stretch import MAX_SEMITONES
from ensemble.conduct.models import OF_PERFORMERS, models_sha256
from ensemble.config import NUM_SEEDS, BandSettings, load_band, located
from ensemble.errors import ConfigError, VerifyError
from ensemble.files.digest import file_digest
from ensemble.listen import networks
from ensemble.listen.causal_file import CAUSAL
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.manifest import Manifest
from ensemble.plan import Extension, RenderPlan, RenderRequest
from ensemble.play.voice_file import voice_sha256
from ensemble.rendering.levers import COUNT, Levers

DEFAULT_BAND = "rock"
DEFAULT_RATE = 48_000
LISTENER = "listener/"
"""Before the name of a network that listens."""
_DIFFERENCES = {
    "sample_rate": "another rate",
    "seed": "another seed",
    "band": "another band",
    "weights_sha256": "other voices",
    "overrides": "another tempo, metre, key or chords",
    "extension": "another extension",
    "expansion": "another order of sections",
    "transpose": "another transposition",
    "tail_s": "another tail",
    "live": "another way of following",
}


def request_for(
    band: str | BandSettings = DEFAULT_BAND,
    *,
    seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
    voice: str | None = None,
    arranger: str | None = None,
    performer: str | None = None,
    levers: Levers | None = None,
    transpose: int = 0,
    overrides: Overrides | None = None,
    extension: Extension | None = None,
    expansion: str | None = None,
    live: LiveSettings | None = None,
) -> RenderRequest:
    """Read a band and hash its weights; see `ensemble.rendering.render` for the arguments.

    Raises:
        ConfigError: the band, a voice, the arranger, the performer, the style or the rate is unknown, or the style is
            wrong.
        VoiceError, ConductorError, ArrangerError, PerformerError: a file of weights is missing.
    """
    if not 0 <= seed < NUM_SEEDS:
        raise ConfigError("seed", f"{seed} is no seed", "give a whole number from 0 up to 2^63 - 1")
    settings = band if isinstance(band, BandSettings) else load_band(band)
    if voice is not None:
        settings = settings.with_voice(located("voice", voice, Path.cwd(), "voice"))
    if arranger is not None:
        settings = settings.model_copy(update={"arranger": located("arranger", arranger, Path.cwd(), "arranger")})
    if performer is not None:
        everybody = [one.model_copy(update={"performer": None}) for one in settings.followers]
        named = located("performer", performer, Path.cwd(), "performer")
        settings = settings.model_copy(update={"performer": named, "followers": tuple(everybody)})
    settings = (levers or Levers()).applied_to(settings)
    if abs(transpose) > MAX_SEMITONES or (transpose and live is not None):
        limit = f"goes up to {MAX_SEMITONES:.0f} semitones, and not live"
        raise ConfigError("transpose", f"{transpose:+d} semitones: it {limit}", "transpose less")
    if live is not None and (settings.intro or settings.ending):
        raise ConfigError("live", "knows neither intro nor ending", "leave them out of the band")
    clock.hop_samples(sample_rate)
    return RenderRequest(
        sample_rate=sample_rate,
        seed=seed,
        band=settings,
        weights_sha256=weights_of(settings, is_live=live is not None),
        transpose=transpose,
        overrides=(overrides or Overrides()).transposed(transpose),
        extension=extension,
        expansion=expansion,
        live=live,
    )


def live_request_for(
    band: str, how: LiveSettings, said: Overrides, *, style: str | None = None, seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
) -> RenderRequest:  # fmt: skip
    """As `request_for`, for a band that follows somebody who plays; who counts in is added where nobody drums.

    Args:
        band: its name, or a YAML file.
        how: it follows.
        said: what the player says beforehand.
        style: another than the band's.
        seed: of the session.
        sample_rate: in Hz.
    """
    asked = load_band(band)
    if how.count_in_beats and not any(one.role == "drums" for one in asked.followers):
        asked = asked.model_copy(update={"followers": (*asked.followers, COUNT)})
    return request_for(asked, levers=Levers(style=style), seed=seed, sample_rate=sample_rate, overrides=said, live=how)


def weights_of(settings: BandSettings, *, is_live: bool = False) -> dict[str, str]:
    """The sha256 of every voice file, by part; of the conductor, the arranger and the performers; of what listens.

    Raises:
        EnsembleError: a file cannot be read.
    """
    voices = {follower.name: digest for follower in settings.followers if (digest := voice_sha256(follower.voice))}
    listening = {f"{LISTENER}{name}": sha256 for name, sha256 in networks.SHA256.items()}
    if is_live:
        listening[f"{LISTENER}{CAUSAL.stem}"] = file_digest(CAUSAL)
    return voices | models_sha256(settings) | listening


def check_weights(plan: RenderPlan) -> None:
    """Check that the files of the voices, the conductor, the arranger and what listened are those of the plan.

    Raises:
        VerifyError: a file has changed.
    """
    request = plan.request
    band, planned = request.band, request.weights_sha256
    now = weights_of(band, is_live=request.live is not None)
    for follower in band.followers:
        if now.get(follower.name) != planned.get(follower.name):
            raise VerifyError(follower.voice, f"is not the voice that {follower.name!r} played", "restore its weights")
    for model, work in (("conductor", "led the band"), ("arranger", "wrote the parts")):
        if now.get(model) != planned.get(model):
            raise VerifyError(getattr(band, model), f"is not the {model} that {work}", "restore its weights")
    changed = [name for name, sha256 in planned.items() if name.startswith(OF_PERFORMERS) and now.get(name) != sha256]
    if changed:
        problem = "is not the performer that shaped its notes"
        raise VerifyError(changed[0].removeprefix(OF_PERFORMERS), problem, "restore its weights")
    for listener in (name for name in now if name.startswith(LISTENER)):  # 0.1.0 had none, and a score needs none
        if plan.score_sha256 is None and planned.get(listener, now[listener]) != now[listener]:
            raise VerifyError(listener, "is not the network that heard the leader", "use the release that rendered")


def difference(request: RenderRequest, manifest: Manifest, source_sha256: str, *, is_score: bool) -> str:
    """How an earlier render differs from a request, in a few words for people; empty if it does not.

    Args:
        request: what is asked for now.
        manifest: the manifest of the earlier render.
        source_sha256: sha256 of the leader's file now.
        is_score: whether that file is read as a score.
    """
    was = manifest.plan
    if manifest.source_sha256 != source_sha256 or (was.score_sha256 is not None) != is_score:
        return "another leader"
    differing = (name for name in _DIFFERENCES if getattr(request, name) != getattr(was.request, name))
    return next((_DIFFERENCES[name] for name in differing), "")
