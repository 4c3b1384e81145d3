from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from net.errors import SecretRefused
from net.outside import SystemEntropy
from net.secret_file import kept_secret

if TYPE_CHECKING:
    from pathlib import Path

ENTROPY = SystemEntropy()


def refusal(data_dir: Path) -> str:
    with pytest.raises(SecretRefused) as caught:
        kept_secret(data_dir, ENTROPY)
    return str(caught.value).replace(f"{data_dir}/", "")


def written(data_dir: Path, content: bytes, mode: int = 0o600) -> Path:
    file = data_dir / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_secret_is_made_with_256_bits_for_its_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        made = kept_secret(tmp_path / "a" / "data", ENTROPY)
    finally:
        os.umask(previous)
    file = tmp_path / "a" / "data" / "secret"
    assert len(made) == 43
    assert file.read_text() == made + "\n"
    assert [oct(path.stat().st_mode & 0o777) for path in (file, file.parent)] == ["0o600", "0o700"]
    assert list(file.parent.iterdir()) == [file]


def test_a_secret_that_is_there_is_kept(tmp_path: Path) -> None:
    file = written(tmp_path, b"s" * 32)
    assert kept_secret(tmp_path, ENTROPY) == "s" * 32
    assert file.read_bytes() == b"s" * 32


def test_each_data_directory_has_a_secret_of_its_own(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "a", ENTROPY) != kept_secret(tmp_path / "b", ENTROPY)


def test_all_who_come_at_once_get_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: kept_secret(tmp_path / "data", ENTROPY), range(32)))
    assert len(set(made)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_one_who_comes_between_the_look_and_the_making_wins(tmp_path: Path) -> None:
    class SlowEntropy:
        """Another process makes the secret while this one draws its own."""

        def bytes(self, n: int) -> bytes:
            written(tmp_path, b"first" * 8)
            return os.urandom(n)  # noqa: TID251 (a process that is not ours)

    assert kept_secret(tmp_path, SlowEntropy()) == "first" * 8
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_secret_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    written(tmp_path, b"s" * 43, mode)
    assert refusal(tmp_path) == (
        f"secret: others than its owner can read or change the signing secret (mode {mode:04o});"
        " chmod 600 it, or remove it if it may be known"
    )


@pytest.mark.parametrize("content", [b"", b"\n", b"s" * 31, b"s" * 1025, b"\xff" * 40])
def test_a_file_that_holds_no_secret_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path, content)
    assert refusal(tmp_path) == "secret: not a signing secret; restore it, or remove it and a new one is made"
    assert file.read_bytes() == content


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    assert refusal(tmp_path) == "secret: the signing secret is not a plain file; remove it, a new one is made"


def test_a_fifo_in_its_place_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret", 0o600)
    assert refusal(tmp_path) == "secret: the signing secret is not a plain file; remove it, a new one is made"


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert refusal(tmp_path / "data") == "secret: cannot keep the signing secret: File exists"


def test_nothing_is_left_behind_when_the_secret_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("net.secret_file.os.fsync", full_disk)
    assert refusal(tmp_path) == "secret: cannot keep the signing secret: No space left on device"
    assert list(tmp_path.iterdir()) == []
