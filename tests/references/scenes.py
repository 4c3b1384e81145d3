"""The contract as a stock client sees it: every request, every push, every failure that a client can bring about. One
list, which every kind of client plays (`test_scenes.py`, `js/test_javascript_scenes.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import trio

from tests.references.stage import BOW, MISS, RUDE, RULES
from tests.samples.courtly import installed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.rules.interface import JsonObject
    from tests.references.stage import Stage

Scene: TypeAlias = "Callable[[Stage], Awaitable[None]]"

VIEW = {
    *("game_id", "rules", "rules_version", "players", "event_id", "state", "is_your_turn", "current_player_id"),
    *("to_act", "game_over", "spectator_count", "server_time"),
}
ENDING = {"winner_id", "results", "end_reason"}
ACTED = {
    *("success", "game_id", "event_id", "action_type", "message", "turn_changed", "current_player_id", "to_act"),
    *("changes", "game_over", "server_time"),
}


async def joining(stage: Stage) -> None:
    """`game:join`: the view, then a state; `missed` or `resync` for who says what they know."""
    first, second = await stage.enter("npc:first"), await stage.enter("npc:second")  # who are never put into a game
    game_id = await stage.game(first, second)
    answer = await first.does("game:join", game_id=game_id, state_encoding="full")
    assert set(answer) == VIEW | {"success", "legal_actions"}
    assert (answer["rules"], answer["rules_version"], answer["event_id"]) == (RULES, "1", 1)
    assert [player["id"] for player in answer["players"]] == [first.user_id, second.user_id]
    assert [player["seat"] for player in answer["players"]] == [0, 1]
    assert [player["status"] for player in answer["players"]] == ["connected", "disconnected"]
    assert (answer["is_your_turn"], answer["current_player_id"]) == (True, first.user_id)
    assert answer["to_act"] == [first.user_id]
    state = await first.hears("game:state", game_id=game_id)
    assert set(state) == VIEW | {"changes", "legal_actions"}
    assert state["changes"] == []
    theirs = await second.joins(game_id)
    assert set(theirs) == VIEW | {"success"}
    assert theirs["is_your_turn"] is False
    assert theirs["state"]["secret"] != answer["state"]["secret"]
    assert (await first.hears("game:opponent_status", game_id=game_id))["status"] == "connected"
    for guest in (first, second):
        await guest.acts(game_id)
    again = await first.joins(game_id, last_event_id=1)
    assert [state["event_id"] for state in again["missed"]] == [2, 3]
    assert "resync" not in again
    ahead = await first.joins(game_id, last_event_id=99)
    assert ahead["resync"] is True
    assert "missed" not in ahead


async def acting(stage: Stage) -> None:
    """`game:action`: its answer to who acted, each their own state to all; a repeated `message_id` counts once."""
    game_id, (first, second) = await stage.seated()
    answer = await first.acts(game_id, message_id="once")
    assert set(answer) == ACTED
    assert (answer["event_id"], answer["action_type"], answer["turn_changed"]) == (2, "guess", True)
    assert answer["to_act"] == [answer["current_player_id"]] == [second.user_id]
    mine, theirs = await first.hears("game:state", event_id=2), await second.hears("game:state", event_id=2)
    assert mine["changes"] == answer["changes"]
    assert "lucky" in mine["changes"][0]
    assert "lucky" not in theirs["changes"][0]
    assert "legal_actions" in theirs
    assert "legal_actions" not in mine
    assert await first.acts(game_id, message_id="once") == answer
    await first.fails("invalid_message", "game:action", game_id=game_id, action=RUDE, message_id="once")
    await second.acts(game_id)
    assert (await first.hears("game:state", event_id=3))["is_your_turn"] is True


async def winning(stage: Stage) -> None:
    """The end: the last state, then `game:game_over`, to players and spectators; joining after it."""
    game_id, (first, second) = await stage.seated()
    watcher = await stage.enter()
    await watcher.does("game:spectate", game_id=game_id)
    secret = (await second.joins(game_id))["state"]["secret"]
    answer = await first.acts(game_id, {"type": "guess", "number": secret}, message_id="won")
    assert set(answer) == ACTED | ENDING
    results = {first.user_id: 1, second.user_id: 0}
    assert (answer["winner_id"], answer["results"], answer["end_reason"]) == (first.user_id, results, "found")
    for guest in (first, second, watcher):
        last = await guest.hears("game:state", event_id=2)
        assert last["game_over"] is True
        assert set(last) > ENDING
        ending = await guest.hears("game:game_over")
        assert set(ending) == {"game_id", "event_id", "final_state"} | ENDING
        assert (ending["event_id"], ending["winner_id"], ending["results"]) == (2, first.user_id, results)
        assert ending["final_state"] == last["state"]
    late = await second.joins(game_id)
    assert (late["game_over"], late["to_act"], late["end_reason"]) == (True, [], "found")
    await second.fails("game_ended", "game:action", game_id=game_id, action=MISS)
    await second.fails("game_ended", "game:resign", game_id=game_id)
    assert await first.acts(game_id, {"type": "guess", "number": secret}, message_id="won") == answer


async def resigning(stage: Stage) -> None:
    """`game:resign`: while others play on, and when nobody does."""
    game_id, (first, second, third) = await stage.seated(3)
    answer = await second.does("game:resign", game_id=game_id)
    assert answer == {"success": True, "game_id": game_id, "event_id": 2, "game_over": False}
    await second.fails("action_not_allowed", "game:resign", game_id=game_id)
    assert (await third.hears("game:state", event_id=2))["changes"] == [{"type": "resigned", "seat": 1}]
    answer = await first.does("game:resign", game_id=game_id, message_id="enough")
    assert answer["game_over"] is True
    assert (answer["winner_id"], answer["end_reason"]) == (third.user_id, "resignation")
    for guest in (first, second, third):
        assert (await guest.hears("game:game_over"))["end_reason"] == "resignation"


async def drawing(stage: Stage) -> None:
    """`game:draw`: offered out of turn, declined, offered again, accepted; `game:draw_offered` to the others."""
    game_id, (first, second) = await stage.seated()
    await first.fails("action_not_allowed", "game:draw", game_id=game_id, move="accept")
    answer = await second.does("game:draw", game_id=game_id, move="offer")
    assert answer == {"success": True, "game_id": game_id, "event_id": 2, "game_over": False}
    assert await first.hears("game:draw_offered") == {"game_id": game_id, "by": second.user_id}
    told = {"type": "draw_offered", "player_id": second.user_id}
    assert (await first.hears("game:state", event_id=2))["changes"] == [told]
    await second.fails("action_not_allowed", "game:draw", game_id=game_id, move="accept")
    await first.does("game:draw", game_id=game_id, move="decline")
    assert (await second.hears("game:state", event_id=3))["changes"][0]["type"] == "draw_declined"
    await second.fails("action_not_allowed", "game:draw", game_id=game_id, move="offer")
    await first.does("game:draw", game_id=game_id, move="offer")
    assert (await second.hears("game:draw_offered"))["by"] == first.user_id
    answer = await second.does("game:draw", game_id=game_id, move="accept", message_id="agreed")
    assert answer["game_over"] is True
    for guest in (first, second):
        ending = await guest.hears("game:game_over")
        assert (ending["winner_id"], ending["end_reason"], ending["event_id"]) == (None, "draw_agreed", 5)
        assert len(guest.heard("game:draw_offered")) == 1


async def leaving(stage: Stage) -> None:
    """`game:leave`: the opponent is told at once, nothing more is pushed, and it is no resignation."""
    game_id, (first, second) = await stage.seated()
    # Whoever comes and goes before that is told has not been here to the others.
    await first.hears("game:opponent_status", game_id=game_id, status="connected")
    assert await second.does("game:leave", game_id=game_id) == {"success": True, "game_id": game_id}
    status = await first.hears("game:opponent_status", status="disconnected")
    assert status == {"game_id": game_id, "opponent_id": second.user_id, "status": "disconnected"}
    await second.fails("not_in_game", "game:leave", game_id=game_id)
    await first.acts(game_id)
    assert (await second.joins(game_id))["event_id"] == 2
    assert [line["args"][0]["changes"] for line in second.heard("game:state")] == [[], []]


async def moving_on(stage: Stage) -> None:
    """One game at a time: joining another leaves the first."""
    game_id, (first, second) = await stage.seated()
    await first.hears("game:opponent_status", game_id=game_id, status="connected")
    other = await stage.game(second, first)
    await second.joins(other)
    await first.hears("game:opponent_status", game_id=game_id, status="disconnected")
    await first.acts(game_id)
    await second.acts(other)
    await second.hears("game:state", game_id=other, event_id=2)
    assert all(line["args"][0]["game_id"] == other for line in second.heard("game:state")[1:])


async def watching(stage: Stage) -> None:
    """`game:spectate`, `game:leave_spectate`: no hand, the count, dropping; never one's own game, nor a closed one."""
    game_id, (first, second) = await stage.seated()
    watcher = await stage.enter()
    view = await watcher.does("game:spectate", game_id=game_id)
    assert set(view) == VIEW | {"success"}
    assert view["state"] == {"secret": None, "all": None}
    assert (await watcher.hears("game:state"))["changes"] == []
    assert await first.hears("game:spectator_count") == {"game_id": game_id, "spectator_count": 1}
    await first.acts(game_id)
    seen = await watcher.hears("game:state", event_id=2)
    assert (seen["is_your_turn"], seen["spectator_count"]) == (False, 1)
    assert "lucky" not in seen["changes"][0]
    await watcher.fails("not_in_game", "game:action", game_id=game_id, action=MISS)
    await watcher.fails("not_in_game", "game:leave", game_id=game_id)
    assert await watcher.does("game:leave_spectate", game_id=game_id) == {"success": True, "game_id": game_id}
    await second.hears("game:spectator_count", spectator_count=0)
    await watcher.fails("not_in_game", "game:leave_spectate", game_id=game_id)
    await watcher.does("game:spectate", game_id=game_id)
    await first.hears("game:spectator_count", spectator_count=1)
    await watcher.leaves()
    await first.hears("game:spectator_count", spectator_count=0)
    await first.fails("action_not_allowed", "game:spectate", game_id=game_id)
    stranger = await stage.enter()
    closed = await stage.game(first, second, spectators="none")
    await stranger.fails("action_not_allowed", "game:spectate", game_id=closed)


async def being_forced(stage: Stage) -> None:
    """A forced action out of turn: only the named player, only that action; its `params` to them alone."""
    game_id, (first, second) = await stage.seated()
    watcher = await stage.enter()
    await watcher.does("game:spectate", game_id=game_id)
    answer = await first.acts(game_id, RUDE)
    forced = {"player_id": second.user_id, "action_type": "bow", "reason": "a guess of 0 is rude"}
    assert answer["pending_forced_action"] == forced | {"params": {}}
    assert (answer["current_player_id"], answer["to_act"]) == (first.user_id, [second.user_id])
    for guest in (first, watcher):
        seen = await guest.hears("game:state", event_id=2)
        assert seen["pending_forced_action"] == forced | {"params": {}}
        assert "legal_actions" not in seen
    theirs = await second.hears("game:state", event_id=2)
    assert theirs["pending_forced_action"] == forced | {"params": {"secret": theirs["state"]["secret"]}}
    assert (theirs["is_your_turn"], theirs["legal_actions"]) == (False, [BOW])
    for guest, action in ((first, MISS), (first, BOW), (second, MISS)):
        error = await guest.fails("action_not_allowed", "game:action", game_id=game_id, action=action)
        assert error["details"]["pending_forced_action"]["action_type"] == "bow"
        assert bool(error["details"]["pending_forced_action"]["params"]) == (guest is second)
    await second.acts(game_id, BOW)
    assert (await first.hears("game:state", event_id=3))["is_your_turn"] is True


async def failing(stage: Stage) -> None:
    """Every failure that a client brings about by what it asks."""
    game_id, (first, second) = await stage.seated()
    await first.fails("invalid_message", "game:join", {"game_id": 7})
    await first.fails("invalid_message", "game:join", "no object")
    error = await first.fails("invalid_message", "game:draw", game_id=game_id, move="sulk")
    assert error["details"] == {"field": "move"}
    await first.fails("unknown_event", "game:cheat", game_id=game_id)
    for event in ("game:join", "game:resign", "game:leave", "game:spectate", "game:leave_spectate"):
        await first.fails("game_not_found", event, game_id="no such game")
    stranger = await stage.enter()
    for event in ("game:join", "game:resign"):
        await stranger.fails("not_in_game", event, game_id=game_id)
    await second.fails("invalid_action", "game:action", game_id=game_id, action={"type": "fly"})
    error = await second.fails("not_your_turn", "game:action", game_id=game_id, action=MISS)
    assert error["details"] == {"current_player_id": first.user_id, "to_act": [first.user_id]}
    minus = {"type": "guess", "number": -1}
    error = await first.fails("invalid_action", "game:action", game_id=game_id, action=minus)
    assert error["message"] == "numbers start at 0"
    answer = await second.ask("game:action", game_id=game_id, action=MISS, message_id="mine")
    assert answer["request_message_id"] == "mine"
    error = await first.fails("internal_error", "game:action", game_id=game_id, action={"type": "crash"})
    assert set(error["details"]) == {"id"}
    error = await second.fails("unavailable", "game:action", game_id=game_id, action=MISS)
    assert error["details"]["status"] == "suspended"
    assert error["details"]["id"] in stage.server.stderr


async def failing_without_an_answer(stage: Stage) -> None:
    """No answer wanted: a failure comes as a push `error`, a success as nothing."""
    if stage.kind.always_asks:
        return
    guest = await stage.enter()
    await guest.says("heartbeat")
    await guest.says("game:join", game_id="no such game", message_id="m")
    failure = await guest.hears("error")
    assert set(failure) == {"success", "error", "request_message_id"}
    assert failure["error"]["code"] == "game_not_found"
    assert len(guest.heard("error")) == 1


async def beating(stage: Stage) -> None:
    """`heartbeat`: the server's time, alone."""
    guest = await stage.enter()
    answer = await guest.ask("heartbeat", {})
    assert set(answer) == {"server_time"}
    assert answer["server_time"] > 1_700_000_000


async def dropping_out(stage: Stage) -> None:
    """`game:opponent_status` of who is cut off and of who goes; `game:reconnected` for a person who comes back."""
    game_id, (first, second) = await stage.seated()
    await second.is_cut_off()
    status = await first.hears("game:opponent_status", status="reconnecting")
    assert (status["game_id"], status["opponent_id"]) == (game_id, second.user_id)
    await second.comes_back()
    view = await second.hears("game:reconnected")
    assert set(view) == VIEW
    assert view["game_id"] == game_id
    await first.hears("game:opponent_status", status="connected")
    await first.acts(game_id)
    await second.hears("game:state", event_id=2)  # they were put into it
    await second.leaves()
    await first.hears("game:opponent_status", status="reconnecting")
    await first.hears("game:opponent_status", status="disconnected")


async def being_replaced(stage: Stage) -> None:
    """`session:replaced`: the second connection of a user ends the first, for good, and nobody else notices."""
    game_id, (first, second) = await stage.seated()
    elsewhere = await stage.enter(first.user_id)
    assert await first.hears("session:replaced") == {}
    gone = await first.is_gone()
    if stage.kind.over_ws:
        assert gone["code"] == 4001
    assert not gone.get("comes_back")
    assert (await elsewhere.hears("game:reconnected"))["game_id"] == game_id
    await elsewhere.acts(game_id)
    await second.hears("game:state", event_id=2)
    await trio.sleep(2)  # longer than its client waits before it comes back
    assert await elsewhere.ask("heartbeat", {})
    assert first.heard("game:reconnected") == elsewhere.heard("session:replaced") == []
    statuses = {line["args"][0]["status"] for line in second.heard("game:opponent_status")}
    assert statuses <= {"connected"}  # from when they came; there is no flicker


async def running_out_of_time(stage: Stage) -> None:
    """A turn clock: `turn_timeout_seconds` and `turn_deadline` everywhere; when it is up the rules decide."""
    game_id, (first, second) = await stage.seated(turn_timeout_seconds=4)
    answer = await first.acts(game_id)
    assert {"turn_timeout_seconds", "turn_deadline"} < set(answer)
    state = await second.hears("game:state", event_id=2)
    assert state["turn_timeout_seconds"] == 4
    assert 0 < state["turn_deadline"] - state["server_time"] <= 4.1
    expired = await first.hears("game:state", event_id=3)
    assert expired["changes"][0]["type"] == "timed_out"
    assert (await second.hears("game:state", event_id=3))["current_player_id"] == first.user_id


async def being_called_off(stage: Stage) -> None:
    """An operator aborts a game: `game:game_over` with the reason `aborted`."""
    game_id, guests = await stage.seated()
    await stage.server.api.request("POST", f"/api/games/{game_id}/abort", json={"reason": "a flood in the hall"})
    for guest in guests:
        ending = await guest.hears("game:game_over")
        assert (ending["winner_id"], ending["end_reason"]) == (None, "aborted")


async def being_refused(stage: Stage) -> None:
    """A connect with a token that is none, and with a service's."""
    for token in ("forged", stage.server.api.token):
        guest = stage.guest()
        options = stage.kind.options
        await stage.command(what="connect", who=guest.who, auth={"token": token}, options=options)
        line = (await stage.lines(guest.who, "refused", 1))[0]
        assert line["data"]["code"] == "unauthorized"


async def overloading(stage: Stage) -> None:
    """While the store stands still actions wait; more than may wait are `overloaded`. All are answered."""
    if stage.kind.always_asks:  # and has one request under way at a time
        return
    game_id, (first, _) = await stage.seated()
    answers: list[JsonObject] = []
    refused = trio.Event()

    async def act(number: int) -> None:
        answers.append(await first.ask("game:action", game_id=game_id, action=MISS, message_id=f"o{number}"))
        if len(answers) == 8:
            refused.set()

    async with trio.open_nursery() as nursery:
        with stage.server.valkey_paused():
            for number in range(40):
                nursery.start_soon(act, number)
            await refused.wait()
            assert {answer["error"]["code"] for answer in answers} == {"overloaded"}
    assert len(answers) == 40
    codes = [answer["error"]["code"] for answer in answers if not answer["success"]]
    assert codes.count("overloaded") == 8


async def draining(stage: Stage) -> None:
    """`server:draining` to everybody; the clients come back to the server that is started again, and play on."""
    game_id, (first, second) = await stage.seated()
    await first.acts(game_id, message_id="before")
    await second.hears("game:state", event_id=2)
    assert await stage.server.terminate() == 0
    for guest in (first, second):
        assert await guest.hears("server:draining") == {"reconnect_in": 1}
        gone = await guest.is_gone()
        if stage.kind.over_ws:
            assert gone["code"] == 1012
    await stage.server.start()
    for guest in (first, second):
        await guest.comes_back()
        assert (await guest.hears("game:reconnected"))["event_id"] == 2
    await second.acts(game_id)
    assert (await first.hears("game:state", event_id=3))["is_your_turn"] is True


async def being_limited(stage: Stage) -> None:
    """Too many requests at once: `rate_limited`, with the time to wait."""
    limits = {"CROUPIER_LIMITS_REQUESTS_PER_SECOND": "1", "CROUPIER_LIMITS_REQUEST_BURST": "3"}
    async with stage.another_life(limits):
        guest = await stage.enter()
        for _ in range(3):
            await guest.ask("heartbeat", {})
        error = await guest.fails("rate_limited", "heartbeat", {})
        assert error["details"]["retry_after"] > 0


async def losing_the_rules(stage: Stage) -> None:
    """A game whose version of the rules is no longer installed answers `rules_version`."""
    game_id, (first, _) = await stage.seated()
    environ = installed(stage.folder / "two", courtly="tests.samples.courtly:SECOND")
    async with stage.another_life(environ):
        await first.comes_back()
        await first.fails("rules_version", "game:action", game_id=game_id, action=MISS)
    await first.comes_back()
    assert (await first.does("game:join", game_id=game_id))["rules_version"] == "1"


TOGETHER = (
    joining,
    acting,
    winning,
    resigning,
    drawing,
    leaving,
    moving_on,
    watching,
    being_forced,
    failing,
    failing_without_an_answer,
    beating,
    dropping_out,
    being_replaced,
    running_out_of_time,
    being_called_off,
    being_refused,
)
"""Scenes that do not get into each other's way."""

ALONE = (overloading, draining, being_limited, losing_the_rules)
"""Scenes that the whole server takes part in."""

_AT_A_TIME = 4
_PATIENCE = 60.0


async def play_all(stage: Stage) -> None:
    """Every scene. What fails says in which."""
    few = trio.CapacityLimiter(_AT_A_TIME)

    async def play(scene: Scene) -> None:
        try:
            async with few:
                with trio.fail_after(_PATIENCE):
                    await scene(stage)
        except Exception as error:
            error.add_note(f"in the scene {scene.__name__!r}, with the client {stage.kind.name!r}")
            raise

    async with trio.open_nursery() as nursery:
        for scene in TOGETHER:
            nursery.start_soon(play, scene)
    await stage.clear()
    for scene in ALONE:
        await play(scene)
        await stage.clear()
