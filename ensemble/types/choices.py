"""What to say to somebody who chose what there is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 0.6
"""How much alike two words must be, 0..1, for one to be a misspelling of the other."""


def offer(wrong: str, known: Iterable[str], verb: str = "choose one of") -> str:
    """List the choices, after the one that is most like what was written."""
    choices = list(known)
    by_letters = {choice.casefold().replace("-", "_"): choice for choice in choices}
    near = get_close_matches(wrong.casefold().replace("-", "_"), by_letters, n=1, cutoff=NEAR)
    meant = f"did you mean {by_letters[near[0]]!r}? " if near else ""
    return f"{meant}{verb} {', '.join(choices)}"
