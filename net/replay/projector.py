"""Where somebody is in a replay, and what a key does to that. Pure: time and keys come in, what is shown comes out."""

from __future__ import annotations

from typing import Final

from attrs import evolve, field, frozen

SPEEDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Events a second that `+` and `-` step through."""

SLOWEST, FASTEST = SPEEDS[0], SPEEDS[-1]

_MOST_DIGITS: Final = 7

HELP: Final = "space play/pause · → next · ← back · g jump · v viewer · + - speed · ↑ ↓ scroll · q quit"
HELP_IN_ASCII: Final = "space play/pause, n next, b back, g jump, v viewer, + - speed, up down scroll, q quit"


@frozen
class Projector:
    """A replay of `last` events, of which `at` is shown to viewer number `viewer` of `viewers`. `typed` are the digits
    of an event's number, None while nobody types one; `scroll` is how many lines are above the screen."""

    last: int
    viewers: int
    at: int = 1
    viewer: int = 0
    playing: bool = False
    speed: float = field(default=1.0)
    typed: str | None = None
    scroll: int = 0
    done: bool = False

    @property
    def pause(self) -> float | None:
        """Seconds until the next event is shown by itself; None when it is not."""
        return 1 / self.speed if self.playing and self.at < self.last and not self.done else None

    def tick(self) -> Projector:
        """The pause is over."""
        return self._at(self.at + 1) if self.playing else self

    def press(self, key: str) -> Projector:
        """Somebody pressed this key, as `net.replay.keys` names it; any other changes nothing."""
        if key in ("q", "ctrl-c", "ctrl-d"):
            return evolve(self, done=True)
        if self.typed is not None:
            return self._type(key)
        match key:
            case "right" | "n" | "enter":
                return evolve(self._at(self.at + 1), playing=False)
            case "left" | "b" | "backspace":
                return evolve(self._at(self.at - 1), playing=False)
            case "home":
                return evolve(self._at(1), playing=False)
            case "end":
                return evolve(self._at(self.last), playing=False)
            case "space" | "p":
                again = self.at == self.last and not self.playing
                return evolve(self._at(1) if again else self, playing=not self.playing)
            case "g" | "j":
                return evolve(self, typed="", playing=False)
            case "v" | "tab":
                return evolve(self, viewer=(self.viewer + 1) % self.viewers, scroll=0)
            case "V" | "shift-tab":
                return evolve(self, viewer=(self.viewer - 1) % self.viewers, scroll=0)
            case "+" | "=":
                return evolve(self, speed=next((one for one in SPEEDS if one > self.speed), FASTEST))
            case "-":
                return evolve(self, speed=next((one for one in reversed(SPEEDS) if one < self.speed), SLOWEST))
            case _:
                return self._scrolled(key)

    def _scrolled(self, key: str) -> Projector:
        lines = {"up": -1, "down": 1, "page-up": -10, "page-down": 10}.get(key, 0)
        return evolve(self, scroll=max(0, self.scroll + lines)) if lines else self

    def _type(self, key: str) -> Projector:
        assert self.typed is not None
        if key.isdecimal() and key.isascii() and len(self.typed) < _MOST_DIGITS:
            return evolve(self, typed=self.typed + key)
        match key:
            case "backspace":
                return evolve(self, typed=self.typed[:-1])
            case "enter" if self.typed:
                return evolve(self._at(int(self.typed)), typed=None)
            case "enter" | "escape":
                return evolve(self, typed=None)
            case _:
                return self

    def _at(self, event_id: int) -> Projector:
        at = min(max(event_id, 1), self.last)
        return evolve(self, at=at, playing=self.playing and at < self.last)
