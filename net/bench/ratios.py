"""Figures of one run, held against each other."""

from __future__ import annotations


def quotient(value: float, base: float) -> float | None:
    """None when the base is too small to be told from nothing."""
    return value / base if base > 0 else None


def ratio(value: float, base: float) -> str:
    """For a table's column."""
    of_base = quotient(value, base)
    return "-".rjust(6) if of_base is None else f"x{of_base:.2f}".rjust(6)
