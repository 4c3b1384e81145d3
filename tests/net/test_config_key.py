"""How the values of keys are shown where a secret may be among them."""

from __future__ import annotations

import pytest

from net.config_key import mask_password, mask_whole


def test_a_masked_secret_shows_only_whether_it_is_set() -> None:
    assert mask_whole("") == ""
    assert mask_whole("x" * 40) == mask_whole("y" * 32) == "***"
    assert mask_whole(()) == ()
    assert mask_whole(("x" * 40, "y" * 32)) == ("***", "***")


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("", ""),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:hunter2@h:6379/0", "redis://:***@h:6379/0"),
        ("rediss://anna:hunter2@h", "rediss://anna:***@h"),
        ("redis://anna:hun:t@er2@h", "redis://anna:***@h"),
        ("redis://:hunt/er2@h", "redis://:***@h"),
        ("unix:///run/r.sock?db=1&password=hunter2&x=1", "unix:///run/r.sock?db=1&password=***&x=1"),
        ("redis://h?password=hunter2", "redis://h?password=***"),
        ("postgresql://anna:hunter2@h/games", "postgresql://anna:***@h/games"),
        ("postgresql:///g?host=/run&sslpassword=hunter2", "postgresql:///g?host=/run&sslpassword=***"),
    ],
)
def test_a_masked_url_holds_everything_but_its_password(url: str, masked: str) -> None:
    assert mask_password(url) == masked
