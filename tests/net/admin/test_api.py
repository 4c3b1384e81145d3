"""What the admin listener answers, in virtual time: the tree, the crashes, and who may ask."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, field, frozen

from actors.kit.actor import Actor, ActorCrashed, Ask, Ref, actor_child
from actors.kit.supervisor import ChildSpec, Restart, Strategy, Supervisor
from actors.kit.tree import Node, as_json, from_json
from net.admin.api import AdminApi
from net.admin.door import Door, open_door
from net.admin.service import AdminService
from net.auth import Scope, Tokens
from net.client import http_request
from net.listener import CannotListen
from net.testing.network import SimAcceptor, SimNetwork
from net.testing.ports import SimClock

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from actors.kit.shelter import Shelter
    from net.client import HttpAnswer
    from net.testing.streams import SimStream

SECRET = "s" * 32


@frozen
class Deal(Ask[None]):
    """Crashes who handles it."""

    card: str


class Dealer(Actor[Deal]):
    async def handle(self, message: Deal) -> None:
        raise KeyError(message.card)


@define(eq=False)
class Faulty:
    """An acceptor that fails so many times, for no reason that it could have, before it works."""

    acceptor: SimAcceptor
    faults: int

    @property
    def address(self) -> str:
        return self.acceptor.address

    async def accept(self) -> SimStream:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault of ours")
        return await self.acceptor.accept()

    def close(self) -> None:
        self.acceptor.close()


@define(eq=False)
class Served:
    """A supervisor with a dealer, and the admin listener beside it, on a simulated network."""

    nursery: trio.Nursery
    needs_token: bool = False
    faults: int = 0
    network: SimNetwork = field(factory=SimNetwork)
    clock: SimClock = field(factory=SimClock)
    dealer: Ref[Deal] = field(factory=lambda: Ref("dealer"))
    root: Supervisor = field(init=False)
    reports: list[BaseException] = field(factory=list)

    async def start(self) -> Served:
        acceptor = Faulty(self.network.listen("admin"), self.faults)
        supervisors: list[Shelter] = []
        api = AdminApi(lambda: self.root.node(), supervisors, self.clock)
        service = AdminService(Door(acceptor, self.needs_token), api.routes(), self.tokens, self.report)
        children = [service.as_child(), actor_child(self.dealer, Dealer)]
        self.root = Supervisor("root", children, strategy=Strategy.REST_FOR_ONE)
        supervisors += [self.root, service.supervisor]
        await self.nursery.start(self.root.run)
        return self

    @property
    def tokens(self) -> Tokens:
        return Tokens((SECRET,), "croupier", self.clock)

    def report(self, _: str, failure: BaseException) -> str:
        self.reports.append(failure)
        return "E1"

    async def get(self, path: str, *, token: str | None = None) -> HttpAnswer:
        return await http_request(await self.network.host("operator").connect("admin"), "GET", path, token=token)

    async def crash(self) -> None:
        with pytest.raises(ActorCrashed):
            await self.dealer.ask(Deal("the ace of spades"), timeout=1)


async def test_the_tree_is_told_as_it_is(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    served = await Served(nursery).start()
    answer = await served.get("/tree")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert from_json(answer.json) == served.root.node()
    assert [child.name for child in from_json(answer.json).children] == ["admin", "dealer"]
    served.root.request_stop()


async def test_the_crashes_of_all_supervisors_are_told_the_newest_first_and_nothing_hidden(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    served = await Served(nursery).start()
    assert (await served.get("/crashes")).json == {"crashes": []}
    await served.crash()
    await trio.sleep(60)
    await served.crash()
    await trio.sleep(60)
    answer = await served.get("/crashes")
    second, first = answer.json["crashes"]
    trace = second.pop("traceback")
    assert second == {
        "at": "2027-01-15T08:01:00.000Z",
        "supervisor": "root",
        "child": "dealer",
        "what": "crashed",
        "error": "KeyError",
        "message_type": "Deal",
        "restarts": 1,
    }
    assert (first["at"], first["restarts"]) == ("2027-01-15T08:00:00.000Z", 0)
    assert "in handle" in trace
    assert b"ace of spades" not in answer.body
    served.root.request_stop()


@pytest.mark.parametrize("path", ["/tree", "/crashes", "/nothing"])
async def test_where_others_can_come_everything_needs_a_service_token(
    autojump_clock: MockClock, nursery: trio.Nursery, path: str
) -> None:
    served = await Served(nursery, needs_token=True).start()
    player, service = (served.tokens.issue("anna", scope, 60) for scope in (Scope.PLAYER, Scope.SERVICE))
    for token in (None, "nonsense", player):
        refused = await served.get(path, token=token)
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    stale = served.tokens.issue("anna", Scope.SERVICE, 1)
    assert (await served.get(path, token=service)).status == (404 if path == "/nothing" else 200)
    await trio.sleep(2)
    assert (await served.get(path, token=stale)).json["error"]["code"] == "token_expired"
    served.root.request_stop()


async def test_it_answers_while_all_else_stops_and_goes_last(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    served = await Served(nursery).start()
    stopping = trio.Event()

    async def slow(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await stopping.wait()

    await served.root.start_child(ChildSpec(id="slow", run=slow, ask_to_stop=lambda: None, shutdown=60))
    served.root.request_stop()
    await trio.sleep(1)
    tree = from_json((await served.get("/tree")).json)
    assert (tree.state, [child.state for child in tree.children]) == ("stopping", ["up", "up", "stopping"])
    stopping.set()
    await served.root.stop()
    with pytest.raises(OSError, match="nobody listens"):
        await served.get("/tree")


async def test_its_crash_is_nobody_elses_and_it_comes_again(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    served = await Served(nursery, faults=2).start()
    await trio.sleep(30)
    admin, dealer = served.root.node().children
    assert [(child.name, child.state, child.restarts) for child in admin.children] == [("admin listener", "up", 2)]
    assert (dealer.state, dealer.restarts) == ("up", 0)
    crashes = (await served.get("/crashes")).json["crashes"]
    assert [(crash["supervisor"], crash["error"]) for crash in crashes] == [("admin", "ExceptionGroup")] * 2
    served.root.request_stop()


async def test_the_server_goes_on_without_it_when_it_fails_for_good(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    served = await Served(nursery, faults=1000).start()
    await trio.sleep(3600)
    assert [(child.name, child.state, child.restarts) for child in served.root.node().children] == [("dealer", "up", 0)]
    served.root.request_stop()


# ---- the door


async def test_a_socket_is_guarded_by_its_mode_and_a_port_by_tokens(tmp_path: Path) -> None:
    door = await open_door("a.sock", tmp_path)
    assert door is not None
    assert (door.needs_token, door.acceptor.address) == (False, f"{tmp_path}/a.sock")
    assert stat.S_IMODE(os.stat(tmp_path / "a.sock").st_mode) == 0o600
    door.acceptor.close()
    port = await open_door("127.0.0.1:0", tmp_path)
    assert port is not None
    assert port.needs_token
    with pytest.raises(CannotListen, match="choose another port"):
        await open_door(port.acceptor.address, tmp_path)
    port.acceptor.close()
    assert await open_door("off", tmp_path) is None


def test_a_tree_of_a_thousand_tables_is_a_small_answer() -> None:
    tables = [actor_child(Ref(f"table:{n}"), Dealer, restart=Restart.TEMPORARY) for n in range(1000)]
    nodes = tuple(child.describe() for child in tables if child.describe is not None)
    assert len(str(as_json(Node("tables", "supervisor", children=nodes)))) < 200 * len(nodes)
