"""What a player, or a spectator, saw: in order, without a hole where none may be, and the same as is replayed for its
eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from net.checks.records import Answered, Asked, Dropped, Over, Promise, Shown, Violation
from net.checks.replay import lasting, standing
from net.client.player import How

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actors.rules.interface import JsonObject
    from net.checks.records import Diary, Served
    from net.checks.replay import Replayed


def growing(diary: Diary) -> Iterator[Violation]:
    """The player's live events grow, a join never leads back, and what it says was missed is everything between what
    the player knew when it asked and the join's own event."""
    let_in = {
        record.request
        for record in diary.records
        if isinstance(record, Answered) and record.answer.get("success", True)
    }
    last = known = 0  # `known`: when it asked, and then with each missed event
    joined: int | None = None  # the event of a join whose `game:state` is still to come
    for record in diary.records:
        match record:
            case Asked(event="game:join" | "game:spectate", request=request, since=since) if request in let_in:
                known = since or 0  # one that is refused may be under way at the same time
            case Shown(how=How.JOINED, view=view):
                if view["event_id"] < last:
                    yield _lost(diary, last, view["event_id"])
                elif "missed" in view and view["event_id"] != known:
                    yield _order(diary, f"what was missed ends with event {known}, the join with {view['event_id']}")
                last = joined = view["event_id"]
            case Shown(how=How.MISSED, view=view):
                if view["event_id"] != known + 1:
                    yield _order(diary, f"event {view['event_id']} was given as missed after event {known}")
                known = view["event_id"]
            case Shown(how=How.LIVE, view=view):
                again = view["event_id"] == joined and view.get("changes") == []
                if view["event_id"] <= last and not again:
                    yield _order(diary, f"event {view['event_id']} was shown live after event {last}")
                last, joined = max(last, view["event_id"]), None
            case Over(data=data):
                if data["event_id"] != last:
                    yield _order(diary, f"the end came with event {data['event_id']}, after event {last}")
            case Dropped():
                joined = None
            case _:
                pass


def as_replayed(diary: Diary, truth: Replayed) -> Iterator[Violation]:
    """Every view is, byte for byte, what the journal gives for these eyes, but for what belongs to the moment
    of sending; so is the final word. Events that the journal does not have are another checker's business."""
    cache: dict[tuple[int, bool], JsonObject] = {}
    joined: int | None = None
    for record in diary.records:
        match record:
            case Shown(how=how, view=view):
                event_id, with_changes = view["event_id"], "changes" in view
                again = how is How.LIVE and event_id == joined and view.get("changes") == []
                joined = event_id if how is How.JOINED else None
                if truth.at(event_id) is None:
                    continue
                key = (event_id, with_changes)
                if key not in cache:
                    cache[key] = truth.view(event_id, diary.eyes, changes=with_changes)
                expected = {**cache[key], "changes": []} if again else cache[key]
                if lasting(view) != lasting(expected):
                    how_it_came = how.name.lower()
                    yield _differs(
                        diary, f"event {event_id} ({how_it_came}) is replayed otherwise: {_where(view, expected)}"
                    )
            case Over(data=data):
                if truth.last.ended is None:
                    yield _differs(diary, "the end was told, and the journal has none")
                elif orjson.dumps(data) != truth.final_word(diary.eyes):
                    yield _differs(diary, "the final word is replayed otherwise")
            case _:
                pass


def rebuilt_is_served(finals: Iterable[Served], truth: Replayed, *, since: int | None = None) -> Iterator[Violation]:
    """What is served last of all is the state that the journal leads to. Of a game that may go on meanwhile, the
    journal is read afterwards, and `since` is its last event before."""
    game_id, last = truth.game.created.game_id, truth.last.event_id
    for final in finals:
        at = final.view["event_id"]
        if not (last if since is None else since) <= at <= last:
            text = f"event {at} is served, the journal ends with {last}"
            yield Violation(Promise.REBUILT, game_id, text, final.user_id)
        elif standing(final.view) != standing(expected := truth.view(at, final.user_id, changes=False)):
            text = f"event {at} is rebuilt otherwise than served: {_where(final.view, expected)}"
            yield Violation(Promise.REBUILT, game_id, text, final.user_id)


def _where(seen: JsonObject, expected: JsonObject) -> str:
    """The fields that differ, and no value of them: values may be hidden game state."""
    seen, expected = orjson.loads(lasting(seen)), orjson.loads(lasting(expected))
    names = [name for name in {**seen, **expected} if seen.get(name) != expected.get(name)]
    return ", ".join(names) or "the order of the fields"


def _lost(diary: Diary, before: int, after: int) -> Violation:
    text = f"event {before} was shown, and later the game stood at event {after}"
    return Violation(Promise.LOST, diary.game_id, text, diary.user_id)


def _order(diary: Diary, text: str) -> Violation:
    return Violation(Promise.ORDER, diary.game_id, text, diary.user_id)


def _differs(diary: Diary, text: str) -> Violation:
    return Violation(Promise.REPLAYED, diary.game_id, text, diary.user_id)
