"""How deep JSON is nested, without a walk over its values."""

from __future__ import annotations

import re
from typing import Final

_NO_BRACKETS: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\[\]{}"]+')
"""What is not structure, in text that is known to be JSON."""


def nested_deeper_than(text: str, limit: int) -> bool:
    """Whether this text, which is known to be JSON, is nested more than `limit` deep."""
    if text.count("[") + text.count("{") <= limit:
        return False
    # Of balanced brackets the innermost pairs go in each round, at the speed of `replace`: a walk over the values of a
    # megabyte of brackets would hold the event loop for half a second.
    brackets = _NO_BRACKETS.sub("", text).replace("{", "[").replace("}", "]")
    for _ in range(limit):
        brackets = brackets.replace("[]", "")
        if not brackets:
            return False
    return True
