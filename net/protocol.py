"""The messages of the contract as they stand on the wire, whatever carries them: requests in, answers and pushes out.

cattrs stands here and nowhere further in: what comes in is an attrs object or an `invalid_message`, what goes out is
made of attrs objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NewType, TypeAlias, TypeVar

import orjson
from attrs import AttrsInstance, field, fields, frozen
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError

from actors.failures import Code, Failure
from actors.messages import LiveState
from actors.rules.interface import JsonObject
from net.codec import make_converter
from net.nesting import nested_deeper_than

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.messages import ActionAnswer, DrawAnswer, PushBody, ResignAnswer, View

NAMESPACE = "/game"
SUBPROTOCOL = "croupier.v1.json"

MESSAGE_ID_LENGTH = 64
NESTING = 64
"""How deep the JSON of a request may be; past it, it is refused before anything is made of it."""
_NAME_LENGTH = 64
"""How much of a name that a client made up is told back to it."""

AckId: TypeAlias = int | str
T = TypeVar("T")
A = TypeVar("A", bound=AttrsInstance)
Answer: TypeAlias = "View | ActionAnswer | ResignAnswer | DrawAnswer"

StateEncoding: TypeAlias = Literal["full", "patch"]
"""How the states of live `game:state`s are to come."""

MessageId = NewType("MessageId", str)
"""1 to 64 characters of the client's own."""
EventId = NewType("EventId", int)
"""A whole number, 0 or more."""


@frozen
class Request:
    """One request of a client, its data not looked into yet. Without an ack id no answer is wanted."""

    event: str
    data: object
    ack: AckId | None = None


@frozen
class ConnectRequest:
    """What a connection begins with. `recovery`, `pid` and `offset` ask for a session to be recovered. Whatever stands
    in `token` is for `net.auth` to judge."""

    token: Any = field(default=None, repr=False)
    recovery: bool = False
    pid: str | None = field(default=None, repr=False)
    offset: str | None = None


@frozen
class JoinRequest:
    """`game:join`."""

    game_id: str
    last_event_id: EventId | None = None
    state_encoding: StateEncoding = "full"
    message_id: MessageId | None = None


@frozen
class ActionRequest:
    """`game:action`."""

    game_id: str
    action: JsonObject
    message_id: MessageId | None = None


@frozen
class ResignRequest:
    """`game:resign`."""

    game_id: str
    message_id: MessageId | None = None


@frozen
class DrawRequest:
    """`game:draw`."""

    game_id: str
    move: Literal["offer", "accept", "decline"]
    message_id: MessageId | None = None


@frozen
class SpectateRequest:
    """`game:spectate`."""

    game_id: str
    state_encoding: StateEncoding = "full"
    message_id: MessageId | None = None


@frozen
class GameRequest:
    """`game:leave`, `game:leave_spectate`."""

    game_id: str
    message_id: MessageId | None = None


@frozen
class HeartbeatRequest:
    """`heartbeat`; it may carry no data at all."""

    message_id: MessageId | None = None


@frozen
class HeartbeatAnswer:
    """The answer to a heartbeat: unix seconds."""

    server_time: float


@frozen
class LeaveAnswer:
    """The answer to `game:leave` and `game:leave_spectate`."""

    success: bool
    game_id: str


@frozen
class ConnectAnswer:
    """The answer to a connect on the plain protocol."""

    sid: str
    pid: str = field(repr=False)
    recovered: bool = False


class Invalid(Exception):
    """What came in is not a message of the protocol. Carries the failure to answer, and the ack id to answer it
    under where that could be read."""

    def __init__(self, message: str, *, ack: AckId | None = None, **details: object) -> None:
        super().__init__(message)
        self.failure = Failure(Code.INVALID_MESSAGE, message, details)
        self.ack = ack


def parse(data: object, into: type[T]) -> T:
    """The data of a request as one of the classes above; fields it does not know are ignored. Raises Invalid, which
    names the field."""
    if not isinstance(data, dict):
        raise Invalid("the data of this event must be an object")
    try:
        return _REQUESTS.structure(data, into)
    except BaseValidationError as error:
        where, what = _first_fault(error)
        raise Invalid(f"{where} {what}", field=where.removeprefix("data.")) from None


def parse_body(body: object, into: type[A]) -> A:
    """The body of an HTTP request as one of the classes that stand for one; a field it does not know is refused, for a
    misspelt one would silently not count. Raises Invalid, whose details are `field` (empty: the whole) and `reason`."""
    if not isinstance(body, dict):
        raise Invalid("the body must be an object", field="", reason="the body must be an object")
    known = [attribute.name for attribute in fields(into)]
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise _wrong_field(unknown[:_NAME_LENGTH], f"is not known here; the fields are {', '.join(known)}")
    try:
        return _REQUESTS.structure(body, into)
    except BaseValidationError as error:
        where, what = _first_fault(error)
        raise _wrong_field(where.removeprefix("data").removeprefix("."), what) from None


def _wrong_field(field: str, reason: str) -> Invalid:
    return Invalid(f"{field} {reason}", field=field, reason=reason)


def _first_fault(error: BaseValidationError) -> tuple[str, str]:
    """Where, beginning with `data`, and what."""
    what, _, where = transform_error(error, path="data", format_exception=_reason)[0].rpartition(" @ ")
    return where, what


def load_json(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """The JSON in this text. Raises Invalid."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid("the message is not JSON") from None


def check_nesting(text: str | bytes, ack: AckId | None = None) -> None:
    """Raises Invalid for JSON nested deeper than anything sensible: what is read here is written again, into the
    journal among others, and that has its limits."""
    if nested_deeper_than(text if isinstance(text, str) else text.decode(), NESTING):
        raise Invalid(f"the message is nested more than {NESTING} deep", ack=ack)


def message_id_of(data: object) -> str:
    """The message id to name in a failure: the client's own when it is one, else an empty text."""
    given = data.get("message_id") if isinstance(data, dict) else None
    return given if isinstance(given, str) and len(given) <= MESSAGE_ID_LENGTH else ""


def encode_bare(answer: HeartbeatAnswer | ConnectAnswer | LeaveAnswer) -> bytes:
    """The JSON of an answer to which no `success` is added."""
    return orjson.dumps(_ANSWERS.unstructure(answer))


def encode_failure(failure: Failure, message_id: str) -> bytes:
    """The JSON of a failure."""
    error: JsonObject = {"code": failure.code, "message": failure.message}
    if failure.details:
        error["details"] = failure.details
    return orjson.dumps({"success": False, "error": error, "request_message_id": message_id})


def encode_refusal(code: str, message: str, details: JsonObject | None = None) -> bytes:
    """The JSON of a refused connect: a failure whose code is `unauthorized`, `token_expired`, `rate_limited` or
    `invalid_message`."""
    error: JsonObject = {"code": code, "message": message}
    if details:
        error["details"] = details
    return orjson.dumps({"success": False, "error": error, "request_message_id": ""})


class JsonEncoder:
    """Implements `actors.ports.Encoder`."""

    def answer(self, answer: Answer) -> bytes:
        """The JSON of a success."""
        return orjson.dumps({"success": True, **_ANSWERS.unstructure(answer)})

    def push(self, body: PushBody) -> bytes:
        """The JSON of a push's data."""
        return orjson.dumps(body.fields if isinstance(body, LiveState) else _ANSWERS.unstructure(body))


def _exactly(*kinds: type, called: str, admits: Callable[[Any], bool] = lambda _: True) -> Callable[[Any, Any], Any]:
    """A hook of cattrs that takes a value as it is, or says what it must be."""

    def hook(value: Any, _: Any) -> Any:  # noqa: ANN401 - a hook of cattrs
        if type(value) not in kinds or not admits(value):
            raise TypeError(f"must be {called}")
        return value

    return hook


def _strings(value: Any, _: Any) -> list[str]:  # noqa: ANN401 - a hook of cattrs
    if type(value) is not list or not all(type(item) is str for item in value):
        raise TypeError("must be a list of strings")
    return value


def _reason(error: BaseException, _: type | None) -> str:
    match error:
        case KeyError():
            return "is required"
        case TypeError() if str(error).startswith("must be"):
            return str(error)
        case _:
            return "has a value that is not supported"


def _request_converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _exactly(str, called="a string"))
    converter.register_structure_hook(int, _exactly(int, called="a whole number"))
    converter.register_structure_hook(bool, _exactly(bool, called="true or false"))
    converter.register_structure_hook_func(lambda kind: kind == JsonObject, _exactly(dict, called="an object"))
    converter.register_structure_hook_func(lambda kind: kind == list[str], _strings)
    message_id = f"a string of 1 to {MESSAGE_ID_LENGTH} characters"
    converter.register_structure_hook(
        MessageId, _exactly(str, called=message_id, admits=lambda text: 1 <= len(text) <= MESSAGE_ID_LENGTH)
    )
    converter.register_structure_hook(
        EventId, _exactly(int, called="a whole number from 0", admits=lambda number: number >= 0)
    )
    return converter


_REQUESTS = _request_converter()
_ANSWERS = make_converter()
