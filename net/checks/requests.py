"""Requests and their answers: each is answered, what was acknowledged stands, and nothing stands that was not asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import orjson

from actors.events import Acted, DrawMoved, Resigned
from net.checks.records import Answered, Asked, Dropped, Promise, Shown, Violation
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.rules.interface import JsonObject
    from net.checks.records import Diary, Written

ANSWER_WITHIN: Final = 50.0
"""Seconds that a request may wait for its answer while its connection lives."""

_REFUSED: Final = frozenset(
    {"invalid_message", "not_in_game", "game_ended", "invalid_action", "action_not_allowed", "not_your_turn"}
)
"""Codes that say for certain that the request did not count, and will not."""


def nothing_lost(diaries: Sequence[Diary], journal: Sequence[Written]) -> Iterator[Violation]:
    """Every action, resignation and draw move that was acknowledged stands in the journal, under the event that the
    answer named, with that very answer; and nothing was shown that does not stand."""
    standing = {entry.event_id: entry.event for entry in journal}
    for diary in diaries:
        for asked, answer in _answers(diary):
            if asked.message_id is None or not answer["success"]:
                continue
            event = standing.get(answer["event_id"])
            found = isinstance(event, Acted | Resigned | DrawMoved) and (event.player_id, event.message_id) == (
                diary.user_id,
                asked.message_id,
            )
            if not found:
                yield _violation(
                    Promise.LOST,
                    diary,
                    f"{asked.message_id} was acknowledged as event {answer['event_id']}, and is not there",
                )
            elif not _is_as_asked(event, asked) or _answer_of(event) != orjson.dumps(answer):
                yield _violation(
                    Promise.LOST, diary, f"event {answer['event_id']} is not as {asked.message_id} was acknowledged"
                )
        seen = max((record.view["event_id"] for record in diary.records if isinstance(record, Shown)), default=0)
        if seen > len(journal):
            yield _violation(Promise.LOST, diary, f"event {seen} was shown, and the journal ends with {len(journal)}")


def nothing_twice(diaries: Sequence[Diary], journal: Sequence[Written]) -> Iterator[Violation]:
    """No request stands twice, none stands that was not asked or was refused, and who asks again is answered the
    same. Every action of the journal must be one of a diary's."""
    by_user = {diary.user_id: diary for diary in diaries}
    counts = Counter(_key(entry.event) for entry in journal if isinstance(entry.event, Acted | Resigned | DrawMoved))
    asked = {(diary.user_id, one.message_id): one for diary in diaries for one in _asked(diary)}
    refused = {key for diary in diaries for key in _refused_for_good(diary)}
    for entry in journal:
        event = entry.event
        if not isinstance(event, Acted | Resigned | DrawMoved) or event.player_id not in by_user:
            continue
        diary, key = by_user[event.player_id], _key(event)
        if key not in asked or not _is_as_asked(event, asked[key]):
            yield _violation(Promise.TWICE, diary, f"event {entry.event_id} ({event.message_id}) was not asked so")
        elif counts[key] > 1:
            yield _violation(
                Promise.TWICE, diary, f"{event.message_id} stands {counts[key]} times, also as event {entry.event_id}"
            )
        elif key in refused:
            yield _violation(Promise.TWICE, diary, f"{event.message_id} was refused, and is event {entry.event_id}")
    for diary in diaries:
        yield from _answered_otherwise(diary)


def all_answered(diary: Diary, *, until: float, within: float = ANSWER_WITHIN) -> Iterator[Violation]:
    """Every request was answered, once, unless its connection was lost first, within so many seconds; the records end
    at `until`."""
    dropped = {record.connection: record.at for record in diary.records if isinstance(record, Dropped)}
    waiting: dict[tuple[int, int], Asked] = {}
    known: set[tuple[int, int]] = set()
    for record in diary.records:
        match record:
            case Asked():
                waiting[record.connection, record.request] = record
                known.add((record.connection, record.request))
            case Answered():
                key = (record.connection, record.request)
                if waiting.pop(key, None) is None:
                    text = "was answered twice" if key in known else "was answered and not asked"
                    yield _violation(Promise.UNANSWERED, diary, f"request {record.request} {text}")
            case _:
                pass
    for (connection, number), asked in waiting.items():
        waited = dropped.get(connection, until) - asked.at
        if waited > within:
            yield _violation(
                Promise.UNANSWERED,
                diary,
                f"request {number} ({asked.event}, {asked.message_id}) had no answer for {waited:.1f} s",
            )


# ---- reading a diary


def _answers(diary: Diary) -> Iterator[tuple[Asked, JsonObject]]:
    asked: dict[tuple[int, int], Asked] = {}
    for record in diary.records:
        if isinstance(record, Asked):
            asked[record.connection, record.request] = record
        elif isinstance(record, Answered) and (found := asked.get((record.connection, record.request))) is not None:
            yield found, record.answer


def _asked(diary: Diary) -> Iterator[Asked]:
    return (record for record in diary.records if isinstance(record, Asked) and record.message_id is not None)


def _refused_for_good(diary: Diary) -> Iterator[tuple[str, str | None]]:
    """The ids of requests whose last answer says that they did not count."""
    last: dict[str, JsonObject] = {}
    for asked, answer in _answers(diary):
        if asked.message_id is not None:
            last[asked.message_id] = answer
    for message_id, answer in last.items():
        if not answer["success"] and answer["error"]["code"] in _REFUSED:
            yield diary.user_id, message_id


def _answered_otherwise(diary: Diary) -> Iterator[Violation]:
    first: dict[str, bytes] = {}
    for asked, answer in _answers(diary):
        if asked.message_id is not None and answer["success"]:
            again = orjson.dumps(answer)
            if first.setdefault(asked.message_id, again) != again:
                yield _violation(Promise.TWICE, diary, f"{asked.message_id} was answered otherwise than before")


def _key(event: Acted | Resigned | DrawMoved) -> tuple[str, str | None]:
    return event.player_id, event.message_id


def _is_as_asked(event: object, asked: Asked) -> bool:
    match event:
        case Acted(action=action):
            return asked.event == "game:action" and action == asked.action
        case Resigned():
            return asked.event == "game:resign"
        case DrawMoved(move=move):
            return asked.event == "game:draw" and move == asked.move
        case _:
            return False


def _answer_of(event: object) -> bytes | None:
    match event:
        case Acted(answer=answer) | Resigned(answer=answer) | DrawMoved(answer=answer) if answer is not None:
            return JsonEncoder().answer(answer)
        case _:
            return None


def _violation(promise: Promise, diary: Diary, text: str) -> Violation:
    return Violation(promise, diary.game_id, text, diary.user_id)
