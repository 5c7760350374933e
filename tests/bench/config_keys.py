"""Write the tables of keys in `configs/README.md` from the settings: `python -m tests.bench.config_keys`."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ensemble.config import BandSettings
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.settings.style import Style
from ensemble.train.arranger.settings import TrainArrangerSettings
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.listener.settings import TrainListenerSettings
from ensemble.train.performer.settings import TrainPerformerSettings
from ensemble.train.player.settings import TrainPlayerSettings

PAGE = Path(__file__).parents[2] / "configs" / "README.md"
BEGIN, END = "<!-- keys: made by python -m tests.bench.config_keys -->\n", "<!-- end of keys -->\n"
FILES: dict[str, type[BaseModel]] = {
    "A band: `bands/*.yaml`": BandSettings,
    "A style: `styles/*.yaml`": Style,
    "`train_player.yaml`": TrainPlayerSettings,
    "`train_conductor.yaml`": TrainConductorSettings,
    "`train_arranger.yaml`": TrainArrangerSettings,
    "`train_performer.yaml`": TrainPerformerSettings,
    "`train_listener.yaml`": TrainListenerSettings,
    "The score of continuations: `--retrieval FILE`": RetrieveSettings,
}
HIDDEN = {"given", "retakes"}
"""Keys that only `redo` writes."""


def table_of_keys() -> str:
    """Every key of every file, as Markdown."""
    return "\n".join(part for title, model in FILES.items() for part in _section(title, model))


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"### {title}\n\n| key | type | default | meaning |\n|---|---|---|---|"
    for path, field, says in _keys(model):
        default = "" if field.is_required() else _shown(field)
        yield f"| `{path}` | {_kind(field.annotation)}{_limits(field)} | {default} | {says} |"
    yield ""


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo, str]]:
    """Each key with its path, its field and what its docstring says; models inside are entered."""
    said = _docstrings(model)
    for name, field in model.model_fields.items():
        if name in HIDDEN:
            continue
        path = f"{prefix}{field.alias or name}"
        yield path, field, said.get(name, "")
        for inner, mark in _models(field.annotation):
            if inner is Style:
                continue  # has a table of its own
            yield from _keys(inner, f"{path}{mark}.")


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field, of the class and of those that it extends."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            for name, words in re.findall(
                r'(?ms)^    (\w+): (?:(?!^    \w+:).)*?^    """(.*?)"""', inspect.getsource(one)
            ):
                found[name] = " ".join(words.split()).replace("|", "\\|")
    return found


def _models(kind: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """The models inside a type, and how a list or a mapping of them is written."""
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, ""
    elif origin in {Union, types.UnionType, Annotated}:
        for one in inner:
            yield from _models(one)
    elif origin in {list, tuple}:
        for model, mark in _models(inner[0]):
            yield model, f"[]{mark}"
    elif origin is dict:
        for model, mark in _models(inner[1]):
            yield model, f".NAME{mark}"


def _kind(kind: Any) -> str:
    """A type in a word or two."""
    origin, inner = get_origin(kind), get_args(kind)
    if inner:
        words = {
            Literal: lambda: ", ".join(f"`{one}`" for one in inner),
            Annotated: lambda: _kind(inner[0]),
            list: lambda: f"list of {_kind(inner[0])}",
            tuple: lambda: f"list of {_kind(inner[0])}",
            dict: lambda: f"mapping to {_kind(inner[1])}",
        }
        if origin in words:
            return words[origin]()
        return " or ".join(dict.fromkeys(_kind(one) for one in inner if one is not type(None)))
    if issubclass(kind, BaseModel):
        return "name or path of a style" if kind is Style else "mapping"
    return {int: "whole number", float: "number", str: "text", bool: "true, false"}[kind]


def _limits(field: FieldInfo) -> str:
    """The least and the most, as they are checked."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    limits = [
        f"{sign} {getattr(one, name):g}" for one in field.metadata for name, sign in signs.items() if hasattr(one, name)
    ]
    return f", {', '.join(limits)}" if limits else ""


def _shown(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", ()):
        return "none"
    return "see below" if isinstance(value, BaseModel) else f"`{value}`"


def page_with_keys(text: str) -> str:
    """A page with its tables made anew."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table_of_keys()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page_with_keys(PAGE.read_text()))
