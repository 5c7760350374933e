"""How settings are read from YAML: unknown keys are refused, and errors name the key's path."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ensemble.errors import ConfigError, printable
from ensemble.settings.text_file import MAX_BYTES, read_text
from ensemble.types.choices import offer

S = TypeVar("S", bound="Settings")
MAX_NODES = 1_000_000
"""In a document of YAML; a list of 100,000 leaders has fewer."""


_SAYINGS = {
    "missing": "is missing", "model_type": "should be keys and values", "dict_type": "should be keys and values",
    "tuple_type": "should be a list", "list_type": "should be a list", "too_short": "holds fewer than {min_length}",
}  # fmt: skip
"""What is said of some types of pydantic's errors, where its own sentence needs one to know JSON or Python."""
_MERGED = "tag:yaml.org,2002:merge"
"""Tag of the key `<<`, which brings in what stands elsewhere, any number of times."""
_SHOWN = 40
"""Characters of what was given that are shown."""


class Settings(BaseModel):
    """Base class of settings: frozen, and refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """Takes 1e-4 for a number as YAML 1.2 does; YAML 1.1 asks for a point in it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$", re.ASCII), list("-+0123456789")
)


def configs_dir() -> Path:
    """The folder of shipped settings: beside the packages in a checkout, inside `ensemble` in a wheel."""
    here = Path(__file__).parents[1]
    return here / "configs" if (here / "configs").is_dir() else here.parent / "configs"


def read_yaml(path: Path, cure: str, max_bytes: int = MAX_BYTES) -> Any:
    """Read a YAML document.

    Args:
        path: of the file.
        cure: what to do where the file cannot be read.
        max_bytes: of the file.

    Raises:
        ConfigError: it cannot be read, is not YAML, or gives a key twice; names the line.
    """
    return read_yaml_with_node(path, cure, max_bytes)[0]


def read_yaml_with_node(path: Path, cure: str, max_bytes: int = MAX_BYTES) -> tuple[Any, yaml.Node | None]:
    """A document as `read_yaml` gives it, and as YAML has it, which knows the lines; None where it is empty."""
    return from_yaml(read_text(path, cure, max_bytes), printable(path))


def from_yaml(text: str, origin: str) -> tuple[Any, yaml.Node | None]:
    """A document as Python has it and as YAML has it; both None where it is empty.

    Args:
        text: in YAML.
        origin: where it was read, for messages.

    Raises:
        ConfigError: it is not YAML, or gives a key twice; names the line.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if _size(node, {}) > MAX_NODES:
            raise ValueError("its aliases stand for too much")
        if twice := _given_twice(loader, node, set()):
            place = f"{origin}:{twice.start_mark.line + 1}"
            raise ConfigError(place, f"{printable(twice.value)[:_SHOWN]!r} is given twice", "keep one of them")
        return loader.construct_document(node) if node else None, node
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{origin}:{mark.line + 1}" if mark else origin
        reason = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise ConfigError(place, f"is not YAML ({reason})") from error


def _size(node: yaml.Node | None, known: dict[int, int]) -> int:
    """How many nodes a document has, where each alias counts as all that it stands for."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        members = chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_size(member, known) for member in members)
    return known[id(node)]


def _given_twice(loader: _Loader, node: yaml.Node | None, known: set[int]) -> yaml.ScalarNode | None:
    """The first key that stands in a mapping for the second time, however written: of two values one would be lost."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in known:
        return None
    known.add(id(node))
    keys: set[Any] = set()
    for member in node.value:
        key, value = member if isinstance(node, yaml.MappingNode) else (None, member)
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGED:
            name = loader.construct_object(key)
            if name in keys:
                return key
            keys.add(name)
        if found := _given_twice(loader, value, known):
            return found
    return None


def read_settings(kind: type[S], config: Path | None, shipped: str, given: dict[str, Any]) -> S:
    """Read settings from a YAML file, and replace those that are given on the command line.

    Args:
        kind: the class of the settings.
        config: the file; the shipped one if absent.
        shipped: the shipped file's name in `configs`.
        given: settings from the command line; None where an option is not used.

    Raises:
        ConfigError: the file cannot be read, or a setting is wrong.
    """
    path = config or configs_dir() / shipped
    document = read_yaml(path, "check the path")
    if not isinstance(document, dict | None):
        raise ConfigError(str(path), "is not a mapping of settings", f"see configs/{shipped}")
    said = {name: value for name, value in given.items() if value is not None}
    return parse(kind, (document or {}) | said, str(path))


def parse(kind: type[S], document: Any, origin: str, node: yaml.Node | None = None) -> S:
    """Validate a document as settings of this class; types must match, so a number in quotes is refused.

    Args:
        kind: the class of the settings.
        document: what was read.
        origin: where it was read, for messages.
        node: the same as YAML has it, for messages with the line.

    Raises:
        ConfigError: a setting is wrong; names the first one by its path.
    """
    try:
        text = json.dumps(document, default=str, ensure_ascii=False)
        return kind.model_validate_json(text.encode(), strict=True)
    except ValidationError as error:
        place, problem, cure, steps = first_complaint(error, kind, document)
        origin = origin if node is None else f"{origin}:{_line(node, steps)}"
        raise ConfigError(f"{origin}: {place}" if place else origin, problem, cure) from error
    except UnicodeEncodeError as error:
        name = ascii(error.object[max(error.start - 20, 0) : error.end + 20])
        raise ConfigError(origin, f"a name in it is not UTF-8 ({name})", "rename that file or folder") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(origin, f"is not a document of settings ({error})") from error


class MisplacedError(ValueError):
    """What a validator of a whole document finds wrong with a setting deep inside it.

    Args:
        steps: the path of the setting.
        problem: what is wrong with it.
    """

    def __init__(self, steps: tuple[int | str, ...], problem: str) -> None:
        super().__init__(problem)
        self.steps = steps


class Complaint(NamedTuple):
    """What is wrong with a document."""

    place: str
    """The path of the setting; of what has a name, such as a follower, the name stands for where it lies."""
    problem: str
    cure: str
    """Empty where the problem says it all."""
    steps: tuple[int | str, ...]
    """The path of the setting, step by step."""


def first_complaint(error: ValidationError, kind: type[BaseModel], document: Any) -> Complaint:
    """The error that a user should read first.

    Args:
        error: of the validation.
        kind: what the document should have been.
        document: what was validated.
    """
    wrong = error.errors()
    misspelt = [one for one in wrong if one["type"] == "extra_forbidden"]  # explains more than what is absent
    first = (misspelt or wrong)[0]
    cause = first.get("ctx", {}).get("error")
    steps = first["loc"] + (cause.steps if isinstance(cause, MisplacedError) else ())
    place = _place(document, steps)
    if misspelt:
        key, where = str(steps[-1]), _place(document, steps[:-1]) or "the top"
        known = _settings_at(kind, steps[:-1])
        cure = offer(key, known, "valid are") if known else ""
        return Complaint(place, f"unknown key {key!r} in {where}", cure, steps)
    problem, given = first["msg"].removeprefix("Value error, "), first["input"]
    if saying := _SAYINGS.get(first["type"]):
        problem = saying.format_map(first.get("ctx", {}))
    if given is None and not steps:
        problem = "is empty"
    if first["type"] == "literal_error" and isinstance(given, str):
        return Complaint(place, f"{problem}, not {given!r}", offer(given, _words(_annotation_at(kind, steps))), steps)
    if first["type"] not in ("value_error", "missing") and isinstance(given, str | int | float):
        problem = f"{problem}, not {str(given)[:_SHOWN]!r}" if isinstance(given, str) else f"{problem}, not {given}"
    is_bare = first["type"] == "string_type" and isinstance(given, int | float)  # YAML takes yes, 12 and 1e4 for others
    return Complaint(place, problem, "put it in quotes" if is_bare else "", steps)


def _line(node: yaml.Node, steps: Sequence[int | str]) -> int:
    """The line of a setting, counted from 1; of what is missing, the line of what it is missing in."""
    for place, step in enumerate(steps):
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            continue
        below = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in below if key.value == str(step)), None)
        if found is None:
            break
        node = found[0] if place == len(steps) - 1 else found[1]
    return int(node.start_mark.line) + 1


def _place(document: Any, steps: Sequence[int | str]) -> str:
    """A path such as `mix.target_lufs`, or `bass.voice` for a member of a list that is called bass."""
    names: list[str] = []
    for step in steps:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            document = None
        name = document.get("name") if isinstance(step, int) and isinstance(document, dict) else None
        if isinstance(name, str) and name.strip() and names:
            names[-1] = printable(name)[:_SHOWN]
        else:
            names.append(printable(str(step)))
    return ".".join(names)


def _annotation_at(kind: Any, steps: Sequence[int | str]) -> Any:
    """The type of what lies at a path below a class of settings."""
    for step in steps:
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(step, str):
            model = _model_in(kind)
            kind = model.model_fields[step].annotation if model and step in model.model_fields else None
    return kind


def _settings_at(kind: type[BaseModel], steps: Sequence[int | str]) -> list[str]:
    """The keys that may stand at a path."""
    model = _model_in(_annotation_at(kind, steps))
    return list(model.model_fields) if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The class of settings in a type: itself, or the one that an optional one or a list is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for one in get_args(annotation) if (model := _model_in(one))), None)


def _words(annotation: Any) -> list[str]:
    """The words that a type allows."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for one in get_args(annotation) for word in _words(one)]
