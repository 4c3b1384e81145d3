"""Small plots as SVG, with nothing but what a browser has: panels in rows of two, lines over powers of ten."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH: Final = 300
_HEIGHT: Final = 220
_LEFT: Final = 56
_TOP: Final = 34
_RIGHT: Final = 24
_BOTTOM: Final = 78
_ACROSS: Final = 2
_LINE: Final = 14
_TICKS: Final = 5
_COLORS: Final = ("#2166ac", "#b2182b", "#4d9221")
_DASHES: Final = ("", "6 3", "2 3")
"""Lines differ in their strokes too, for those who do not see the colors."""


@frozen
class Line:
    """A name, and its points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@frozen
class Panel:
    """One plot: `x` and `y` name the axes. `powers` is for a y axis of powers of ten, else it begins at 0."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    powers: bool = False


@frozen
class _Axis:
    """Where values lie between `low` and `high`, as a part of the way; both are powers if `powers`."""

    low: float
    high: float
    powers: bool

    @classmethod
    def of(cls, values: Sequence[float], *, powers: bool) -> _Axis:
        """From the least to the greatest, to round numbers."""
        if powers:
            logs = [log10(value) for value in values if value > 0] or [0.0]
            low = floor(min(logs))
            return cls(low, max(ceil(max(logs)), low + 1), powers=True)
        step = _step(max(values, default=0.0))
        return cls(0.0, max(ceil(max(values, default=0.0) / step), 1) * step, powers=False)

    def at(self, value: float) -> float:
        """From 0 to 1."""
        place = (log10(value) if value > 0 else self.low) if self.powers else value
        return (place - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Values that are named at the axis."""
        if self.powers:
            return [float(10**power) for power in range(int(self.low), int(self.high) + 1)]
        step = _step(self.high)
        return [number * step for number in range(round(self.high / step) + 1)]


def _step(high: float) -> float:
    """A round number of which some five make this one."""
    if high <= 0:
        return 1.0
    power: float = 10 ** floor(log10(high / _TICKS))
    return next(power * times for times in (1, 2, 5, 10) if power * times * _TICKS >= high * 0.999)


def draw(panels: Sequence[Panel]) -> str:
    """The SVG."""
    wide, high = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    width, height = min(len(panels), _ACROSS) * wide, ceil(len(panels) / _ACROSS) * high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11" role="img">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        down, across = divmod(number, _ACROSS)
        parts.append(f'<g transform="translate({across * wide + _LEFT},{down * high + _TOP})">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> Iterator[str]:
    across = _Axis.of([x for line in panel.lines for x, _ in line.points], powers=True)
    up = _Axis.of([y for line in panel.lines for _, y in line.points], powers=panel.powers)
    yield _text(_WIDTH / 2, -14, panel.title, size=13)
    for tick in across.ticks():
        x = across.at(tick) * _WIDTH
        yield f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{_HEIGHT}" stroke="#ddd"/>'
        yield _text(x, _HEIGHT + _LINE, f"{tick:,g}")
    for tick in up.ticks():
        y = _HEIGHT - up.at(tick) * _HEIGHT
        yield f'<line x1="0" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}" stroke="#ddd"/>'
        yield _text(-6, y + 4, f"{tick:,g}", anchor="end")
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#555"/>'
    yield _text(_WIDTH / 2, _HEIGHT + 2.2 * _LINE, panel.x)
    yield f'<g transform="translate(-44,{_HEIGHT / 2}) rotate(-90)">{_text(0, 0, panel.y)}</g>'
    for number, line in enumerate(panel.lines):
        stroke = f'stroke="{_COLORS[number % len(_COLORS)]}" stroke-dasharray="{_DASHES[number % len(_DASHES)]}"'
        places = [(across.at(x) * _WIDTH, _HEIGHT - up.at(y) * _HEIGHT) for x, y in line.points]
        shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{shown}" fill="none" stroke-width="2" {stroke}/>'
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLORS[number % len(_COLORS)]}"/>'
        at = number * _WIDTH / len(panel.lines)
        legend = _HEIGHT + 4 * _LINE
        yield f'<line x1="{at:.1f}" y1="{legend}" x2="{at + 22:.1f}" y2="{legend}" stroke-width="2" {stroke}/>'
        yield _text(at + 26, legend + 4, line.name, anchor="start")


def _text(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{escape(text)}</text>'
