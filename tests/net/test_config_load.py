from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net.config import KEYS, Config
from net.config_load import FLAGS, Origin, Source, find_file, load
from net.errors import ConfigError

A, B, C = "a" * 32, "b" * 32, "c" * 32

OTHERS: dict[str, tuple[Any, Any, Any]] = {
    "server.host": ("file.example", "env.example", "flag.example"),
    "server.port": (1, 2, 3),
    "server.allowed_origins": (["https://file"], ["https://env:1", "https://env:2"], ["https://flag"]),
    "server.data_dir": ("file", "env", "/flag"),
    "server.stop_within": (0.5, 1.5, 2.5),
    "server.trusted_proxies": (["10.0.0.0/8"], ["::1", "fd00::/8"], ["127.0.0.1"]),
    "server.tls_certificate": ("file.crt", "env.crt", "flag.crt"),
    "server.tls_key": ("file.key", "env.key", "flag.key"),
    "admin.listen": ("file.sock", "env:1", "off"),
    "store.redis_url": ("redis://file", "redis://env", "redis://flag"),
    "store.durability": ("everysec", "no", "always"),
    "store.prefix": ("file:", "env:", "flag:"),
    "archive.url": ("sqlite:///file", "postgresql://env/games", "postgres://flag/games"),
    "auth.secret": (A, B, C),
    "auth.secrets": ([A, B], [B], [C, A, B]),
    "auth.generated_secret": ("anywhere", "anywhere", "anywhere"),
    "auth.audience": ("file", "env", "flag"),
    "auth.token_ttl": (1, 2, 3),
    "sessions.connect_timeout": (1, 2.5, 3),
    "sessions.ping_interval": (0.25, 2, 3),
    "sessions.ping_timeout": (1, 2, 3),
    "sessions.status_debounce": (0, 1.5, 2.5),
    "sessions.recovery_window": (0, 1.5, 2.5),
    "sessions.record_ttl": (180, 181, 182),
    "sessions.grace": (0, 1.5, 2.5),
    "sessions.reconnect_extension": (0, 1.5, 2.5),
    "sessions.extension_budget": (0, 1.5, 2.5),
    "limits.max_message_bytes": (1025, 1026, 1027),
    "limits.max_connections": (1, 2, 3),
    "limits.outbox_bytes": (5001, 5002, 5003),
    "limits.requests_per_second": (1.5, 2.5, 3.5),
    "limits.request_burst": (1, 2, 3),
    "limits.user_requests_per_second": (0, 2.5, 3.5),
    "limits.user_request_burst": (1, 2, 3),
    "limits.refusals_before_drop": (1, 2, 3),
    "limits.connections_per_address": (0, 2, 3),
    "limits.connects_per_minute": (0.5, 2.5, 3.5),
    "limits.address_connects_per_minute": (1, 2, 3),
    "limits.address_requests_per_second": (1, 2, 3),
    "limits.address_request_burst": (1, 2, 3),
    "limits.handshake_timeout": (1, 2, 3),
    "limits.pending_requests": (1, 2, 3),
    "limits.http_body_bytes": (1025, 1026, 1027),
    "limits.http_head_bytes": (1025, 1026, 1027),
    "limits.http_timeout": (1, 2, 3),
    "limits.mailbox": (1, 2, 3),
    "limits.stall_after": (0.25, 1.25, 2.25),
    "games.max_events": (2, 3, 4),
    "games.passivate_after": (1, 2, 3),
    "games.snapshot_every": (5, 6, 7),
    "games.abandon_after": (61, 62, 63),
    "games.archive_after": (0, 1.5, 2.5),
    "games.rules_time_limit": (2, 1.5, 2.5),
    "games.openspiel": (["chess"], ["hex", "go"], ["all"]),
    "games.rules_path": (["rules"], ["a", "b c"], ["/srv/rules"]),
    "games.native_processes": (3, 4, 5),
    "npc.think_time": (1, 1.5, 2.5),
    "npc.pause": (0, 1.5, 2.5),
    "npc.processes": (2, 3, 4),
    "log.level": ("debug", "warning", "error"),
    "log.format": ("human", "json", "human"),
}
"""For each key three values that are not its default (the last may be): of a file, a variable and a flag."""

ALL_KEYS = {key.dotted: key for keys in KEYS.values() for key in keys.values()}
FLAG_OF = {key.dotted: flag for flag, key in FLAGS.items()}
SUBSETS = st.fixed_dictionaries(
    {dotted: st.sets(st.sampled_from(["file", "env", *(["flag"] if dotted in FLAG_OF else [])])) for dotted in OTHERS}
)


def refusal(text: str, folder: Path, environ: dict[str, str] | None = None) -> str:
    """What is said of a file of this text, and this environment."""
    file = folder / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {}, {})
    return str(caught.value).replace(f"{folder}/", "")


def test_the_table_of_other_values_has_every_key() -> None:
    assert list(OTHERS) == list(ALL_KEYS)


@settings(deadline=None)  # each example writes a file
@given(subsets=SUBSETS)
def test_the_strongest_source_wins_and_is_remembered(
    subsets: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    if subsets["auth.secret"]:
        subsets["auth.secrets"] = set()
    subsets["server.tls_key"] = subsets["server.tls_certificate"]
    lines, environ, flags, expected = [], {}, {}, {}
    for dotted, key in ALL_KEYS.items():
        in_file, in_environment, in_flag = OTHERS[dotted]
        given_by = subsets[dotted]
        winner: tuple[object, Origin] = (
            list(key.default) if isinstance(key.default, tuple) else key.default,
            Origin(Source.DEFAULT),
        )
        if "file" in given_by:
            lines.append(f"{dotted} = {json.dumps(in_file)}")
            winner = (in_file, Origin(Source.FILE, f"c.toml:{len(lines)}"))
        if "env" in given_by:
            environ[key.variable] = ",".join(in_environment) if isinstance(key.default, tuple) else str(in_environment)
            winner = (in_environment, Origin(Source.ENVIRONMENT, key.variable))
        if "flag" in given_by:
            flags[FLAG_OF[dotted]] = ",".join(in_flag) if isinstance(key.default, tuple) else str(in_flag)
            winner = (in_flag, Origin(Source.FLAG, FLAG_OF[dotted]))
        expected[dotted] = winner
    file = tmp_path_factory.mktemp("c") / "c.toml"
    file.write_text("\n".join(lines))

    loaded = load(file, environ, {flag: flags.get(flag) for flag in FLAGS})

    assert loaded.file == file
    for dotted, (value, origin) in expected.items():
        section, name = dotted.split(".")
        got = getattr(getattr(loaded.config, section), name)
        assert type(got) is type(ALL_KEYS[dotted].default) or isinstance(got, Path)
        assert (list(got) if isinstance(got, tuple) else got) == (Path(str(value)) if isinstance(got, Path) else value)
        from_there = loaded.origins[section][name]
        assert (from_there.source, from_there.place.replace(f"{file.parent}/", "")) == (origin.source, origin.place)


def test_without_any_source_everything_is_at_its_default() -> None:
    loaded = load(None, {"PATH": "/bin", "CROUPIERS": "x"}, {"--port": None})
    assert loaded.config == Config()
    assert loaded.file is None
    assert {str(origin) for origins in loaded.origins.values() for origin in origins.values()} == {"default"}


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (Origin(Source.DEFAULT), "default"),
        (Origin(Source.FILE, "config.toml:12"), "file config.toml:12"),
        (Origin(Source.ENVIRONMENT, "CROUPIER_SERVER_PORT"), "environment CROUPIER_SERVER_PORT"),
        (Origin(Source.FLAG, "--port"), "flag --port"),
    ],
)
def test_an_origin_reads_as_where_to_look(origin: Origin, text: str) -> None:
    assert str(origin) == text


# ---- wrong values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[server]\nport = "abc"', 'c.toml:2: [server] port must be a whole number from 0 to 65535, not "abc"'),
        ("[server]\n\nport = 65536", "c.toml:3: [server] port must be a whole number from 0 to 65535, not 65536"),
        ("[server]\nport = true", "c.toml:2: [server] port must be a whole number from 0 to 65535, not true"),
        ("[server]\nport = 80.0", "c.toml:2: [server] port must be a whole number from 0 to 65535, not 80.0"),
        ('[server]\nport = "80"', 'c.toml:2: [server] port must be a whole number from 0 to 65535, not "80"'),
        (
            f"[server]\nport = 1{'0' * 400}",
            "c.toml:2: [server] port must be a whole number from 0 to 65535, not a number of that size",
        ),
        ("[server]\nhost = 1", "c.toml:2: [server] host must be a host name or an address, not 1"),
        (
            '[server]\nallowed_origins = ["example.org"]',
            'c.toml:2: [server] allowed_origins must be a list of origins, such as "https://example.org" or "*", '
            'not ["example.org"]',
        ),
        ('[server]\ndata_dir = ""', 'c.toml:2: [server] data_dir must be the path of a folder, not ""'),
        (
            '[server]\ndata_dir = "~no such user/x"',
            'c.toml:2: [server] data_dir must be the path of a folder, not "~no such user/x"',
        ),
        (
            '[store]\ndurability = "never"',
            'c.toml:2: [store] durability must be "always", "everysec" or "no", not "never"',
        ),
        (
            "[sessions]\nping_interval = 0",
            "c.toml:2: [sessions] ping_interval must be a number of seconds from 0.01 to 3600, not 0",
        ),
        (
            "[sessions]\nping_interval = nan",
            "c.toml:2: [sessions] ping_interval must be a number of seconds from 0.01 to 3600, not nan",
        ),
        (
            f"[sessions]\nping_interval = 1{'0' * 400}",
            "c.toml:2: [sessions] ping_interval must be a number of seconds from 0.01 to 3600,"
            " not a number of that size",
        ),
        (
            "[sessions]\nping_interval = [\n1,\n]",
            "c.toml:2: [sessions] ping_interval must be a number of seconds from 0.01 to 3600, not a list",
        ),
        (
            f'[log]\nlevel = "{"x" * 100}"',
            f'c.toml:2: [log] level must be "debug", "info", "warning" or "error", not "{"x" * 55}…"',
        ),
        (
            "[log]\nlevel = 2026-01-01",
            'c.toml:2: [log] level must be "debug", "info", "warning" or "error", not 2026-01-01',
        ),
        (
            "[log.level]\nx = 1",
            'c.toml:1: [log] level must be "debug", "info", "warning" or "error", not a table',
        ),
        ("log = 3", "c.toml:1: [log] must be a section, not 3"),
        ("[[log]]", "c.toml:1: [log] must be a section, not a list"),
        ("[log]\nlevel = ", "c.toml:2: not valid TOML: Invalid value at the end of the file"),
    ],
)
def test_a_wrong_value_in_the_file_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path) == message


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("SERVER_PORT", "abc", '[server] port must be a whole number from 0 to 65535, not "abc"'),
        ("SERVER_PORT", "", '[server] port must be a whole number from 0 to 65535, not ""'),
        ("SERVER_PORT", "-1", "[server] port must be a whole number from 0 to 65535, not -1"),
        (
            "SERVER_PORT",
            "tcp://10.0.0.1:8765",
            '[server] port must be a whole number from 0 to 65535, not "tcp://10.0.0.1:8765"',
        ),
        (
            "SERVER_PORT",
            "9" * 5000,
            f'[server] port must be a whole number from 0 to 65535, not "{"9" * 55}…"',
        ),
        (
            "SESSIONS_PING_TIMEOUT",
            "inf",
            "[sessions] ping_timeout must be a number of seconds from 0.01 to 3600, not inf",
        ),
        ("SERVER_HOST", "\udcff", r'[server] host must be a host name or an address, not "' + '\udcff"'),
        ("LOG_LEVEL", "a\nb", r'[log] level must be "debug", "info", "warning" or "error", not "a\nb"'),
    ],
)
def test_a_wrong_value_in_the_environment_is_named_with_its_variable(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {f"CROUPIER_{variable}": text}, {})
    assert str(caught.value) == f"CROUPIER_{variable}: {message}"


def test_a_wrong_value_of_a_flag_is_named_with_the_flag() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {}, {"--port": "x"})
    assert str(caught.value) == '--port: [server] port must be a whole number from 0 to 65535, not "x"'


def test_a_wrong_value_is_named_even_where_another_source_overrides_it(tmp_path: Path) -> None:
    said = refusal("[server]\nport = -1", tmp_path, {"CROUPIER_SERVER_PORT": "80"})
    assert said == "c.toml:2: [server] port must be a whole number from 0 to 65535, not -1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('secret = "hunter2"', "[auth] secret must be 32 to 1024 bytes long"),
        ('secret = ["hunter2"]', "[auth] secret must be 32 to 1024 bytes long"),
        (
            'secrets = ["hunter2"]',
            "[auth] secrets must be a list of at most 16 secrets, each 32 to 1024 bytes long",
        ),
        (
            'secrets = "hunter2 hunter2 hunter2 hunter2 hunter2"',
            "[auth] secrets must be a list of at most 16 secrets, each 32 to 1024 bytes long",
        ),
    ],
)
def test_a_wrong_secret_is_refused_and_not_repeated(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(f"[auth]\n{text}", tmp_path) == f"c.toml:2: {message}"


def test_a_wrong_store_is_refused_without_repeating_its_password(tmp_path: Path) -> None:
    said = refusal('[store]\nredis_url = "redis://:hunter2@h:port"', tmp_path)
    assert said == (
        "c.toml:2: [store] redis_url must be empty, or begin with redis://, rediss:// or unix:// and name a server"
    )


def test_one_secret_and_several_cannot_both_be_set(tmp_path: Path) -> None:
    said = refusal(f'[auth]\nsecrets = ["{A}"]', tmp_path, {"CROUPIER_AUTH_SECRET": B})
    assert said == "CROUPIER_AUTH_SECRET and c.toml:2: [auth] secret and [auth] secrets are both set; set one of them"


def test_a_certificate_needs_its_key_and_a_key_its_certificate(tmp_path: Path) -> None:
    said = refusal('[server]\ntls_key = "a.key"', tmp_path)
    assert said == "c.toml:2: [server] tls_key is set, but tls_certificate is not; set both, or none"
    said = refusal("", tmp_path, {"CROUPIER_SERVER_TLS_CERTIFICATE": "a.crt"})
    assert said == (
        "CROUPIER_SERVER_TLS_CERTIFICATE: [server] tls_certificate is set, but tls_key is not; set both, or none"
    )


def test_an_empty_variable_takes_the_files_secret_away(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'[auth]\nsecret = "{A}"')
    assert load(file, {"CROUPIER_AUTH_SECRET": "", "CROUPIER_AUTH_SECRETS": ""}, {}).config == Config()


def test_several_secrets_in_the_environment_are_separated_by_commas() -> None:
    assert load(None, {"CROUPIER_AUTH_SECRETS": f" {A}, {B},"}, {}).config.auth.secrets == (A, B)


def test_a_tilde_in_the_data_directory_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert load(None, {}, {"--data-dir": "~/data"}).config.server.data_dir == Path("/somewhere/data")


# ---- wrong names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", 'c.toml:2: unknown key "prot" in [server]; did you mean "port"?'),
        ("[server]\nfrobnicate = 1", 'c.toml:2: unknown key "frobnicate" in [server]'),
        ("[server]\nmailbox = 1", 'c.toml:2: unknown key "mailbox" in [server]; it belongs in [limits]'),
        (
            "[server]\nhost = 'h'\n[server.tls]\nx = 1",
            'c.toml:3: unknown key "tls" in [server]; did you mean "tls_key"?',
        ),
        ("# x\n[servr]\nport = 1", "c.toml:2: unknown section [servr]; did you mean [server]?"),
        ("[zzz]", "c.toml:1: unknown section [zzz]"),
        ("\nport = 1", 'c.toml:2: "port" stands outside every section; it belongs in [server]'),
        ("x = 1", 'c.toml:1: "x" stands outside every section'),
        ("server.prot = 1", 'c.toml:1: unknown key "prot" in [server]; did you mean "port"?'),
    ],
)
def test_an_unknown_name_in_the_file_is_named_with_what_it_may_mean(text: str, message: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path) == message


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("CROUPIER_SERVER_PROT", "; did you mean CROUPIER_SERVER_PORT?"),
        ("CROUPIER_PORT", "; did you mean CROUPIER_SERVER_PORT?"),
        ("CROUPIER_SECRET", "; did you mean CROUPIER_AUTH_SECRET?"),
        ("CROUPIER_SERVR_PORT", "; did you mean CROUPIER_SERVER_PORT?"),
        ("CROUPIER_SERVER_COLOUR_OF_THE_CLOTH", ""),
        ("CROUPIER_AUTH_SECERT", "; did you mean CROUPIER_AUTH_SECRET?"),
    ],
)
def test_a_variable_that_was_meant_for_a_key_is_named(variable: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {variable: "1"}, {})
    assert str(caught.value) == f"{variable}: no key of the configuration has this variable{hint}"


@pytest.mark.parametrize(
    "variable",
    [
        "CROUPIER_HOME",
        "CROUPIER",
        "croupier_server_prot",
        "CROUPIER_PORT",
        "CROUPIER_PORT_8765_TCP",
        "CROUPIER_PORT_8765_TCP_ADDR",
        "CROUPIER_SERVICE_HOST",
        "CROUPIER_SERVICE_PORT",
        "CROUPIER_SERVICE_PORT_HTTP",
        "CROUPIER_SERVER_SERVICE_HOST",
        "CROUPIER_SERVER_SERVICE_PORT",
        "CROUPIER_SERVER_PORT_8765_TCP_PROTO",
    ],
)
def test_a_variable_of_somebody_elses_is_passed_over(variable: str) -> None:
    assert load(None, {variable: "tcp://10.0.0.1:8765"}, {}).config == Config()


# ---- which file


def test_the_chosen_file_is_read_whether_it_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    assert find_file(Path("other.toml"), tmp_path) == Path("other.toml")


def test_else_the_folders_own_file_is_read_if_there_is_one(tmp_path: Path) -> None:
    assert find_file(None, tmp_path) is None
    (tmp_path / "config.toml").touch()
    assert find_file(None, tmp_path) == Path("config.toml")
