"""A table asked on behalf of an HTTP request, and its answer as HTTP says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from actors.failures import Code, Failure
from actors.kit.actor import ActorError, AskTimeout
from actors.ports import GameNotFound
from actors.table_messages import Resume
from net.http import Refused, error_response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.directory import Directory
    from actors.kit.actor import Ask
    from net.http import Response

T = TypeVar("T")

ASK_TIMEOUT: Final = 10.0
"""Seconds that a request waits for a table."""

_STATUS_OF: Final = {
    Code.GAME_NOT_FOUND: 404,
    Code.GAME_ENDED: 409,
    Code.UNAVAILABLE: 503,
    Code.OVERLOADED: 503,
    Code.RULES_VERSION: 409,
    Code.INTERNAL_ERROR: 500,
}


async def ask_table(
    directory: Directory, game_id: str, message: Ask[T], failure_of: Callable[[ActorError], Failure]
) -> T:
    """The answer of the table of this game. Raises Refused when there is none."""
    try:
        return await directory.table(game_id).ask(message, timeout=ASK_TIMEOUT)
    except GameNotFound:
        raise Refused(error_response(404, Code.GAME_NOT_FOUND, "there is no such game")) from None
    except AskTimeout:
        text = "the game gave no answer in time; look at it again in a moment"
        raise Refused(error_response(503, Code.UNAVAILABLE, text)) from None
    except ActorError as error:
        raise Refused(failure_response(failure_of(error))) from None


async def resume(directory: Directory, game_id: str, failure_of: Callable[[ActorError], Failure]) -> Response:
    """Has a suspended game tried again, and says what became of it. Raises Refused."""
    answer = await ask_table(directory, game_id, Resume(), failure_of)
    if isinstance(answer, Failure):
        return failure_response(answer)
    return json_response(
        200, {"game_id": answer.game_id, "event_id": answer.event_id, "status": "running", "resumed": answer.resumed}
    )


def failure_response(failure: Failure) -> Response:
    """A table's refusal, as HTTP says it."""
    return error_response(_STATUS_OF.get(failure.code, 400), failure.code, failure.message, failure.details)
