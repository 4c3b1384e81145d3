"""The game actor: validate, persist, apply, answer, in that order, and what happens when each of them fails."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.events import Aborted, Acted
from actors.failures import Code, Failure
from actors.kit.actor import ActorError, ActorStopped
from actors.messages import ABSENT, AbortAnswer, ActionAnswer, Description, GameOver, ResignAnswer, View
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.table_messages import Abort, Act, Describe, Join, Resign
from tests.samples.memory import Listener, MemoryJournal
from tests.samples.room import GAME, MISS, RUDE, Room, code, described, opened, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.events import Event
    from actors.kit.supervisor import DynamicSupervisor
    from actors.snapshot import Loaded


# ---- joining


async def test_a_joiner_is_answered_the_view_and_then_sent_the_state_in_the_same_write(room: Room) -> None:
    await room.new_game()
    listener = Listener()
    answer = await room.seen(listener, Join("a", listener))
    assert isinstance(answer, View)
    assert answer.changes is ABSENT
    assert listener.sends == [[answer, evolve(answer, changes=())]]


async def test_a_stranger_cannot_join_or_act_or_resign(room: Room) -> None:
    await room.new_game()
    assert code(await room.ask(Join("z", Listener()))) == Code.NOT_IN_GAME
    assert code(await room.act("z")) == Code.NOT_IN_GAME
    assert code(await room.ask(Resign("z", Listener()))) == Code.NOT_IN_GAME


async def test_a_view_tells_who_is_connected(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    answer = await room.ask(Join("b", Listener()))
    assert isinstance(answer, View)
    assert [(p.id, p.seat, p.status) for p in answer.players] == [
        ("a", 0, "connected"),
        ("b", 1, "connected"),
    ]


async def test_whoever_left_is_told_nothing_more_and_counts_as_disconnected(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("b")
    room.directory.leave(GAME, listener)
    told = len(listener.log)
    await room.act("a")
    assert len(listener.log) == told
    answer = await room.ask(Join("a", Listener()))
    assert isinstance(answer, View)
    assert answer.players[1].status == "disconnected"


async def test_legal_actions_are_listed_for_whoever_is_to_act_and_absent_for_the_others(room: Room) -> None:
    await room.new_game()
    mine, other = await room.ask(Join("a", Listener())), await room.ask(Join("b", Listener()))
    assert isinstance(mine, View)
    assert isinstance(other, View)
    assert mine.is_your_turn
    assert mine.legal_actions is not ABSENT
    assert not other.is_your_turn
    assert other.legal_actions is ABSENT


# ---- acting


async def test_the_answer_goes_out_before_the_state_it_caused_in_one_write_and_after_the_journal(
    room: Room,
) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    me.sends.clear()
    answer = await room.seen(me, Act("a", me, MISS, "m1"))
    assert isinstance(answer, ActionAnswer)
    assert (answer.event_id, answer.action_type, answer.turn_changed) == (2, "guess", True)
    assert me.sends == [[answer, views(me)[-1]]]
    assert views(other)[-1].event_id == 2
    assert len(room.journal.games[GAME]) == 2


async def test_nothing_is_answered_or_shown_before_the_event_is_durable(room: Room, autojump_clock: MockClock) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    room.journal.hold = trio.Event()
    told = (len(me.log), len(other.log))
    room.directory.table(GAME).post(Act("a", me, MISS), me.answered)
    await trio.sleep(1)
    assert (len(me.log), len(other.log)) == told
    room.journal.hold.set()
    await trio.sleep(1)
    assert (len(me.log), len(other.log)) == (told[0] + 2, told[1] + 1)


async def test_each_seat_is_shown_its_own_changes(room: Room) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    await room.act("a")
    mine, theirs = views(me)[-1].changes, views(other)[-1].changes
    assert mine is not ABSENT
    assert theirs is not ABSENT
    assert "lucky" in mine[0]
    assert theirs == ({"type": "guessed", "seat": 0, "number": 5000},)


async def test_a_refused_action_leaves_no_event_and_no_push(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("b")
    told = len(listener.log)
    assert code(await room.act("b")) == Code.NOT_YOUR_TURN
    assert code(await room.act("a", {"type": "guess", "number": -1})) == Code.INVALID_ACTION
    assert len(room.journal.games[GAME]) == 1
    assert len(listener.log) == told


async def test_event_ids_grow_without_a_hole_over_every_kind_of_event(room: Room) -> None:
    await room.new_game(3)
    await room.act("a")
    await room.ask(Resign("b", Listener()))
    await room.act("c")
    await room.ask(Abort("enough"))
    assert [event.event_id for event in room.journal.games[GAME]] == [1, 2, 3, 4, 5]


async def test_the_last_state_comes_before_the_game_over_and_both_in_the_same_write(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("b")
    answer = await room.ask(Resign("a", Listener()))
    assert answer == ResignAnswer(GAME, 2, True, winner_id="b", end_reason="resignation")
    state, over = listener.sends[-1]
    assert isinstance(state, View)
    assert isinstance(over, GameOver)
    assert (state.game_over, state.winner_id, over.winner_id) == (True, "b", "b")
    assert over.results == {"a": 0.0, "b": 1.0}
    assert over.final_state == state.state


async def test_with_three_players_a_resignation_lets_the_others_play_on(room: Room) -> None:
    await room.new_game(3)
    assert await room.ask(Resign("a", Listener())) == ResignAnswer(GAME, 2, False)
    assert isinstance(await room.act("b"), ActionAnswer)


async def test_after_the_end_every_action_is_game_ended(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    assert code(await room.act("b")) == Code.GAME_ENDED
    assert code(await room.ask(Resign("b", Listener()))) == Code.GAME_ENDED
    assert code(await room.ask(Abort("late"))) == Code.GAME_ENDED


async def test_a_forced_action_is_shown_with_its_params_to_its_owner_alone(room: Room) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    await room.act("a", RUDE)
    mine, theirs = views(me)[-1].pending_forced_action, views(other)[-1].pending_forced_action
    assert mine is not ABSENT
    assert theirs is not ABSENT
    assert (mine.player_id, mine.action_type) == (theirs.player_id, theirs.action_type) == ("a", "bow")
    assert set(mine.params) == {"secret"}
    assert theirs.params == {}


# ---- exactly once


async def test_a_repeated_message_id_is_answered_as_before_and_applied_once(room: Room) -> None:
    await room.new_game()
    first = await room.act("a", MISS, "m1")
    assert await room.act("a", MISS, "m1") == first
    assert len(room.journal.games[GAME]) == 2


async def test_the_stored_answer_is_given_again_after_the_table_left_memory(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    first = await room.act("a", MISS, "m1")
    await trio.sleep(200)
    assert len(room.directory) == 0
    assert await room.act("a", MISS, "m1") == first


async def test_the_stored_answer_is_given_again_after_the_game_has_ended(room: Room) -> None:
    await room.new_game()
    first = await room.ask(Resign("a", Listener(), "m1"))
    assert await room.ask(Resign("a", Listener(), "m1")) == first


async def test_one_and_true_are_not_the_same_payload(room: Room) -> None:
    await room.new_game()
    await room.act("a", {"type": "guess", "number": 1}, "m1")
    assert code(await room.act("a", {"type": "guess", "number": True}, "m1")) == Code.INVALID_MESSAGE


async def test_the_same_message_id_with_another_payload_is_invalid(room: Room) -> None:
    await room.new_game()
    await room.act("a", MISS, "m1")
    assert code(await room.act("a", RUDE, "m1")) == Code.INVALID_MESSAGE
    assert code(await room.ask(Resign("a", Listener(), "m1"))) == Code.INVALID_MESSAGE


async def test_message_ids_are_scoped_to_the_user(room: Room) -> None:
    await room.new_game()
    await room.act("a", MISS, "m1")
    answer = await room.act("b", MISS, "m1")
    assert isinstance(answer, ActionAnswer)
    assert answer.event_id == 3


async def test_a_failure_is_not_stored_but_judged_anew(room: Room) -> None:
    await room.new_game()
    assert code(await room.act("b", MISS, "m1")) == Code.NOT_YOUR_TURN
    await room.act("a")
    assert isinstance(await room.act("b", MISS, "m1"), ActionAnswer)


# ---- what was missed


async def test_a_joiner_is_given_what_it_missed_as_it_was_sent_live(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    for user in "abab":
        await room.act(user)
    answer = await room.ask(Join("b", Listener(), last_event_id=2))
    assert isinstance(answer, View)
    assert answer.missed == tuple(view for view in views(live) if view.event_id > 2)
    assert answer.resync is ABSENT


async def test_a_joiner_that_missed_nothing_is_given_an_empty_list(room: Room) -> None:
    await room.new_game()
    answer = await room.ask(Join("b", Listener(), last_event_id=1))
    assert isinstance(answer, View)
    assert answer.missed == ()


async def test_a_joiner_that_is_ahead_of_the_server_is_told_to_resync(room: Room) -> None:
    await room.new_game()
    answer = await room.ask(Join("b", Listener(), last_event_id=7))
    assert isinstance(answer, View)
    assert (answer.missed, answer.resync) == (ABSENT, True)


async def test_past_two_hundred_events_a_joiner_is_told_to_resync(tables: DynamicSupervisor) -> None:
    room = Room(tables, Tally(), max_events=1000)
    await room.new_game()
    for n in range(201):
        await room.act("ab"[n % 2])
    first = await room.ask(Join("a", Listener(), last_event_id=1))
    second = await room.ask(Join("a", Listener(), last_event_id=2))
    assert isinstance(first, View)
    assert isinstance(second, View)
    assert (first.missed, first.resync) == (ABSENT, True)
    assert second.missed is not ABSENT
    assert len(second.missed) == 200


# ---- the store


async def test_while_the_store_is_away_an_action_is_unavailable_and_leaves_no_trace(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("a")
    told = len(listener.log)
    room.journal.away = True
    assert code(await room.act("a", MISS, "m1")) == Code.UNAVAILABLE
    assert len(listener.log) == told
    room.journal.away = False
    answer = await room.act("a", MISS, "m1")
    assert isinstance(answer, ActionAnswer)
    assert answer.event_id == 2


async def test_while_the_store_is_away_a_table_in_memory_still_shows_the_game(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    room.journal.away = True
    assert isinstance(await room.ask(Join("b", Listener())), View)


async def test_a_game_that_cannot_be_loaded_fails_with_the_reason_and_is_tried_again(room: Room) -> None:
    await room.new_game()
    room.journal.away = True
    with pytest.raises(ActorStopped) as stopped:
        await room.act("a")
    assert isinstance(stopped.value.reason, StoreUnavailable)
    room.journal.away = False
    assert isinstance(await room.act("a"), ActionAnswer)


async def test_a_game_that_does_not_exist_fails_with_game_not_found_and_is_forgotten(room: Room) -> None:
    with pytest.raises(ActorStopped) as stopped:
        await room.ask(Describe(), "nothing-here")
    assert isinstance(stopped.value.reason, GameNotFound)
    assert len(room.directory) == 0


async def test_what_can_be_no_game_id_is_refused_without_asking_the_journal(room: Room) -> None:
    await room.new_game()
    room.journal.away = True
    for text in ("", "x" * 65, "a b", "../etc", "g\n1", "é"):
        with pytest.raises(GameNotFound):
            room.directory.table(text)


async def test_when_another_writer_went_on_the_request_is_judged_by_what_is_written(room: Room, rival: Room) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    assert isinstance(await rival.act("a"), ActionAnswer)
    assert code(await room.act("a")) == Code.NOT_YOUR_TURN
    assert views(me)[-1].event_id == views(other)[-1].event_id == 2
    assert isinstance(await room.act("b"), ActionAnswer)
    assert [event.event_id for event in room.journal.games[GAME]] == [1, 2, 3]


async def test_a_fenced_request_with_a_message_id_that_the_other_writer_applied_is_answered_from_the_journal(
    room: Room,
    rival: Room,
) -> None:
    await room.new_game()
    await room.joined("a")
    first = await rival.act("a", MISS, "m1")
    assert await room.act("a", MISS, "m1") == first
    assert len(room.journal.games[GAME]) == 2


async def test_a_store_that_lost_events_suspends_the_game_until_it_is_aborted(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    await room.act("a")
    listener = await room.joined("b")
    del room.journal.games[GAME][1:]
    assert code(await room.act("b")) == Code.INTERNAL_ERROR
    assert code(await room.act("b")) == Code.UNAVAILABLE
    listener.gone = True
    await trio.sleep(1000)
    assert code(await room.act("b")) == Code.UNAVAILABLE
    assert described(await room.ask(Describe())) == ("suspended", 2, ABSENT)
    assert isinstance(await room.ask(Abort("the store lost it")), AbortAnswer)
    assert described(await room.ask(Describe())) == ("ended", 2, "aborted")


async def test_a_journal_that_is_shorter_than_what_was_acknowledged_is_not_played_on_by_the_next_table(
    room: Room,
) -> None:
    await room.new_game()
    await room.joined("b")
    await room.act("a")
    del room.journal.games[GAME][1:]
    await room.tables.stop_child(f"table:{GAME}:1")
    assert code(await room.act("a")) == Code.UNAVAILABLE
    assert len(room.journal.games[GAME]) == 1


async def test_an_append_that_is_never_answered_keeps_its_asker_and_the_others_waiting_only_so_long(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    listener = await room.joined("a")
    room.journal.hold = trio.Event()
    answers: list[object] = []
    room.directory.table(GAME).post(Act("a", listener, MISS, "m1"), answers.append)
    room.directory.table(GAME).post(Join("b", Listener()), answers.append)
    await trio.sleep(0.1)
    room.journal.away = True
    await trio.sleep(room.house.settle_within)
    assert code(answers[0]) == Code.INTERNAL_ERROR
    assert isinstance(opened(answers[1]), View)
    room.journal.away = False
    room.journal.hold.set()
    assert isinstance(await room.act("a", MISS, "m1"), ActionAnswer)
    assert [event.event_id for event in room.journal.games[GAME]] == [1, 2]


# ---- faults of the rules


async def test_rules_that_raise_suspend_their_own_game_and_the_report_tells_no_secret(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    await room.new_game()
    await room.new_game(game_id="g2")
    with caplog.at_level(logging.DEBUG):
        failure = await room.act("a", {"type": "crash"})
    assert code(failure) == Code.INTERNAL_ERROR
    assert isinstance(failure, Failure)
    assert failure.details["id"] in caplog.text
    assert not re.search(r"the secret is \d", caplog.text)
    assert "secret" not in failure.message
    assert code(await room.act("a")) == Code.UNAVAILABLE
    assert isinstance(await room.ask(Act("a", Listener(), MISS), "g2"), ActionAnswer)


async def test_a_suspended_game_is_still_shown_and_can_be_aborted(room: Room) -> None:
    await room.new_game()
    await room.act("a", {"type": "crash"})
    listener = await room.joined("b")
    answer = await room.ask(Abort("its rules failed"))
    assert answer == AbortAnswer(GAME, 2, "aborted")
    assert isinstance(listener.log[-1], GameOver)
    assert code(await room.act("a")) == Code.GAME_ENDED


@pytest.mark.parametrize("escape", [SystemExit(3), GeneratorExit(), BaseException("panic")])
async def test_nothing_that_rules_raise_gets_past_their_own_game(room: Room, escape: BaseException) -> None:
    await room.new_game()
    await room.new_game(game_id="g2")
    room.rules.escape = escape
    assert code(await room.act("a", {"type": "crash"})) == Code.INTERNAL_ERROR
    assert isinstance(await room.ask(Act("a", Listener(), MISS), "g2"), ActionAnswer)


@pytest.mark.parametrize("unspeakable", [{1: "an int key"}, {"x": 2**70}, {"x": {3}}, {"x": object()}])
async def test_rules_that_show_what_has_no_json_apply_nothing_and_everybody_is_answered(
    room: Room, unspeakable: dict[object, object]
) -> None:
    await room.new_game()
    await room.joined("b")
    room.rules.shows = unspeakable
    assert code(await room.act("a")) == Code.INTERNAL_ERROR
    assert len(room.journal.games[GAME]) == 1
    assert code(await room.ask(Join("a", Listener()))) == Code.INTERNAL_ERROR


async def test_an_acknowledged_request_is_still_answered_when_the_rules_no_longer_replay_the_game(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    first = await room.act("a", MISS, "m1")
    await trio.sleep(200)
    room.journal.snapshots.clear()
    room.rules.fail_in = "apply"
    assert await room.act("a", MISS, "m1") == first
    assert code(await room.act("b")) == Code.UNAVAILABLE


async def test_a_view_that_raises_applies_nothing(room: Room) -> None:
    await room.new_game()
    await room.joined("b")
    room.rules.fail_in = "view"
    assert code(await room.act("a")) == Code.INTERNAL_ERROR
    assert len(room.journal.games[GAME]) == 1


class Damaged(MemoryJournal):
    """A journal that can be written to, and not be read any more."""

    async def load(self, game_id: str) -> Loaded:
        if self.unspeakable:
            raise StoreLostData("event 2 is missing")
        return await super().load(game_id)

    async def history(self, game_id: str) -> tuple[Event, ...]:
        if self.unspeakable:
            raise StoreLostData("event 2 is missing")
        return await super().history(game_id)


async def test_a_suspended_game_whose_journal_is_damaged_is_not_called_off_and_it_is_not_said_that_the_store_is_away(
    room: Room,
) -> None:
    room.keep_in(journal := Damaged())
    await room.new_game()
    await room.act("a", {"type": "crash"})
    journal.unspeakable = True
    refused = await room.ask(Abort("its rules failed"))
    assert isinstance(refused, Failure)
    assert (refused.code, refused.message) == (
        Code.UNAVAILABLE,
        "the journal of this game cannot be read; nothing was applied",
    )


async def test_a_game_whose_replay_fails_is_suspended_and_stays_ended_once_aborted(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    await room.act("a")
    room.rules.fail_in = "apply"
    await trio.sleep(200)
    room.journal.snapshots.clear()
    described = await room.ask(Describe())
    assert isinstance(described, Description)
    assert (described.status, described.event_count) == ("suspended", 2)
    await room.ask(Abort("its rules failed"))
    await trio.sleep(200)
    described = await room.ask(Describe())
    assert isinstance(described, Description)
    assert (described.status, described.event_count, described.end_reason) == ("ended", 3, "aborted")


async def test_a_game_of_a_version_that_is_not_installed_says_so_is_listed_and_can_be_aborted(room: Room) -> None:
    await room.new_game()
    first = await room.act("a", MISS, "m1")
    room.play_by(Tally(version="2"))
    await room.tables.stop_child(f"table:{GAME}:1")
    assert code(await room.act("b")) == Code.RULES_VERSION
    assert code(await room.ask(Join("a", Listener()))) == Code.RULES_VERSION
    assert await room.act("a", MISS, "m1") == first
    assert described(await room.ask(Describe())) == ("suspended", 2, ABSENT)
    assert isinstance(await room.ask(Abort("upgraded")), AbortAnswer)
    assert described(await room.ask(Describe())) == ("ended", 3, "aborted")


async def test_a_game_that_reaches_its_limit_of_events_is_aborted(tables: DynamicSupervisor) -> None:
    room = Room(tables, Tally(), max_events=4)
    await room.new_game()
    listener = await room.joined("b")
    await room.act("a")
    assert isinstance(await room.act("b"), ActionAnswer)
    described = await room.ask(Describe())  # it is answered after the abort that the last action led to
    assert isinstance(described, Description)
    assert (described.status, described.event_count, described.end_reason) == ("ended", 4, "aborted")
    assert isinstance(room.journal.games[GAME][-1], Aborted)
    assert isinstance(listener.log[-1], GameOver)


# ---- memory


async def test_an_abort_at_the_limit_that_another_writer_was_first_with_does_not_apply_the_last_action_again(
    tables: DynamicSupervisor,
) -> None:
    room = Room(tables, Tally(), max_events=4)
    await room.new_game()
    await room.act("a")
    room.journal.after_append = lambda: room.journal.games[GAME].append(Acted(4, 0.0, "a", MISS, 0))
    assert isinstance(await room.act("b"), ActionAnswer)
    assert [event.event_id for event in room.journal.games[GAME]] == [1, 2, 3, 4]


async def test_a_game_that_has_ended_is_taken_out_of_the_indexes_again_when_it_is_loaded(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    await trio.sleep(200)
    room.journal.retired.clear()
    await room.ask(Describe())
    assert room.journal.retired == [(GAME, 2)]


async def test_a_table_that_nobody_follows_or_uses_leaves_memory_and_comes_back(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    await room.act("a")
    await trio.sleep(200)
    assert (len(room.directory), room.tables.children) == (0, 0)
    assert isinstance(await room.act("b"), ActionAnswer)


async def test_a_table_that_somebody_follows_stays(room: Room, autojump_clock: MockClock) -> None:
    await room.new_game()
    listener = await room.joined("a")
    await trio.sleep(1000)
    assert len(room.directory) == 1
    listener.gone = True
    await trio.sleep(200)
    assert len(room.directory) == 0


async def test_a_full_mailbox_is_refused_at_once(room: Room, autojump_clock: MockClock) -> None:
    await room.new_game()
    await room.joined("a")
    room.journal.hold = trio.Event()
    answers: list[object] = []
    refused: list[ActorError] = []
    for _ in range(20):
        try:
            room.directory.table(GAME).post(Act("a", Listener(), MISS), answers.append)
        except ActorError as error:
            refused.append(error)
    room.journal.hold.set()
    await trio.sleep(1)
    assert refused
    assert len(answers) + len(refused) == 20
