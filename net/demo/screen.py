"""The screen: a pure function of the scene. It fits 80 columns and 24 rows, and uses what more there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.constrain import Constrain
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from net.demo.felt import coloured, felt, is_public, own_hand
from net.demo.felt import rows as felt_rows
from net.demo.scene import PROOF, proved
from net.demo.words import CRAZY_EIGHTS, clipped, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from net.demo.plan import Plan
    from net.demo.scene import Line, Scene

LEAST_WIDTH: Final = 80
LEAST_HEIGHT: Final = 24
"""Below these a terminal gets lines in place of the screen."""

_MOST_WIDTH: Final = 100
_SERVER_WIDTH: Final = 30
_SERVER_ROWS: Final = 5
_FEWEST_LINES, _MOST_LINES = 4, 8
_KINDS: Final = {"move": "", "note": "dim", "alarm": "bold red", "good": "bold green"}
_MARK: Final = 6


def screen(scene: Scene, width: int, height: int) -> RenderableType:
    """The whole screen, in at most this many columns and rows, of which there must be 80 and 23."""
    width = min(width, _MOST_WIDTH)
    top = introduction(scene.plan)
    rows = max(felt_rows(scene), _SERVER_ROWS) + 2
    around = len(top.split()) + rows + 1 + 2 + 2  # with the hand, the frame of the log, the strip
    lines = min(max(height - around, _FEWEST_LINES), _MOST_LINES)
    parts: list[RenderableType] = [
        top,
        _table_and_server(scene, width, rows),
        own_hand(scene, width) or Text(),
        _log(scene, lines, width),
        *_strip(scene),
    ]
    return Constrain(Group(*parts), width)


def introduction(plan: Plan) -> Text:
    """What this is, for somebody who has never heard of it."""
    what = "Croupier serves games with hidden hands: it knows the rules, shows each player\n"
    how = "their own cards alone, and acknowledges nothing that is not on the disk.\n"
    many = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}.get(len(plan.players), str(len(plan.players)))
    kill = "; in the middle, kill -9" if plan.kill_after is not None else ""
    here = clipped(f"{many} random players, {plan.title}, real sockets{kill}.", LEAST_WIDTH - 1)
    whose = f"\nWhat is shown is what {plan.names[0]} is shown." if plan.rules != CRAZY_EIGHTS else ""
    return Text.assemble(("Croupier", "bold"), what.removeprefix("Croupier"), how, (here, "bold"), whose)


# ---- the two boxes on top


def _table_and_server(scene: Scene, width: int, rows: int) -> Table:
    both = Table.grid(expand=True)
    both.add_column(width=width - _SERVER_WIDTH)
    both.add_column(width=_SERVER_WIDTH)
    table = felt(scene, width - _SERVER_WIDTH - 4)
    title = "the table, as all see it" if is_public(scene) else f"the table, as {scene.plan.names[0]} sees it"
    both.add_row(
        Panel(table, title=title, title_align="left", box=box.ROUNDED, height=rows),
        _server(scene, rows),
    )
    return both


def _server(scene: Scene, rows: int) -> Panel:
    facts = Table.grid(padding=(0, 1))
    facts.add_row("address", scene.serving.address if scene.serving else "-")
    facts.add_row("process", _process(scene))
    facts.add_row("on disk", f"{scene.event_id} events")
    facts.add_row("answered", f"{len(scene.latencies)} actions")
    latency = scene.median_latency
    facts.add_row("within", "-" if latency is None else _milliseconds(latency))
    dead = scene.down_for is not None and scene.serving is None
    style = "red" if dead else "green" if scene.serving else "dim"
    title = "the server: KILLED" if dead else "the server"
    return Panel(facts, title=title, title_align="left", box=box.ROUNDED, border_style=style, height=rows)


def _process(scene: Scene) -> Text:
    if scene.serving is not None:
        return Text(f"pid {scene.serving.pid}{' (2nd)' if scene.killed is not None else ''}")
    return Text("dead" if scene.killed is not None else "is starting", style="red" if scene.killed else "dim")


# ---- what happened


def _log(scene: Scene, lines: int, width: int) -> Panel:
    log = [line for line in scene.log if line.mark != PROOF]  # that stands in the strip
    shown = Group(*(in_colour(line, width - 4) for line in log[-lines:]))
    return Panel(shown, title="what happened", title_align="left", box=box.ROUNDED, height=lines + 2)


def in_colour(line: Line, width: int) -> Text:
    """One thing that happened, on one line of at most this many columns."""
    text = Text(clipped(f"{line.mark:>{_MARK}}  {line.text}", width), style=_KINDS[line.kind])
    return coloured(text) if line.kind == "move" else text


def _strip(scene: Scene) -> Sequence[Text]:
    """The two lines below all: what will happen, happens, and has been proved."""
    if scene.plan.kill_after is None:
        return ()
    if scene.proof is not None:
        audit = scene.proof.audit
        style = "bold green" if scene.proof.holds else "bold red"
        return (
            Text(f" {_sentence(proved(scene.proof))}", style=style),
            Text(
                f" Acknowledged before: {audit.acknowledged} actions. In the journal after: {audit.found}, each once."
            ),
        )
    if scene.killed is not None:
        return (
            Text(f" kill -9 {scene.killed.pid}: no goodbye, nothing saved.", style="bold red"),
            Text(f" It is started again on the same files; down for {scene.down_for or 0.0:.1f} s."),
        )
    return (Text(f" The server will be killed after event {scene.plan.kill_after}.", style="dim"), Text())


def _milliseconds(latency: float) -> str:
    return f"{1000 * latency:.1f} ms (median)"


# ---- the end


def epilogue(scene: Scene, again: str, next_steps: Sequence[tuple[str, str]]) -> RenderableType:
    """How the game ended, what was shown, and where to go from here. `again` is the command that plays the same
    game."""
    assert scene.finished is not None
    heading = Text("Where to go next", style="bold")
    steps = [*next_steps, ("this very game again", again)]
    # Not broken into lines of ours: a command is to be copied.
    lines = [Text(f"  {what:<22}{command}", no_wrap=True, overflow="ignore") for what, command in steps]
    return Group("", *_result(scene), "", *_shown(scene), "", heading, *lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _result(scene: Scene) -> list[RenderableType]:
    assert scene.finished is not None
    ending, plan = scene.finished.ending, scene.plan
    winner = plan.name(ending.winner_id) if ending.winner_id is not None else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("  player")
    table.add_column("points", justify="right")
    for player, points in sorted(ending.results.items(), key=lambda item: -item[1]):
        style = "bold green" if player == ending.winner_id else ""
        table.add_row(f"  {plan.name(player)}", f"{points:g}", style=style)
    told = _sentence(f"{outcome(winner, ending.end_reason)}, after {ending.event_id} events")
    return [Text(told, style="bold"), table]


def _shown(scene: Scene) -> list[Text]:
    assert scene.finished is not None
    audit = scene.finished.audit
    lines = [Text("What was shown", style="bold")]
    if scene.proof is not None:
        lines.append(Text(f"  {proved(scene.proof)}", style="green" if scene.proof.holds else "bold red"))
    elif scene.plan.kill_after is not None:
        lines.append(Text("  the game was over before the server could be killed"))
    equal = "equal" if audit.holds else "NOT EQUAL"
    lines.append(
        Text(
            f"  {audit.acknowledged} actions acknowledged, {audit.found} found in the journal, each once: {equal}",
            style="green" if audit.holds else "bold red",
        )
    )
    if scene.median_latency is not None:
        lines.append(Text(f"  from an action to its answer, on disk by then: {_milliseconds(scene.median_latency)}"))
    return lines
