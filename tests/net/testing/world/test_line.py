from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from net.testing.house import ADDRESS
from net.testing.world.dialects import PLAIN, SOCKET_IO, Answer, Push
from net.testing.world.frames import Decoder, Frame, Opcode, encode
from net.testing.world.line import Line, LineLost

if TYPE_CHECKING:
    from net.testing.house import House
    from net.testing.world.dialects import Dialect


@given(st.lists(st.binary(max_size=70_000), max_size=3), st.integers(1, 5000))
def test_frames_come_out_as_they_went_in_however_they_are_cut(payloads: list[bytes], size: int) -> None:
    data = b"".join(encode(Opcode.BINARY, payload) for payload in payloads)
    decoder = Decoder()
    found = [frame for at in range(0, len(data), size) for frame in decoder.feed(data[at : at + size])]
    assert found == [Frame(Opcode.BINARY, payload) for payload in payloads]


def test_masks_of_others_are_taken_off() -> None:
    masked = bytes((0x81, 0x80 | 5)) + b"\x01\x02\x03\x04" + bytes((b"hello"[i] ^ (i % 4 + 1)) for i in range(5))
    assert list(Decoder().feed(masked)) == [Frame(Opcode.TEXT, b"hello")]


@pytest.mark.parametrize("dialect", [PLAIN, SOCKET_IO])
async def test_a_line_speaks_with_the_real_server(house: House, dialect: Dialect) -> None:
    game_id = await house.new_game("crazy_eights", ["alice", "bob"])
    line = await Line.call(house.network.host("alice"), ADDRESS, dialect)
    assert "sid" in await line.connect({"token": house.token("alice")})
    line.ask("game:join", {"game_id": game_id}, 1)
    heard = await line.hear()
    while not any(isinstance(one, Push) for one in heard):
        heard += await line.hear()
    answer = next(one for one in heard if isinstance(one, Answer))
    assert answer.request == 1
    assert answer.data["event_id"] == 1
    assert next(one.event for one in heard if isinstance(one, Push)) == "game:state"


@pytest.mark.parametrize("dialect", [PLAIN, SOCKET_IO])
async def test_its_pings_are_answered_while_somebody_listens(house: House, dialect: Dialect) -> None:
    line = await Line.call(house.network.host("alice"), ADDRESS, dialect)
    await line.connect({"token": house.token("alice")})
    assert await line.hear(until=trio.current_time() + 300) == []
    line.ask("heartbeat", {}, 1)
    assert isinstance((await line.hear())[0], Answer)


async def test_who_listens_hears_that_the_server_is_gone(house: House) -> None:
    line = await Line.call(house.network.host("alice"), ADDRESS, PLAIN)
    await line.connect({"token": house.token("alice")})
    await house.crash()
    with pytest.raises(LineLost):
        await line.hear()


async def test_who_is_put_out_hears_why(house: House) -> None:
    lines = []
    for dialect in (PLAIN, SOCKET_IO):
        line = await Line.call(house.network.host("alice"), ADDRESS, dialect)
        await line.connect({"token": house.token("alice")})
        lines.append(line)
    (push,) = await lines[0].hear()
    assert isinstance(push, Push)
    assert push.event == "session:replaced"
    with pytest.raises(LineLost) as caught:
        await lines[0].hear()
    assert caught.value.code == 4001
