"""Who leads a batch: a folder of leaders, or a list of them; and what may be the name of a folder that we write.

Convention: a name is one visible path component. A leader that is a symbolic link is followed only to what lies in (or
below) the folder it lies in itself; a path in a list may otherwise lead anywhere, as one on the command line may.
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
from ensemble.config import Settings, parse, read_yaml
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES
from ensemble.errors import AudioError, ConfigError, EnsembleError
from ensemble.output.remote import is_url, shown
from ensemble.output.staging import is_ours
from ensemble.output.transfer import leader_name
from ensemble.scores.score import SCORE_SUFFIXES

LIST_SUFFIXES = (".txt", ".yaml", ".yml")
MAX_LIST_BYTES = 16 << 20
MAX_LEADERS = 100_000
MAX_NAME_BYTES = 255
BATCH = "batch.json"
_LEADS = {*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES, *SCORE_SUFFIXES}
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}
_CURE = "give it a `name` in a list"


class LeaderLine(Settings):
    """One leader of a YAML list; what is absent is as for the whole batch."""

    leader: str = Field(min_length=1)
    """A path, from the list's folder on, or a URL."""
    name: str | None = None
    """Of its folder in the output; the file's name without its ending if absent."""
    band: str | None = None
    """A shipped band, or a YAML file, from the list's folder on."""
    seed: int | None = Field(default=None, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderEntry:
    """One leader. refusal: why it cannot be rendered, where that is known already."""

    name: str
    leader: str | Path
    band: str | None = None
    seed: int | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderList:
    """Everybody who leads, each under a name of its own; and what else lay in the folder."""

    entries: tuple[LeaderEntry, ...]
    passed_over: tuple[str, ...] = ()


def is_leader_list(leader: str | Path | None) -> bool:
    """Whether a leader on the command line is many: a folder, or a list."""
    if leader is None or is_url(leader):
        return False
    path = Path(leader)
    try:
        return path.is_dir() or path.suffix.lower() in LIST_SUFFIXES
    except (OSError, ValueError):
        return False


def read_leaders(place: Path) -> LeaderList:
    """Read a folder, or a list.

    A folder gives every file in it (not below) whose name ends like a recording's or a score's. A text file holds one
    path or URL a line; empty lines and those that begin with `#` say nothing. A YAML file holds a list of paths, or of
    `{leader, name, band, seed}`.

    Raises:
        ConfigError: it cannot be read, is no such list, or names nobody.
    """
    what = printable(place)
    if place.is_dir():
        roster = _folder(place, what)
    else:
        lines = _read_yaml(place, what) if place.suffix.lower() != ".txt" else _read_text(place, what)
        roster = LeaderList(entries=leaders_of(lines, place.parent))
    if not roster.entries:
        others = f" ({len(roster.passed_over)} other files)" if roster.passed_over else ""
        raise ConfigError(what, f"holds nobody who could lead{others}", "add recordings (.wav, .flac) or scores (.krn)")
    if len(roster.entries) > MAX_LEADERS:
        raise ConfigError(what, f"holds more than {MAX_LEADERS} leaders", "render it in parts")
    return roster


def leaders_of(lines: Iterable[LeaderLine | str | Path], folder: Path = Path()) -> tuple[LeaderEntry, ...]:
    """Name everybody: two of one name are both refused, so that nothing depends on their order."""
    named = (line if isinstance(line, LeaderLine) else LeaderLine.model_construct(leader=str(line)) for line in lines)
    return _apart([_entry(line, folder) for line in named])  # a file's name may be no text: not to be validated


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a folder anywhere, or would lead out of the one it is made in.

    Raises:
        ConfigError: it is no name; says why.
    """
    what = f"the name {printable(name)!r}"
    if not name.strip():
        raise ConfigError(what, "is empty", _CURE)
    if set(name) & set("/\\") or name in (".", ".."):
        raise ConfigError(what, "is a path, not a name", _CURE)
    if any(unicodedata.category(sign) in _INVISIBLE for sign in name):
        raise ConfigError(what, "holds signs that cannot be seen", _CURE)
    if name.startswith("."):
        raise ConfigError(what, "begins with a dot", _CURE)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigError(what, f"is longer than {MAX_NAME_BYTES} bytes", _CURE)
    if name.lower() == BATCH or is_ours(name.lower()) or _DEVICE.fullmatch(name):
        raise ConfigError(what, "is reserved", _CURE)


def check_link(leader: Path) -> None:
    """Refuse a symbolic link that leads out of the folder it lies in.

    Raises:
        AudioError: it leads elsewhere, or to nothing.
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


def _folder(folder: Path, what: str) -> LeaderList:
    try:
        present = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ConfigError(what, f"cannot be read ({error.strerror})", "check its permissions") from error
    leading = [path for path in present if path.suffix.lower() in _LEADS and not path.is_dir()]
    others = tuple(printable(path.name) for path in present if path not in set(leading))
    return LeaderList(entries=leaders_of([path.name for path in leading], folder), passed_over=others)


def _read_text(path: Path, what: str) -> list[LeaderLine | str]:
    _check_size(path, what)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(what, f"cannot be read ({reason})", "write one leader a line") from error
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _read_yaml(path: Path, what: str) -> list[LeaderLine | str]:
    _check_size(path, what)
    document = read_yaml(path, "write a list of leaders")
    if not isinstance(document, list):
        raise ConfigError(what, "is not a list of leaders", "write one `- path` a line")
    return [_line(item, f"{what}: {number}") for number, item in enumerate(document[: MAX_LEADERS + 1], 1)]


def _line(item: Any, origin: str) -> LeaderLine | str:
    if isinstance(item, str) and item:
        return item
    if not isinstance(item, dict) or any(isinstance(value, (list, dict)) for pair in item.items() for value in pair):
        raise ConfigError(origin, "is no leader", "write a path, or `{leader: PATH, name: NAME, band: BAND, seed: 1}`")
    return parse(LeaderLine, item, origin)


def _check_size(path: Path, what: str) -> None:
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigError(what, f"cannot be read ({reason})", "check the path") from error
    if not is_file:
        raise ConfigError(what, "is not a file", "name a list of leaders")
    if size > MAX_LIST_BYTES:
        raise ConfigError(what, f"is larger than {MAX_LIST_BYTES >> 20} MiB", "render it in parts")


def _entry(line: LeaderLine, folder: Path) -> LeaderEntry:
    """One line, checked as far as that needs no disk but for a link."""
    leader: str | Path = line.leader
    name, refusal = line.name, ""
    try:
        if "\0" in line.leader:
            raise AudioError(printable(line.leader), "is no path", "check the list")
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


def _apart(entries: Sequence[LeaderEntry]) -> tuple[LeaderEntry, ...]:
    """Refuse every name that two bear. To some disks capitals, and the ways to write an accent, are all the same."""
    bearers: dict[str, list[LeaderEntry]] = defaultdict(list)
    for entry in entries:
        bearers[_folded(entry.name)].append(entry)
    return tuple(_unless_shared(entry, bearers[_folded(entry.name)]) for entry in entries)


def _unless_shared(entry: LeaderEntry, bearers: Sequence[LeaderEntry]) -> LeaderEntry:
    if entry.refusal or len(bearers) == 1:
        return entry
    others = next((one for one in bearers if one is not entry), entry)
    what, other = shown(str(entry.leader)), shown(str(others.leader))
    return replace(entry, refusal=str(ConfigError(what, f"would be called {entry.name!r} like {other}", _CURE)))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
