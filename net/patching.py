"""`"state_encoding": "patch"`: to a client that asked for it, a `game:state` says how its state differs from that of
the `game:state` before. A pure function of two messages that this client sees: nothing is in it that is not in them.

The outbox may skip a state that has not begun to leave for a newer one, and a patch must not be lost, nor be against
what was. So a state is whole when it may be sent in the place of another (`Channel.may_skip`); else the state before it
has left, or can be skipped only together with it, and that one is what the patch is against.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
from attrs import asdict, define, field, frozen

from actors.messages import LiveState, PatchedPush, Push, View
from actors.rules.interface import JsonObject
from net.json_patch import make_patch

STATE: Final = "state"
"""The field that a patch stands in the place of."""


@frozen
class StatePatch:
    """What stands in a `game:state` in the place of `state`, for a client that asked for patches: the operations of RFC
    6902 that turn the `state` of the `game:state` with that event, the last that was sent, into this one's."""

    state_encoding: Literal["patch"]
    base_event_id: int
    state_patch: tuple[JsonObject, ...]


@define(eq=False)
class Patching:
    """The states of one game as one client is sent them, from its join on."""

    _event_id: int = field(default=0, init=False)
    _state: Any = field(default=None, init=False, repr=False)
    """The last state that was sent, and its event; 0 before the first."""

    def next(self, push: Push, *, whole: bool) -> Push:
        """What to send in the place of this push, which is sent then: itself if it is `whole`, the first state, or no
        state at all, or shorter than its patch."""
        body = push.body
        if not isinstance(body, LiveState | View) or body.event != View.event:
            return push
        if whole or not self._event_id:
            self._event_id, self._state = body.event_id, orjson.loads(push.json)[STATE]
            return push
        patches = push.patches
        if patches is None:
            patches = push.patches = {}
        patched = patches.get(self._event_id)
        if patched is None:
            patched = patches[self._event_id] = _patched(push, self._event_id, self._state)
        self._event_id, self._state = body.event_id, patched.state
        return patched.push


def _patched(push: Push, base_event_id: int, base: JsonObject) -> PatchedPush:
    """From the bytes that are sent, and not from what the rules gave: the client has nothing else."""
    whole: JsonObject = orjson.loads(push.json)
    patch = StatePatch("patch", base_event_id, tuple(make_patch(base, whole[STATE])))
    fields: JsonObject = {}
    for name, value in whole.items():
        if name == STATE:
            fields |= asdict(patch, recurse=False)
        else:
            fields[name] = value
    shorter = orjson.dumps(fields)
    return PatchedPush(Push(push.body, shorter) if len(shorter) < len(push.json) else push, whole[STATE])
