"""What is asked of rules that run apart, and what comes back: plain, so that it goes through a pipe."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import orjson
from attrs import field, frozen

from actors.rules.interface import JsonObject

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules

_LENGTH: Final = 4
"""Bytes before the head of a message that say how long it is."""


@frozen
class Question:
    """A call into the rules. `state` is the position that it is about, saved; `arguments` are all others. Both are
    JSON, and the same whenever the same code asks the same."""

    call: str
    arguments: bytes = field(repr=False)
    state: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, call: str, state: bytes = b"", **arguments: Any) -> Question:  # noqa: ANN401 - JSON
        """The question with these arguments. Raises TypeError for what has no JSON."""
        return cls(call, to_json(arguments), state)

    def dump(self) -> bytes:
        """The question as bytes; `parse` makes the question of them."""
        return packed(orjson.dumps([self.call, len(self.arguments)]), self.arguments + self.state)

    @classmethod
    def parse(cls, data: bytes) -> Question:
        """The question that was dumped."""
        (call, length), rest = unpacked(data)
        return cls(call, rest[:length], rest[length:])


@frozen
class Told:
    """The answer. `state` is the position that the call led to, saved; empty when it led to none."""

    body: JsonObject = field(repr=False)
    state: bytes = field(default=b"", repr=False)


class Kind(enum.StrEnum):
    """What is refused."""

    MALFORMED = "malformed"
    ILLEGAL = "illegal"
    OPTIONS = "options"


@frozen
class Refused:
    """The action is malformed, or against the rules, or the options do not go together; `field` is the option that
    does not. The text goes to whoever asked."""

    kind: Kind
    text: str
    field: str = ""


@frozen
class Failed:
    """The rules raised what they may not. `error` is its type, `trace` where it was; neither quotes any state."""

    error: str
    trace: str = field(repr=False)


@frozen
class Late:
    """The rules ran past their time limit, and their process was ended."""


@frozen
class Died:
    """The process ended while the rules ran, and so did another one that was tried; `how` says how."""

    how: str


Reply: TypeAlias = Told | Refused | Failed | Late | Died


class Workers(Protocol):
    """Where the real rules run."""

    async def ask(self, rules: AnyRules, question: Question) -> Reply:
        """Has the rules answer. Cancelled: nobody is the wiser, for the rules are pure."""


class Unanswered(BaseException):
    """These rules cannot go on until they are told the answer to this question. Not for rules, nor for those who ask
    them: only `patiently` catches it."""

    def __init__(self, asker: Asker, question: Question) -> None:
        super().__init__(question.call)
        self.asker = asker
        self.question = question


class Asker(Protocol):
    """Rules that stand for those that run apart."""

    answers: dict[Question, Reply]
    """What is known by now of what was asked in this attempt."""

    @property
    def original(self) -> AnyRules:
        """The rules that are stood for."""

    @property
    def workers(self) -> Workers:
        """Where these run."""


# ---- as bytes


def dump_reply(reply: Told | Refused | Failed) -> bytes:
    """The reply as bytes. Raises TypeError when its body has no JSON."""
    match reply:
        case Told(body=body, state=state):
            return packed(to_json({"told": body}), state)
        case Refused(kind=kind, text=text, field=where):
            return packed(orjson.dumps({"refused": [kind, text, where]}))
        case Failed(error=error, trace=trace):
            return packed(orjson.dumps({"failed": [error, trace]}))


def parse_reply(data: bytes) -> Told | Refused | Failed:
    """The reply that was dumped. Raises ValueError for what is none."""
    head, rest = unpacked(data)
    match head:
        case {"told": dict() as body}:
            return Told(body, rest)
        case {"refused": [str() as kind, str() as text, str() as where]}:
            return Refused(Kind(kind), text, where)
        case {"failed": [str() as error, str() as trace]}:
            return Failed(error, trace)
    raise ValueError("no reply")


def to_json(value: object) -> bytes:
    """The value as JSON, its fields in their order: what is shown live, and what a replay on the loop shows, are the
    same byte for byte. Raises TypeError when it has none."""
    return orjson.dumps(value)


def packed(head: bytes, rest: bytes = b"") -> bytes:
    """JSON, and bytes of any kind behind it."""
    return len(head).to_bytes(_LENGTH, "big") + head + rest


def unpacked(data: bytes) -> tuple[Any, bytes]:
    """What was packed, its JSON loaded. Raises ValueError."""
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
    return orjson.loads(data[_LENGTH:end]), data[end:]
