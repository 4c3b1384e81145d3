"""Every way to be connected is the same to whoever uses the client, on the real server in virtual time; and what each
protocol says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from actors.rules.registry import Registry
from net.client import ConnectionLost, ConnectRefused, CroupierClient, Over, RequestFailed
from net.client.speech import Answer, Pushed, Say, SocketIoSpeech
from net.testing.house import ADDRESS
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.testing.house import House

WAYS = pytest.mark.parametrize("over", Over)


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def player(
    house: House, nursery: trio.Nursery, user: str, over: Over, *, token: str | None = None, recover: bool = False
) -> CroupierClient:
    """A connected player."""
    connect = partial(house.network.host(user).connect, ADDRESS)
    token = house.token(user) if token is None else token
    return await CroupierClient.connect(nursery, connect, token, over=over, recover=recover)


@WAYS
async def test_a_player_joins_acts_and_is_shown_what_follows(house: House, nursery: trio.Nursery, over: Over) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    a, b = [await player(house, nursery, user, over) for user in "ab"]
    views = [await client.join(game_id) for client in (a, b)]
    assert [view["event_id"] for view in views] == [1, 1]
    action = views[0]["legal_actions"][0]
    answer = await a.act(game_id, action, "m1")
    assert await a.act(game_id, action, "m1") == answer
    for client in (a, b):
        assert (await client.next_push("game:state")).data["event_id"] == 1  # to the joiner
        assert (await client.next_push("game:state")).data["event_id"] == answer["event_id"]


@WAYS
async def test_a_failure_is_a_failure(house: House, nursery: trio.Nursery, over: Over) -> None:
    client = await player(house, nursery, "a", over)
    with pytest.raises(RequestFailed) as refused:
        await client.join("no-such-game")
    assert refused.value.code == "game_not_found"
    with pytest.raises(RequestFailed) as refused:
        await client.spectate("no-such-game")
    assert refused.value.code == "game_not_found"


@WAYS
async def test_who_has_no_good_token_is_told(house: House, nursery: trio.Nursery, over: Over) -> None:
    with pytest.raises(ConnectRefused) as refused:
        await player(house, nursery, "a", over, token="rubbish")
    assert refused.value.code == "unauthorized"


@WAYS
async def test_who_is_replaced_is_told_and_does_not_come_back(house: House, nursery: trio.Nursery, over: Over) -> None:
    client = await player(house, nursery, "a", over, recover=True)
    other = await player(house, nursery, "a", over)
    assert (await client.next_push()).event == "session:replaced"
    with pytest.raises(ConnectionLost) as lost:
        await client.next_push()
    assert lost.value.code == 4001
    await trio.sleep(60)
    assert client.connections == 1
    assert other.lost is None


@WAYS
async def test_an_idle_client_answers_the_servers_pings(house: House, nursery: trio.Nursery, over: Over) -> None:
    client = await player(house, nursery, "a", over)
    await trio.sleep(300)
    assert client.lost is None
    assert await client.heartbeat() > 0


@WAYS
async def test_who_comes_back_goes_on_where_it_was(house: House, nursery: trio.Nursery, over: Over) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    a = await player(house, nursery, "a", over, recover=True)
    b = await house.player("b")
    view = await a.join(game_id)
    await b.join(game_id)
    sid = a.sid
    assert (await a.next_push("game:state")).data["event_id"] == 1
    await house.crash()
    await house.restart()
    await trio.sleep(10)
    assert a.connections == 2
    assert (a.sid, a.recovered) == (sid, True)
    answer = await a.act(game_id, view["legal_actions"][0])
    assert (await a.next_push("game:state")).data["event_id"] == answer["event_id"]


@WAYS
async def test_a_server_that_goes_ends_the_connection(house: House, nursery: trio.Nursery, over: Over) -> None:
    client = await player(house, nursery, "a", over)
    await house.crash()
    with pytest.raises(ConnectionLost):
        await client.heartbeat()


@WAYS
async def test_saying_goodbye_ends_the_session_at_once(house: House, nursery: trio.Nursery, over: Over) -> None:
    client = await player(house, nursery, "a", over)
    began = trio.current_time()
    await client.aclose()
    assert trio.current_time() - began < 1  # virtual: the server's goodbye was waited for, and nothing else
    await trio.sleep(1)
    assert not await house.app.records.is_online("a")


async def test_one_that_polls_must_know_how_to_open_a_stream(house: House, nursery: trio.Nursery) -> None:
    stream = await house.network.host("a").connect(ADDRESS)
    with pytest.raises(ValueError, match="needs to know how to open a stream"):
        await CroupierClient.connect(nursery, stream, house.token("a"), over=Over.POLLING)


# ---- Socket.IO, without a server


def speech() -> SocketIoSpeech:
    """A conversation in which the client has been taken in."""
    spoken = SocketIoSpeech()
    assert list(spoken.hear('0{"sid":"e","upgrades":[],"pingInterval":1,"pingTimeout":1}')) == []
    assert list(spoken.ask("connect", {"token": "t"}, 1)) == ['40/game,{"token":"t"}']
    welcome = {"sid": "s", "pid": "", "recovered": False}
    assert list(spoken.hear('40/game,{"sid":"s"}')) == [Answer(1, welcome)]
    return spoken


def test_the_client_greets_when_the_server_has_opened() -> None:
    spoken = SocketIoSpeech()
    assert list(spoken.ask("connect", {"token": "t"}, 1)) == []
    assert list(spoken.hear('0{"sid":"e"}')) == [Say('40/game,{"token":"t"}')]


def test_requests_and_their_answers_have_numbers() -> None:
    spoken = speech()
    assert list(spoken.ask("game:join", {"game_id": "g"}, 12)) == ['42/game,12["game:join",{"game_id":"g"}]']
    assert list(spoken.hear('43/game,12[{"success":true}]')) == [Answer(12, {"success": True})]


def test_pushes_may_have_an_offset() -> None:
    spoken = speech()
    assert list(spoken.hear('42/game,["e",{"a":1}]')) == [Pushed("e", {"a": 1})]
    assert list(spoken.hear('42/game,["e",{"a":1},"g:1"]')) == [Pushed("e", {"a": 1}, "g:1")]


def test_pings_are_answered_and_noops_are_not() -> None:
    assert list(speech().hear("2")) == [Say("3")]
    assert list(speech().hear("2probe")) == [Say("3probe")]
    assert list(speech().hear("6")) == []


def test_a_session_is_recovered_when_it_keeps_its_pid() -> None:
    spoken = SocketIoSpeech()
    list(spoken.ask("connect", {"token": "t", "pid": "p"}, 1))
    list(spoken.hear('0{"sid":"e"}'))
    for pid, recovered in (("p", True), ("q", False)):
        [answer] = spoken.hear(f"40/game,{orjson.dumps({'sid': 's', 'pid': pid}).decode()}")
        assert isinstance(answer, Answer)
        assert answer.data["recovered"] is recovered


def test_a_refusal_is_the_answer_to_the_greeting() -> None:
    spoken = SocketIoSpeech()
    list(spoken.ask("connect", {"token": "t"}, 1))
    [answer] = spoken.hear('44/game,{"message":"no","data":{"code":"unauthorized"}}')
    error = {"message": "no", "code": "unauthorized"}
    assert answer == Answer(1, {"success": False, "error": error})


@pytest.mark.parametrize(("said", "code"), [("1", 1001), ("41/game", 1001), ("41/game,", 1001)])
def test_the_end_is_said(said: str, code: int) -> None:
    with pytest.raises(ConnectionLost) as lost:
        speech().hear(said)
    assert lost.value.code == code


def test_the_end_after_a_replacement_says_so() -> None:
    spoken = speech()
    list(spoken.hear('42/game,["session:replaced",{}]'))
    with pytest.raises(ConnectionLost) as lost:
        spoken.hear("41/game,")
    assert lost.value.code == 4001


@pytest.mark.parametrize(
    "said",
    ["", "x", "9", "4", "45", b"x", "42/other,[1,2]", "42/game,7", "43/game,[1]", '42["e",{}]', "43/game,1[1,2]"],
)
def test_what_makes_no_sense_ends_the_conversation(said: str | bytes) -> None:
    with pytest.raises(ConnectionLost) as lost:
        speech().hear(said)
    assert lost.value.code == 1002
