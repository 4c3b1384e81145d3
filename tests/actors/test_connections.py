"""The supervisor of connections: who is let in, the heartbeat, and the orderly end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors.connections import Admitted, Afresh, Connect, Connections, Resume
from actors.kit.actor import ActorError
from actors.kit.supervisor import Supervisor
from actors.roll import Keys, Offset, Roll
from tests.samples.connected import GAME, Client, KeyMaker
from tests.samples.memory import FixedClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INTERVAL, TIMEOUT = 25.0, 20.0


class Hall:
    """The supervisor with its clocks, and the sids that it said have changed."""

    def __init__(self) -> None:
        self.service = FixedClock(100.0)
        self.changed: list[str] = []
        self.connections = Connections(
            Roll(window=120.0),
            FixedClock(),
            self.service,
            KeyMaker(),
            ping_interval=INTERVAL,
            ping_timeout=TIMEOUT,
            changed=self.changed.append,
        )

    async def ask(self, message: Connect | Afresh) -> Admitted:
        return await self.connections.ref.ask(message, timeout=1)

    async def comes(self, client: Client, pid: str | None = None, offset: Offset | None = None) -> Admitted:
        return await self.ask(Connect(client, recoverable=True, pid=pid, offset=offset))

    async def settles(self) -> None:
        """Everything that was told so far has been handled."""
        await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
async def running(hall: Hall) -> AsyncIterator[Hall]:
    """The same, with its actor running."""
    supervisor = Supervisor("connections", [hall.connections.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield hall
        supervisor.request_stop()


# ---- coming and going


async def test_a_client_is_given_a_sid_and_a_pid_if_it_is_to_have_one(running: Hall) -> None:
    assert await running.comes(Client("u")) == Admitted(Keys("s1", "p1"))
    assert await running.ask(Connect(Client("v"), recoverable=False)) == Admitted(Keys("s2", ""))
    assert running.changed == ["s1", "s2"]
    assert len(running.connections) == 2


async def test_a_second_connection_of_a_user_ends_the_first_which_is_told_so(running: Hall) -> None:
    first = Client()
    await running.comes(first)
    await running.comes(Client())
    assert first.ends == ["replaced"]
    assert running.changed == ["s1", "s2", "s1"]


async def test_a_client_that_comes_back_evicts_its_old_connection_and_is_asked_to_catch_up(running: Hall) -> None:
    first = Client(following=GAME)
    await running.comes(first)
    back = await running.comes(Client(), "p1", Offset("g", 7))
    assert back == Admitted(Keys("s1", "p1"), recovered=True, resume=Resume(GAME, 7))
    assert first.ends == ["evicted"]


async def test_a_client_that_cannot_catch_up_begins_afresh_under_other_names(running: Hall) -> None:
    await running.comes(Client(following=GAME))
    await running.comes(back := Client(), "p1", Offset("g", 7))
    assert await running.ask(Afresh(back, recoverable=True)) == Admitted(Keys("s2", "p2"))
    assert back.ends == []


async def test_a_client_that_was_replaced_while_it_caught_up_is_let_in_under_a_name_that_nobody_knows(
    running: Hall,
) -> None:
    await running.comes(Client(following=GAME))
    await running.comes(back := Client(), "p1", Offset("g", 7))
    await running.comes(newer := Client())
    admitted = await running.ask(Afresh(back, recoverable=True))
    assert (admitted.keys.pid, admitted.recovered) == ("", False)
    assert back.ends == ["replaced"]
    assert list(running.connections) == [newer]


async def test_who_has_caught_up_and_moved_is_noted(running: Hall) -> None:
    await running.comes(Client(following=GAME))
    await running.comes(back := Client(), "p1", Offset("g", 7))
    running.changed.clear()
    running.connections.caught_up(back, 9)
    running.connections.moved(back)
    running.connections.moved(Client())  # nobody that is known
    await running.settles()
    assert running.changed == ["s1", "s1"]


async def test_a_connection_that_is_over_is_kept_or_forgotten(running: Hall) -> None:
    kept, left, unknown = Client("u"), Client("v"), Client("w")
    await running.comes(kept)
    await running.comes(left)
    running.connections.closed(kept)
    running.connections.closed(left, left=True)
    running.connections.closed(unknown)
    await running.settles()
    assert len(running.connections) == 0
    assert [session.sid for session in running.connections.roll] == ["s1"]


async def test_users_are_told_what_concerns_them_where_they_are_connected(running: Hall) -> None:
    clients = {user: Client(user) for user in "uvw"}
    for client in clients.values():
        await running.comes(client)
    running.connections.closed(clients["v"])
    running.connections.notify(("u", "v", "x"), "game:created", b"{}")
    await running.settles()
    assert [client.told for client in clients.values()] == [[("game:created", b"{}")], [], []]


async def test_a_crash_loses_no_session(running: Hall) -> None:
    await running.comes(first := Client())
    with pytest.raises(ActorError):
        await running.ask(Connect(None, recoverable=True))  # type: ignore[arg-type]  # a fault of ours
    assert (await running.comes(Client())).keys.sid == "s2"
    assert first.ends == ["replaced"]


async def test_before_and_after_its_life_what_is_told_is_lost_and_raises_nothing(hall: Hall) -> None:
    supervisor = Supervisor("connections", [hall.connections.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.request_stop()
    hall.connections.closed(Client())
    with pytest.raises(ActorError):
        hall.connections.connect(Connect(Client(), recoverable=True), lambda _: None)


# ---- the heartbeat


@pytest.fixture
def client(hall: Hall) -> Client:
    """A client that is connected, and was seen at 0."""
    client = Client()
    hall.connections._connect(Connect(client, recoverable=True))
    return client


def test_a_client_that_spoke_lately_is_left_alone(hall: Hall, client: Client) -> None:
    client.last_seen = 10.0
    hall.connections.beat(10.0 + INTERVAL - 0.1)
    assert client.pings == 0


def test_a_silent_client_is_pinged_once(hall: Hall, client: Client) -> None:
    hall.connections.beat(INTERVAL)
    hall.connections.beat(INTERVAL + 1)
    assert (client.pings, client.ends) == (1, [])


def test_a_client_that_stays_silent_after_a_ping_is_dropped(hall: Hall, client: Client) -> None:
    hall.connections.beat(INTERVAL)
    hall.connections.beat(INTERVAL + TIMEOUT - 0.1)
    assert client.ends == []
    hall.connections.beat(INTERVAL + TIMEOUT)
    assert client.ends == ["dropped"]


def test_any_sign_of_life_after_a_ping_saves_a_client_until_the_next(hall: Hall, client: Client) -> None:
    hall.connections.beat(INTERVAL)
    client.last_seen = INTERVAL + 1
    hall.connections.beat(INTERVAL + TIMEOUT)
    assert client.ends == []
    hall.connections.beat(INTERVAL + 1 + INTERVAL)
    assert client.pings == 2


def test_an_answer_at_the_very_instant_of_the_ping_counts(hall: Hall, client: Client) -> None:
    hall.connections.beat(INTERVAL)
    client.last_seen = INTERVAL
    hall.connections.beat(INTERVAL + TIMEOUT)
    assert client.ends == []


def test_a_client_that_is_gone_unnoticed_is_found_by_the_heartbeat(hall: Hall, client: Client) -> None:
    client.gone = True
    hall.connections.beat(1)
    assert len(hall.connections) == 0
    assert [session.sid for session in hall.connections.roll] == ["s1"]


def test_a_session_whose_client_stays_away_is_forgotten_by_the_heartbeat(hall: Hall, client: Client) -> None:
    hall.connections._cut_off(client, left=False)
    hall.service.time += 121
    hall.changed.clear()
    hall.connections.beat(1)
    assert list(hall.connections.roll) == []
    assert hall.changed == ["s1"]


@given(st.lists(st.floats(0.1, 60), max_size=30))
def test_whoever_answers_each_ping_is_never_dropped(gaps: list[float]) -> None:
    hall, client, now = Hall(), Client(), 0.0
    hall.connections._connect(Connect(client, recoverable=True))
    for gap in gaps:
        now += gap
        before = client.pings
        hall.connections.beat(now)
        if client.pings > before:
            client.last_seen = now + 0.01
    assert client.ends == []


async def test_the_actor_drops_a_mute_client_in_time(running: Hall, autojump_clock: trio.testing.MockClock) -> None:
    client = Client(last_seen=trio.current_time())
    await running.comes(client)
    await trio.sleep(INTERVAL + TIMEOUT + 2 * TIMEOUT / 4)
    assert client.pings == 1
    assert client.ends[0] == "dropped"


# ---- the end


async def test_closing_all_says_goodbye_first_and_closes_side_by_side(
    hall: Hall, autojump_clock: trio.testing.MockClock
) -> None:
    clients = [Client(f"u{number}") for number in range(50)]
    for client in clients:
        hall.connections._connect(Connect(client, recoverable=True))
    began = trio.current_time()
    await hall.connections.close_all(1.5)
    assert trio.current_time() - began == 1.0
    assert all(client.said == [1.5] and client.closed for client in clients)
