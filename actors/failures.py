"""What a request can fail with: the contract's codes, and nothing of the server's insides."""

from __future__ import annotations

import enum

from attrs import field, frozen

from actors.rules.interface import JsonObject


class Code(enum.StrEnum):
    """The failure codes of the contract, section 2."""

    INVALID_MESSAGE = "invalid_message"
    UNKNOWN_EVENT = "unknown_event"
    GAME_NOT_FOUND = "game_not_found"
    NOT_IN_GAME = "not_in_game"
    GAME_ENDED = "game_ended"
    INVALID_ACTION = "invalid_action"
    ACTION_NOT_ALLOWED = "action_not_allowed"
    NOT_YOUR_TURN = "not_your_turn"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    DRAINING = "draining"
    RULES_VERSION = "rules_version"
    INTERNAL_ERROR = "internal_error"


@frozen
class Failure:
    """A refusal, as the client reads it. `details` help a program, `message` helps a person; neither tells hidden
    game state."""

    code: Code
    message: str
    details: JsonObject = field(factory=dict)
