"""The snapshot of what is running."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from actors.kit.actor import Ref, actor_child
from actors.kit.supervisor import DynamicSupervisor, Supervisor
from actors.kit.tree import Node, as_json, from_json, render
from tests.actors.kit.troupe import Add, Fail, Sleep

if TYPE_CHECKING:
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
    await trio.sleep(2.5)
    table = Node(
        "table", "actor", "up", restarts=1, mailbox_depth=2, mailbox_peak=5, handled=1, in_hand="Sleep",
        in_hand_for=2.5, last_crash="Mishap on Fail",
    )  # fmt: skip
    assert root.node() == Node(
        "root",
        "supervisor",
        "up",
        children=(
            Node("store", "service", "up"),
            Node("tables", "supervisor", "up", children=(table,), last_crash="table: Mishap on Fail"),
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
                children=(
                    Node(
                        "t1",
                        "actor",
                        mailbox_depth=1,
                        mailbox_peak=3,
                        handled=9,
                        in_hand="Act",
                        in_hand_for=1.234,
                        last_crash="OSError on Deal",
                    ),
                ),
            ),
        ),
    )
    assert render(tree) == "\n".join(
        [
            "root  supervisor  up",
            "  store  service  restarting  restarts=2",
            "  tables  supervisor  up",
            "    t1  actor  up  mailbox=1 (peak 3)  handled=9  handling Act for 1.2 s  last crash: OSError on Deal",
            "    and 7 more",
        ]
    )


# ---- as JSON

names = st.text(max_size=20)
whole = st.integers(0, 10**9)
nodes = st.recursive(
    st.builds(
        Node,
        name=names,
        kind=st.sampled_from(["supervisor", "actor", "service"]),
        state=st.sampled_from(["up", "down", "restarting"]),
        restarts=whole,
        mailbox_depth=whole,
        mailbox_peak=whole,
        handled=whole,
        in_hand=st.none() | names,
        more=whole,
        in_hand_for=st.floats(0, 1e6),
        last_crash=st.none() | names,
    ),
    lambda below: st.builds(Node, name=names, kind=names, children=st.lists(below, max_size=3).map(tuple)),
    max_leaves=8,
)


@given(node=nodes)
def test_a_tree_comes_back_from_json_as_it_was(node: Node) -> None:
    assert from_json(json.loads(json.dumps(as_json(node)))) == node


def test_what_is_as_by_default_is_left_out_of_the_json() -> None:
    tree = Node("root", "supervisor", children=(Node("a", "actor", "down", in_hand_for=0.5),))
    assert as_json(tree) == {
        "name": "root",
        "kind": "supervisor",
        "children": [{"name": "a", "kind": "actor", "state": "down", "in_hand_for": 0.5}],
    }


def test_a_whole_number_of_seconds_is_a_number_of_seconds() -> None:
    node = from_json({"name": "a", "kind": "actor", "in_hand_for": 3, "of a newer server": [1]})
    assert node == Node("a", "actor", in_hand_for=3.0)
    assert isinstance(node.in_hand_for, float)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"name": "a"},
        {"name": "a", "kind": None},
        {"name": "a", "kind": "actor", "restarts": "1"},
        {"name": "a", "kind": "actor", "restarts": True},
        {"name": "a", "kind": "actor", "children": {}},
        {"name": "a", "kind": "actor", "children": [1]},
    ],
)
def test_json_that_is_no_tree_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="node of the tree"):
        from_json(wrong)
