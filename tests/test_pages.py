"""README.md and the READMEs of the folders name commands, files and make targets that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.config_keys import PAGE, page_with_keys
from tests.cluster.command_lines import calls, complaint, shown_commands

ROOT = Path(__file__).parents[1]
FOLDERS = ("ensemble", "agents", "cluster", "configs", "tests")
FOUND = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("README.md"))]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in FOUND if path.name != "CHANGELOG.md")
MAX_LINES = 150
"""Of the README: a newcomer reads it whole."""


def unknown_files(page: str, text: str) -> list[str]:
    """What stands in backticks like a file of ours, and is none: neither from the root nor anywhere below the page."""
    named = set(re.findall(r"`((?:ensemble|agents|cluster|configs|tests)/[\w/.-]*|[\w/]+\.py)`", text))
    below = (ROOT / page).parent
    return sorted(name for name in named if not (ROOT / name).exists() and not any(below.rglob(name)))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    assert unknown_files(page, (ROOT / page).read_text()) == []
    assert unknown_files(page, "`ensemble/tape.py` `gone.py`") == ["ensemble/tape.py", "gone.py"]


def test_every_command_of_a_page_is_one_that_the_command_line_takes() -> None:
    found: list[list[str]] = []
    for page in PAGES:
        text = (ROOT / page).read_text().replace(" --tracks N", " --tracks 1").replace(" --seed S", " --seed 1")
        text = re.sub(r"(?<=[^`\n])\n(?=[^`\n]+`)", " ", text)  # what is in backticks may go on in the next line
        found += [call for call in calls(shown_commands(text)) if call[0] == "ensemble"]
    assert len(found) >= 60
    assert [said for said in map(complaint, found) if said] == []


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= MAX_LINES
    inner = ("README.md", "SECURITY.md", "configs/cluster/README.md", "tests/bench/README.md")
    assert [page for page in PAGES if page not in text and page not in inner] == []


def test_the_tables_of_keys_are_those_of_the_settings() -> None:
    text = PAGE.read_text()
    assert page_with_keys(text) == text, "stale: run python -m tests.bench.config_keys"


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text())}
    assert {"chaos", "same-bytes"} <= named <= targets


def test_the_map_of_the_tests_names_every_test_at_the_top_and_of_the_command_line() -> None:
    text = (ROOT / "tests" / "README.md").read_text()
    files = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "tests" / "cluster").glob("test_*.py")]
    assert sorted(path.name for path in files if path.name not in text) == []
