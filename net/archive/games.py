"""The archive, synchronously: what is asked of the database, and what comes back. `net.archive.archive` calls it from
the event loop, `croupier replay` as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import insert, literal, select, tuple_
from sqlalchemy.exc import IntegrityError

from actors.events import Created
from actors.messages import ABSENT, Description
from actors.ports import GameNotFound, StoreLostData
from net.archive.engine import reached, writing
from net.archive.pack import Damaged, pack, unpack
from net.archive.schema import EVENTS, GAMES, PLAYERS
from net.event_codec import UnreadableEvent, decode_event, encode_event

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Row

    from actors.events import Event

_DESCRIBED: Final = select(*(column for column in GAMES.c))


class ArchivedGames:
    """Whole games in a database. What reaches it raises ArchiveUnavailable when it cannot."""

    def __init__(self, engine: Engine) -> None:
        """The engine's database has the tables of `net.archive.schema`."""
        self._engine = engine

    def put(self, events: tuple[Event, ...], description: Description) -> None:
        """Keeps a whole game, in one transaction; durable when this returns. Again with the same game is the same as
        once. Raises StoreLostData when other events stand under its id; ValueError for what is no whole game."""
        created = _checked(events, description)
        encoded = [encode_event(event) for event in events]
        for last_try in (False, True):
            try:
                with reached():
                    self._put(created, description, events, encoded)
            except _Overtaken:
                if last_try:
                    raise StoreLostData(
                        f"game {created.game_id} can be neither put into the archive nor found"
                    ) from None
            else:
                return

    def _put(self, created: Created, description: Description, events: tuple[Event, ...], encoded: list[bytes]) -> None:
        try:
            with writing(self._engine) as connection:
                standing = _encoded(connection, created.game_id)
                if standing:
                    _check_same(created.game_id, standing, encoded, events)
                else:
                    _insert(connection, created, description, encoded)
        except IntegrityError:  # between our look and our insert somebody else put it
            raise _Overtaken from None

    def events(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game. Raises GameNotFound, StoreLostData."""
        with reached(), self._engine.connect() as connection:
            count = connection.execute(select(GAMES.c.event_count).where(GAMES.c.id == game_id)).scalar()
            encoded = _encoded(connection, game_id) if count is not None else []
        if count is None:
            raise GameNotFound(f"there is no game {game_id} in the archive")
        if len(encoded) != count:
            raise StoreLostData(f"game {game_id}: the archive has {len(encoded)} of its {count} events")
        return _decoded(game_id, encoded)

    def description(self, game_id: str) -> Description:
        """What is publicly known of the game. Raises GameNotFound."""
        with reached(), self._engine.connect() as connection:
            row = connection.execute(_DESCRIBED.where(GAMES.c.id == game_id)).first()
        if row is None:
            raise GameNotFound(f"there is no game {game_id} in the archive")
        return _description(row)

    def games_of(self, user_id: str, *, before: str | None, limit: int) -> tuple[Description, ...]:
        """This user's games, the latest end first; with `before`, those after that game in this order, none when the
        archive does not have it."""
        order = tuple_(PLAYERS.c.ended_at, PLAYERS.c.game_id)
        query = _DESCRIBED.join(PLAYERS, PLAYERS.c.game_id == GAMES.c.id).where(PLAYERS.c.user_id == user_id)
        with reached(), self._engine.connect() as connection:
            if before is not None:
                ended_at = connection.execute(select(GAMES.c.ended_at).where(GAMES.c.id == before)).scalar()
                if ended_at is None:
                    return ()
                query = query.where(order < tuple_(literal(ended_at), literal(before)))
            latest_first = query.order_by(PLAYERS.c.ended_at.desc(), PLAYERS.c.game_id.desc()).limit(limit)
            rows = connection.execute(latest_first).all()
        return tuple(map(_description, rows))


class _Overtaken(Exception):
    """Somebody else has put a game of this id a moment ago."""


# ---- in


def _checked(events: tuple[Event, ...], description: Description) -> Created:
    created = events[0] if events else None
    if not isinstance(created, Created) or created.game_id != description.game_id:
        raise ValueError("a game begins with its creation")
    if [event.event_id for event in events] != list(range(1, description.event_count + 1)):
        raise ValueError(f"game {created.game_id}: these are not its events 1 to {description.event_count}")
    if description.ended_at is ABSENT or description.results is ABSENT or description.end_reason is ABSENT:
        raise ValueError(f"game {created.game_id} has not ended")
    return created


def _insert(connection: Connection, created: Created, description: Description, encoded: list[bytes]) -> None:
    game_id, winner = created.game_id, description.winner_id
    game = {
        "id": game_id,
        "rules": description.rules,
        "rules_version": description.rules_version,
        "players": orjson.dumps(description.players).decode(),
        "status": str(description.status),
        "event_count": description.event_count,
        "created_at": description.created_at,
        "ended_at": description.ended_at,
        "winner_id": None if winner is ABSENT else winner,
        "results": orjson.dumps(description.results).decode(),
        "end_reason": description.end_reason,
    }
    connection.execute(insert(GAMES).values(game))
    packed = [{"game_id": game_id, "first_event_id": first, "events": events} for first, events in pack(encoded)]
    connection.execute(insert(EVENTS), packed)
    connection.execute(
        insert(PLAYERS),
        [
            {"game_id": game_id, "seat": seat, "user_id": user_id, "ended_at": description.ended_at}
            for seat, user_id in enumerate(description.players)
        ],
    )


def _check_same(game_id: str, standing: list[bytes], encoded: list[bytes], events: tuple[Event, ...]) -> None:
    # An older program may have encoded the very same events otherwise.
    if standing != encoded and _decoded(game_id, standing) != events:
        raise StoreLostData(f"game {game_id}: the archive has another game under this id")


# ---- out


def _encoded(connection: Connection, game_id: str) -> list[bytes]:
    """The events as they were encoded, in order. Raises StoreLostData for what was not packed so."""
    query = select(EVENTS.c.first_event_id, EVENTS.c.events).where(EVENTS.c.game_id == game_id)
    rows = connection.execute(query.order_by(EVENTS.c.first_event_id))
    try:
        return unpack((first, bytes(events)) for first, events in rows)
    except Damaged as damaged:
        raise StoreLostData(f"game {game_id}: {damaged}") from None


def _decoded(game_id: str, encoded: list[bytes]) -> tuple[Event, ...]:
    events = []
    for number, data in enumerate(encoded, start=1):
        try:
            event = decode_event(data)
        except UnreadableEvent as error:
            raise UnreadableEvent(f"game {game_id}, event {number} in the archive: {error}") from None
        if event.event_id != number:
            raise StoreLostData(f"game {game_id}: event {number} in the archive says that it is {event.event_id}")
        events.append(event)
    return tuple(events)


def _description(row: Row[Any]) -> Description:
    return Description(
        game_id=row.id,
        rules=row.rules,
        rules_version=row.rules_version,
        players=tuple(orjson.loads(row.players)),
        status=row.status,
        event_count=row.event_count,
        created_at=row.created_at,
        winner_id=row.winner_id,
        results=orjson.loads(row.results),
        end_reason=row.end_reason,
        ended_at=row.ended_at,
    )
