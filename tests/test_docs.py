"""The documents name tests: those exist. And the examples in them are programs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from actors import messages
from actors.failures import Code

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
SOCKETIO = ROOT / "docs" / "socketio.md"
OTP = ROOT / "docs" / "otp.md"
CONTRACT = ROOT / "docs" / "contract-tests.md"
REQUESTS = re.findall(r'^ +"([\w:]+)": self\._\w+,$', (ROOT / "net" / "router.py").read_text(), re.MULTILINE)
PUSHES = sorted(
    {event for one in vars(messages).values() if isinstance(event := getattr(one, "event", None), str)}
    | {"server:draining", "error"}
)
ROUTES = [
    " ".join(found) for found in re.findall(r'routes\.add\("(\w+)", "(.+?)"', (ROOT / "net" / "api.py").read_text())
]

_TEST = re.compile(r"`([\w./]+\.py)::(\w+)`")
_FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def file_named(name: str) -> Path:
    """A test's file: from the root where it names its folder, else in `tests/net` or with the kit's tests."""
    if "/" in name:
        return ROOT / name
    tests = ROOT / "tests"
    return next((path for path in (tests / "net" / name, tests / "actors" / "kit" / name) if path.is_file()), ROOT)


def names_in(path: Path) -> set[str]:
    """The names of the test functions in this file."""
    module = ast.parse(path.read_text())
    functions = (node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def rows_of(text: str) -> list[list[str]]:
    """The rows of the tables of points and tests, without their heads."""
    rows: list[list[str]] = []
    in_table = False
    for line in text.splitlines():
        if line == "| point | tests |":
            in_table = True
        elif not line.startswith("|"):
            in_table = False
        elif in_table and not line.startswith("| ---"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_each_test_that_a_document_names_exists(doc: Path) -> None:
    missing = [
        f"{file}::{name}"
        for file, name in _TEST.findall(doc.read_text())
        if not file_named(file).is_file() or name not in names_in(file_named(file))
    ]
    assert missing == []


def test_each_point_of_the_socket_io_protocol_names_a_test_or_says_that_it_is_not_there_yet() -> None:
    rows = rows_of(SOCKETIO.read_text())
    assert len(rows) > 50
    for point, shown in rows:
        assert _TEST.search(shown) or shown.startswith("not there yet"), point


def test_each_point_of_otps_supervisors_names_a_test() -> None:
    rows = rows_of(OTP.read_text())
    assert len(rows) > 50
    for point, shown in rows:
        assert _TEST.search(shown), point


def test_each_promise_of_the_contract_names_a_test() -> None:
    rows = rows_of(CONTRACT.read_text())
    assert len(rows) > 100
    for point, shown in rows:
        assert _TEST.search(shown), point


@pytest.mark.parametrize("names", [REQUESTS, PUSHES, [*Code], ROUTES], ids=["requests", "pushes", "codes", "routes"])
def test_whatever_a_client_can_ask_or_be_told_has_a_row_of_its_name_there(names: list[str]) -> None:
    assert len(names) > 7
    points = [point for point, _ in rows_of(CONTRACT.read_text())]
    assert [name for name in names if not any(f"`{name}`" in point for point in points)] == []


def test_the_points_that_belong_to_recovery_alone_are_not_there_yet() -> None:
    _, _, recovery = SOCKETIO.read_text().partition("### Connection state recovery")
    recovery, _, rest = recovery.partition("###")
    assert "not there yet" in recovery
    assert "not there yet" not in rest


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_the_python_in_a_document_can_be_compiled(doc: Path) -> None:
    for number, program in enumerate(_FENCED.findall(doc.read_text())):
        compile(program, f"{doc.name}[{number}]", "exec")
