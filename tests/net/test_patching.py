"""`"state_encoding": "patch"`: what a client makes of the patches is what it would have been sent whole, however slowly
it reads and whatever happens to its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import GameOver, LiveState, OpponentStatus, Push
from actors.rules.registry import Registry
from net.bench.workload import BenchDuel
from net.client.whole import OutOfStep, WholeStates
from net.config import Config, Limits
from net.engineio_backlog import Backlog
from net.engineio_packets import Packet
from net.outbox import Frame, Kind, Outbox
from net.patching import Patching
from net.testing.house import LINK
from net.testing.streams import Link
from tests.net.test_slow_clients import Stalled
from tests.samples.engineio import Poller, connect_packet, event_packet
from tests.samples.values import json_objects

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

PLAYERS = ("a", "b")
WHOLE = {"state"}
PATCH = {"state_encoding", "base_event_id", "state_patch"}
MOMENTARY = ("spectator_count", "server_time")


@pytest.fixture
def house_rules() -> Registry:
    return Registry([BenchDuel()])


async def seated(house: House, *, patches: bool = False) -> tuple[str, list[CroupierClient]]:
    game_id = await house.new_game("bench_duel", PLAYERS)
    players = [await house.player(user, record=True) for user in PLAYERS]
    for player in players:
        await player.join(game_id, patches=patches)
        await player.next_push("game:state")
    return game_id, players


async def watched(house: House) -> tuple[str, list[CroupierClient]]:
    """A game in which so much lies open that a spectator's patches are the shorter."""
    game_id, players = await seated(house)
    await play(game_id, players, 6)
    return game_id, players


async def play(game_id: str, players: list[CroupierClient], turns: int) -> list[dict[str, Any]]:
    """So many turns; the states that the first player was shown."""
    shown = []
    for _ in range(turns):
        actor = next(player for player in players if player.latest_state and player.latest_state["is_your_turn"])
        assert actor.latest_state is not None
        await actor.act(game_id, actor.latest_state["legal_actions"][0])
        shown.append((await players[0].next_push("game:state")).data)
        await players[1].next_push("game:state")
    return shown


def states_in(received: list[str | bytes]) -> list[dict[str, Any]]:
    """The data of every `game:state`, as it came."""
    messages = [orjson.loads(message) for message in received]
    return [message["data"] for message in messages if message.get("event") == "game:state"]


def forms(states: list[dict[str, Any]]) -> str:
    """`w` for each state that came whole, `p` for each patch; never both in one."""
    for state in states:
        assert state.keys() & (WHOLE | PATCH) in (WHOLE, PATCH)
    return "".join("p" if "state_patch" in state else "w" for state in states)


def lasting(state: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in state.items() if name not in MOMENTARY})


# ---- what comes


async def test_after_the_first_state_patches_come_which_lead_to_what_others_are_sent_whole(house: House) -> None:
    game_id, players = await watched(house)
    one = await house.player("s", record=True)
    other = await house.player("t", record=True)
    assert (await one.spectate(game_id, patches=True))["state"] == (await other.spectate(game_id))["state"]
    await play(game_id, players, 12)
    assert forms(states_in(one.received)) == "w" + "p" * 12
    assert forms(states_in(other.received)) == "w" * 13
    for _ in range(13):
        made, sent = await one.next_push("game:state"), await other.next_push("game:state")
        assert lasting(made.data) == lasting(sent.data)
    assert len(one.received_bytes) < len(other.received_bytes)


async def test_a_player_plays_to_the_end_on_patches_and_the_final_state_is_whole(house: House) -> None:
    game_id, players = await seated(house, patches=True)
    await play(game_id, players, 10)
    await players[0].resign(game_id)
    last = (await players[1].next_push("game:state")).data
    over = (await players[1].next_push("game:game_over")).data
    assert over["final_state"] == last["state"]
    assert forms(states_in(players[1].received)).startswith("w" + "p" * 10)
    assert (await players[1].join(game_id))["state"] == last["state"]


async def test_a_patch_names_the_event_that_it_is_against(house: House) -> None:
    game_id, players = await seated(house, patches=True)
    await play(game_id, players, 3)
    states = states_in(players[0].received)
    assert [(state.get("base_event_id"), state["event_id"]) for state in states] == [
        (None, 1),
        (1, 2),
        (2, 3),
        (3, 4),
    ]
    assert {state["state_encoding"] for state in states[1:]} == {"patch"}


async def test_whoever_joins_anew_is_sent_a_whole_state_first_and_then_what_they_ask_for_now(house: House) -> None:
    game_id, players = await seated(house, patches=True)
    await play(game_id, players, 2)
    await players[0].join(game_id, patches=True)
    await players[0].next_push("game:state")
    await play(game_id, players, 2)
    await players[0].join(game_id)
    await players[0].next_push("game:state")
    await play(game_id, players, 2)
    assert forms(states_in(players[0].received)) == "wpp" + "wpp" + "www"


async def test_what_was_missed_is_given_whole(house: House) -> None:
    game_id, players = await seated(house, patches=True)
    shown = await play(game_id, players, 3)
    answer = await players[0].request("game:join", {"game_id": game_id, "state_encoding": "patch", "last_event_id": 1})
    assert [lasting(missed) for missed in answer["missed"]] == [lasting(state) for state in shown]


async def test_an_unknown_encoding_is_refused_and_says_which_field(house: House) -> None:
    game_id, players = await seated(house)
    for event in ("game:join", "game:spectate"):
        answer = await players[0].request(event, {"game_id": game_id, "state_encoding": "zip"})
        assert (answer["error"]["code"], answer["error"]["details"]["field"]) == ("invalid_message", "state_encoding")


# ---- coming back


async def test_after_a_recovery_what_was_missed_is_whole_and_then_patches_come_again(house: House) -> None:
    game_id, players = await watched(house)
    watcher = await house.player("s", recover=True, record=True)
    await watcher.spectate(game_id, patches=True)
    await play(game_id, players, 2)
    house.network.link = Link(latency=0.3)
    await watcher.cut()
    await play(game_id, players, 3)
    house.network.link = LINK
    await trio.sleep(10)
    assert watcher.recovered
    await play(game_id, players, 2)
    assert forms(states_in(watcher.received)) == "wpp" + "www" + "pp"


async def test_after_a_recovery_from_another_life_of_the_server_states_are_whole(house: House) -> None:
    game_id, players = await watched(house)
    watcher = await house.player("s", recover=True, record=True)
    await watcher.spectate(game_id, patches=True)
    await play(game_id, players, 2)
    await trio.sleep(1)
    await house.crash()
    await house.restart()
    await trio.sleep(10)
    assert watcher.recovered
    players = [await house.player(user) for user in PLAYERS]
    for player in players:
        await player.join(game_id)
        await player.next_push("game:state")
    shown = await play(game_id, players, 2)
    assert forms(states_in(watcher.received))[-2:] == "ww"
    assert [push.data["event_id"] for push in watcher.pushes if push.event == "game:state"][-2:] == [
        state["event_id"] for state in shown
    ]


# ---- slow clients


def check(states: list[dict[str, Any]], witness: CroupierClient) -> None:
    """A client that skips may be given what it likes, but always the truth, as the witness was sent it; and there were
    patches, and one was skipped."""
    truth = {push.data["event_id"]: push.data["state"] for push in witness.pushes if "state" in push.data}
    whole = WholeStates()
    for state in states:
        assert whole.take(state)["state"] == truth[state["event_id"]]
    assert "p" in forms(states)
    assert len(states) < len(truth)


async def test_a_slow_client_on_ws_never_gets_a_patch_against_what_it_skipped(house: House) -> None:
    game_id, players = await seated(house)
    truth = await house.player("t")
    await truth.spectate(game_id)
    stalled = await Stalled.open(house, "s")
    await stalled.say("game:spectate", {"game_id": game_id, "state_encoding": "patch"}, 1)
    await trio.sleep(1)
    messages = []
    for turns in (1, 2, 1, 20, 1, 3, 1, 1, 30, 2):
        await play(game_id, players, turns)
        await trio.sleep(0.1)
        messages += [await stalled.message() for _ in range(turns % 4)]
    await players[0].resign(game_id)
    messages += await stalled.messages("game:game_over")
    states = [message["data"] for message in messages if message.get("event") == "game:state"]
    check(states, truth)
    assert "w" in forms(states)[1:]


@pytest.mark.parametrize("house_config", [Config(limits=Limits(outbox_bytes=16384).without_rates())])
async def test_a_slow_client_that_polls_never_gets_a_patch_against_what_it_skipped(house: House) -> None:
    game_id, players = await seated(house)
    truth = await house.player("t")
    await truth.spectate(game_id)
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "s"))
    await poller.tell(event_packet("game:spectate", {"game_id": game_id, "state_encoding": "patch"}, 0))
    await trio.sleep(0.01)
    states = []
    for turns in (0, 3, 25, 1, 40, 2):
        await play(game_id, players, turns)
        pushed = [packet for packet in await poller.packets() if packet.startswith('42/game,["game:state"')]
        states += [orjson.loads(packet[8:])[1] for packet in pushed]
    check(states, truth)
    assert "w" in forms(states)[1:]


# ---- the rule itself, whatever is sent and read when


def push_of(event_id: int, state: object) -> Push:
    fields = {"game_id": "g", "event_id": event_id, "state": state, "more": None}
    return Push(LiveState("g", event_id, fields), orjson.dumps(fields))


STEPS = st.lists(
    st.one_of(
        json_objects.map(lambda state: ("state", state)),
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("read"), st.integers(1, 400)),
        st.tuples(st.just("say"), st.none()),
        st.tuples(st.just("rejoin"), st.none()),
    ),
    max_size=40,
)


def padded(state: object) -> dict[str, object]:
    """Long enough for patches to be the shorter."""
    return {"padding": "x" * 200, "shown": state}


@given(STEPS)
def test_whatever_an_outbox_skips_every_patch_that_leaves_fits(steps: list[tuple[str, Any]]) -> None:
    outbox, patching, client = Outbox(1 << 20), Patching(), WholeStates()
    written = b""
    sent: dict[int, object] = {}
    for kind, value in [*steps, ("read", 1 << 20), ("again", 0), ("read", 1 << 20)]:
        if kind in ("state", "again"):
            state = padded(value)
            sent[len(sent) + 1] = state
            push = patching.next(push_of(len(sent), state), whole=outbox.may_skip("g"))
            outbox.add(Frame(push.json + b"\n", Kind.STATE, "g"), coalesce=True)
        elif kind == "say":
            outbox.add(Frame(b"{}\n"), coalesce=True)
        elif kind == "rejoin":
            patching = Patching()
        else:
            for part in outbox.take():
                taken = bytes(part)[:value]
                written += taken
                outbox.wrote(len(taken))
                value -= len(taken)
                if not value:
                    break
    _is_the_truth(client, written.split(b"\n"), sent)


@given(STEPS, st.integers(0, 1500))
def test_whatever_a_backlog_drops_every_patch_that_is_fetched_fits(steps: list[tuple[str, Any]], late: int) -> None:
    backlog, patching, client = Backlog(), Patching(), WholeStates()
    fetched: list[bytes] = []
    sent: dict[int, object] = {}
    for kind, value in [*steps, ("read", 1)]:
        if kind in ("state", "again"):
            state = padded(value)
            sent[len(sent) + 1] = state
            drops = backlog.size > late
            push = patching.next(push_of(len(sent), state), whole=drops)
            backlog.add([Packet(push.json)], "g", drop_older=drops)
        elif kind == "say":
            backlog.add([Packet(b"{}")], None, drop_older=False)
        elif kind == "rejoin":
            patching = Patching()
        else:
            fetched += [packet.data for packet in backlog.take()]
    _is_the_truth(client, fetched, sent)


def _is_the_truth(client: WholeStates, messages: list[bytes], sent: dict[int, object]) -> None:
    for message in messages:
        if message and message != b"{}":
            made = client.take(orjson.loads(message))
            assert orjson.dumps(made) == push_of(made["event_id"], sent[made["event_id"]]).json


def test_a_patch_is_made_once_for_all_who_have_seen_the_same_state() -> None:
    first, second = push_of(1, padded(1)), push_of(2, padded(2))
    one, other, late = Patching(), Patching(), Patching()
    for patching in (one, other):
        assert patching.next(first, whole=False) is first
    patched = one.next(second, whole=False)
    assert patched is other.next(second, whole=False)
    assert patched is not second
    assert patched.offset == second.offset
    assert late.next(second, whole=False) is second


def test_where_a_patch_would_be_longer_the_state_is_whole_and_the_next_is_against_it() -> None:
    patching = Patching()
    patching.next(push_of(1, {"a": 1}), whole=False)
    short = push_of(2, {"a": 2})
    assert patching.next(short, whole=False) is short
    after = patching.next(push_of(3, padded(0)), whole=False)
    assert after.json == push_of(3, padded(0)).json
    assert orjson.loads(patching.next(push_of(4, padded(1)), whole=False).json)["base_event_id"] == 3


def test_other_pushes_are_as_they_are() -> None:
    patching = Patching()
    patching.next(push_of(1, padded(1)), whole=False)
    for body in (OpponentStatus("g", "a", "connected"), GameOver("g", 2, None, {}, "draw_agreed", padded(2))):
        push = Push(body, b"{}")
        assert patching.next(push, whole=False) is push


# ---- a client that is told what cannot be


def test_a_client_notices_a_patch_that_is_against_another_state() -> None:
    whole = WholeStates()
    whole.take({"game_id": "g", "event_id": 3, "state": {"a": 1}})
    rest = {"game_id": "g", "event_id": 5, "state_encoding": "patch", "state_patch": []}
    with pytest.raises(OutOfStep, match="against event 4 came after event 3"):
        whole.take({**rest, "base_event_id": 4})
    with pytest.raises(OutOfStep, match="does not fit"):
        whole.take({**rest, "base_event_id": 3, "state_patch": [{"op": "remove", "path": "/secret"}]})
