"""The rules of High Card, as pure functions over a state that never changes.

Each player has a hand that the others do not see. In each round everybody lays a card, in turn; the highest card (king
high, ace low; of equal ones the first) takes the round, and whoever took it leads the next. When the hands are empty,
most rounds win.
"""

from typing import ClassVar, Final

from attrs import evolve, frozen

from actors.rules.cards import PACK, Card, Rank, rank_of
from actors.rules.chance import Chance
from actors.rules.interface import Change, ForcedAction, IllegalAction, JsonObject, MalformedAction, Outcome, Step
from actors.rules.saving import StateCodec

_DEFAULT_CARDS: Final = 5
_STRENGTHS: Final = {rank: strength for strength, rank in enumerate(Rank)}


@frozen
class Lay:
    """Lays this card of one's hand on the table; `{"type": "lay", "card": "QS"}` on the wire."""

    type: ClassVar[str] = "lay"

    card: Card


@frozen
class State:
    """A position. `table` are this round's cards with the seats that laid them; `open` are the cards that have left the
    game where everybody could see; `taken` are the rounds that each seat has taken; `turns` counts turns."""

    hands: tuple[tuple[Card, ...], ...]
    turn: int
    taken: tuple[int, ...]
    table: tuple[tuple[int, Card], ...] = ()
    open: tuple[Card, ...] = ()
    gone: tuple[int, ...] = ()
    turns: int = 0
    outcome: Outcome | None = None


_CODEC: Final = StateCodec(State)


class HighCard:
    """The Rules of High Card; it holds nothing."""

    name: Final = "high_card"
    version: Final = "1"
    title: Final = "High Card"
    min_players: Final = 2
    max_players: Final = 4
    end_in_draw = None

    @property
    def options_schema(self) -> JsonObject:
        """What whoever makes a game may choose; each needs a default."""
        cards = {
            "description": "Cards dealt to each player.",
            "type": "integer",
            "minimum": 1,
            "maximum": 13,
            "default": _DEFAULT_CARDS,
        }
        return {"type": "object", "additionalProperties": False, "properties": {"cards": cards}}

    # ---- the game

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        """The deal. All chance comes from `chance`, or a game could not be replayed."""
        cards, pack = options.get("cards", _DEFAULT_CARDS), chance.shuffled(PACK)
        hands = tuple(pack[seat * cards : (seat + 1) * cards] for seat in range(players))
        return State(hands, turn=0, taken=(0,) * players)

    def parse(self, action: JsonObject) -> Lay:
        """The action of this JSON object. It may come from a broken client: refuse what is not exactly right."""
        match action:
            case {"type": "lay", "card": str(card), **rest} if card in PACK and not rest:
                return Lay(PACK[PACK.index(card)])
        raise MalformedAction("an action is lay with a card such as QS or 10D, and nothing else")

    def dump(self, action: Lay) -> JsonObject:
        """The JSON object of this action."""
        return {"type": action.type, "card": action.card}

    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        """Every action that this seat may take now."""
        return tuple(Lay(card) for card in state.hands[seat]) if seat in self.to_act(state) else ()

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        """What comes of an action. What it refuses, it must not explain by what the player may not know."""
        hand = state.hands[seat]
        if action.card not in hand:
            raise IllegalAction("that card is not in your hand")
        laid = evolve(
            state,
            hands=_replaced(state.hands, seat, tuple(card for card in hand if card != action.card)),
            table=(*state.table, (seat, action.card)),
        )
        changes = [Change({"type": "laid", "seat": seat, "card": action.card})]
        return _go_on(laid, seat, changes, f"you laid {action.card}")

    def resign(self, state: State, seat: int, chance: Chance) -> Step[State]:
        """That seat gives up, in or out of turn; its cards are shown, and the others play on."""
        left = evolve(
            state,
            hands=_replaced(state.hands, seat, ()),
            open=(*state.open, *state.hands[seat]),
            gone=(*state.gone, seat),
        )
        changes = [Change({"type": "resigned", "seat": seat, "hand": list(state.hands[seat])})]
        if len(left.gone) == len(left.hands) - 1:
            return _ended(left, changes, "resignation")
        return _go_on(left, seat, changes, "you resigned") if seat == state.turn else _settled(left, changes, "")

    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        """Who dawdles lays the first card of their hand."""
        step = self.apply(state, state.turn, self.legal(state, state.turn)[0], chance)
        return evolve(step, changes=(Change({"type": "timed_out", "seat": state.turn}), *step.changes))

    # ---- who sees what

    def view(self, state: State, seat: int | None) -> JsonObject:
        """What that seat may see; None is a spectator. Of the hands of others that is their size, and nothing else."""
        seen: JsonObject = {
            "turn": None if state.outcome is not None else state.turn,
            "table": [{"seat": laid_by, "card": card} for laid_by, card in state.table],
            "open": list(state.open),
            "seats": [
                {"seat": s, "cards": len(hand), "taken": state.taken[s], "resigned": s in state.gone}
                for s, hand in enumerate(state.hands)
            ],
        }
        if seat is not None:
            seen["hand"] = list(state.hands[seat])
        return seen

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
        """A position at random in which that seat sees this view: for players who search, and for assert_no_leak, which
        holds against it that nothing a player is told depends on what is dealt otherwise here."""
        if view["turn"] is None:
            raise ValueError("the game is over")
        table = tuple((one["seat"], PACK[PACK.index(one["card"])]) for one in view["table"])
        known = {*view["hand"], *view["open"], *(card for _, card in table)}
        unseen = list(chance.shuffled(card for card in PACK if card not in known))
        hands = [
            tuple(
                unseen.pop() if one["seat"] != seat else PACK[PACK.index(view["hand"][n])] for n in range(one["cards"])
            )
            for one in view["seats"]
        ]
        return State(
            hands=tuple(hands),
            turn=view["turn"],
            taken=tuple(one["taken"] for one in view["seats"]),
            table=table,
            open=tuple(PACK[PACK.index(card)] for card in view["open"]),
            gone=tuple(one["seat"] for one in view["seats"] if one["resigned"]),
        )

    # ---- whose turn it is, and how it ended

    def current(self, state: State) -> int | None:
        """Whose turn it is."""
        return None if state.outcome is not None else state.turn

    def to_act(self, state: State) -> tuple[int, ...]:
        """Who may act now: here the one whose turn it is."""
        return () if state.outcome is not None else (state.turn,)

    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        """Actions that must come before anything else: there are none."""
        return ()

    def turn(self, state: State) -> int:
        """A number that changes whenever the turn clock starts anew."""
        return state.turns

    def has_resigned(self, state: State, seat: int) -> bool:
        """Whether that seat has left for good."""
        return seat in state.gone

    def outcome(self, state: State) -> Outcome | None:
        """How the game ended; None while it runs."""
        return state.outcome

    # ---- snapshots

    def save(self, state: State) -> JsonObject:
        """The state as JSON, hidden things included."""
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> State:
        """The state that was saved."""
        return _CODEC.restore(saved)


def _replaced(hands: tuple[tuple[Card, ...], ...], seat: int, hand: tuple[Card, ...]) -> tuple[tuple[Card, ...], ...]:
    return (*hands[:seat], hand, *hands[seat + 1 :])


def _go_on(state: State, seat: int, changes: list[Change], message: str) -> Step[State]:
    """After that seat's turn: the next player's, if this round has one."""
    return _settled(evolve(state, turn=_next(state, seat), turns=state.turns + 1), changes, message)


def _next(state: State, seat: int) -> int:
    players = len(state.hands)
    return next(s % players for s in range(seat + 1, seat + players + 1) if s % players not in state.gone)


def _settled(state: State, changes: list[Change], message: str) -> Step[State]:
    """A round in which all who are left have laid is taken; with the last cards the game ends."""
    laid = {seat for seat, _ in state.table}
    if len(laid | set(state.gone)) < len(state.hands):
        return Step(state, tuple(changes), message)
    standing = [(seat, card) for seat, card in state.table if seat not in state.gone]
    winner, _ = max(standing, key=lambda one: _STRENGTHS[rank_of(one[1])])
    taken = tuple(rounds + (seat == winner) for seat, rounds in enumerate(state.taken))
    cards = tuple(card for _, card in state.table)
    after = evolve(state, table=(), open=(*state.open, *cards), taken=taken, turn=winner, turns=state.turns + 1)
    changes.append(Change({"type": "taken", "seat": winner}))
    return Step(after, tuple(changes), message) if after.hands[winner] else _ended(after, changes, "played_out")


def _ended(state: State, changes: list[Change], reason: str) -> Step[State]:
    """Most rounds win, among those who have not resigned; a tie for the most is a draw."""
    left = [seat for seat in range(len(state.hands)) if seat not in state.gone]
    most = max(state.taken[seat] for seat in left)
    best = [seat for seat in left if state.taken[seat] == most]
    winner = best[0] if len(best) == 1 else None
    outcome = Outcome(winner, tuple(float(rounds) for rounds in state.taken), reason)
    changes.append(Change({"type": "ended", "winner": winner}))
    return Step(evolve(state, outcome=outcome), tuple(changes), "the game is over")
