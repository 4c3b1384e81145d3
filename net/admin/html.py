"""The frame of the admin pages and their parts. Everything that is put into a page is escaped, by markupsafe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from markupsafe import Markup

from net import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Cell: TypeAlias = "str | int | float | Markup | None"

PAGES: Final = (
    ("", "Overview"),
    ("/games", "Games"),
    ("/sessions", "Sessions"),
    ("/tree", "What runs"),
    ("/config", "Configuration"),
)
"""Path below /admin and name of each page, in the order of the menu."""

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1f24; --dim: #667; --line: #d8dbe0; --ground: #fbfbfa; --hot: #b3261e;
  --ok: #1b7f4b; --bar: #f0f1ef; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7ea; --dim: #9aa0a8; --line: #33373d; --ground: #16181b;
  --hot: #ff8a80; --ok: #6fd8a0; --bar: #1f2226; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; align-items: baseline; padding: 0.7rem 1.2rem;
  background: var(--bar); border-bottom: 1px solid var(--line); }
header b { font-size: 1.1rem; }
header a { color: var(--dim); text-decoration: none; }
header a.here { color: var(--ink); font-weight: 600; }
header span { margin-left: auto; color: var(--dim); }
main { padding: 0.6rem 1.2rem 3rem; max-width: 90rem; }
h2 { font-size: 1rem; margin: 1.4rem 0 0.4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); position: sticky; top: 0; background: var(--ground); }
th, td { padding: 0.16rem 1.1rem 0.16rem 0; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top; }
td.number, th.number { text-align: right; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.6rem; margin: 0.8rem 0; }
dl div { border: 1px solid var(--line); border-radius: 6px; padding: 0.5rem 0.7rem; }
dt { color: var(--dim); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.25rem; }
pre { overflow-x: auto; background: var(--bar); padding: 0.7rem; border-radius: 6px; font-size: 12px; }
code { font-size: 12.5px; }
.hot { color: var(--hot); font-weight: 600; }
.ok { color: var(--ok); }
.dim { color: var(--dim); }
form { margin: 0.7rem 0; }
input, select, button { font: inherit; padding: 0.25rem 0.5rem; color: inherit; background: var(--ground);
  border: 1px solid var(--line); border-radius: 5px; }
button.hot { border-color: var(--hot); }
summary { cursor: pointer; }
"""

_FRAME: Final = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Croupier</title><link rel="stylesheet" href="/admin/style.css">{refresh}</head>
<body><header><b>Croupier</b>{menu}<span>{version}</span></header><main>{body}</main></body></html>
"""
)
_LINK: Final = Markup('<a href="/admin{path}"{here}>{name}</a>')
_REFRESH: Final = Markup('<meta http-equiv="refresh" content="{seconds}">')


def framed(title: str, here: str | None, body: Markup, *, every: int | None = None) -> bytes:
    """A whole page. `here` is its path below /admin, None for one that has no menu; with `every` it is loaded again
    after so many seconds."""
    links = [
        _LINK.format(path=path, name=name, here=Markup(' class="here"') if path == here else "") for path, name in PAGES
    ]
    return _FRAME.format(
        title=title,
        refresh=_REFRESH.format(seconds=every) if every is not None else "",
        menu="" if here is None else joined(links),
        version=f"version {__version__}",
        body=body,
    ).encode()


def joined(parts: Iterable[Markup]) -> Markup:
    """One after the other."""
    return Markup("").join(parts)


def heading(text: str) -> Markup:
    """The heading of a part of a page."""
    return Markup("<h2>{}</h2>").format(text)


def facts(pairs: Iterable[tuple[str, Cell]]) -> Markup:
    """A few figures, large."""
    return Markup("<dl>{}</dl>").format(
        joined(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, _shown(value)) for name, value in pairs)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, none: str) -> Markup:
    """A table; numbers stand on the right. `none` is said when there is no row."""
    listed = list(rows)
    if not listed:
        return Markup('<p class="dim">{}</p>').format(none)
    right = [all(isinstance(row[column], int | float | None) for row in listed) for column in range(len(head))]
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        joined(_cell("th", name, right=right[column]) for column, name in enumerate(head)),
        joined(
            Markup("<tr>{}</tr>").format(
                joined(_cell("td", value, right=right[column]) for column, value in enumerate(row))
            )
            for row in listed
        ),
    )


def marked(text: str, kind: str) -> Markup:
    """A text that stands out: `hot`, `ok` or `dim`."""
    return Markup('<span class="{}">{}</span>').format(kind, text)


def _cell(tag: str, value: Cell, *, right: bool) -> Markup:
    return Markup("<{tag}{right}>{value}</{tag}>").format(
        tag=Markup(tag), right=Markup(' class="number"') if right else "", value=_shown(value)
    )


def _shown(value: Cell) -> str | Markup:
    return (
        ""
        if value is None
        else f"{value:g}"
        if isinstance(value, float)
        else value
        if isinstance(value, Markup)
        else str(value)
    )


def ago(seconds: float) -> str:
    """How long ago, in one unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
