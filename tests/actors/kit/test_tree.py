"""The snapshot of what is running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from actors.kit.actor import Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor, Supervisor
from actors.kit.tree import Node, render
from tests.actors.kit.troupe import Add, Fail, Sleep

if TYPE_CHECKING:
    import pytest

    from tests.actors.kit.troupe import Message, Script, Troupe


async def test_a_snapshot_has_everything_that_runs(troupe: Troupe, script: Script, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    root = Supervisor("root", [troupe.service("store"), tables.as_child()])
    await nursery.start(root.run)
    ref: Ref[Message] = Ref("table")
    tables.spawn(actor_child(ref, script.adder))
    ref.tell(Fail())
    ref.tell(Add(1))
    ref.tell(Sleep(5))
    ref.tell(Add(2))
    ref.tell(Add(3))
    await trio.testing.wait_all_tasks_blocked()
    table = Node(
        "table", "actor", "up", restarts=1, mailbox_depth=2, mailbox_peak=5, handled=1, in_hand="Sleep"
    )  # fmt: skip
    assert root.node() == Node(
        "root",
        "supervisor",
        "up",
        children=(
            Node("store", "service", "up"),
            Node("tables", "supervisor", "up", children=(table,)),
        ),
    )


async def test_a_crashed_actor_has_nothing_in_hand(script: Script, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)
    ref: Ref[Message] = Ref("table")
    tables.spawn(actor_child(ref, script.adder))
    await trio.testing.wait_all_tasks_blocked()
    script.start_errors = [OSError("store away")]
    ref.tell(Fail())
    await trio.testing.wait_all_tasks_blocked()
    assert tables.node().children[0].state == "restarting"
    assert tables.node().children[0].in_hand is None
    assert [report.message_type for report in tables.reports] == ["Fail", None]


def test_a_supervisor_that_does_not_run_is_down() -> None:
    assert Supervisor("root").node() == Node("root", "supervisor", "down")


async def test_of_many_children_a_snapshot_lists_a_part_and_counts_the_rest(
    troupe: Troupe, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.kit.dynamic._LISTED", 2)
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)
    for name in "abcde":
        tables.spawn(troupe.service(name))
    node = tables.node()
    assert [child.name for child in node.children] == ["a", "b"]
    assert node.more == 3


def test_a_tree_is_rendered_with_children_below_their_supervisor() -> None:
    tree = Node(
        "root",
        "supervisor",
        children=(
            Node("store", "service", "restarting", restarts=2),
            Node(
                "tables",
                "supervisor",
                more=7,
                children=(Node("t1", "actor", mailbox_depth=1, mailbox_peak=3, handled=9, in_hand="Act"),),
            ),
        ),
    )
    assert render(tree) == "\n".join(
        [
            "root  supervisor  up",
            "  store  service  restarting  restarts=2",
            "  tables  supervisor  up",
            "    t1  actor  up  mailbox=1 (peak 3)  handled=9  handling Act",
            "    and 7 more",
        ]
    )
