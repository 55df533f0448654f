"""The literal words of languages that print with `{{ … }}` and command with `{% … %}`: Liquid, Django's and their like."""

from __future__ import annotations

import re


def literal(text: str, after_slot: bool, before_slot: bool) -> str:  # noqa: ARG001, FBT001 - as `MergeLanguage` has it
    """Words in which each brace that would open something is printed as a text of its own."""
    opening = r"\{(?=[{%#])" + (r"|\{\Z" if before_slot else "")
    return re.sub(opening, "{{ '{' }}", text)
