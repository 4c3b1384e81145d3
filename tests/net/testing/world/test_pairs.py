from __future__ import annotations

from net.testing.trace import Kind, Moment
from net.testing.world.pairs import leaks


def said(*words: str, whom: str = "bob", at: float = 1.0) -> list[Moment]:
    return [Moment(at, Kind.SENT, "croupier", whom, word.encode()) for word in words]


def test_nobody_is_told_anything_where_all_is_the_same() -> None:
    assert leaks(said("a", "b"), said("a", "b"), owners=["alice"]) == []


def test_the_owner_of_the_cards_may_see_them() -> None:
    assert leaks(said("a", whom="alice"), said("b", whom="alice"), owners=["alice"]) == []


def test_what_is_said_to_the_server_or_the_store_is_no_leak() -> None:
    asked = [Moment(1.0, Kind.SENT, "bob", "croupier", b"a"), Moment(1.0, Kind.SENT, "server-1", "redis", b"a")]
    other = [Moment(1.0, Kind.SENT, "bob", "croupier", b"b"), Moment(1.0, Kind.SENT, "server-1", "redis", b"b")]
    assert leaks(asked, other, owners=["alice"]) == []


def test_another_byte_another_length_another_moment_and_another_number_of_messages_tell() -> None:
    for other, text in (
        (said("a", "c"), "message 2 is another"),
        (said("a", "bb"), "it has 1 bytes, or 2"),
        (said("a", "b", at=1.5), "message 1 comes at 1.0000 s or 1.5000 s"),
        (said("a"), "message 2 is sent with one hand"),
        ([], "message 1 is sent with one hand"),
    ):
        (violation,) = leaks(said("a", "b"), other, owners=["alice"])
        assert text in violation.text
        assert violation.user_id == "bob"
