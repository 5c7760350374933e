"""What to say to somebody who chose what there is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 0.6
"""How much alike two words must be, 0..1, for one to be a misspelling of the other."""


def offer(wrong: str, known: Iterable[str], verb: str = "choose one of") -> str:
    """List the choices, after the one that is most like what was written."""
    choices = list(known)
    near = _nearest(wrong, choices)
    meant = f"did you mean {near!r}? " if near else ""
    return f"{meant}{verb} {', '.join(choices)}"


def _nearest(wrong: str, choices: list[str]) -> str:
    """Of numbers the nearest in size, of words the one with most letters in common, empty where none is alike."""
    if all(number.isdecimal() for number in (wrong, *choices)):
        return min(choices, key=lambda choice: abs(float(choice) - float(wrong)))
    by_letters = {choice.casefold().replace("-", "_"): choice for choice in choices}
    near = get_close_matches(wrong.casefold().replace("-", "_"), by_letters, n=1, cutoff=NEAR)
    return by_letters[near[0]] if near else ""
