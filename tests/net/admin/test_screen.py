"""The tree as a table."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from actors.kit.tree import Node
from net.admin.rows import Row, rows_of
from net.admin.screen import fitted, pruned, shortened, table_of

TABLES = Node("tables", "supervisor", children=tuple(Node(f"t{n}", "actor") for n in range(5)), more=7)
ROOT = Node("root", "supervisor", children=(Node("store", "service"), TABLES))


def drawn(node: Node, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table_of(node))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_there_is_a_row_for_each_node_and_one_for_those_that_are_not_listed() -> None:
    assert list(rows_of(ROOT)) == [
        Row(0, ROOT),
        Row(1, ROOT.children[0]),
        Row(1, TABLES),
        *(Row(2, table) for table in TABLES.children),
        Row(2, None, 7),
    ]


@pytest.mark.parametrize(("depth", "rows"), [(0, 2), (1, 4), (2, 9), (9, 9)])
def test_a_pruned_tree_counts_what_it_leaves_out(depth: int, rows: int) -> None:
    node = pruned(ROOT, depth)
    assert len(list(rows_of(node))) == rows
    if depth == 0:
        assert node == Node("root", "supervisor", more=2)
    if depth == 1:
        assert node.children[1] == Node("tables", "supervisor", more=12)


def test_a_shortened_tree_counts_what_it_leaves_out() -> None:
    assert shortened(ROOT, 3).children[1] == Node("tables", "supervisor", children=TABLES.children[:3], more=9)
    assert shortened(ROOT, 1) == Node("root", "supervisor", children=(Node("store", "service"),), more=1)
    assert shortened(ROOT, 5) == ROOT


@given(height=st.integers(4, 20))
def test_what_is_drawn_fits_and_is_as_much_as_fits(height: int) -> None:
    lines = len(drawn(fitted(ROOT, height)))
    assert lines <= height
    listed = max(len(node.children) for node in (fitted(ROOT, height), TABLES) if node.children)
    assert lines == 11 or len(drawn(shortened(ROOT, listed + 1))) > height or listed == 5


def test_at_least_the_root_and_a_count_is_drawn() -> None:
    assert fitted(ROOT, 1) == Node("root", "supervisor", more=2)


def test_a_tree_that_fits_is_drawn_whole() -> None:
    assert fitted(ROOT, 11) == ROOT


def test_a_tree_at_rest_is_drawn_without_the_columns_that_would_be_empty() -> None:
    table = Node("table", "actor", restarts=2, mailbox_depth=3, mailbox_peak=14, handled=159)
    assert drawn(Node("root", "supervisor", "stopping", children=(table,), more=1000)) == [
        "what runs         state      restarts   mailbox   peak   handled",
        "────────────────────────────────────────────────────────────────",
        "root              stopping",
        "  table           up                2         3     14       159",
        "  and 1000 more",
    ]


def test_what_is_in_hand_and_what_crashed_is_drawn_where_there_is_any() -> None:
    table = Node("table", "actor", in_hand="Act", in_hand_for=1.26, last_crash="KeyError on a Act")
    head, _, _, line = drawn(Node("root", "supervisor", children=(table,)))
    assert head.split("  ")[-2:] == [" in hand", " last crash"] or head.endswith("in hand      last crash")
    assert line.endswith("Act, 1.3 s   KeyError on a Act")


def test_a_name_is_no_markup() -> None:
    assert drawn(Node("[red]root", "supervisor"))[2].startswith("[red]root  ")


def test_a_narrow_terminal_cuts_lines_and_breaks_none() -> None:
    long = Node("root", "supervisor", children=(Node("x" * 200, "actor", last_crash="y" * 200),))
    lines = drawn(long, width=80)
    assert len(lines) == 4
    assert all(len(line) <= 80 for line in lines)
