"""How many cells a character with its marks takes, and on which of them terminals disagree."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category

from rich.cells import get_character_cell_size, split_graphemes

from workbench.tui.wrap import is_narrow


@lru_cache(maxsize=1024)
def unsure(cluster: str) -> bool:
    """Is this more than a letter with marks on it, which all terminals draw alike?"""
    return any(category(character) != "Mn" or character == "\ufe0f" for character in cluster[1:])


@lru_cache(maxsize=1024)
def cell_len_apart(cluster: str) -> int:
    """Cells of a cluster on a terminal that draws each of its characters alone."""
    return sum(get_character_cell_size(character) for character in cluster)


def is_wide(text: str) -> bool:
    return not is_narrow(text) and split_graphemes(text)[1] == 2
