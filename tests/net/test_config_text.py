from __future__ import annotations

import re
import tomllib
from pathlib import Path

from net.config import KEYS, Config
from net.config_load import load
from net.config_text import default_file, in_force

CHECKED_IN = Path(__file__).parents[2] / "config.toml"
SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


def test_the_checked_in_file_shows_every_key_at_its_default() -> None:
    shown = tomllib.loads(CHECKED_IN.read_text())
    assert [(section, list(table)) for section, table in shown.items()] == [
        (section, list(keys)) for section, keys in KEYS.items()
    ]
    loaded = load(CHECKED_IN, {}, {})
    assert loaded.config == Config()
    assert {origin.source for origins in loaded.origins.values() for origin in origins.values()} == {"file"}


def test_the_checked_in_file_has_the_comment_of_every_key_above_it() -> None:
    """Written by hand it would drift; `croupier config --defaults > config.toml` makes it anew."""
    assert CHECKED_IN.read_text() == default_file()
    text = re.sub(r"\n# ", " ", default_file())  # each comment on one line
    for keys in KEYS.values():
        for key in keys.values():
            assert f" {key.doc}\n{key.name} = " in text


def test_what_is_in_force_is_toml_that_gives_the_same_configuration(tmp_path: Path) -> None:
    flags = {"--data-dir": 'da"ta\\\x7f', "--port": "0"}
    environ = {"CROUPIER_SESSIONS_PING_TIMEOUT": "0.5", "CROUPIER_LIMITS_HTTP_TIMEOUT": "3"}
    loaded = load(None, environ, flags)
    again = tmp_path / "again.toml"
    again.write_text(in_force(loaded))
    assert load(again, {}, {}).config == loaded.config != Config()


def test_what_is_in_force_says_where_each_value_came_from(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[server]\nport = 1\n[log]\nlevel = 'debug'")
    lines = in_force(load(file, {"CROUPIER_LOG_LEVEL": "error"}, {"--host": "h"})).splitlines()
    assert lines[0] == f"# configuration file: {file}"
    assert lines[2:7] == [
        "[server]",
        'host = "h"               # flag --host',
        f"port = 1                 # file {file}:2",
        'allowed_origins = ["*"]  # default',
        'data_dir = "data"        # default',
    ]
    assert lines[-3:] == [
        "[log]",
        'level = "error"  # environment CROUPIER_LOG_LEVEL',
        'format = "auto"  # default',
    ]
    assert in_force(load(None, {}, {})).startswith("# configuration file: none\n")


def test_what_is_in_force_holds_no_secret() -> None:
    for variable, shown in [
        ("CROUPIER_AUTH_SECRET", 'secret = "***" '),
        ("CROUPIER_AUTH_SECRETS", 'secrets = ["***"] '),
    ]:
        text = in_force(load(None, {variable: SECRET, "CROUPIER_STORE_REDIS_URL": f"redis://a:{SECRET}@h:1/2"}, {}))
        assert "hunter2" not in text
        assert shown in text
        assert 'redis_url = "redis://a:***@h:1/2" ' in text
