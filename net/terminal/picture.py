"""A view as lines of text, by the rules that it is of: Duel and Crazy Eights as one knows them, others by their
fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from rich.text import Text

from net.demo.felt import coloured
from net.demo.words import CRAZY_EIGHTS, YOU, Glyphs, in_words, outcome, short
from net.replay.picture import eights, pretty
from net.terminal import duel

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

DUEL: Final = "duel"


@frozen
class Picture:
    """Draws what one player sees of a game."""

    user_id: str
    glyphs: Glyphs = field(factory=Glyphs)

    def board(self, view: JsonObject) -> list[Text]:
        """The table."""
        seat, names = self._seat(view), self._names(view)
        match view["rules"]:
            case "duel":
                return duel.board(view, seat, names)
            case "crazy_eights":
                return eights(view, seat, names, self.glyphs)
            case _:
                return [Text(f"  {line}") for line in pretty(view["state"])]

    def actions(self, view: JsonObject) -> list[Text]:
        """What may be done, numbered from 1."""
        said = [self._action(action, view) for action in view.get("legal_actions", ())]
        width = len(str(len(said)))
        lines = [Text(f"  {number:>{width}}  {words}") for number, words in enumerate(said, 1)]
        due = view.get("pending_forced_action")
        if lines and due and due["player_id"] == self.user_id:
            lines.insert(0, Text(f"  {short(due['reason'])}:", style="bold"))
        return list(map(coloured, lines))

    def happened(self, view: JsonObject) -> list[Text]:
        """What the last event did."""
        names = self._names(view)
        words = [
            duel.change_in_words(change, names)
            if view["rules"] == DUEL
            else in_words(change, view["rules"], names, self.glyphs)
            for change in view.get("changes", ())
        ]
        return [coloured(Text(f"  . {line}", style="cyan")) for line in words if line]

    def ending(self, view: JsonObject) -> Text:
        """How the game ended."""
        winner = view.get("winner_id")
        how = outcome(self._name(winner) if winner else None, short(view.get("end_reason", "")))
        scores = "  ".join(f"{self._name(player)} {score:g}" for player, score in view["results"].items())
        return Text(f"The game is over: {how}.  {scores}", style="bold green")

    def about(self, name: str, view: JsonObject) -> str:
        """What this says; the empty text when that is not known."""
        return duel.about(name) if view["rules"] == DUEL else ""

    def _action(self, action: JsonObject, view: JsonObject) -> str:
        if view["rules"] == DUEL:
            return duel.action_in_words(action, view, self._seat(view))
        match action:
            case {"type": "play", "card": str(card)} if view["rules"] == CRAZY_EIGHTS:
                return f"play {self.glyphs.card(card)}"
            case {"type": "choose_suit", "suit": str(suit)}:
                return f"choose {self.glyphs.suit(suit)}"
            case _:
                rest = " ".join(f"{short(name)}={short(value)}" for name, value in action.items() if name != "type")
                return f"{short(action.get('type', ''))} {rest}".replace("_", " ").strip()

    def _seat(self, view: JsonObject) -> int:
        return next(int(player["seat"]) for player in view["players"] if player["id"] == self.user_id)

    def _names(self, view: JsonObject) -> list[str]:
        return [self._name(player["id"]) for player in view["players"]]

    def _name(self, user_id: str) -> str:
        return YOU if user_id == self.user_id else short(user_id.removeprefix("npc:"))
