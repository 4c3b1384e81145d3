"""A player who knows nothing of the rules, on the stock client of python-socketio: a program of its own, because that
client lives on threads.

What it is to do comes as JSON in the first argument; what happens goes out as lines of JSON; where it is told to hold,
it waits for a line from its input.
"""

from __future__ import annotations

import hashlib
import json
import queue
import sys
from typing import Any, Final

import socketio

NAMESPACE: Final = "/game"
PATIENCE: Final = 30
"""Seconds to wait for anything at all."""

Json = Any


class Player:
    """One player of one game. The client's threads only hand over what comes in; everything is done in this one."""

    def __init__(self, task: Json) -> None:
        self._task = task
        self._inbox: queue.Queue[tuple[str, Json]] = queue.Queue()
        self._decided = self._shown = self._acts = 0
        self._unanswered: Json = None
        self._ending: Json = None
        self._client = socketio.Client()
        for event in ("game:state", "game:game_over", "server:draining", "error"):
            self._client.on(event, self._taking(event), namespace=NAMESPACE)
        self._client.on("connect", lambda: self._inbox.put(("connect", None)), namespace=NAMESPACE)
        self._client.on("disconnect", lambda reason: tell("disconnected", reason=reason), namespace=NAMESPACE)
        for namespace in task["namespaces"]:
            self._client.on("connect_error", self._taking("refused"), namespace=namespace)

    def _taking(self, event: str) -> Json:
        def handler(data: Json) -> None:  # of exactly one argument
            self._inbox.put((event, data))

        return handler

    def play(self) -> None:
        """Plays the game to its end, on as many connections as the client makes."""
        try:
            self._client.connect(
                self._task["url"],
                auth={"token": self._task["token"]},
                namespaces=self._task["namespaces"],
                transports=self._task["transports"],
            )
        except socketio.exceptions.ConnectionError as error:
            came = [self._inbox.get(timeout=PATIENCE) for _ in self._task["namespaces"]]
            tell("refused", message=str(error), data=[data for event, data in came if event == "refused"])
            return
        # Each message has a thread of its own in this client: the end may be here before the last state.
        while self._ending is None or self._shown < self._ending["event_id"]:
            self._take(*self._inbox.get(timeout=PATIENCE))
        tell("over", ending=self._ending, transport=self._client.transport())
        self._client.disconnect()

    def _take(self, event: str, data: Json) -> None:
        match event:
            case "connect":
                self._join()
            case "refused":  # by a server that is not back yet: the client tries again
                pass
            case _:
                tell("event", event=event, args=[data])
                if event == "game:state":
                    self._see(data)
                elif event == "game:game_over":
                    self._ending = data

    def _join(self) -> None:
        tell("connected", transport=self._client.transport())
        request = {"game_id": self._task["game_id"]}
        if self._shown:
            request["last_event_id"] = self._shown
        answer = self._ask("game:join", request)
        self._settle()
        if answer is not None and answer["success"]:
            self._see(answer)

    def _see(self, view: Json) -> None:
        self._shown = max(self._shown, view["event_id"])
        # With an action unanswered the connection is gone, and the next one's view is newer.
        if "legal_actions" in view and view["event_id"] > self._decided and self._unanswered is None:
            self._decided = view["event_id"]
            self._act(view)

    def _act(self, view: Json) -> None:
        action = self._choose(view)
        self._acts += 1
        if self._acts in self._task["holds"]:
            tell("held", acts=self._acts)
            sys.stdin.readline()
        message_id = f"m{view['event_id']}"
        self._unanswered = {"game_id": self._task["game_id"], "action": action, "message_id": message_id}
        self._settle()

    def _settle(self) -> None:
        """Sends what was not answered, again and again: with its message id it counts once. Gives up with the
        connection; the next one goes on."""
        while self._unanswered is not None and NAMESPACE in self._client.namespaces:
            if self._ask("game:action", self._unanswered) is not None:
                self._unanswered = None

    def _ask(self, event: str, request: Json) -> Json:
        try:
            answer = self._client.call(event, request, namespace=NAMESPACE, timeout=2)
        except socketio.exceptions.SocketIOError as error:
            tell("unanswered", event=event, request=request, why=type(error).__name__)
            return None
        tell("answered", event=event, request=request, answer=answer)
        return answer

    def _choose(self, view: Json) -> Json:
        digest = hashlib.sha256(f"{self._task['seed']}:{view['event_id']}".encode()).digest()
        return view["legal_actions"][int.from_bytes(digest[:4], "big") % len(view["legal_actions"])]


def tell(kind: str, **what: Json) -> None:
    """One line of what happens."""
    sys.stdout.write(json.dumps({"kind": kind, **what}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Player(json.loads(sys.argv[1])).play()
