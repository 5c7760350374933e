"""Reads styles: shipped ones by their name, others from YAML files; what is wrong is named with its line."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ensemble.errors import ConfigError
from ensemble.settings.reading import configs_dir, parse, read_yaml_with_node
from ensemble.settings.style import Style
from ensemble.settings.text_file import is_there
from ensemble.types.choices import offer

FREE = "free"
"""The style of a band that names none: grooves that suit the leader, bass and chords by rules that follow it."""


def shipped_styles() -> tuple[str, ...]:
    """The names of the shipped styles."""
    return tuple(sorted(path.stem for path in (configs_dir() / "styles").glob("*.yaml")))


@cache
def free_style() -> Style:
    """The style of a band that names none."""
    return load_style(FREE)


def load_style(name_or_path: str, folder: Path = Path()) -> Style:
    """Read a shipped style by its name, or any style from a YAML file.

    Args:
        name_or_path: of the style.
        folder: where a relative path begins.

    Raises:
        ConfigError: there is no such style or file, it is not YAML, or a setting is wrong; names the line and, of a
            pattern, the bar.
    """
    path = folder / name_or_path
    if name_or_path in shipped_styles():
        path = configs_dir() / "styles" / f"{name_or_path}.yaml"
    elif path.suffix not in (".yaml", ".yml") and not is_there(path):
        raise ConfigError(
            "style", f"{name_or_path!r} is unknown", f"{offer(name_or_path, shipped_styles())}, or name a YAML file"
        )
    document, node = read_yaml_with_node(path, "give the path of a style in YAML")
    return parse(Style, document, str(path), node)
