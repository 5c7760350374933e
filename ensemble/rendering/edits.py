"""What shall be otherwise than in an earlier render: from its request and some edits to a new request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ensemble.config import BandSettings, FollowerSettings, located, parse
from ensemble.errors import ConfigError
from ensemble.plan import Extension, RenderRequest
from ensemble.play.voice_file import VOICE
from ensemble.rendering.levers import Levers, check_parts


class Edits(Levers):
    """Changes to a render; what is None or empty stays as it is. The intro stays: the leader was delayed for it."""

    parts: tuple[str, ...] = ()
    """The parts that `seed` is for; the whole render where there are none."""
    seed: int | None = Field(default=None, ge=0)
    """Random seed: another take of these parts."""
    voice: dict[str, str] = {}
    """Another voice, by part: as in a band."""
    drop: tuple[str, ...] = ()
    """Parts that are left out."""
    add: tuple[FollowerSettings, ...] = ()
    """Parts that are added after the others."""
    chart: str | None = None
    """The text of the chart to play by."""
    another: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of the takes that shall go on otherwise: with the next best continuation."""

    def applied(self, request: RenderRequest) -> RenderRequest:
        """The request with these changes; equal edits of equal requests are equal.

        Raises:
            ConfigError: a part is unknown, or a setting is wrong.
            VoiceError: the file of a new voice cannot be read.
        """
        if self.intro is not None:
            raise ConfigError("intro", "is decided by the render", "render again with another one")
        band = self._band(request.band)
        overrides, seed = request.overrides, request.seed
        if self.chart is not None:
            overrides = parse(type(overrides), overrides.model_dump() | {"chart": self.chart}, "the chart")
        if self.seed is not None and not self.parts:
            seed = self.seed
        changed = {"band": band, "overrides": overrides, "seed": seed, "weights_sha256": _weights(request, band)}
        if self.another:
            changed["extension"] = self._extension(request.extension)
        return request.model_copy(update=changed)

    def in_words(self) -> str:
        """What is changed, as on a command line."""
        each: list[tuple[str, Mapping[str, Any], str]] = [
            ("gain", self.gain_db, "+g"),
            ("pan", self.pan, "g"),
            ("density", self.density, "g"),
            ("voice", self.voice, ""),
            ("instrument", self.instrument, ""),
        ]
        words = [f"--part {part}" for part in self.parts]
        words += [
            f"--{name} {value}"
            for name in ("seed", "style", "complexity", "humanize", "ending")
            if (value := getattr(self, name)) is not None
        ]
        words += [f"--{name} {part}={value:{form}}" for name, values, form in each for part, value in values.items()]
        words += [f"--drop {part}" for part in self.drop] + [f"--add {one.name}" for one in self.add]
        words += [f"--take {number} --another" for number in self.another]
        return " ".join([*words, *["--click"] * self.click, *(["--chart"] if self.chart is not None else [])])

    def _extension(self, extension: Extension | None) -> Extension:
        if extension is None:
            raise ConfigError("--another", "asks for another continuation, and there is none", "render with --extend")
        return extension.model_copy(update={"another": (*extension.another, *self.another)})

    def _band(self, band: BandSettings) -> BandSettings:
        check_parts(band, (*self.parts, *self.voice, *self.drop))
        changed = self.applied_to(band)
        followers = [self._edited(follower) for follower in changed.followers if follower.name not in self.drop]
        added = [one.model_dump() for one in self.add]
        return parse(BandSettings, changed.model_dump() | {"followers": [*followers, *added]}, "the band")

    def _edited(self, follower: FollowerSettings) -> dict[str, Any]:
        name, settings = follower.name, follower.model_dump()
        if name in self.parts and self.seed is not None:
            settings["seed"] = self.seed
        if name in self.voice:
            settings["voice"] = located("voice", self.voice[name], Path.cwd(), f"{name}.voice")
        return settings


def _weights(request: RenderRequest, band: BandSettings) -> dict[str, str]:
    """The sha256 of every file of weights: of voices that stay, the one that the request names."""
    stays = {follower.name: follower.voice for follower in request.band.followers}
    voices: dict[str, str] = {}
    for follower in band.followers:
        is_same = stays.get(follower.name) == follower.voice
        sha256 = request.weights_sha256.get(follower.name) if is_same else VOICE.sha256_of(follower.voice)
        voices |= {} if sha256 is None else {follower.name: sha256}
    models = {name: sha256 for name, sha256 in request.weights_sha256.items() if name not in stays}
    return voices | models
