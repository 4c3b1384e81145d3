"""The canaries: what `net.testing.determinism` reaches for is there, and does what it is there for."""

from __future__ import annotations

import gc
import os
import random  # noqa: TID251 - is it there again afterwards?
import subprocess
import sys
from functools import partial
from pathlib import Path

import trio
import trio_websocket._impl as trio_websocket_impl
import wsproto.frame_protocol
import wsproto.utilities
from trio._core import _run as trio_run
from wsproto.utilities import generate_nonce

from net.client import play, random_choice
from net.testing.determinism import determined, virtual_clock
from net.testing.house import open_house
from net.testing.ports import SimEntropy
from net.testing.trace import Kind, Trace

TWO = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")
ROOT = Path(__file__).parents[3]


async def eventful(trace: Trace, seed: int) -> None:
    """Everything that could go another way: games, sets of connections, faults, a crash, a way back, the archive."""
    async with open_house(seed=seed, trace=trace) as house:
        options = {"hand_size": 4, "max_plays": 30, "draw_limit": 1}
        games = [await house.new_game("crazy_eights", TWO, options=options, seed="7") for _ in range(2)]

        async def sit(game_id: str, seat: int) -> None:
            back = partial(house.player, TWO[seat])
            await play(await back(), game_id, random_choice(SimEntropy(seat)), reconnect=back)

        async with trio.open_nursery() as nursery:
            for seat in range(2):
                nursery.start_soon(sit, games[0], seat)
            for name in ("npc:1", "npc:2", "npc:3"):
                await house.spectator(name, games[1])
            house.redis.drop_next_reply("eval", f"croupier:game:{games[0]}")
            await house.advance(0.02)
            await house.crash()
            await house.restart()
        await house.advance(120)


def digest_of(seed: int) -> str:
    trace = Trace()
    trio.run(eventful, trace, seed, clock=virtual_clock())
    return trace.digest


def order_of_ten_tasks() -> list[int]:
    order: list[int] = []

    async def step(number: int) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            order.append(number)

    async def main() -> None:
        with determined(5):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(step, number)

    trio.run(main, clock=virtual_clock())
    return order


def test_tasks_are_stepped_through_in_an_order_that_follows_from_the_seed() -> None:
    assert order_of_ten_tasks() == order_of_ten_tasks() != sorted(order_of_ten_tasks())


def test_trio_still_reads_the_flag_and_its_own_random() -> None:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING  # pytest-trio sets it for Hypothesis
    assert isinstance(trio_run._r, random.Random)
    with determined(1):
        assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING
        first = trio_run._r.random()
    with determined(1):
        assert trio_run._r.random() == first
    assert trio_run._ALLOW_DETERMINISTIC_SCHEDULING is before


def test_the_masks_of_frames_the_keys_of_handshakes_and_the_payloads_of_pings_follow_from_the_seed() -> None:
    def drawn(seed: int) -> tuple[bytes, bytes, int]:
        with determined(seed):
            frame = wsproto.frame_protocol.FrameProtocol(client=True, extensions=[]).send_data(b"the same")
            return bytes(frame), generate_nonce(), vars(trio_websocket_impl)["random"].getrandbits(32)

    assert drawn(1) == drawn(1)
    assert all(one != other for one, other in zip(drawn(1), drawn(2), strict=True))
    assert vars(wsproto.frame_protocol)["os"] is os
    assert vars(trio_websocket_impl)["random"] is random


def test_afterwards_everything_is_as_it_was() -> None:
    assert gc.isenabled()
    with determined(1), determined(2):
        assert not gc.isenabled()
    assert gc.isenabled()
    assert vars(wsproto.utilities)["os"] is os


def test_the_clock_jumps_from_deadline_to_deadline() -> None:
    async def main() -> list[float]:
        times = [trio.current_time()]
        for seconds in (0.1, 3600.0, 0.0):
            await trio.sleep(seconds)
            times.append(trio.current_time())
        return times

    assert trio.run(main, clock=virtual_clock()) == [0.0, 0.1, 3600.1, 3600.1]


def test_the_same_seed_goes_the_same_way_in_any_process_with_any_seed_of_hashes() -> None:
    here = digest_of(3)
    assert here != digest_of(4)
    program = f"from {__name__} import digest_of; print(digest_of(3))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "4711")
    ]
    assert {process.communicate()[0] for process in processes} == {f"{here}\n"}


async def test_a_trace_tells_apart_who_did_what_and_when(autojump_clock: trio.testing.MockClock) -> None:
    def traced(*moments: tuple[Kind, str, str, bytes]) -> str:
        trace = Trace(keep=1)
        for moment in moments:
            trace.note(*moment)
        assert [one.data for one in trace.moments] == [moments[-1][3]]
        return trace.digest

    told = {
        traced((Kind.SENT, "alice", "bob", b"ab")),
        traced((Kind.SENT, "bob", "alice", b"ab")),
        traced((Kind.ENDED, "alice", "bob", b"ab")),
        traced((Kind.SENT, "alice", "bob", b"a"), (Kind.SENT, "alice", "bob", b"b")),
    }
    await trio.sleep(1)
    told.add(traced((Kind.SENT, "alice", "bob", b"ab")))
    assert len(told) == 5
