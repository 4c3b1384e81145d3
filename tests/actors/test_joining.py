"""How a session comes to follow a game: as a player, as a spectator, put back into it, or going on where it was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.failures import Code, Failure
from actors.messages import (
    ABSENT,
    DrawOffered,
    GameOver,
    GameReconnected,
    OpponentStatus,
    Push,
    Restored,
    SessionReplaced,
    SpectatorCount,
    View,
    parse_offset,
)
from actors.table_messages import Abort, Act, Describe, Draw, Join, Reconnect, Recover, Resign, Role, Spectate
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, RUDE, code, described, views

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.messages import PushBody
    from tests.samples.room import Room


async def watch(room: Room, user: str = "w") -> Listener:
    listener = Listener()
    assert isinstance(await room.ask(Spectate(user, listener)), View)
    return listener


def pushed(restored: object) -> list[PushBody]:
    assert isinstance(restored, Restored), restored
    return [push.body for push in restored.pushes]


async def recover(
    room: Room, user: str, after: int, role: Role = Role.PLAYER, listener: Listener | None = None
) -> list[PushBody]:
    return pushed(await room.ask(Recover(user, Listener() if listener is None else listener, role, after)))


def timeless(body: PushBody) -> PushBody:
    """Without what belongs to the moment of sending."""
    if not isinstance(body, View):
        return body
    players = tuple(evolve(player, status="") for player in body.players)
    return evolve(body, players=players, spectator_count=0, turn_deadline=ABSENT, server_time=0.0)


# ---- spectators


async def test_a_spectator_is_answered_the_view_and_then_sent_the_state_in_the_same_write(room: Room) -> None:
    await room.new_game()
    listener = Listener()
    answer = await room.seen(listener, Spectate("w", listener))
    assert isinstance(answer, View)
    assert listener.sends == [[answer, evolve(answer, changes=())]]


async def test_a_spectator_has_no_hand_no_turn_and_nothing_to_choose_from(room: Room) -> None:
    await room.new_game()
    watcher = await watch(room)
    await room.act("a", RUDE)
    for seen in views(watcher):
        assert seen.state["secret"] is None
        assert (seen.is_your_turn, seen.legal_actions) == (False, ABSENT)
    forced = views(watcher)[-1].pending_forced_action
    assert forced is not ABSENT
    assert (forced.player_id, forced.params) == ("a", {})


async def test_a_spectator_is_told_of_every_event_and_of_the_end_in_their_own_way(room: Room) -> None:
    await room.new_game()
    watcher = await watch(room)
    await room.act("a")
    assert views(watcher)[-1].changes == ({"type": "guessed", "seat": 0, "number": 5000},)
    await room.ask(Resign("b", Listener()))
    state, over = watcher.sends[-1]
    assert isinstance(state, View)
    assert isinstance(over, GameOver)
    assert over.final_state == state.state
    assert state.state["secret"] is None


async def test_a_spectator_is_told_of_a_game_that_is_called_off_and_cannot_be_shown(room: Room) -> None:
    await room.new_game()
    watcher = await watch(room)
    room.rules.fail_in = "view"
    await room.ask(Abort("enough"))
    over = watcher.log[-1]
    assert isinstance(over, GameOver)
    assert (over.end_reason, over.final_state) == ("aborted", {})


async def test_a_player_may_not_watch_their_own_game(room: Room) -> None:
    await room.new_game()
    listener = Listener()
    assert code(await room.ask(Spectate("a", listener))) == Code.ACTION_NOT_ALLOWED
    assert listener.log == []


async def test_a_game_without_spectators_is_watched_by_nobody(room: Room) -> None:
    await room.new_game(spectators="none")
    assert code(await room.ask(Spectate("w", Listener()))) == Code.ACTION_NOT_ALLOWED
    assert code(await room.ask(Recover("w", Listener(), Role.SPECTATOR, 1))) == Code.ACTION_NOT_ALLOWED


async def test_a_spectator_cannot_act_resign_or_offer_a_draw(room: Room) -> None:
    await room.new_game()
    watcher = await watch(room)
    for message in (Act("w", watcher, MISS), Resign("w", watcher), Draw("w", watcher, "offer")):
        assert code(await room.ask(message)) == Code.NOT_IN_GAME


async def test_whoever_has_left_is_told_nothing_more(room: Room) -> None:
    await room.new_game()
    watcher = await watch(room)
    told = len(watcher.log)
    room.directory.leave(GAME, watcher)
    await room.act("a")
    assert len(watcher.log) == told


async def test_a_game_that_is_over_can_still_be_watched(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    seen = await room.ask(Spectate("w", Listener()))
    assert isinstance(seen, View)
    assert (seen.game_over, seen.end_reason) == (True, "resignation")


async def test_rules_that_cannot_show_the_game_let_nobody_in(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    room.rules.fail_in = "view"
    watcher = Listener()
    assert code(await room.ask(Spectate("w", watcher))) == Code.INTERNAL_ERROR
    standing = room.directory.standing(GAME)
    assert standing is not None
    assert (watcher in standing.audience, standing.audience.spectators) == (False, 0)
    assert watcher.log == []


async def test_a_follower_who_joins_again_and_is_failed_by_the_rules_follows_on(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("a")
    room.rules.fail_in = "view"
    assert code(await room.ask(Join("a", listener))) == Code.INTERNAL_ERROR
    standing = room.directory.standing(GAME)
    assert standing is not None
    assert listener in standing.audience


# ---- put back into a game


async def test_who_connects_afresh_is_given_the_view_as_a_push_and_is_told_from_then_on(room: Room) -> None:
    await room.new_game()
    listener = Listener()
    (body,) = pushed(await room.ask(Reconnect("a", listener)))
    assert isinstance(body, GameReconnected)
    assert (body.event, body.is_your_turn, body.changes) == ("game:reconnected", True, ABSENT)
    assert body.players[0].status == "connected"
    await room.act("a")
    assert [view.event_id for view in views(listener)] == [2]


async def test_the_pushes_of_a_reconnection_come_before_what_is_told_next(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    listener = Listener()
    table = room.directory.table(GAME)

    def send(answer: object) -> None:
        for body in pushed(answer):
            listener.log.append(body)

    table.post(Reconnect("a", listener), send)
    table.post(Act("a", Listener(), MISS), lambda _: None)
    await trio.sleep(1)
    assert [type(body) for body in listener.log] == [GameReconnected, View]


async def test_a_stranger_is_put_into_no_game(room: Room) -> None:
    await room.new_game()
    assert code(await room.ask(Reconnect("z", Listener()))) == Code.NOT_IN_GAME


# ---- going on after a cut


async def test_who_recovers_is_given_what_they_missed_as_it_was_sent_live_once_and_in_order(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    await room.take_turns(5)
    bodies = await recover(room, "b", after=3)
    assert [timeless(body) for body in bodies[:-2]] == [timeless(view) for view in views(live)[-3:]]
    assert [view.event_id for view in bodies[:-2] if isinstance(view, View)] == [4, 5, 6]


async def test_then_comes_the_presence_of_the_others_and_the_number_of_spectators(room: Room) -> None:
    await room.new_game(3)
    await room.joined("b")
    await watch(room)
    assert await recover(room, "a", after=1) == [
        OpponentStatus(GAME, "b", "connected"),
        OpponentStatus(GAME, "c", "disconnected"),
        SpectatorCount(GAME, 1),
    ]


async def test_who_has_recovered_is_told_what_comes_next(room: Room) -> None:
    await room.new_game()
    listener = Listener()
    await recover(room, "b", 1, listener=listener)
    await room.act("a")
    assert [view.event_id for view in views(listener)] == [2]


async def test_who_missed_the_end_is_told_of_it(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    await room.act("a")
    await room.ask(Resign("a", Listener()))
    bodies = await recover(room, "b", after=1)
    assert [type(body) for body in bodies] == [View, View, GameOver, OpponentStatus, SpectatorCount]
    assert bodies[2] == live.log[-1]


async def test_who_was_cut_between_the_last_state_and_the_end_is_told_of_the_end_alone(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    assert isinstance((await recover(room, "b", after=2))[0], GameOver)


async def test_who_has_seen_the_end_is_not_told_of_it_again(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    await room.ask(Resign("a", Listener()))
    over = live.log[-1]
    assert isinstance(over, GameOver)
    offset = Push(over).offset
    assert offset is not None
    parsed = parse_offset(offset)
    assert parsed == (GAME, 3)
    assert [type(body) for body in await recover(room, "b", after=parsed[1])] == [OpponentStatus, SpectatorCount]


async def test_a_spectator_recovers_as_a_spectator(room: Room) -> None:
    await room.new_game()
    live = await watch(room)
    await room.act("a")
    state, a, b, count = await recover(room, "w", 1, Role.SPECTATOR)
    assert timeless(state) == timeless(views(live)[-1])
    assert isinstance(a, OpponentStatus)
    assert isinstance(b, OpponentStatus)
    assert count == SpectatorCount(GAME, 2)


async def test_nobody_recovers_in_another_role_than_their_own(room: Room) -> None:
    await room.new_game()
    assert code(await room.ask(Recover("a", Listener(), Role.SPECTATOR, 1))) == Code.ACTION_NOT_ALLOWED
    assert code(await room.ask(Recover("w", Listener(), Role.PLAYER, 1))) == Code.NOT_IN_GAME


@pytest.mark.parametrize("after", [3, 4, 1000])
async def test_an_offset_ahead_of_the_game_recovers_nothing(room: Room, after: int) -> None:
    await room.new_game()
    await room.act("a")
    listener = Listener()
    assert code(await room.ask(Recover("b", listener, Role.PLAYER, after))) == Code.UNAVAILABLE
    await room.act("b")
    assert listener.log == []


async def test_after_the_end_only_the_end_itself_is_ahead(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    assert code(await room.ask(Recover("b", Listener(), Role.PLAYER, 4))) == Code.UNAVAILABLE


async def test_more_than_200_events_recover_nothing(room: Room) -> None:
    room.sets(max_events=1000)
    await room.new_game()
    await room.take_turns(201)
    assert code(await room.ask(Recover("b", Listener(), Role.PLAYER, 1))) == Code.UNAVAILABLE
    assert len(await recover(room, "b", after=2)) == 202


async def test_more_than_256_kib_recover_nothing_and_leave_nobody_at_the_table(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    room.rules.shows = {"padding": "x" * 50_000}
    await room.take_turns(6)
    listener = Listener()
    assert code(await room.ask(Recover("b", listener, Role.PLAYER, 1))) == Code.UNAVAILABLE
    standing = room.directory.standing(GAME)
    assert standing is not None
    assert listener not in standing.audience
    assert len(await recover(room, "b", after=3)) == 6


async def test_what_was_missed_is_made_again_from_the_journal_by_a_table_that_never_saw_it(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    await room.take_turns(3)
    room.directory.leave(GAME, live)
    await room.leaves_memory()
    bodies = await recover(room, "b", after=1)
    assert [timeless(body) for body in bodies[:-2]] == [timeless(view) for view in views(live)[1:]]


async def test_while_the_store_is_away_a_table_at_rest_recovers_nobody(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    await room.take_turns(2)
    room.journal.away = True
    assert len(await recover(room, "b", after=1)) == 4  # from memory


# ---- offsets


def view_of_event(event_id: int) -> View:
    return View("g:1", "tally", "1", (), event_id, {}, False, None, (), False, 0, 0.0)


def test_states_and_the_game_over_have_offsets_and_nothing_else_has() -> None:
    assert Push(view_of_event(7)).offset == "g:1:7"
    assert Push(GameOver("g", 7, None, {}, "aborted", {})).offset == "g:8"
    others = (
        GameReconnected("g", "tally", "1", (), 7, {}, False, None, (), False, 0, 0.0),
        OpponentStatus("g", "a", "connected"),
        SpectatorCount("g", 1),
        DrawOffered("g", "a"),
        SessionReplaced(),
    )
    assert all(Push(body).offset is None for body in others)


def test_an_offset_is_read_as_it_was_made() -> None:
    offset = Push(view_of_event(7)).offset
    assert offset is not None
    assert parse_offset(offset) == ("g:1", 7)


@pytest.mark.parametrize("nonsense", ["", ":", "g", "g:", ":7", "g:-1", "g:1.5", "g:٣", "g:" + "9" * 5000, "g: 7"])
def test_what_was_never_an_offset_is_none(nonsense: str) -> None:
    assert parse_offset(nonsense) is None


# ---- a suspended game


async def test_a_suspended_game_that_can_be_shown_can_be_watched_and_recovered(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    room.rules.fail_in = "apply"
    assert isinstance(await room.act("a"), Failure)
    room.rules.fail_in = ""
    assert isinstance(await room.ask(Spectate("w", Listener())), View)
    assert len(await recover(room, "b", after=1)) == 2
    assert described(await room.ask(Describe()))[0] == "suspended"
