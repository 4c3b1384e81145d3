"""Draws by agreement at the table: journalled, answered once, told to everybody, replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.events import Created, DrawMoved
from actors.failures import Code, Failure
from actors.game import Game, ReplayDiverged
from actors.messages import ABSENT, DrawAnswer, DrawOffered, GameOver, Restored, View
from actors.table_messages import Abort, Act, Describe, Draw, Reconnect, Recover, Resign, Role, Spectate
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, code, described, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.rules.chance import Chance
    from actors.rules.interface import Step
    from actors.table_messages import DrawMove
    from tests.samples.room import Room
    from tests.samples.tally import TallyState


async def say(room: Room, user: str, move: DrawMove, message_id: str | None = None) -> object:
    return await room.ask(Draw(user, Listener(), move, message_id))


def offers(listener: Listener) -> list[str]:
    return [body.by for body in listener.log if isinstance(body, DrawOffered)]


CREATED = Created(1, 0.0, GAME, "tally", "1", ("a", "b"), "s")


class Undrawn(Tally):
    """Rules that know no agreed draw."""

    end_in_draw = None  # type: ignore[assignment]


# ---- the way to a draw


async def test_an_accepted_offer_ends_the_game_without_a_winner(room: Room) -> None:
    await room.new_game()
    other = await room.joined("b")
    assert await say(room, "a", "offer") == DrawAnswer(GAME, 2, False)
    assert await say(room, "b", "accept") == DrawAnswer(GAME, 3, True)
    state, over = other.sends[-1]
    assert isinstance(state, View)
    assert state.changes == ({"type": "draw_accepted", "player_id": "b"}, {"type": "drawn"})
    assert isinstance(over, GameOver)
    assert (over.winner_id, over.end_reason, over.results) == (None, "draw_agreed", {"a": 0.0, "b": 0.0})
    assert described(await room.ask(Describe())) == ("ended", 3, "draw_agreed")


async def test_the_answer_comes_before_the_state_and_the_offer_after_it_to_the_other_players_alone(room: Room) -> None:
    await room.new_game(3)
    me, b, c = await room.joined("a"), await room.joined("b"), await room.joined("c")
    watcher = Listener()
    await room.ask(Spectate("w", watcher))
    me.sends.clear()
    answer = await room.seen(me, Draw("a", me, "offer"))
    assert me.sends == [[answer, views(me)[-1]]]
    for listener in (b, c):
        state, offer = listener.sends[-1]
        assert isinstance(state, View)
        assert state.changes == ({"type": "draw_offered", "player_id": "a"},)
        assert offer == DrawOffered(GAME, "a")
    assert offers(watcher) == []
    assert views(watcher)[-1].changes == ({"type": "draw_offered", "player_id": "a"},)


async def test_a_draw_move_changes_nothing_else(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=30.0)
    before = await room.joins("b")
    room.service.time += 10.0
    room.clock.time += 10.0
    await say(room, "b", "offer")
    after = await room.joins("b")
    assert (after.state, after.to_act, after.turn_deadline) == (before.state, before.to_act, before.turn_deadline)
    assert room.journal.deadlines == {GAME: 1030.0}


async def test_everybody_may_offer_also_out_of_turn_and_all_who_are_left_must_agree(room: Room) -> None:
    await room.new_game(4)
    await room.ask(Resign("d", Listener()))
    await say(room, "c", "offer")
    assert await say(room, "a", "accept") == DrawAnswer(GAME, 4, False)
    assert await say(room, "b", "accept") == DrawAnswer(GAME, 5, True)


async def test_an_offer_that_is_declined_stands_no_more(room: Room) -> None:
    await room.new_game()
    me = await room.joined("a")
    await say(room, "a", "offer")
    await say(room, "b", "decline")
    assert views(me)[-1].changes == ({"type": "draw_declined", "player_id": "b"},)
    assert code(await say(room, "b", "accept")) == Code.ACTION_NOT_ALLOWED


@pytest.mark.parametrize("action", [Act("a", Listener(), MISS), Resign("a", Listener())])
async def test_an_offer_stands_until_the_next_action(room: Room, action: Act | Resign) -> None:
    await room.new_game(3)
    await say(room, "b", "offer")
    await room.ask(action)
    assert code(await say(room, "c", "accept")) == Code.ACTION_NOT_ALLOWED
    assert isinstance(await say(room, "b", "offer"), DrawAnswer)


# ---- what is refused


@pytest.mark.parametrize(
    ("user", "move"), [("a", "accept"), ("a", "decline"), ("a", "offer"), ("b", "offer"), ("d", "accept")]
)
async def test_what_may_not_be_said_is_not_allowed_and_leaves_no_event(room: Room, user: str, move: DrawMove) -> None:
    await room.new_game(4)
    await room.ask(Resign("d", Listener()))
    await say(room, "a", "offer")
    failure = await say(room, user, move, "m1")
    assert code(failure) == Code.ACTION_NOT_ALLOWED
    assert len(room.journal.games[GAME]) == 3
    assert await say(room, user, move, "m1") == failure  # judged anew


@pytest.mark.parametrize("move", ["offer", "accept", "decline"])
async def test_where_the_rules_know_no_draw_nothing_may_be_said_of_one(room: Room, move: DrawMove) -> None:
    room.play_by(Undrawn())
    await room.new_game()
    assert code(await say(room, "a", move)) == Code.ACTION_NOT_ALLOWED


async def test_a_stranger_is_not_in_the_game_and_after_the_end_it_is_over(room: Room) -> None:
    await room.new_game()
    assert code(await say(room, "z", "offer")) == Code.NOT_IN_GAME
    await room.ask(Abort("enough"))
    assert code(await say(room, "a", "offer")) == Code.GAME_ENDED


# ---- exactly once


async def test_a_repeated_draw_move_is_answered_as_before_and_counts_once(room: Room) -> None:
    await room.new_game()
    first = await say(room, "a", "offer", "m1")
    assert await say(room, "a", "offer", "m1") == first
    assert len(room.journal.games[GAME]) == 2


async def test_the_accepting_move_is_answered_again_after_the_end_and_by_another_table(room: Room) -> None:
    await room.new_game()
    await say(room, "a", "offer", "m1")
    last = await say(room, "b", "accept", "m1")
    await room.leaves_memory()
    assert await say(room, "b", "accept", "m1") == last
    assert code(await say(room, "b", "accept", "m2")) == Code.GAME_ENDED


async def test_a_message_id_of_another_request_is_refused(room: Room) -> None:
    await room.new_game()
    await say(room, "a", "offer", "m1")
    await room.act("a", MISS, "m2")
    assert code(await say(room, "a", "decline", "m1")) == Code.INVALID_MESSAGE
    assert code(await room.act("a", MISS, "m1")) == Code.INVALID_MESSAGE
    assert code(await say(room, "a", "offer", "m2")) == Code.INVALID_MESSAGE


@pytest.mark.parametrize("point", ["table.judged", "table.committed", "table.answered", "table.told"])
async def test_wherever_a_table_crashes_on_a_draw_move_it_counts_once(
    room: Room, autojump_clock: MockClock, point: str
) -> None:
    await room.new_game()
    other = await room.joined("b")
    room.crash_points.armed = point
    room.directory.table(GAME).post(Draw("a", Listener(), "offer", "m1"), lambda _: None)
    await trio.sleep(10)
    assert await say(room, "a", "offer", "m1") == DrawAnswer(GAME, 2, False)
    assert len(room.journal.games[GAME]) == 2
    assert offers(other) == ["a"]


async def test_while_the_store_is_away_nothing_is_offered(room: Room) -> None:
    await room.new_game()
    other = await room.joined("b")
    room.journal.away = True
    assert code(await say(room, "a", "offer")) == Code.UNAVAILABLE
    room.journal.away = False
    assert offers(other) == []
    assert await say(room, "a", "offer") == DrawAnswer(GAME, 2, False)


# ---- who comes while an offer stands


async def test_who_has_yet_to_answer_is_told_of_the_offer_when_they_come(room: Room) -> None:
    await room.new_game()
    await say(room, "a", "offer")
    for user, told in (("a", []), ("b", ["a"])):
        listener = await room.joined(user)
        assert offers(listener) == told
        for message in (Reconnect(user, Listener()), Recover(user, Listener(), Role.PLAYER, 1)):
            restored = await room.ask(message)
            assert isinstance(restored, Restored)
            assert [p.body.by for p in restored.pushes if isinstance(p.body, DrawOffered)] == told


async def test_an_offer_outlives_its_table_by_the_journal_and_by_a_snapshot(room: Room) -> None:
    await room.new_game()
    await say(room, "a", "offer")
    await say(room, "b", "decline")
    await say(room, "b", "offer")
    for snapshots in (True, False):
        await room.leaves_memory()
        if not snapshots:
            room.journal.snapshots.clear()
        assert code(await say(room, "a", "offer")) == Code.ACTION_NOT_ALLOWED
        assert code(await say(room, "b", "accept")) == Code.ACTION_NOT_ALLOWED
    assert await say(room, "a", "accept") == DrawAnswer(GAME, 5, True)


# ---- faults


async def test_rules_that_fail_to_end_in_a_draw_suspend_the_game_and_nothing_was_applied(room: Room) -> None:
    await room.new_game()
    await say(room, "a", "offer")
    room.rules.fail_in = "end_in_draw"
    assert code(await say(room, "b", "accept")) == Code.INTERNAL_ERROR
    assert described(await room.ask(Describe())) == ("suspended", 2, ABSENT)


class Deaf(Tally):
    """Rules that play on after an agreed draw."""

    def end_in_draw(self, state: TallyState, chance: Chance) -> Step[TallyState]:
        return evolve(super().end_in_draw(state, chance), state=state)


class Partial(Tally):
    """Rules that call somebody the winner of a draw."""

    def end_in_draw(self, state: TallyState, chance: Chance) -> Step[TallyState]:
        return evolve(super().end_in_draw(state, chance), state=evolve(state, over=True, winner=1))


@pytest.mark.parametrize("rules", [Deaf(), Partial()])
async def test_rules_that_do_not_end_in_a_draw_are_at_fault(room: Room, rules: Tally) -> None:
    room.play_by(rules)
    await room.new_game()
    await say(room, "a", "offer")
    assert isinstance(await say(room, "b", "accept"), Failure)
    assert described(await room.ask(Describe())) == ("suspended", 2, ABSENT)


# ---- replay


async def test_draw_moves_are_replayed_as_they_were_seen(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    for user, move in (("a", "offer"), ("b", "decline"), ("b", "offer"), ("a", "accept")):
        await say(room, user, move)  # type: ignore[arg-type]
    room.directory.leave(GAME, live)
    await room.leaves_memory()
    missed = (await room.joins("b", last_event_id=1)).missed
    assert missed is not ABSENT
    assert list(missed) == views(live)[1:]


def test_a_draw_move_that_the_rules_refuse_now_has_diverged() -> None:
    game = Game.of(CREATED, Undrawn())
    with pytest.raises(ReplayDiverged):
        game.replay(game.begin(), DrawMoved(2, 0.0, "a", "offer", game.begin().chance_position))


def test_a_draw_that_drew_other_chance_has_diverged() -> None:
    game = Game.of(CREATED, Tally())
    at = game.move_draw(game.begin(), 0, "offer")
    with pytest.raises(ReplayDiverged):
        game.replay(at, DrawMoved(3, 0.0, "b", "accept", at.chance_position))
