"""What really happened in a game, rebuilt from the journal by the rules, and the clients' records held against it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from attrs import frozen

from actors.events import Acted
from actors.rules.cards import PACK, name_of
from actors.rules.registry import Registry
from net.checks import Replayed, Written, lasting, one_writer, replayed, whole
from net.event_codec import decode_event
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import redis as redis_py

    from actors.events import Event
    from actors.game import Game, Position
    from actors.rules.interface import JsonObject


_CARD = re.compile(rb"(?<![\w-])(?:10|[2-9AJQK])[CDHS](?![\w-])")
_CARD_IN_WORDS = re.compile(rb"the \w+ of (?:clubs|diamonds|hearts|spades)")
_BY_NAME = {name_of(card): str(card) for card in PACK}


def cards_in(text: bytes) -> set[str]:
    """Every card that is named in these bytes, by its short form or in words."""
    in_words = {_BY_NAME.get(found.decode()) for found in _CARD_IN_WORDS.findall(text)}
    return {found.decode() for found in _CARD.findall(text)} | {card for card in in_words if card is not None}


def event_ids_in(message: object) -> set[int]:
    """Every event that this JSON value speaks of."""
    match message:
        case dict():
            own = {message["event_id"]} if isinstance(message.get("event_id"), int) else set()
            return own.union(*map(event_ids_in, message.values()))
        case list():
            return set[int]().union(*map(event_ids_in, message))
        case _:
            return set()


@frozen
class Truth:
    """A game as its journal has it, with what this drill knows of its rules."""

    written: tuple[Written, ...]
    replayed: Replayed

    @classmethod
    def of(cls, store: redis_py.Redis, game_id: str) -> Truth:
        """Reads the journal past the server, and replays it. Fails on a hole, and on ids that do not agree."""
        entries: Any = store.xrange(f"croupier:game:{game_id}")
        assert [entry_id for entry_id, _ in entries] == [b"%d-0" % n for n in range(1, len(entries) + 1)]
        written = tuple(
            Written(number, decode_event(fields[b"event"]), fields[b"nonce"].decode())
            for number, (_, fields) in enumerate(entries, 1)
        )
        assert [*whole(game_id, written), *one_writer(game_id, written)] == []
        truth = replayed(written, Registry.built_in())
        assert isinstance(truth, Replayed)
        return cls(written, truth)

    @property
    def game(self) -> Game:
        """What stays the same from the first event to the last."""
        return self.replayed.game

    @property
    def events(self) -> tuple[Event, ...]:
        """What is journalled: event n is `events[n - 1]`."""
        return self.replayed.events

    @property
    def last(self) -> Position:
        """The game as it stands."""
        return self.replayed.last

    def at(self, event_id: int) -> Position:
        """The game after this event."""
        found = self.replayed.at(event_id)
        assert found is not None
        return found

    # ---- answers

    def answers(self, user_id: str) -> dict[str, bytes]:
        """The answer to each of the user's message ids, as it must have been sent. Fails if an id stands twice."""
        found: dict[str, bytes] = {}
        for event in self.events:
            if isinstance(event, Acted) and event.player_id == user_id:
                assert event.message_id is not None
                assert event.answer is not None
                assert event.message_id not in found, f"{event.message_id} was applied twice"
                assert event.answer.event_id == event.event_id
                found[event.message_id] = JsonEncoder().answer(event.answer)
        return found

    # ---- views

    def view(self, event_id: int, user_id: str, *, changes: bool) -> bytes:
        """What that user must be shown of that event, without what belongs to the moment of sending."""
        return lasting(self.replayed.view(event_id, user_id, changes=changes))

    def hold_against(self, seen: JsonObject, user_id: str) -> None:
        """Fails unless the user was shown what happened, no more and no less."""
        assert lasting(seen) == self.view(seen["event_id"], user_id, changes="changes" in seen)

    # ---- secrets

    def visible(self, event_id: int, seat: int) -> set[str]:
        """The cards that a message to that seat about that event may name: the own hand, and the top of the pile; at
        the end every hand. Never the stock."""
        position = self.at(event_id)
        hands = position.state.hands if position.ended is not None else (position.state.hands[seat],)
        return {str(card) for hand in hands for card in hand} | {str(position.state.top)}

    def leaks(self, messages: Iterable[str | bytes], seat: int) -> Iterator[tuple[int, set[str]]]:
        """The messages to that seat that name a card which it may not see: their numbers, and those cards.

        What a message names must be visible in one of the events that it speaks of; each view in a list of missed
        ones is looked at by itself.
        """
        for number, message in enumerate(messages):
            raw = message if isinstance(message, bytes) else message.encode()
            for part in (raw, *self._missed(raw)):
                allowed = set[str]().union(*(self.visible(n, seat) for n in event_ids_in(orjson.loads(part))))
                if not cards_in(part) <= allowed:
                    yield number, cards_in(part) - allowed

    @staticmethod
    def _missed(raw: bytes) -> list[bytes]:
        data = orjson.loads(raw).get("data") or {}
        return [orjson.dumps(seen) for seen in data.get("missed", ())]
