"""Typed settings: unknown keys are refused, every default has one home, every error names its path in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ensemble.errors import ConfigError
from ensemble.types.instruments import CATALOGUE, InstrumentSpec, instrument
from ensemble.types.music import Role

S = TypeVar("S", bound="Settings")
Device = Literal["auto", "cpu", "cuda"]
BUILT_IN_VOICES = ("naive", "seeded")
LEADER_GAIN = "leader-gain"
RULES = "rules"
RESERVED_NAMES = ("arranger", "conductor", "leader", "listener", "mix", "retrieval")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Settings(BaseModel):
    """Base of every settings group: frozen, and strict about keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FollowerSettings(Settings):
    """One player of the band."""

    name: Name
    """The part's name; also its file name."""
    instrument: str
    """A name from `ensemble.types.instruments.CATALOGUE`."""
    role: Role
    """bass, pad, counter, double (shadows the leader), drums, or transform (the leader's own line in this voice)."""
    range_midi: tuple[int, int] | None = None
    """Lowest and highest note; the instrument's own range when absent."""
    voices: int | None = Field(default=None, ge=1, le=6)
    """Notes at once; a pad uses up to the instrument's, every other role uses one."""
    gain_db: float = Field(default=0.0, ge=-60.0, le=24.0)
    """Level in the mix."""
    level_db: float = Field(default=-6.0, ge=-40.0, le=12.0)
    """Played loudness relative to the leader's (the leader-gain conductor)."""
    pan: float = Field(default=0.0, ge=-1.0, le=1.0)
    """-1 left, 0 centre, 1 right."""
    voice: str = "naive"
    """naive, seeded (a network with random weights), a shipped voice's name, or the path of one (.safetensors). Drums
    play naive, drums, or the path of a kit."""
    device: Device = "auto"
    """auto and cpu play on the compiled CPU kernels, cuda on torch."""
    gpu: float = Field(default=0.25, gt=0.0, le=16.0)
    """With `device: cuda`, the share of a GPU that its seat asks of the cluster (above 1: whole GPUs)."""

    @field_validator("instrument")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CATALOGUE:
            raise ValueError(f"unknown instrument {name!r}; choose one of {', '.join(sorted(CATALOGUE))}")
        return name

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is what somebody else in every band is called; choose another")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.voices is not None and self.role != "drums" and self.voices > self.spec.voices:
            raise ValueError(f"{self.instrument} sounds {self.spec.voices} notes at once, not {self.voices}")
        if (self.role == "drums") != (self.spec.family == "drums"):
            raise ValueError(f"role {self.role!r} does not suit the instrument {self.instrument!r}")
        low, high = self.range
        if not 12 <= low <= high - 12 <= 108:
            raise ValueError(f"range_midi [{low}, {high}] must span an octave or more, within 12..120")
        return self

    @property
    def spec(self) -> InstrumentSpec:
        """The catalogue's entry."""
        return instrument(self.instrument)

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest note in MIDI."""
        return self.range_midi or self.spec.range_midi

    @property
    def num_voices(self) -> int:
        """Notes at once: 0 for drums, 1 for a line, the chord's worth for a pad."""
        if self.role == "drums":
            return 0
        if self.role != "pad":
            return 1
        return min(self.voices or self.spec.voices, self.spec.voices)


class MixSettings(Settings):
    """The bus."""

    leader_gain_db: float = Field(default=0.0, ge=-60.0, le=24.0)
    """Level of the leader in the mix."""
    target_lufs: float = Field(default=-16.0, ge=-40.0, le=-6.0)
    """Integrated loudness of the mix (ITU-R BS.1770-4)."""
    ceiling_dbtp: float = Field(default=-1.0, ge=-12.0, le=0.0)
    """True peak that the limiter never lets through."""


class BandSettings(Settings):
    """A band: who plays, and how they are mixed."""

    name: Name
    followers: tuple[FollowerSettings, ...] = Field(min_length=1, max_length=32)
    mix: MixSettings = MixSettings()
    conductor: str = LEADER_GAIN
    """Where the dynamics come from: leader-gain, a shipped conductor's name, or the path of one (.safetensors)."""
    arranger: str = RULES
    """Who writes basses, pads and counter-melodies: rules, a shipped arranger's name, or the path of one."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [follower.name for follower in self.followers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two followers are called {twice[0]!r}; give each its own name")
        return self

    def with_voice(self, voice: str) -> BandSettings:
        """The same band with every pitched follower on another voice."""
        swapped = tuple(
            follower if follower.role == "drums" else follower.model_copy(update={"voice": voice})
            for follower in self.followers
        )
        return self.model_copy(update={"followers": swapped})


def configs_dir() -> Path:
    """Where the shipped bands lie: beside the packages in a checkout, inside `ensemble` in a wheel."""
    here = Path(__file__).parent
    return here / "configs" if (here / "configs").is_dir() else here.parent / "configs"


def shipped_bands() -> tuple[str, ...]:
    """The names that `--band` knows without a file."""
    return tuple(sorted(path.stem for path in (configs_dir() / "bands").glob("*.yaml")))


def voices_dir() -> Path:
    """Where the trained voices lie that come with the package."""
    return Path(__file__).parent / "voices"


def shipped_voices() -> tuple[str, ...]:
    """The trained voices that `voice` knows by name."""
    return weights_in(voices_dir())


def conductors_dir() -> Path:
    """Where the trained conductors lie that come with the package."""
    return Path(__file__).parent / "conductors"


def shipped_conductors() -> tuple[str, ...]:
    """The trained conductors that `conductor` knows by name."""
    return weights_in(conductors_dir())


def arrangers_dir() -> Path:
    """Where the trained arrangers lie that come with the package."""
    return Path(__file__).parent / "arrangers"


def shipped_arrangers() -> tuple[str, ...]:
    """The trained arrangers that `arranger` knows by name."""
    return weights_in(arrangers_dir())


def load_band(name_or_path: str) -> BandSettings:
    """Read a shipped band by name, or a user's own from a YAML file.

    Raises:
        ConfigError: no such band or file, not YAML, an unknown key, a wrong type; with the path of the setting.
    """
    path = Path(name_or_path)
    if name_or_path in shipped_bands():
        path = configs_dir() / "bands" / f"{name_or_path}.yaml"
    elif path.suffix not in (".yaml", ".yml") and not path.exists():
        known = ", ".join(shipped_bands())
        raise ConfigError("band", f"{name_or_path!r} is unknown", f"choose one of {known}, or name a YAML file")
    band = parse(BandSettings, read_yaml(path, "give the path of a band in YAML"), str(path))
    followers = [
        one.model_copy(update={"voice": located("voice", one.voice, path.parent, f"{path}: followers.{number}.voice")})
        for number, one in enumerate(band.followers)
    ]
    conductor = located("conductor", band.conductor, path.parent, f"{path}: conductor")
    arranger = located("arranger", band.arranger, path.parent, f"{path}: arranger")
    return band.model_copy(update={"followers": tuple(followers), "conductor": conductor, "arranger": arranger})


def located(kind: Literal["voice", "conductor", "arranger"], name: str, folder: Path, setting: str) -> str:
    """A name that is known of this kind, or where its file lies: from `folder` on, told to actors that start elsewhere.

    Raises:
        ConfigError: the setting is no name that is known, and no file's.
    """
    known = {
        "voice": (*BUILT_IN_VOICES, *shipped_voices()),
        "conductor": (LEADER_GAIN, *shipped_conductors()),
        "arranger": (RULES, *shipped_arrangers()),
    }[kind]
    if name in known:
        return name
    path = (folder / name).absolute()
    if name == Path(name).stem and not path.exists():
        cure = f"choose one of {', '.join(known)}, or name a .safetensors file"
        raise ConfigError(setting, f"{name!r} is unknown", cure)
    return str(path)


def weights_in(folder: Path) -> tuple[str, ...]:
    """The names of the weights that lie in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.safetensors")))


def read_yaml(path: Path, cure: str) -> Any:
    """Read a YAML document.

    Raises:
        ConfigError: it cannot be read, or is not YAML; with the line.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(str(path), f"cannot be read ({reason})", cure) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise ConfigError(place, f"is not YAML ({reason})") from error


def read_settings(kind: type[S], config: Path | None, shipped: str, given: dict[str, Any]) -> S:
    """The settings of a YAML file, and what the command line says on top of them.

    Args:
        kind: of settings.
        config: the file; the shipped one if absent.
        shipped: that one's name in `configs`.
        given: what the command line says; what is None it does not say.

    Raises:
        ConfigError: the file cannot be read, or a setting is wrong.
    """
    path = config or configs_dir() / shipped
    document = read_yaml(path, "check the path")
    if not isinstance(document, dict | None):
        raise ConfigError(str(path), "is not a mapping of settings", f"see configs/{shipped}")
    said = {name: value for name, value in given.items() if value is not None}
    return parse(kind, (document or {}) | said, str(path))


def parse(kind: type[S], document: Any, origin: str) -> S:
    """Validate a document as settings; a number in quotes is no number.

    Raises:
        ConfigError: the first thing that is wrong, with its path.
    """
    try:
        return kind.model_validate_json(json.dumps(document, default=str), strict=True)
    except ValidationError as error:
        place, problem = first_complaint(error)
        raise ConfigError(f"{origin}: {place}" if place else origin, problem) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(origin, f"is not a document of settings ({error})") from error


def first_complaint(error: ValidationError) -> tuple[str, str]:
    """Where settings are wrong, and how: what a person should read first."""
    wrong = error.errors()
    misspelt = [one for one in wrong if one["type"] == "extra_forbidden"]  # explains more than what is absent
    first = (misspelt or wrong)[0]
    place = ".".join(str(step) for step in first["loc"])
    if misspelt:
        where = ".".join(str(step) for step in first["loc"][:-1]) or "the top"
        return place, f"unknown key {first['loc'][-1]!r} in {where}"
    return place, first["msg"].removeprefix("Value error, ")
