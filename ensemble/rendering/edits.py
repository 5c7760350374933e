"""What shall be otherwise than in an earlier render: from its request and some edits to a new request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ensemble.conduct.models import OF_PERFORMERS, performer_for
from ensemble.conduct.performer_file import PERFORMER
from ensemble.config import BandSettings, FollowerSettings, Given, Retake, located, parse
from ensemble.errors import ConfigError
from ensemble.listen.overrides import Overrides
from ensemble.plan import MAX_EXTEND_S, MIN_EXTEND_S, Extension, RenderRequest
from ensemble.play.voice_file import voice_sha256
from ensemble.rendering.levers import Levers, check_parts

LAST_BAR = 1_000_000
"""No song has so many bars."""
_OPTIONS = {
    "parts": "--part",
    "gain_db": "--gain",
    "from_bar": "--from",
    "to_bar": "--to",
    "another": "--another --take",
    "extend_s": "--extend",
    "takes": "--top-k",
    "overrides": "another tempo, bars or key",
}
"""Options that are not called what the setting is."""
_LONG = ("chart", "click", "dry", "add", "overrides")
"""Settings of which the option alone is told."""


class Edits(Levers):
    """Changes to a render; what is None or empty stays as it is. The levers are those of a new render."""

    parts: tuple[str, ...] = ()
    """The parts that `seed` is for; the whole render where there are none."""
    seed: int | None = Field(default=None, ge=0)
    """Random seed: another take of these parts."""
    from_bar: int | None = Field(default=None, ge=1)
    """The first bar of that other take; their first one when absent."""
    to_bar: int | None = Field(default=None, ge=1)
    """The last bar of it; their last one when absent."""
    voice: dict[str, str] = {}
    """Another voice, by part: as in a band."""
    drop: tuple[str, ...] = ()
    """Parts that are left out."""
    add: tuple[FollowerSettings, ...] = ()
    """Parts that are added after the others."""
    chart: str | None = None
    """The text of the chart to play by, in the key of the recording."""
    lock: tuple[str, ...] = ()
    """Parts that from now on play what they play now."""
    unlock: tuple[str, ...] = ()
    """Parts that are written again, and no longer given."""
    midi: dict[str, str] = {}
    """Paths of MIDI files with the notes that a part shall play, by part."""
    another: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of the takes that shall go on otherwise: with the next best continuation."""

    overrides: Overrides | None = None
    """What is said of the recording, in its own key, in place of all that was said of it; `chart` is laid over that."""
    extend_s: float | None = Field(default=None, ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    """How long the leader is continued after its end, in seconds, by continuations that are found anew."""
    takes: int | None = Field(default=None, ge=1, le=16)
    """Number of those continuations; as before, or 2, when absent."""

    def edited(self, request: RenderRequest, given: Mapping[str, Given]) -> RenderRequest:
        """The request with these changes; equal edits of equal requests are equal.

        Args:
            request: of the earlier render.
            given: the files of the parts that `lock` and `midi` name.

        Raises:
            ConfigError: a part is unknown, or a setting is wrong.
            VoiceError: the file of a new voice cannot be read.
        """
        self.check(request)
        band = self._edited_band(self.applied_to(request.band), given)
        overrides, seed = request.overrides, request.seed
        if self.overrides is not None:
            overrides = self.overrides.transposed(request.transpose)
        if self.chart is not None:
            said = parse(type(overrides), overrides.model_dump() | {"chart": self.chart}, "the chart")
            moved = Overrides(chart=said.chart).transposed(request.transpose)
            overrides = said.model_copy(update={"chart": moved.chart})
        if self.seed is not None and not self.parts:
            seed = self.seed
        changed: dict[str, Any] = {
            "band": band,
            "overrides": overrides,
            "seed": seed,
            "weights_sha256": _weights(request, band),
        }
        if self.another or self.extend_s is not None:
            changed["extension"] = self._extension(request.extension)
        return request.model_copy(update=changed)

    def check(self, request: RenderRequest) -> None:
        """Make sure that what is named is there, and that a live session can do it.

        Raises:
            ConfigError: a part is unknown, what belongs together is not given, or a live session cannot do that.
        """
        check_parts(request.band, (*self.parts, *self.voice, *self.drop, *self.lock, *self.unlock, *self.midi))
        if self.parts and self.seed is None:
            raise ConfigError("--part", "says whose another take is wanted", "add --seed N")
        if (self.from_bar or self.to_bar) and not self.parts:
            raise ConfigError("--from and --to", "are the bars of a part's other take", "add --part NAME --seed N")
        if self.takes is not None and self.extend_s is None:
            raise ConfigError("--top-k", "is the number of continuations", "add --extend SECONDS")
        not_live = {
            "--extend": self.extend_s,
            "--midi": self.midi,
            "--lock": self.lock,
            "--from": self.from_bar,
            "--to": self.to_bar,
            "--intro": self.intro not in (None, "none"),
            "--ending": self.ending not in (None, "leader"),
        }
        if request.live is not None and (option := next(filter(not_live.get, not_live), None)):
            raise ConfigError(option, "is not for a live session, which writes as it hears", "leave it out")

    def in_words(self) -> str:
        """What is changed, as on a command line."""
        words: list[str] = []
        for name, field in type(self).model_fields.items():
            value, option = getattr(self, name), _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            if value == field.default:
                continue
            if name in _LONG:
                words.append(option)
            elif isinstance(value, dict):
                words += [f"{option} {part}={_said(one, name)}" for part, one in value.items()]
            else:
                words += [f"{option} {one}" for one in (value if isinstance(value, tuple) else (value,))]
        return " ".join(words)

    def _extension(self, extension: Extension | None) -> Extension:
        if self.extend_s is not None:
            top_k = self.takes or (2 if extension is None else extension.top_k)
            before = extension or Extension(extend_s=self.extend_s)
            return before.model_copy(update={"extend_s": self.extend_s, "top_k": top_k, "another": self.another})
        if extension is None:
            raise ConfigError("--another", "asks for another continuation, and there is none", "render with --extend")
        return extension.model_copy(update={"another": (*extension.another, *self.another)})

    def _edited_band(self, band: BandSettings, given: Mapping[str, Given]) -> BandSettings:
        kept = [self._edited_follower(one, given) for one in band.followers if one.name not in self.drop]
        document = band.model_dump() | {"followers": [*kept, *map(_located, self.add)]}
        return parse(BandSettings, document, "the band")

    def _edited_follower(self, follower: FollowerSettings, given: Mapping[str, Given]) -> dict[str, Any]:
        name, settings = follower.name, follower.model_dump()
        if name in self.parts and self.seed is not None:
            if self.from_bar is None and self.to_bar is None:
                settings |= {"seed": self.seed, "retakes": ()}
            else:
                retake = {"seed": self.seed, "first_bar": self.from_bar or 1, "last_bar": self.to_bar or LAST_BAR}
                settings["retakes"] = (*settings["retakes"], parse(Retake, retake, "--from and --to").model_dump())
        if name in self.voice:
            settings["voice"] = located("voice", self.voice[name], Path.cwd(), f"{name}.voice")
        if name in self.unlock:
            settings["given"] = None
        if name in given:
            settings["given"] = given[name].model_dump()
        return settings


def _located(follower: FollowerSettings) -> dict[str, Any]:
    """The settings of an added part, its voice's file from the present folder."""
    voice = located("voice", follower.voice, Path.cwd(), f"{follower.name}.voice")
    return follower.model_copy(update={"voice": voice}).model_dump()


def _said(value: object, name: str) -> str:
    return f"{value:{'+' if name == 'gain_db' else ''}g}" if isinstance(value, float) else str(value)


def _weights(request: RenderRequest, band: BandSettings) -> dict[str, str]:
    """The sha256 of every file of weights: of voices and performers that stay, the one that the request names."""
    known = request.weights_sha256
    stays = {one.name: (one.voice, performer_for(request.band, one)) for one in request.band.followers}
    found: dict[str, str | None] = {
        name: sha256 for name, sha256 in known.items() if name not in stays and not name.startswith(OF_PERFORMERS)
    }
    for follower in band.followers:
        name, performer = follower.name, performer_for(band, follower)
        voice_was, performer_was = stays.get(name, (None, None))
        place = OF_PERFORMERS + name
        found[name] = known.get(name) if voice_was == follower.voice else voice_sha256(follower.voice)
        found[place] = known.get(place) if performer_was == performer else PERFORMER.sha256_of(performer)
    return {name: sha256 for name, sha256 in found.items() if sha256 is not None}
