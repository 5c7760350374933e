"""The leaders of a batch, from a folder or from a list, and the names of the folders that they are rendered into.

A name is one visible path component. A leader that is a symbolic link must point to something in (or below) the folder
that holds the link; a path in a list may otherwise point anywhere, as one on the command line may.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from ensemble.audio.files import printable
from ensemble.config import Seed, Settings, parse, read_yaml
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from ensemble.errors import AudioError, ConfigError, EnsembleError
from ensemble.output.remote import is_url, shown
from ensemble.output.staging import is_ours
from ensemble.output.transfer import leader_name
from ensemble.scores.score import SCORE_SUFFIXES
from ensemble.settings.text_file import read_text

LIST_SUFFIXES = (".txt", ".yaml", ".yml")
"""Of a file that lists leaders."""
MAX_LIST_BYTES = 16_000_000
MAX_LEADERS = 100_000
MAX_NAME_BYTES = 255
BATCH = "batch.json"
"""The summary in the output folder."""
_LEADER_SUFFIXES = {*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES, *SCORE_SUFFIXES}
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}
_CURE = "give it a `name` in a list"


class LeaderLine(Settings):
    """One leader of a YAML list."""

    leader: str = Field(min_length=1)
    """A path, relative to the list's folder, or a URL."""
    name: str | None = None
    """Of its folder in the output; the file's name without its suffix if absent."""
    band: str | None = None
    """A shipped band, or a YAML file relative to the list's folder; the whole batch's if absent."""
    seed: Seed | None = None
    """Random seed; the whole batch's if absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderEntry:
    """One leader, checked as far as that is possible without opening its file."""

    name: str
    """Of its folder in the output."""
    leader: str | Path
    """Its absolute path, or a URL."""
    band: str | None = None
    """A shipped band, or an absolute path; None: the whole batch's."""
    seed: int | None = None
    """Random seed; None: the whole batch's."""
    refusal: str = ""
    """Why it cannot be rendered, in one line; empty if nothing speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderList:
    """What a folder or a list holds."""

    entries: tuple[LeaderEntry, ...]
    """The leaders, in order; two of the same name are both refused."""
    skipped: tuple[str, ...] = ()
    """Names of the folder's other entries."""


def is_leader_list(leader: str | Path | None) -> bool:
    """Whether the leader on the command line stands for many: it is a folder, or a list."""
    if leader is None or is_url(leader):
        return False
    path = Path(leader)
    try:
        return path.is_dir() or path.suffix.lower() in LIST_SUFFIXES
    except (OSError, ValueError):
        return False


def read_leaders(place: Path) -> LeaderList:
    """Read a folder, or a list.

    A folder gives every file directly in it whose suffix is a recording's or a score's. A text file holds one path or
    URL a line; empty lines and lines that begin with `#` are ignored. A YAML file holds a list of paths, or of
    `{leader, name, band, seed}`.

    Raises:
        ConfigError: it cannot be read, is not such a list, or names no leader.
    """
    what = printable(place)
    if place.is_dir():
        leaders = _read_folder(place, what)
    else:
        lines = _read_yaml(place, what) if place.suffix.lower() != ".txt" else _read_text(place)
        leaders = LeaderList(entries=leaders_of(lines, place.parent))
    if not leaders.entries:
        others = f" ({len(leaders.skipped)} other files)" if leaders.skipped else ""
        raise ConfigError(what, f"holds no leaders{others}", "add recordings (.wav, .flac) or scores (.krn)")
    if len(leaders.entries) > MAX_LEADERS:
        raise ConfigError(what, f"holds more than {MAX_LEADERS} leaders", "render it in parts")
    return leaders


def leaders_of(
    lines: Iterable[LeaderEntry | LeaderLine | str | Path], folder: Path = Path()
) -> tuple[LeaderEntry, ...]:
    """Give every leader a name; two of the same name are both refused, so that nothing depends on their order."""
    return _refuse_shared_names([_entry(line, folder) for line in lines])


def check_name(name: str) -> None:
    """Refuse a name that some file system would not accept for a folder, or that would lead out of the output folder.

    Raises:
        ConfigError: says why.
    """
    what = f"the name {printable(name)!r}"
    if not name.strip():
        raise ConfigError(what, "is empty", _CURE)
    if set(name) & set("/\\") or name in (".", ".."):
        raise ConfigError(what, "is a path, not a name", _CURE)
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        raise ConfigError(what, "holds invisible characters", _CURE)
    if name.startswith("."):
        raise ConfigError(what, "begins with a dot", _CURE)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigError(what, f"is longer than {MAX_NAME_BYTES} bytes", _CURE)
    if name.lower() == BATCH or is_ours(name.lower()) or _DEVICE.fullmatch(name):
        raise ConfigError(what, "is reserved", _CURE)


def check_link(leader: Path) -> None:
    """Refuse a symbolic link that leads out of the folder that holds it.

    Raises:
        AudioError: it does, or it leads to nothing.
    """
    what = printable(leader)
    try:
        if not leader.is_symlink():
            return
        target = leader.resolve(strict=True)
        is_inside = target.is_relative_to(leader.parent.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise AudioError(what, "is a link that leads nowhere", "copy the recording there") from error
    if not is_inside:
        raise AudioError(what, "is a link out of its folder", "name the file that it leads to, in a list")


def _read_folder(folder: Path, what: str) -> LeaderList:
    try:
        present = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ConfigError(what, f"cannot be read ({error.strerror})", "check its permissions") from error
    leading = [path for path in present if path.suffix.lower() in _LEADER_SUFFIXES and not path.is_dir()]
    others = tuple(printable(path.name) for path in present if path not in set(leading))
    return LeaderList(entries=leaders_of([path.name for path in leading], folder), skipped=others)


def _read_text(path: Path) -> list[LeaderLine | str]:
    text = read_text(path, "write one leader a line", MAX_LIST_BYTES)
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _read_yaml(path: Path, what: str) -> list[LeaderLine | str]:
    document = read_yaml(path, "write a list of leaders", MAX_LIST_BYTES)
    if not isinstance(document, list):
        raise ConfigError(what, "is not a list of leaders", "write one `- path` a line")
    return [_line(item, f"{what}: {number}") for number, item in enumerate(document[: MAX_LEADERS + 1], 1)]


def _line(item: Any, origin: str) -> LeaderLine | str:
    if isinstance(item, str) and item:
        return item
    if not isinstance(item, dict) or any(isinstance(value, (list, dict)) for pair in item.items() for value in pair):
        raise ConfigError(
            origin, "is not a leader", "write a path, or `{leader: PATH, name: NAME, band: BAND, seed: 1}`"
        )
    return parse(LeaderLine, item, origin)


def _entry(line: LeaderEntry | LeaderLine | str | Path, folder: Path) -> LeaderEntry:
    """Check one line; the disk is only asked where a link leads."""
    if isinstance(line, LeaderEntry):
        return line
    if not isinstance(line, LeaderLine):
        line = LeaderLine.model_construct(leader=str(line))  # not validated: a file's name need not be valid text
    leader: str | Path = line.leader
    name, refusal = line.name, ""
    try:
        if "\0" in line.leader:
            raise AudioError(printable(line.leader), "is not a path", "check the list")
        if not is_url(leader):
            leader = (folder / leader).absolute()
        if name is None:
            name = PurePosixPath(leader_name(leader) if isinstance(leader, str) else leader.name).stem
        check_name(name)
        if isinstance(leader, Path):
            check_link(leader)
    except EnsembleError as error:
        refusal = str(error)
    band = line.band
    if band is not None and Path(band).suffix in (".yaml", ".yml"):
        band = str((folder / band).absolute())
    return LeaderEntry(name=name or shown(line.leader), leader=leader, band=band, seed=line.seed, refusal=refusal)


def _refuse_shared_names(entries: Sequence[LeaderEntry]) -> tuple[LeaderEntry, ...]:
    """Refuse every entry whose name another has too; some file systems tell neither case nor kinds of accent apart."""
    by_name: dict[str, list[LeaderEntry]] = defaultdict(list)
    for entry in entries:
        by_name[_folded(entry.name)].append(entry)
    return tuple(_unless_shared(entry, by_name[_folded(entry.name)]) for entry in entries)


def _unless_shared(entry: LeaderEntry, same_name: Sequence[LeaderEntry]) -> LeaderEntry:
    if entry.refusal or len(same_name) == 1:
        return entry
    twin = next((one for one in same_name if one is not entry), entry)
    what, other = shown(str(entry.leader)), shown(str(twin.leader))
    return replace(entry, refusal=str(ConfigError(what, f"would be called {entry.name!r} like {other}", _CURE)))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
