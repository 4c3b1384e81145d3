"""The table as it is drawn: Crazy Eights with its cards, any other game by the fields of its view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from net.demo.words import CRAZY_EIGHTS, clipped, short

if TYPE_CHECKING:
    from rich.console import RenderableType

    from actors.rules.interface import JsonObject
    from net.demo.scene import Scene

_MOST_BACKS: Final = 18
_MOST_ROWS: Final = 8


def is_public(scene: Scene) -> bool:
    """Whether the felt shows nothing but what everybody may see. Of games that it does not know it shows the view of
    the first player, and has to say so."""
    return scene.plan.rules == CRAZY_EIGHTS


def rows(scene: Scene) -> int:
    """How many rows `felt` takes."""
    players = len(scene.plan.players)
    below = 1 if is_public(scene) or scene.view is None else len(_shown_fields(scene, scene.view["state"]))
    return players + 1 + max(below, 1)


def felt(scene: Scene, width: int) -> RenderableType:
    """Who plays, whose turn it is, and what lies on the table, in that many columns.

    Of the hands only what everybody may know: how many cards they have, and when the game is over the cards.
    """
    if scene.view is None:
        return Text("nobody is here yet", style="dim")
    cards, state = is_public(scene), scene.view["state"]
    players = Table.grid(padding=(0, 1))
    for seat, player in enumerate(scene.plan.players):
        players.add_row(*_player(scene, scene.view, seat, player, cards=cards))
    below = [_pile(scene, state)] if cards else [Text(clipped(line, width)) for line in _shown_fields(scene, state)]
    return Group(players, "", *below)


def own_hand(scene: Scene, width: int) -> Text | None:
    """The hand of the player in the first seat, labelled as theirs; None where there is none to show."""
    state = scene.view["state"] if scene.view is not None else {}
    if not is_public(scene) or "hand" not in state or state["phase"] == "over":
        return None
    name = scene.plan.names[0]
    hand = " ".join(scene.glyphs.card(card) for card in state["hand"])
    return coloured(Text(clipped(f" {name}'s hand, which only {name} is sent: {hand}", width)))


def coloured(text: Text) -> Text:
    """The text, its red suits red."""
    text.highlight_regex(r"\S*[♥♦]( (hearts|diamonds))?", "red")
    return text


def _player(scene: Scene, view: JsonObject, seat: int, player: str, *, cards: bool) -> tuple[Text, ...]:
    acts = player in view["to_act"]
    name = Text(f"{'>' if acts else ' '} {scene.plan.names[seat]}", style="bold" if acts else "")
    if player not in scene.inside and scene.finished is None:
        name.stylize("red")
    hand = _hand(scene, view["state"], seat) if cards else Text()
    return name, hand, _status(scene, view, player, acts=acts)


def _hand(scene: Scene, state: JsonObject, seat: int) -> Text:
    held = state["seats"][seat]
    if "hand" in held:
        shown = coloured(Text(" ".join(map(scene.glyphs.card, held["hand"])) or "no card"))
        shown.truncate(2 * _MOST_BACKS, overflow="ellipsis" if not scene.glyphs.ascii else "crop")
        return shown
    backs = scene.glyphs.back * min(held["cards"], _MOST_BACKS)
    return Text.assemble((backs, "blue"), f" {held['cards']}")


def _status(scene: Scene, view: JsonObject, player: str, *, acts: bool) -> Text:
    if scene.finished is not None or view["game_over"]:
        return Text("winner", style="bold green") if view.get("winner_id") == player else Text()
    if player not in scene.inside:
        return Text("no connection, tries again", style="red")
    return Text("to play", style="dim") if acts else Text()


def _pile(scene: Scene, state: JsonObject) -> Text:
    suit = scene.glyphs.suit(state["suit"]) if state["suit"] is not None else "being chosen"
    top = Text.assemble("  top card ", (scene.glyphs.card(state["top"]), "bold"))
    return coloured(Text.assemble(top, "   suit ", suit, f"   stock {state['stock']}"))


def _shown_fields(scene: Scene, state: JsonObject) -> list[str]:
    most = _MOST_ROWS - 1 - len(scene.plan.players)
    return [f"  {short(name).replace('_', ' ')}: {short(value)}" for name, value in state.items()][:most]
