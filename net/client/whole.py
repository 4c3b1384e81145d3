"""The states that a client is sent as patches (`"state_encoding": "patch"`), made whole again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jsonpatch
from attrs import define, field

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

_STATE: Final = "state"
_OF_A_PATCH: Final = frozenset({"base_event_id", "state_patch"})


class OutOfStep(Exception):
    """The server sent a patch that does not fit the state before it; the text names no value of either."""


@define(eq=False)
class WholeStates:
    """What one connection was shown last, which the next patch is against."""

    _game_id: str | None = field(default=None, init=False)
    _event_id: int | None = field(default=None, init=False)
    _state: Any = field(default=None, init=False, repr=False)

    def take(self, data: JsonObject) -> JsonObject:
        """The data of a `game:state`, as if it had been sent whole. Raises OutOfStep. Every `game:state` of a
        connection must come by here, in order."""
        if "state_patch" in data:
            data = self._made_whole(data)
        self._game_id, self._event_id, self._state = data.get("game_id"), data.get("event_id"), data.get(_STATE)
        return data

    def _made_whole(self, data: JsonObject) -> JsonObject:
        base = data.get("base_event_id")
        if (data.get("game_id"), base) != (self._game_id, self._event_id):
            raise OutOfStep(f"a patch against event {base} came after event {self._event_id}")
        try:
            state = jsonpatch.apply_patch(self._state, data["state_patch"])
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise OutOfStep(f"the patch against event {base} does not fit: {type(error).__name__}") from None
        whole: JsonObject = {}
        for name, value in data.items():
            if name == "state_encoding":
                whole[_STATE] = state
            elif name not in _OF_A_PATCH:
                whole[name] = value
        return whole
