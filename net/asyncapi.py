"""The protocol as an AsyncAPI 3.0 document, made from the very classes that requests are read into and answers and
pushes are written from: what it says of a field is what the code does.

`docs/asyncapi.json` is that document, and a test holds it to this. What the words of the contract say beyond the shapes
is in `docs/protocol.md`.
"""

from __future__ import annotations

import enum
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NewType, Union, get_args, get_origin, get_type_hints

import attrs
import orjson

from actors import messages
from actors.failures import Code
from actors.messages import ABSENT
from net import __version__, protocol
from net.patching import STATE, StatePatch
from net.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

REQUESTS: Final[dict[str, tuple[type[Any], type[Any]]]] = {
    "connect": (protocol.ConnectRequest, protocol.ConnectAnswer),
    "heartbeat": (protocol.HeartbeatRequest, protocol.HeartbeatAnswer),
    "game:join": (protocol.JoinRequest, messages.View),
    "game:action": (protocol.ActionRequest, messages.ActionAnswer),
    "game:resign": (protocol.ResignRequest, messages.ResignAnswer),
    "game:draw": (protocol.DrawRequest, messages.DrawAnswer),
    "game:leave": (protocol.GameRequest, protocol.LeaveAnswer),
    "game:spectate": (protocol.SpectateRequest, messages.View),
    "game:leave_spectate": (protocol.GameRequest, protocol.LeaveAnswer),
}
"""Each request that a client may make: what its data is read into, and what a success is answered with."""

PUSHES: Final[tuple[type[Any], ...]] = (
    messages.View,
    messages.GameOver,
    messages.GameReconnected,
    messages.OpponentStatus,
    messages.SpectatorCount,
    messages.DrawOffered,
    messages.GameCreated,
    messages.SessionReplaced,
)
"""What the server pushes, by the classes that it is written from. `server:draining` and `error` are below."""

_OF_FAILURE: Final[JsonObject] = {
    "type": "object",
    "required": ["success", "error", "request_message_id"],
    "properties": {
        "success": {"const": False},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"enum": [code.value for code in Code]},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        },
        "request_message_id": {"type": "string"},
    },
}
_DRAINING: Final[JsonObject] = {
    "type": "object",
    "required": ["reconnect_in"],
    "properties": {"reconnect_in": {"type": "number", "description": "Seconds after which to come back."}},
}
FILE: Final = Path(__file__).parents[1] / "docs" / "asyncapi.json"
_SUCCESS: Final = "success"


def document() -> JsonObject:
    """The whole document."""
    schemas: JsonObject = {"Failure": _OF_FAILURE}
    found: JsonObject = {}
    operations: JsonObject = {}
    for event, (request, answer) in REQUESTS.items():
        asked, answered = _name(event, "request"), _name(event, "answer")
        found[asked] = _message(event, _object(request, schemas))
        found[answered] = _message(f"{event}, answered", {"oneOf": [_answer(event, answer, schemas), _ref("Failure")]})
        operations[_name(event, "ask")] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/play"},
            "title": event,
            "messages": [{"$ref": f"#/channels/play/messages/{asked}"}],
            "reply": {
                "channel": {"$ref": "#/channels/play"},
                "messages": [{"$ref": f"#/channels/play/messages/{answered}"}],
            },
        }
    pushed = {cls.event: _object(cls, schemas) for cls in PUSHES}
    pushed[messages.View.event] = {"oneOf": [pushed[messages.View.event], _patched(schemas)]}
    pushed |= {"server:draining": _DRAINING, "error": _ref("Failure")}
    for event, schema in pushed.items():
        push = _name(event, "push")
        found[push] = _message(event, schema)
        operations[push] = {
            "action": "send",
            "channel": {"$ref": "#/channels/play"},
            "title": event,
            "messages": [{"$ref": f"#/channels/play/messages/{push}"}],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Croupier",
            "version": __version__,
            "description": "What clients and server say to each other. The words are in protocol.md.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "plain": {"host": "localhost:8765", "pathname": "/ws", "protocol": "ws", "description": SUBPROTOCOL},
            "socketio": {"host": "localhost:8765", "pathname": "/socket.io/", "protocol": "socket.io"},
        },
        "channels": {
            "play": {
                "address": "/game",
                "description": "The namespace on Socket.IO; the whole connection on a plain WebSocket.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in found},
            }
        },
        "operations": operations,
        "components": {"messages": found, "schemas": schemas},
    }


def _name(event: str, kind: str) -> str:
    return f"{event.replace(':', '_')}_{kind}"


def _message(title: str, payload: JsonObject) -> JsonObject:
    return {"name": title, "title": title, "payload": payload}


def _answer(event: str, answer: type[Any], schemas: JsonObject) -> JsonObject:
    """Views say `success` only where they answer; other answers have it, or (connect, heartbeat) do without."""
    schema = _object(answer, schemas)
    if event in {"connect", "heartbeat"} or _SUCCESS in schema["properties"]:
        return schema
    properties = {_SUCCESS: {"const": True}, **schema["properties"]}
    return {**schema, "required": [_SUCCESS, *schema["required"]], "properties": properties}


def _patched(schemas: JsonObject) -> JsonObject:
    """A `game:state` for a client that asked for patches."""
    whole, patch = _object(messages.View, schemas), _object(StatePatch, schemas)
    properties = {name: schema for name, schema in whole["properties"].items() if name != STATE}
    return {
        **patch,
        "required": [*(name for name in whole["required"] if name != STATE), *patch["required"]],
        "properties": properties | patch["properties"],
    }


def _object(cls: type[Any], schemas: JsonObject) -> JsonObject:
    hints = get_type_hints(cls, vars(messages) | vars(protocol))
    properties, required = {}, []
    for field in attrs.fields(cls):
        properties[field.name] = _schema(hints[field.name], schemas)
        if field.default is attrs.NOTHING:
            required.append(field.name)
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "description": " ".join((cls.__doc__ or "").split()),
    }


def _schema(kind: Any, schemas: JsonObject) -> JsonObject:  # noqa: ANN401 - a type as it was annotated
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        some = [_schema(one, schemas) for one in arguments if one is not type(None) and ABSENT not in get_args(one)]
        nullable = [{"type": "null"}] if type(None) in arguments else []
        return some[0] if len(some) == 1 and not nullable else {"anyOf": some + nullable}
    if origin is tuple or origin is list:
        return {"type": "array", "items": _schema(arguments[0], schemas)}
    if origin is dict or kind is dict:
        return {"type": "object"}
    if isinstance(kind, NewType):
        return _schema(kind.__supertype__, schemas)
    if isinstance(kind, type) and attrs.has(kind):
        if kind.__name__ not in schemas:
            schemas[kind.__name__] = {}
            schemas[kind.__name__] = _object(kind, schemas)
        return _ref(kind.__name__)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [one.value for one in kind]}
    names = {str: "string", int: "integer", float: "number", bool: "boolean"}
    return {"type": names[kind]} if kind in names else {}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}


def write(file: Path = FILE) -> None:
    """Writes the document that stands in docs/."""
    file.write_bytes(orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
