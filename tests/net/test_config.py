from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from net.config import (
    KEYS,
    SECTIONS,
    Admin,
    Archive,
    Auth,
    Config,
    Games,
    Limits,
    Log,
    Server,
    Sessions,
    Store,
)

if TYPE_CHECKING:
    from net.config_key import Key

ALL_KEYS = [key for keys in KEYS.values() for key in keys.values()]
EVERY_KEY = pytest.mark.parametrize("key", ALL_KEYS, ids=lambda key: key.dotted)


def made_with(key: Key, value: object) -> Config:
    section: dict[str, Any] = {key.section: SECTIONS[key.section](**{key.name: value})}
    return Config(**section)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Config() == Config(
        server=Server(
            host="127.0.0.1",
            port=8765,
            allowed_origins=("*",),
            data_dir=Path("data"),
            stop_within=60,
            trusted_proxies=(),
            tls_certificate="",
            tls_key="",
        ),
        admin=Admin(listen="admin.sock"),
        store=Store(redis_url="", durability="always", prefix="croupier:"),
        archive=Archive(url=""),
        auth=Auth(secret="", secrets=(), audience="croupier", token_ttl=86400),
        sessions=Sessions(connect_timeout=10, ping_interval=25, ping_timeout=20, recovery_window=120, record_ttl=3600),
        limits=Limits(
            max_message_bytes=65536,
            max_connections=10000,
            outbox_bytes=1048576,
            requests_per_second=20,
            request_burst=40,
            user_requests_per_second=40,
            user_request_burst=80,
            refusals_before_drop=100,
            connections_per_address=100,
            connects_per_minute=60,
            address_connects_per_minute=600,
            address_requests_per_second=100,
            address_request_burst=400,
            handshake_timeout=5,
            pending_requests=32,
            http_body_bytes=65536,
            http_head_bytes=16384,
            http_timeout=15,
            mailbox=64,
            stall_after=0.5,
        ),
        games=Games(max_events=10000, passivate_after=300, snapshot_every=100, archive_after=60),
        log=Log(level="info"),
    )


@EVERY_KEY
def test_a_key_has_a_sentence_and_a_default_within_its_bounds(key: Key) -> None:
    assert re.fullmatch(r"[A-Z].*\.", key.doc)
    assert key.bound.admits(key.default)
    assert key.default == getattr(getattr(Config(), key.section), key.name)


@EVERY_KEY
def test_a_configuration_made_in_code_is_held_to_the_bounds(key: Key) -> None:
    beyond: object = {int: -1, float: -1.0, str: "\0", Path: Path("\0"), tuple[str, ...]: ("\0",)}[key.type]
    with pytest.raises(ValueError, match=f"^{key.name} must be {re.escape(key.bound.expected)}$"):
        made_with(key, beyond)


@pytest.mark.parametrize(
    ("key", "lowest", "highest", "step"),
    [
        ("server.port", 0, 65535, 1),
        ("server.stop_within", 0.01, 86400, 0.001),
        ("auth.token_ttl", 1, 315_360_000, 1),
        ("sessions.connect_timeout", 0.01, 3600, 0.001),
        ("sessions.ping_interval", 0.01, 3600, 0.001),
        ("sessions.ping_timeout", 0.01, 3600, 0.001),
        ("sessions.status_debounce", 0, 3600, 0.001),
        ("sessions.recovery_window", 0, 86_400, 0.001),
        ("sessions.record_ttl", 180, 30 * 86_400, 1),
        ("sessions.grace", 0, 86_400, 0.001),
        ("sessions.reconnect_extension", 0, 86_400, 0.001),
        ("sessions.extension_budget", 0, 86_400, 0.001),
        ("limits.max_message_bytes", 1024, 16_777_216, 1),
        ("limits.max_connections", 1, 1_000_000, 1),
        ("limits.outbox_bytes", 4096, 1_073_741_824, 1),
        ("limits.requests_per_second", 0, 100_000, 0.001),
        ("limits.request_burst", 1, 1_000_000, 1),
        ("limits.user_requests_per_second", 0, 100_000, 0.001),
        ("limits.user_request_burst", 1, 1_000_000, 1),
        ("limits.refusals_before_drop", 1, 1_000_000, 1),
        ("limits.connections_per_address", 0, 1_000_000, 1),
        ("limits.connects_per_minute", 0, 1_000_000, 0.001),
        ("limits.address_connects_per_minute", 0, 1_000_000, 0.001),
        ("limits.address_requests_per_second", 0, 100_000, 0.001),
        ("limits.address_request_burst", 1, 1_000_000, 1),
        ("limits.handshake_timeout", 0.01, 3600, 0.001),
        ("limits.pending_requests", 1, 10_000, 1),
        ("limits.http_body_bytes", 1024, 16_777_216, 1),
        ("limits.http_head_bytes", 1024, 1_048_576, 1),
        ("limits.http_timeout", 0.01, 3600, 0.001),
        ("limits.mailbox", 1, 100_000, 1),
        ("limits.stall_after", 0.01, 3600, 0.001),
        ("games.max_events", 2, 1_000_000, 1),
        ("games.passivate_after", 0.01, 31_536_000, 0.001),
        ("games.snapshot_every", 1, 1_000_000, 1),
        ("games.abandon_after", 1, 31_536_000, 0.001),
        ("games.archive_after", 0, 31_536_000, 0.001),
        ("games.rules_time_limit", 0.01, 3600, 0.001),
        ("games.native_processes", 1, 256, 1),
        ("npc.think_time", 0.01, 60, 0.001),
        ("npc.pause", 0, 60, 0.001),
        ("npc.processes", 0, 64, 1),
    ],
)
def test_a_number_may_reach_its_bounds_and_not_pass_them(key: str, lowest: float, highest: float, step: float) -> None:
    section, name = key.split(".")
    admits = KEYS[section][name].bound.admits
    assert [admits(lowest), admits(highest)] == [True, True]
    assert [admits(lowest - step), admits(highest + step), admits(float("nan"))] == [False, False, False]


def test_every_number_has_its_bounds_in_the_table_above() -> None:
    mark = test_a_number_may_reach_its_bounds_and_not_pass_them.pytestmark[0]  # type: ignore[attr-defined]
    assert {row[0] for row in mark.args[1]} == {key.dotted for key in ALL_KEYS if key.type in {int, float}}


@pytest.mark.parametrize(
    ("key", "admitted", "refused"),
    [
        ("server.host", ["::1", "0.0.0.0", "play.example.org"], ["", "a b", "a/b", "x" * 256, "a\n"]),
        (
            "store.redis_url",
            [
                "",
                "redis://localhost",
                "redis://:pw@h:6379/3",
                "rediss://h",
                "unix:///run/redis.sock",
                "unix:///r.sock?db=1",
            ],
            ["localhost", "http://h", "redis://", "redis://h:port", "redis://h:99999", "unix://", "redis://h /0"],
        ),
        (
            "archive.url",
            [
                "",
                "postgresql://anna:pw@h:5432/games",
                "postgres://h/games",
                "postgresql+psycopg:///games?host=/run/postgresql",
                "sqlite:///archive.sqlite",
                "sqlite:////srv/archive.sqlite",
            ],
            [
                "localhost",
                "mysql://h/games",
                "postgresql://h",
                "postgresql://h/",
                "postgresql:///games",
                "postgresql://h:port/games",
                "postgresql://h/ga mes",
                "sqlite://",
                "sqlite:///",
                "sqlite:///:memory:",
                "sqlite://h/file",
                "sqlite:///file?mode=ro",
            ],
        ),
        (
            "server.trusted_proxies",
            [(), ("127.0.0.1",), ("10.0.0.0/8", "::1")],
            [("localhost",), ("10.0.0.1/8",), ("::1", "")],
        ),
        ("games.openspiel", [(), ("all",), ("chess", "2048")], [("",), ("a b",), ("openspiel:chess",)]),
        ("games.rules_path", [(), ("rules", "~/more rules")], [("",), ("a\0",)]),
        ("server.tls_certificate", ["", "/etc/tls/a.crt", "a b.pem"], ["a\0b"]),
        ("server.tls_key", ["", "~/a.key"], ["\0"]),
        ("store.durability", ["always", "everysec", "no"], ["", "never", "Always"]),
        ("admin.listen", ["", "off", "a.sock", "/run/a.sock", "h:1", "[::1]:0"], ["on", "9000", "::1:9", "h:99999"]),
        ("store.prefix", ["c", "croupier:", "a.b_c-d@e:1"], ["", "a b", "a*", "x" * 65, "{a}", "é"]),
        ("auth.secret", ["", "x" * 32, "é" * 16, "x" * 1024], ["x" * 31, "é" * 15, "x" * 1025]),
        (
            "auth.secrets",
            [(), ("x" * 32,), ("x" * 32, "y" * 40)],
            [("x" * 31,), ("x" * 32, ""), ("x" * 32,) * 17],
        ),
        ("auth.generated_secret", ["loopback", "anywhere"], ["", "yes"]),
        ("auth.audience", ["croupier", "https://play.example.org"], ["", "a\nb", "x" * 256]),
        ("log.level", ["debug", "info", "warning", "error"], ["", "INFO", "trace"]),
        ("log.format", ["auto", "human", "json"], ["", "text"]),
    ],
)
def test_a_text_is_held_to_its_form(key: str, admitted: list[object], refused: list[object]) -> None:
    section, name = key.split(".")
    admits = KEYS[section][name].bound.admits
    assert [value for value in admitted if not admits(value)] == []
    assert [value for value in refused if admits(value)] == []


def test_what_could_give_a_secret_away_is_masked_and_nothing_else_is() -> None:
    masked = {"store.redis_url", "archive.url", "auth.secret", "auth.secrets"}
    assert {key.dotted for key in ALL_KEYS if key.mask} == masked


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Config().server.port = 1  # type: ignore[misc]


def test_no_secret_stands_in_a_repr() -> None:
    config = Config(
        auth=Auth(secret="hunter2" * 8),
        store=Store(redis_url="redis://anna:hunter2@h/1"),
        archive=Archive(url="postgresql://anna:hunter2@h/games"),
    )
    assert "hunter2" not in repr(config)
    assert "hunter2" not in repr(Auth(secrets=("hunter2" * 8,)))
    assert "redis://anna:***@h/1" in repr(config)
