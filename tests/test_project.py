"""The files around the code: that they are there, agree with each other, and tell nothing of where they were made."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import net

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ["actors", "net", "tests", "docs", ".ci"]
TEXTS = sorted(
    path
    for place in [ROOT, *(ROOT / name for name in OURS)]
    for path in (place.iterdir() if place == ROOT else place.rglob("*"))
    if path.is_file()
    and not {"__pycache__", ".git"} & set(path.parts)
    and path.suffix in {"", ".py", ".md", ".toml", ".txt", ".html", ".js", ".css", ".yml", ".json"}
    and not path.name.startswith(".coverage")
)


def shell(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


# ---- ./dev and .ci/run


@pytest.mark.parametrize(("script", "with_shell"), [("dev", "sh"), (".ci/run", "bash")])
def test_a_script_can_be_run_and_is_valid(script: str, with_shell: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text().splitlines()[0] in {f"#!/bin/{with_shell}", f"#!/usr/bin/env {with_shell}"}
    done = shell(with_shell, "-n", ROOT / script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"], []])
def test_dev_help_names_every_command_and_sets_nothing_up(arguments: list[str], tmp_path: Path) -> None:
    alone = tmp_path / "a folder" / "dev"
    alone.parent.mkdir()
    alone.write_text((ROOT / "dev").read_text())
    done = shell("sh", alone, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    cases = re.findall(r"^    ([a-z |]+)\) ;;$", alone.read_text(), re.MULTILINE)
    for command in [*cases[0].split(" | "), "help"]:
        assert f"\n  {command} " in done.stdout
    assert [path.name for path in alone.parent.iterdir()] == ["dev"]


def test_dev_refuses_a_command_that_it_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "dev").write_text((ROOT / "dev").read_text())
    done = shell("sh", tmp_path / "dev", "bogus")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dev: there is no command 'bogus'\n")
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]


@pytest.mark.parametrize(
    ("python", "said"),
    [
        (None, "Python 3.11 or newer is needed, and there is none on the PATH"),
        ("exit 1", "Python 3.11 or newer is needed, and there is none on the PATH"),
        (
            'case "$*" in *ensurepip*) exit 1 ;; *version_info\\[:2\\]*) echo 3.11 ;; esac',
            "python3 cannot make virtual environments: install its venv module"
            " (Debian and Ubuntu: apt install python3.11-venv)",
        ),
    ],
    ids=["no python", "an old python", "a python without ensurepip"],
)
def test_dev_says_which_python_is_missing(python: str | None, said: str, tmp_path: Path) -> None:
    found = tmp_path / "bin"
    found.mkdir()
    for tool in ("sh", "cat", "cksum", "dirname"):
        [path] = [Path(folder) / tool for folder in ("/bin", "/usr/bin") if (Path(folder) / tool).exists()][:1]
        (found / tool).symlink_to(path)
    if python is not None:
        (found / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (found / "python3").chmod(0o755)
    (tmp_path / "dev").write_text((ROOT / "dev").read_text())
    done = subprocess.run(
        ["sh", tmp_path / "dev", "setup"],
        env={"PATH": str(found)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"dev: {said}\n")


# ---- what is said of the project


def test_every_dependency_is_bounded_and_pinned_to_a_version_within_its_bounds() -> None:
    pins = {
        canonicalize_name(name): version
        for name, version in (
            line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in "#"
        )
    }
    wanted = [
        Requirement(line)
        for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
        for line in group
    ]
    for requirement in wanted:
        if requirement.name == PROJECT["name"]:
            continue
        assert any(bound.operator == "<" for bound in requirement.specifier), f"{requirement} has no upper bound"
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), str(requirement)


def test_the_licence_is_mit_and_names_its_holder() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n")
    assert "The Croupier developers" in text
    assert PROJECT["license"] == "MIT"


def test_the_changelog_has_what_is_unreleased_or_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", net.__version__}


def test_the_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "\n./dev serve " in text
    assert "\n./dev test " in text


def test_the_programs_in_the_readme_compile() -> None:
    programs = re.findall(r"^cat > (\S+\.py) <<'END'\n(.*?)^END$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert len(programs) == 1
    for name, text in programs:
        compile(text, name, "exec")


def test_what_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_no_file_tells_where_it_was_made_or_where_packages_come_from() -> None:
    telling = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/|files\.pythonhosted|pypi\.org/simple|\.whl\b")
    assert len(TEXTS) > 50
    found = {
        str(path.relative_to(ROOT)): line
        for path in TEXTS
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if telling.search(line)
    }
    assert found == {}
