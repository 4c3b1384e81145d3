from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net import config_file
from net.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text("abcdefgh-_0123456789", min_size=1, max_size=6)
VALUES = st.sampled_from(
    [
        "1",
        "0x1F # a comment = 3",
        '"plain"',
        '"# no comment [x]"',
        "[1, 2]",
        "[\n  1, # one\n  2,\n]",
        '"""\n[not.a.header]\nkey = 1\n"""',
        "'''\nlit\n\n'''",
        '["""\n]""", [\n[]]]',
        "{ inner = 1 }",
        "2026-01-01T00:00:00Z",
    ]
)
GAPS = st.sampled_from(["", "\n", "# a comment\n", "\n  # x = 1\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """A valid document, and on which line each of its sections and keys was put."""
    text = ""
    lines: dict[tuple[str, ...], int] = {}
    for section in draw(st.lists(NAMES, unique=True, max_size=4)):
        text += draw(GAPS)
        lines[(section,)] = text.count("\n") + 1
        text += draw(st.sampled_from(["[{}]", "  [ {} ] # [no]", '["{}"]'])).format(section) + "\n"
        for name in draw(st.lists(NAMES, unique=True, max_size=4)):
            text += draw(GAPS)
            lines[(section, name)] = text.count("\n") + 1
            text += draw(st.sampled_from(["{} = ", '  "{}"=', "'{}' = "])).format(name) + draw(VALUES) + "\n"
    return text, lines


@given(documents(), st.booleans())
def test_every_section_and_key_is_found_on_its_line(
    made: tuple[str, dict[tuple[str, ...], int]], windows: bool
) -> None:
    text, lines = made
    document = config_file.parse(text.replace("\n", "\r\n") if windows else text, "f")
    assert document.values == tomllib.loads(text)
    assert {path: document.place(*path) for path in lines} == {path: f"f:{line}" for path, line in lines.items()}


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a.b = 1\na.c = 2\n", ("a", "c"), 2),
        ("\na = { b = 1, c = 2 }", ("a", "c"), 2),
        ("[a.b]\nc = 1", ("a",), 1),
        ("[a.b]\nc = 1", ("a", "b", "c"), 2),
        ("[[a]]\nb = 1\n[[a]]\nc = 1", ("a",), 1),
        ("a = 1\n[b]\na = 2", ("b", "a"), 3),
        ("[a]\n'b c' = 1", ("a", "b c"), 2),
    ],
)
def test_a_key_is_found_however_it_is_written(text: str, path: tuple[str, ...], line: int) -> None:
    assert config_file.parse(text, "f").place(*path) == f"f:{line}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nb = \n", "f:2: not valid TOML: Invalid value (column 5)"),
        ("[a]\n\nb = 1\nb = 2\n", "f:4: not valid TOML: Cannot overwrite a value (column 6)"),
        ("[a]\nb = [1,\n", "f:2: not valid TOML: Invalid value at the end of the file"),
        ('a = "x', "f:1: not valid TOML: Unterminated string at the end of the file"),
        ("a = 1 b", "f:1: not valid TOML: Expected newline or end of document after a statement (column 7)"),
        (f"a = {'9' * 5000}", "f: not a configuration: a number or a nesting beyond all measure"),
        (f"a = {'[' * 20_000}", "f: not a configuration: a number or a nesting beyond all measure"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.parse(text, "f")
    assert str(caught.value) == message


@given(st.text(max_size=60))
def test_whatever_the_text_it_is_parsed_or_refused_in_one_line(text: str) -> None:
    try:
        document = config_file.parse(text, "f")
    except ConfigError as error:
        refusal: list[str] = str(error).splitlines()
    else:
        refusal = ["none"]
        assert all(1 <= document.lines[(name,)] <= text.count("\n") + 1 for name in document.values)
    assert len(refusal) == 1


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert config_file.read(file).values == {"a": 1}


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"a = 1\nb = '\xe9'\n")
    with pytest.raises(ConfigError) as caught:
        config_file.read(file)
    assert str(caught.value) == f"{file}:2: not UTF-8 text"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.read(tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path}/none.toml: cannot read the configuration: No such file or directory"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.read(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot read the configuration: Is a directory"


def test_a_file_too_large_to_be_a_configuration_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b"#" * config_file.MAX_FILE_BYTES)
    assert config_file.read(file).values == {}
    file.write_bytes(b"#" * (config_file.MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="may have 1048576 bytes at most"):
        config_file.read(file)
