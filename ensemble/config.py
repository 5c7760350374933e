"""Settings of bands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ensemble.errors import ConfigError
from ensemble.settings.effects import AmplifierSettings, CompressorSettings
from ensemble.settings.installed import PLAYERS, installed_names
from ensemble.settings.reading import Settings as Settings
from ensemble.settings.reading import configs_dir as configs_dir
from ensemble.settings.reading import first_complaint as first_complaint
from ensemble.settings.reading import parse as parse
from ensemble.settings.reading import read_settings as read_settings
from ensemble.settings.reading import read_yaml as read_yaml
from ensemble.settings.style import Manner
from ensemble.settings.style_file import load_style
from ensemble.settings.text_file import is_there
from ensemble.settings.transfer import Transfer
from ensemble.settings.user_folder import user_folder
from ensemble.types.choices import offer
from ensemble.types.instruments import CATALOGUE, InstrumentSpec, instrument
from ensemble.types.music import Role

Device = Literal["auto", "cpu", "cuda"]
BUILT_IN_VOICES = ("naive", "seeded")
BRUSHES = "brushes"
"""A built-in kit."""
LEADER_GAIN = "leader-gain"
RULES = "rules"
LEARNED = "learned"
WeightsKind = Literal["voice", "conductor", "arranger", "performer", "listener"]
BUILT_IN: dict[WeightsKind, tuple[str, ...]] = {
    "voice": (*BUILT_IN_VOICES, BRUSHES), "conductor": (LEADER_GAIN,), "arranger": (RULES,),
    "performer": (RULES, LEARNED), "listener": (),
}  # fmt: skip
"""What a setting may name that has no weights."""
_OF_FOLLOWERS: tuple[WeightsKind, ...] = ("voice", "performer")
_OF_BANDS: tuple[WeightsKind, ...] = ("conductor", "arranger", "performer")
RESERVED_NAMES = ("arranger", "conductor", "leader", "listener", "mix", "performer", "retrieval")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
NUM_SEEDS = 2**63
"""Random seeds are below it: messages hold no larger number."""
KEYED_CHORD = 4
"""Most notes that are struck at once on keys."""
Seed = Annotated[int, Field(ge=0, lt=NUM_SEEDS)]


def _known_instrument(name: str) -> str:
    if name not in CATALOGUE:
        raise ValueError(f"unknown instrument {name!r}; {offer(name, sorted(CATALOGUE))}")
    return name


InstrumentName = Annotated[str, AfterValidator(_known_instrument)]
"""A name from `ensemble.types.instruments.CATALOGUE`."""


class Retake(Settings):
    """Another take of some bars of a part."""

    seed: Seed
    """Its random seed."""
    first_bar: int = Field(ge=1)
    """Where it begins; bar 1 is the leader's first whole bar."""
    last_bar: int = Field(ge=1)
    """The last bar of it."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_bar < self.first_bar:
            raise ValueError(f"bars {self.first_bar} to {self.last_bar} are in the wrong order")
        return self


class Given(Settings):
    """A part that is not written but kept in the render's folder."""

    kind: Literal["locked", "notes"]
    """`locked`: what an earlier version played, `given/NAME.part`; `notes`: a MIDI file, `given/NAME.mid`."""
    sha256: str
    """sha256 of that file."""
    seed: int
    """Random seed with which it is played, whatever the render's becomes."""


class FollowerSettings(Settings):
    """One player of the band."""

    name: Name
    """Name of the part and of its files."""
    instrument: InstrumentName
    """A name from `ensemble.types.instruments.CATALOGUE`."""
    role: Role
    """bass, pad, counter (counter-melody), double (doubles the leader), drums, or transform (plays the leader's own
    pitch curve with this voice)."""
    range_midi: tuple[int, int] | None = None
    """Lowest and highest note; the instrument's own range when absent."""
    voices: int | None = Field(default=None, ge=1, le=6)
    """Most notes at once of a pad; as many as the instrument can sound when absent. Other roles play one."""
    plays: Literal["style", "kit", "percussion", "click", "count"] = "style"
    """Of drums: what the band's style has, or of that only the kit or only the percussion; or a click on every beat, or
    only in the bars that are counted in."""
    density: float | None = Field(default=None, ge=0.0, le=1.0)
    """How many notes a bass, a struck pad or drums play, 0 few to 1 many; None: by how many the leader plays."""
    gain_db: float = Field(default=0.0, ge=-60.0, le=24.0)
    """Level in the mix."""
    level_db: float = Field(default=-10.0, ge=-40.0, le=12.0)
    """Played loudness relative to the leader's; three players at the default lie about 5 LU under it."""
    pan: float = Field(default=0.0, ge=-1.0, le=1.0)
    """-1 left, 0 centre, 1 right."""
    room_db: float | None = Field(default=None, ge=-60.0, le=12.0)
    """How loud it goes into the band's room; when absent -24 for a bass, -17 for drums, and -12 for others."""
    amplifier: AmplifierSettings | None = None
    """Plays through a guitar amplifier; `{}` is the usual one."""
    tilt_db: float = Field(default=0.0, ge=-9.0, le=9.0)
    """How much brighter it sounds: gain far above 800 Hz, and loss far below."""
    compressor: CompressorSettings | None = None
    """Evens out its level; `{}` is the usual one."""
    voice: str = "naive"
    """naive, seeded (an untrained network), a shipped voice's name, or the path of one (.safetensors). For drums:
    naive, brushes, drums, or the path of a kit. Or the name of a player that another installed package brings."""
    device: Device = "auto"
    """auto and cpu play with the compiled CPU kernels, cuda with torch."""
    gpu: float = Field(default=0.25, gt=0.0, le=16.0)
    """With `device: cuda`, the share of a GPU that the player reserves in a cluster (above 1: whole GPUs)."""
    transfer: Transfer | None = None
    """Of the role transform: how the leader's pitch and loudness become this voice's; as they are when absent."""
    performer: str | None = None
    """Shapes its notes, where it is not the band's: rules, learned, a shipped performer's name, or the path of one."""
    seed: Seed | None = None
    """Random seed of what this part plays, for another take of it alone; the render's when absent."""
    retakes: tuple[Retake, ...] = ()
    """Other takes of some of its bars; where they overlap the last one counts."""
    given: Given | None = None
    """What this part plays instead of what would be written; only `redo` can give it."""

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(f"{name!r} is a reserved name; choose another")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.voices is not None and self.role != "drums" and self.voices > self.spec.voices:
            raise ValueError(f"{self.instrument} sounds {self.spec.voices} notes at once, not {self.voices}")
        if self.voice == BRUSHES and self.role != "drums":
            raise ValueError("brushes are a drum kit")
        if self.plays != "style" and self.role != "drums":
            raise ValueError(f"only drums play a {self.plays}")
        if self.transfer is not None and self.role != "transform":
            raise ValueError("only the role transform has a transfer")
        if (self.role == "drums") != (self.spec.family == "drums"):
            raise ValueError(f"role {self.role!r} does not suit the instrument {self.instrument!r}")
        low, high = self.range
        if not 12 <= low <= high - 12 <= 108:
            raise ValueError(f"range_midi [{low}, {high}] must span an octave or more, within 12..120")
        return self

    @property
    def spec(self) -> InstrumentSpec:
        """The instrument's entry in the catalogue."""
        return instrument(self.instrument)

    def played_seed(self, seed: int) -> int:
        """The random seed of its sound, where `seed` is the render's."""
        return seed if self.given is None else self.given.seed

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest note in MIDI."""
        return self.range_midi or self.spec.range_midi

    @property
    def num_voices(self) -> int:
        """Most notes at once: 0 for drums, 1 for a single line, several for a pad."""
        if self.role == "drums":
            return 0
        if self.role != "pad":
            return 1
        return min(self.voices or self.spec.voices, self.spec.voices)

    @property
    def chord_notes(self) -> int:
        """Most notes of a chord: four on keys, whose other voices are for what still rings."""
        return min(self.num_voices, KEYED_CHORD) if self.spec.family == "keyed" else self.num_voices


class RoomSettings(Settings):
    """The room that all parts share."""

    decay_s: float = Field(default=0.9, ge=0.2, le=4.0)
    """How long its sound takes to fall by 60 dB, at 1 kHz."""
    level_db: float = Field(default=0.0, ge=-40.0, le=12.0)
    """Level of what it answers; at 0, a part is in it as strong as it was sent."""


class MixSettings(Settings):
    """How the leader and the stems are mixed."""

    room: RoomSettings | None = None
    """The room, which is a stem of its own, `room.wav`; `{}` is the usual one. There is none when absent."""

    leader_gain_db: float = Field(default=0.0, ge=-60.0, le=24.0)
    """Level of the leader in the mix."""
    leader_ahead_lu: float | None = Field(default=None, ge=-20.0, le=20.0)
    """How much louder the leader is than all parts together, at least, before the gains that are asked for: it is
    raised where it is measured to be less. None: it is not."""
    target_lufs: float = Field(default=-16.0, ge=-40.0, le=-6.0)
    """Integrated loudness of the mix (ITU-R BS.1770-4)."""
    ceiling_dbtp: float = Field(default=-1.0, ge=-12.0, le=0.0)
    """Highest true peak of the mix, which the limiter keeps to."""


class BandSettings(Manner):
    """A band: its players, how they play, and how they are mixed."""

    name: Name
    """Name of the band."""
    followers: tuple[FollowerSettings, ...] = Field(min_length=1, max_length=32)
    """The players."""
    mix: MixSettings = MixSettings()
    """How the leader and the stems are mixed."""
    conductor: str = LEADER_GAIN
    """Predicts the dynamics: leader-gain, a shipped conductor's name, or the path of one (.safetensors)."""
    arranger: str = RULES
    """Writes basses, pads and counter-melodies: rules, a shipped arranger's name, or the path of one (.safetensors)."""
    performer: str = LEARNED
    """Shapes the notes: learned (the shipped performer of each instrument, or of its family), rules, a shipped
    performer's name, or the path of one (.safetensors)."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [follower.name for follower in self.followers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two followers are called {twice[0]!r}; give each its own name")
        if self.mix.room is not None and "room" in names:
            raise ValueError("'room' is the stem of the room; choose another name for the follower")
        return self

    def with_voice(self, voice: str) -> BandSettings:
        """The same band with another voice for every pitched follower."""
        swapped = tuple(
            follower if follower.role == "drums" else follower.model_copy(update={"voice": voice})
            for follower in self.followers
        )
        return self.model_copy(update={"followers": swapped})


def shipped_bands() -> tuple[str, ...]:
    """The names of the shipped bands."""
    return tuple(sorted(path.stem for path in (configs_dir() / "bands").glob("*.yaml")))


def weights_dir(kind: WeightsKind) -> Path:
    """The folder of the shipped weights of a kind."""
    return Path(__file__).parent / f"{kind}s"


def weights_in(folder: Path) -> tuple[str, ...]:
    """The names of the weights in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.safetensors")))


def own_voices_dir() -> Path:
    """The folder of the voices that this user added.

    Raises:
        OSError: there is no home folder.
    """
    return user_folder("data") / "voices"


def own_voices() -> dict[str, Path]:
    """Where the voices lie that this user added, by name."""
    try:
        folder = own_voices_dir()
        return {name: folder / f"{name}.safetensors" for name in weights_in(folder)}
    except OSError:
        return {}


def voice_names() -> tuple[str, ...]:
    """The voices that a name stands for: built in, shipped, or added by this user."""
    return (*BUILT_IN["voice"], *weights_in(weights_dir("voice")), *own_voices())


def load_band(name_or_path: str) -> BandSettings:
    """Read a shipped band by its name, or any band from a YAML file.

    Raises:
        ConfigError: there is no such band or file, it is not YAML, or a setting is unknown or wrong; names the setting.
    """
    path = Path(name_or_path)
    if name_or_path in shipped_bands():
        path = configs_dir() / "bands" / f"{name_or_path}.yaml"
    elif path.suffix not in (".yaml", ".yml") and not is_there(path):
        cure = f"{offer(name_or_path, shipped_bands())}, or name a YAML file"
        raise ConfigError("band", f"{name_or_path!r} is unknown", cure)
    document = read_yaml(path, "give the path of a band in YAML")
    if isinstance(document, dict) and isinstance(document.get("style"), str):
        document["style"] = load_style(document["style"], path.parent).model_dump()
    band = parse(BandSettings, document, str(path))
    followers = [
        one.model_copy(
            update={
                kind: located(kind, named, path.parent, f"{path}: {one.name}.{kind}")
                for kind in _OF_FOLLOWERS
                if (named := getattr(one, kind)) is not None
            }
        )
        for one in band.followers
    ]
    models: dict[str, Any] = {
        kind: located(kind, getattr(band, kind), path.parent, f"{path}: {kind}") for kind in _OF_BANDS
    }
    return band.model_copy(update=models | {"followers": tuple(followers)})


def located(kind: WeightsKind, name: str, folder: Path, setting: str) -> str:
    """The name itself where it is a known one, else the absolute path of the file, so that any process can open it.

    Args:
        kind: what the setting names.
        name: the setting's value.
        folder: where a relative path begins.
        setting: the setting's own name, for messages.

    Raises:
        ConfigError: the value is neither a known name nor a file.
    """
    known = (*BUILT_IN[kind], *weights_in(weights_dir(kind)))
    if name in known:
        return name
    path = (folder / name).absolute()
    if kind == "voice" and (own := own_voices().get(name)):
        return str(own)
    if name == Path(name).stem and not is_there(path):
        others = installed_names(PLAYERS) if kind == "voice" else ()
        if name in others:
            return name
        known += tuple(own_voices()) if kind == "voice" else ()
        cure = f"{offer(name, (*known, *others))}, or name a .safetensors file"
        raise ConfigError(setting, f"{name!r} is unknown", cure)
    return str(path)
