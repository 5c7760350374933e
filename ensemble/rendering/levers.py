"""What a band shall do otherwise than its file says, for one render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from ensemble.config import BandSettings, FollowerSettings, Settings, parse, weights_dir, weights_in
from ensemble.errors import ConfigError
from ensemble.settings.style_file import load_style
from ensemble.types.choices import offer
from ensemble.types.instruments import CATALOGUE

LEADER = "leader"
CLICK = FollowerSettings(name="click", instrument="drums", role="drums", plays="click")
COUNT = FollowerSettings(name="count", instrument="drums", role="drums", plays="count")


Intro = Literal["none", "count-1", "count-2", "last-4"]
"""How a band can begin."""
Ending = Literal["leader", "stop", "ring", "ritard"]
"""How it can end."""


class Levers(Settings):
    """Changes to a band; what is None or empty stays as the band has it."""

    style: str | None = None
    """A shipped style's name, or the path of a YAML file."""
    complexity: float | None = Field(default=None, ge=0.0, le=1.0)
    """See `Manner`."""
    humanize: float | None = Field(default=None, ge=0.0, le=1.0)
    """See `Manner`."""
    intro: Intro | None = None
    """See `Manner`; who counts in a band without drums is added as `count`."""
    ending: Ending | None = None
    """See `Manner`; `leader` ends with it."""
    click: bool = False
    """Whether a click plays along, added as `click`."""
    dry: bool = False
    """Whether the band plays without its room and effects."""
    density: dict[str, float] = {}
    """How many notes a part plays, 0 to 1."""
    gain_db: dict[str, float] = {}
    """By how much each part, or the `leader`, is to be louder in the mix."""
    pan: dict[str, float] = {}
    """-1 left, 0 centre, 1 right, by part."""
    instrument: dict[str, str] = {}
    """Another instrument, by part: with its shipped voice, where there is one."""

    def applied_to(self, band: BandSettings) -> BandSettings:
        """The band with these changes.

        Raises:
            ConfigError: a style or a part is unknown, or a setting is wrong.
        """
        check_parts(band, (*self.density, *(self.gain_db.keys() - {LEADER}), *self.pan, *self.instrument))
        document = band.model_dump()
        document["followers"] = [self._follower(follower) for follower in band.followers]
        document["mix"]["leader_gain_db"] += self.gain_db.get(LEADER, 0.0)
        if self.dry:
            document["mix"]["room"] = None
        if self.style is not None:
            document["style"] = load_style(self.style).model_dump()
        for name, nothing in (("complexity", ""), ("humanize", ""), ("intro", "none"), ("ending", "leader")):
            if (value := getattr(self, name)) is not None:
                document[name] = None if value == nothing else value
        document["followers"] += [one.model_dump() for one in self._added(band, document["intro"])]
        return parse(BandSettings, document, "the band")

    def _added(self, band: BandSettings, intro: str | None) -> list[FollowerSettings]:
        counts = any(follower.role == "drums" and follower.plays != "click" for follower in band.followers)
        added = [COUNT] if intro in ("count-1", "count-2") and not counts else []
        return [*added, CLICK] if self.click else added

    def _follower(self, follower: FollowerSettings) -> dict[str, Any]:
        name, settings = follower.name, follower.model_dump()
        settings["gain_db"] += self.gain_db.get(name, 0.0)
        if self.dry:
            settings |= {"amplifier": None, "tilt_db": 0.0, "compressor": None}
        if name in self.instrument:
            instrument = self.instrument[name]
            settings |= {"instrument": instrument, "range_midi": None, "voices": None}
            settings["voice"] = _voice_of(instrument, follower)
        return settings | _given(self.pan, name, "pan") | _given(self.density, name, "density")


def check_parts(band: BandSettings, names: Iterable[str]) -> None:
    """Check that a band has parts of these names.

    Raises:
        ConfigError: it lacks one.
    """
    known = [follower.name for follower in band.followers]
    for name in names:
        if name not in known:
            raise ConfigError("the band", f"has no part {name!r}", offer(name, known))


def _given(values: Mapping[str, Any], name: str, setting: str) -> dict[str, Any]:
    return {setting: values[name]} if name in values else {}


def _voice_of(instrument: str, follower: FollowerSettings) -> str:
    """The shipped voice of an instrument; else the follower's, if it is of the same family."""
    if instrument in weights_in(weights_dir("voice")):
        return instrument
    is_alike = instrument in CATALOGUE and CATALOGUE[instrument].family == follower.spec.family
    return follower.voice if is_alike else "naive"
