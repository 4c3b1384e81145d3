"""No ask hangs: random messages, crashes, stops and restarts, under a virtual clock."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.kit.actor import ActorError, AskTimeout, Ref
from actors.kit.actor import actor_child as child_of
from actors.kit.supervisor import DynamicSupervisor
from tests.actors.kit.troupe import Add, Fail, Finish, Mishap, Script, Sleep, Sum, run_in_virtual_time

if TYPE_CHECKING:
    from actors.kit.actor import Ask
    from tests.actors.kit.troupe import Message

moves = st.lists(
    st.one_of(
        st.sampled_from(["ask", "post", "tell", "send", "crash", "finish", "stop", "respawn"]),
        st.floats(0.1, 2.0).map(lambda seconds: f"sleep {seconds}"),
        st.floats(0.1, 2.0).map(lambda seconds: f"busy {seconds}"),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(moves=moves, start_errors=st.lists(st.booleans(), max_size=5), capacity=st.integers(1, 3))
def test_every_ask_every_send_and_every_post_ends_exactly_once(
    moves: list[str], start_errors: list[bool], capacity: int
) -> None:
    logging.getLogger("croupier.kit").disabled = True
    try:
        run_in_virtual_time(partial(_play, moves, start_errors, capacity))
    finally:
        logging.getLogger("croupier.kit").disabled = False


async def _play(moves: list[str], start_errors: list[bool], capacity: int) -> None:
    script = Script(start_errors=[Mishap() if fails else None for fails in start_errors])
    stage = DynamicSupervisor("stage")
    sent = 0
    outcomes: list[object] = []

    async def ask(ref: Ref[Message], message: Ask[Any]) -> None:
        try:
            outcomes.append(await ref.ask(message, timeout=30))
        except ActorError as error:
            outcomes.append(error)

    async def send(ref: Ref[Message]) -> None:
        try:
            await ref.send(Add(1), timeout=30)
            outcomes.append("sent")
        except ActorError as error:
            outcomes.append(error)

    def post(ref: Ref[Message], message: Ask[Any]) -> None:
        try:
            ref.post(message, outcomes.append)
        except ActorError as error:
            outcomes.append(error)

    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        ref: Ref[Message] = Ref("adder", capacity=capacity)
        stage.spawn(child_of(ref, script.adder, shutdown=0.5))
        for move in moves:
            sent += move != "respawn" and not move.startswith("sleep") and move not in ("tell", "stop")
            match move.split():
                case ["ask"]:
                    nursery.start_soon(ask, ref, Sum())
                case ["send"]:
                    nursery.start_soon(send, ref)
                case ["post"]:
                    post(ref, Sum())
                case ["tell"]:
                    if not ref.stopped and ref.depth < capacity:
                        ref.tell(Add(1))
                case ["crash"]:
                    nursery.start_soon(ask, ref, Fail())
                case ["finish"]:
                    post(ref, Finish())
                case ["busy", seconds]:
                    post(ref, Sleep(float(seconds)))
                case ["sleep", seconds]:
                    await trio.sleep(float(seconds))
                case ["stop"]:
                    if "adder" in stage:
                        await stage.stop_child("adder")
                case ["respawn"]:
                    if "adder" not in stage:
                        stage.spawn(child_of(ref, script.adder, shutdown=0.5))
        await trio.sleep(0.2)
        await stage.stop()
    assert len(outcomes) == sent
    assert not any(isinstance(outcome, AskTimeout) for outcome in outcomes)
