"""What others bring: players and stores, announced as entry points of installed packages, or lent to one call.

[project.entry-points."ensemble.players"]
theremin = "my_package:Theremin"
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any, Literal

from ensemble.errors import ConfigError

Group = Literal["ensemble.players", "ensemble.stores"]
PLAYERS: Group = "ensemble.players"
STORES: Group = "ensemble.stores"


_LENT: ContextVar[Mapping[tuple[Group, str], Callable[..., Any]]] = ContextVar("_LENT", default=MappingProxyType({}))


@contextmanager
def lent(group: Group, made: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Know these names in a group inside the block, in this thread, as if an installed package announced them."""
    before = _LENT.set({**_LENT.get(), **{(group, name): one for name, one in made.items()}})
    try:
        yield
    finally:
        _LENT.reset(before)


def installed_names(group: Group) -> tuple[str, ...]:
    """The names that are lent to a group, and those that installed packages announce, sorted."""
    return tuple(sorted({name for kind, name in _LENT.get() if kind == group} | entry_points(group=group).names))


def load_installed(group: Group, name: str) -> Callable[..., Any]:
    """What a name of a group stands for.

    Raises:
        ConfigError: no package announces the name, or what it announces cannot be loaded.
    """
    if here := _LENT.get().get((group, name)):
        return here
    try:
        made: Callable[..., Any] = _entry(group, name).load()
    except Exception as error:  # importing another's package runs its code, which may raise anything
        problem = f"the entry point {name!r} cannot be loaded ({error})"
        raise ConfigError(group, problem, "mend the package that announces it") from error
    return made


def sha256_of_installed(group: Group, name: str) -> str:
    """The digest of what a name of a group stands for: its package's name and version, and the module's own text.

    Of what is lent it is the digest of the file that it lies in.

    Raises:
        ConfigError: no package announces the name, or it has no such module; or what is lent is not all in a file.
    """
    if here := _LENT.get().get((group, name)):
        if (text := _text_around(here)) is None:
            problem = f"{name!r} is no class or function of a file, so nobody could tell whether it has changed"
            raise ConfigError(group, problem, "define it in a .py file, outside of any function, and import it")
        return hashlib.sha256(f"{here.__qualname__}\n".encode() + text).hexdigest()
    entry = _entry(group, name)
    try:
        module = find_spec(entry.module)
    except Exception:  # noqa: BLE001  it imports the packages that the module lies in
        module = None
    if module is None or module.origin is None:
        raise ConfigError(group, f"{name!r} names the module {entry.module}, which is absent", "install it again")
    package = "" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    return hashlib.sha256(f"{package} {entry.value}\n".encode() + Path(module.origin).read_bytes()).hexdigest()


def _text_around(made: Callable[..., Any]) -> bytes | None:
    """The file that a class or function lies in; none for what holds values that no file tells, or was typed in."""
    is_told = isinstance(made, type | FunctionType) and "<locals>" not in made.__qualname__
    if not is_told or getattr(made, "__closure__", None):
        return None
    try:
        return Path(inspect.getfile(made)).read_bytes()
    except (OSError, TypeError):
        return None


def _entry(group: Group, name: str) -> EntryPoint:
    found = entry_points(group=group, name=name)
    if not found:
        known = ", ".join(installed_names(group)) or "none"
        raise ConfigError(group, f"no installed package has {name!r} (there is {known})", "install the one that has it")
    return next(iter(found))
