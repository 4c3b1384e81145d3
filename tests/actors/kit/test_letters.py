"""Letters: each is settled at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.kit.errors import ActorStopped
from actors.kit.letters import Posted

if TYPE_CHECKING:
    import pytest


def test_a_callback_is_called_once_whatever_comes_after() -> None:
    seen: list[object] = []
    letter = Posted("question", seen.append)
    letter.answer("answer")
    letter.answer("again")
    letter.fail(ActorStopped())
    assert seen == ["answer"]


def test_a_callback_that_raises_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def on_answer(_: object) -> None:
        raise ValueError("of ".join(("queen ", "spades")))

    Posted("question", on_answer).answer("answer")
    assert "ValueError" in caplog.text
    assert "queen of spades" not in caplog.text
