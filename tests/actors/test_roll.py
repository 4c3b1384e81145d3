"""Who gets which session: replacement, recovery, and that a recovered session is used up."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.roll import Fresh, Keys, Offset, Resumed, Roll, UserSession
from tests.samples.connected import GAME, OTHER_GAME, Client, KeyMaker, at

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.roll import Decision, Following

WINDOW = 120.0
SEEN = Offset("g", 5)


class Door:
    """A roll, and the clients that come to it."""

    def __init__(self) -> None:
        self.roll = Roll(window=WINDOW)
        self.make_keys: Callable[[], Keys] = KeyMaker()
        self.now = 0.0

    def connect(
        self, client: Client, pid: str | None = None, offset: Offset | None = None, *, with_pid: bool = True
    ) -> Decision:
        def make() -> Keys:
            keys = self.make_keys()
            return keys if with_pid else Keys(keys.sid, "")

        return self.roll.connect(client, make, now=at(self.now), pid=pid, offset=offset)

    def fresh(self, client: Client) -> Fresh:
        decision = self.connect(client)
        assert isinstance(decision, Fresh)
        return decision

    def recovers(self, client: Client, pid: str = "p1", offset: Offset | None = SEEN) -> bool:
        """Whether it does; all that it missed is given to it at once."""
        decision = self.connect(client, pid, offset)
        if isinstance(decision, Resumed) and decision.following is not None:
            client.following = decision.following
            self.roll.recovered(client, decision.since)
        return isinstance(decision, Resumed)


@pytest.fixture
def door() -> Door:
    return Door()


# ---- one session a user


def test_the_first_connection_of_a_user_has_a_session_of_its_own(door: Door) -> None:
    came = door.fresh(Client())
    assert (came.session.keys, came.replaced, came.former) == (Keys("s1", "p1"), None, None)
    assert len(door.roll) == 1


def test_a_second_connection_of_a_user_replaces_the_first(door: Door) -> None:
    first = Client()
    door.fresh(first)
    second = door.fresh(Client())
    assert (second.replaced, second.former, second.session.sid) == (first, "s1", "s2")
    assert (len(door.roll), door.roll.session("s1")) == (1, None)


def test_a_fresh_connection_ends_the_waiting_for_a_client_that_was_cut_off(door: Door) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    door.roll.cut_off(first, at(1))
    assert door.fresh(Client()).replaced is None
    assert not door.recovers(Client())


def test_the_end_of_a_replaced_connection_is_nobody_elses(door: Door) -> None:
    first, second = Client(), Client()
    door.fresh(first)
    door.fresh(second)
    assert door.roll.cut_off(first, at(1)) is None
    assert door.roll.connection("u") is second


# ---- recovery


def test_a_client_that_was_cut_off_has_its_session_back_and_is_told_what_it_missed(door: Door) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    door.roll.cut_off(first, at(1))
    assert len(door.roll) == 0
    decision = door.connect(back := Client(), "p1", SEEN)
    assert isinstance(decision, Resumed)
    assert (decision.session.keys, decision.evicted) == (Keys("s1", "p1"), None)
    assert (decision.following, decision.since) == (GAME, 5)
    assert door.roll.connection("u") is back


def test_a_connection_that_is_still_taken_for_alive_is_evicted(door: Door) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    decision = door.connect(Client(), "p1", SEEN)
    assert isinstance(decision, Resumed)
    assert (decision.evicted, decision.following) == (first, GAME)
    assert len(door.roll) == 1


@pytest.mark.parametrize("pid", ["", "p2", "p", "p11", "é"])
def test_another_pid_recovers_nothing(door: Door, pid: str) -> None:
    door.fresh(Client(following=GAME))
    assert not door.recovers(Client(), pid)


def test_a_session_without_a_pid_is_not_kept_and_cannot_be_recovered(door: Door) -> None:
    first = Client()
    door.connect(first, with_pid=False)
    assert not door.recovers(Client(), "")
    door = Door()
    door.connect(first, with_pid=False)
    door.roll.cut_off(first, at(1))
    assert list(door.roll) == []


def test_another_users_pid_recovers_nothing(door: Door) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    decision = door.connect(Client("thief", following=None), "p1", SEEN)
    assert isinstance(decision, Fresh)
    assert decision.replaced is None
    assert door.roll.connection("u") is first


@pytest.mark.parametrize(
    ("followed", "offset", "recovered"),
    [
        (GAME, SEEN, True),
        (GAME, None, False),
        (GAME, Offset("h", 5), False),
        (None, None, True),
        (None, SEEN, True),
    ],
)
def test_the_offset_must_be_of_the_game_that_is_followed(
    door: Door, followed: Following | None, offset: Offset | None, recovered: bool
) -> None:
    first = Client(following=followed)
    door.fresh(first)
    door.roll.cut_off(first, at(1))
    assert door.recovers(Client(), "p1", offset) is recovered


@pytest.mark.parametrize(("later", "recovered"), [(0.0, True), (WINDOW, True), (WINDOW + 0.1, False)])
def test_the_window_begins_when_the_client_was_cut_off(door: Door, later: float, recovered: bool) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    door.roll.cut_off(first, at(50))
    door.now = 50 + later
    assert door.recovers(Client()) is recovered


def test_whose_window_is_over_is_forgotten(door: Door) -> None:
    first = Client()
    door.fresh(first)
    door.roll.cut_off(first, at(0))
    assert door.roll.expired(at(WINDOW)) == []
    assert [session.sid for session in door.roll.expired(at(WINDOW + 0.1))] == ["s1"]
    assert door.roll.session("s1") is None


def test_a_client_that_left_of_its_own_accord_is_not_waited_for(door: Door) -> None:
    first = Client(following=GAME)
    door.fresh(first)
    door.roll.cut_off(first, at(1), left=True)
    assert not door.recovers(Client())


# ---- used up


def test_while_one_client_recovers_a_second_one_with_the_same_pid_replaces_it(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    two = door.connect(Client(), "p1", SEEN)
    assert isinstance(two, Fresh)
    assert two.replaced is one
    assert door.roll.recovered(one, 9) is None  # too late


def test_a_recovered_session_is_used_up_for_whoever_has_seen_nothing_since(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    decision = door.connect(one := Client(), "p1", SEEN)
    assert isinstance(decision, Resumed)
    one.following = GAME
    door.roll.recovered(one, 9)
    assert not door.recovers(Client(), "p1", SEEN)


@pytest.mark.parametrize(("offset", "recovered"), [(9, False), (10, True)])
def test_the_client_that_recovered_it_may_again_when_it_was_shown_more(
    door: Door, offset: int, recovered: bool
) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    one.following = GAME
    door.roll.recovered(one, 9)
    assert door.recovers(Client(), "p1", Offset("g", offset)) is recovered


def test_the_client_that_recovered_it_may_again_when_it_follows_another_game_since(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    one.following = GAME
    door.roll.recovered(one, 9)
    one.following = OTHER_GAME
    assert door.recovers(Client(), "p1", Offset("h", 1))


def test_the_client_that_recovered_it_may_again_when_it_was_cut_off(door: Door) -> None:
    clients = [Client(following=GAME) for _ in range(6)]
    door.fresh(clients[0])
    for second, (before, after) in enumerate(pairwise(clients)):
        door.roll.cut_off(before, at(second))
        assert door.recovers(after)


def test_a_recovery_that_was_cut_off_before_its_end_can_be_tried_again(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    door.roll.cut_off(one, at(2))  # which followed nothing yet
    decision = door.connect(Client(), "p1", SEEN)
    assert isinstance(decision, Resumed)
    assert decision.following == GAME


def test_what_is_not_to_be_had_leads_to_a_session_of_another_name(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    fresh = door.roll.afresh(one, door.make_keys, at(2))
    assert fresh is not None
    assert (fresh.session.keys, fresh.replaced, fresh.former) == (Keys("s2", "p2"), None, "s1")
    assert door.roll.connection("u") is one
    assert not door.recovers(Client())


def test_what_is_not_to_be_had_by_a_client_that_was_replaced_meanwhile_leads_nowhere(door: Door) -> None:
    door.fresh(first := Client(following=GAME))
    door.roll.cut_off(first, at(1))
    door.connect(one := Client(), "p1", SEEN)
    door.fresh(newer := Client())
    assert door.roll.afresh(one, door.make_keys, at(2)) is None
    assert door.roll.connection("u") is newer


# ---- a former life


def kept(user: str, sid: str, seen: float) -> UserSession:
    return UserSession(user, Keys(sid, f"p-{sid}"), 0.0, at(seen), following=GAME)


def test_the_sessions_of_a_former_life_wait_for_their_clients(door: Door) -> None:
    door.roll.keep([kept("u", "s", 5)])
    assert len(door.roll) == 0
    assert door.recovers(Client(), "p-s")


def test_who_was_shown_a_game_of_which_nothing_was_written_down_when_the_server_was_killed_begins_afresh(
    door: Door,
) -> None:
    session = kept("u", "s", 5)
    session.following, session.cut_short = None, True
    door.roll.keep([session])
    assert not door.recovers(Client(), "p-s", Offset("g", 1))


def test_who_had_left_the_game_when_the_server_stopped_in_order_has_the_session_without_it(door: Door) -> None:
    session = kept("u", "s", 5)
    session.following = None
    door.roll.keep([session])
    assert door.recovers(Client(), "p-s", Offset("g", 1))


def test_of_several_of_one_user_the_one_that_was_seen_last_waits(door: Door) -> None:
    door.roll.keep([kept("u", "new", 7), kept("u", "old", 5), kept("v", "other", 6)])
    assert sorted(session.sid for session in door.roll) == ["new", "other"]
    assert door.roll.session("old") is None


def test_they_take_nobodys_place(door: Door) -> None:
    door.fresh(Client())
    door.roll.keep([kept("u", "s", 5)])
    assert not door.recovers(Client(), "p-s")


# ---- whatever happens


class AnyDay(RuleBasedStateMachine):
    """Clients of two users come, go, recover and steal in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.door = Door()
        self.clients: list[Client] = []
        self.pids: list[str] = []
        self.resuming: dict[Client, Resumed] = {}

    @rule(user=st.sampled_from("uv"), which=st.integers(0, 20), event=st.integers(0, 5))
    def connect(self, user: str, which: int, event: int) -> None:
        pid = self.pids[which] if which < len(self.pids) else None
        before = self.door.roll.of_user(user)
        connected = None if before is None else before.connection
        client = Client(user)
        decision = self.door.connect(client, pid, Offset("g", event))
        self.clients.append(client)
        match decision:
            case Resumed():
                assert before is decision.session
                assert decision.evicted is connected
                if decision.following is not None:
                    self.resuming[client] = decision
            case Fresh():
                assert decision.replaced is connected
                assert decision.session is not before
                self.pids.append(decision.session.keys.pid)

    @rule(which=st.integers(0, 20), event=st.integers(0, 9))
    def catches_up(self, which: int, event: int) -> None:
        if which < len(self.resuming):
            client = list(self.resuming)[which]
            decision = self.resuming.pop(client)
            client.following = decision.following
            session = self.door.roll.recovered(client, event)
            assert session is None or (session.connection is client and not session.resuming)

    @rule(which=st.integers(0, 20), follows=st.sampled_from([None, GAME, OTHER_GAME]))
    def moves(self, which: int, follows: Following | None) -> None:
        if which < len(self.clients):
            self.clients[which].following = follows

    @rule(which=st.integers(0, 20), left=st.booleans())
    def goes(self, which: int, left: bool) -> None:
        if which < len(self.clients):
            self.door.roll.cut_off(self.clients[which], at(self.door.now), left=left)

    @rule(seconds=st.sampled_from([1.0, 60.0, 121.0]))
    def time_passes(self, seconds: float) -> None:
        self.door.now += seconds
        for session in self.door.roll.expired(at(self.door.now)):
            assert session.connection is None

    @invariant()
    def a_user_has_one_session_and_it_is_found_by_both_names(self) -> None:
        sessions = list(self.door.roll)
        assert len({session.user_id for session in sessions}) == len(sessions)
        for session in sessions:
            assert self.door.roll.session(session.sid) is session
            assert self.door.roll.of_user(session.user_id) is session

    @invariant()
    def the_connected_are_counted(self) -> None:
        live = [session for session in self.door.roll if session.connection is not None]
        assert len(self.door.roll) == len(live)
        assert len({session.connection for session in live}) == len(live)


TestAnyDay = AnyDay.TestCase
