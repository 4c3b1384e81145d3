"""Every key of the configuration: its default, its type, its bounds, and what it is for.

The classes here are the one place that knows the keys: the checked-in file, the names of the variables and
the output of `croupier config` are made from them. `net.config_load` lays the sources over each other.
"""

from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from net.config_bounds import (
    ARCHIVE,
    AUDIENCE,
    FILE,
    FOLDER,
    FOLDERS,
    GAME_NAMES,
    HOST,
    LISTEN,
    ORIGINS,
    PREFIX,
    PROXIES,
    REDIS,
    SECRET,
    SECRETS,
    one_of,
    rate,
    seconds,
    whole,
)
from net.config_key import Key, key, keys_of, mask_password, mask_whole

_DAY = 86400
_MIB = 1024 * 1024


@frozen
class Server:
    """Where the server listens and keeps its files."""

    host: str = key("127.0.0.1", HOST, "The address to listen on. 0.0.0.0 or :: is every interface.")
    port: int = key(8765, whole(0, 65535), "The TCP port. 0 takes a free one, which the first line of output names.")
    allowed_origins: tuple[str, ...] = key(
        ("*",),
        ORIGINS,
        "The web pages that may use the server, by their origin: https://example.org, with a port if it has one. "
        "* is every page. Clients that are no browsers are not concerned.",
    )
    data_dir: Path = key(  # noqa: RUF009 (a field, as the others)
        Path("data"),
        FOLDER,
        "The folder for the embedded store, its lock and the generated secret; one server owns it. A "
        "relative path starts at the working directory.",
    )
    stop_within: float = key(
        60.0,
        seconds(0.01, _DAY),
        "Seconds that an orderly stop may take. After them the process says what still runs, and ends (status 70).",
    )
    trusted_proxies: tuple[str, ...] = key(
        (),
        PROXIES,
        "The reverse proxies that are believed when they say, in X-Forwarded-For or Forwarded, whom they speak for: "
        "addresses and networks. Nobody else is believed.",
    )
    tls_certificate: str = key(
        "",
        FILE,
        "The file of the certificate chain (PEM) for TLS, read again on SIGHUP. Empty, as tls_key then is: no TLS.",
    )
    tls_key: str = key("", FILE, "The file of the certificate's private key (PEM), without a passphrase.")


@frozen
class Admin:
    """What an operator may ask the server, on a listener of its own."""

    listen: str = key(
        "admin.sock",
        LISTEN,
        "Where: the path of a Unix socket (mode 0600), which begins at data_dir; HOST:PORT, where everything needs a "
        "service token; or off.",
    )


@frozen
class Store:
    """Where the games stand."""

    redis_url: str = key(
        "",
        REDIS,
        "The Redis or Valkey to use: redis://, rediss:// or unix://. Empty: an embedded Valkey in data_dir.",
        mask=mask_password,
    )
    durability: str = key(
        "always",
        one_of("always", "everysec", "no"),
        "When the embedded Valkey forces what it acknowledged to the disk: always (before it answers), "
        "everysec (a power cut loses a second of it), no (when the system likes).",
    )
    prefix: str = key("croupier:", PREFIX, "What the name of every key in the store begins with.")


@frozen
class Archive:
    """Where ended games are kept."""

    url: str = key(
        "",
        ARCHIVE,
        "The database of ended games: postgresql://USER:PASSWORD@HOST/DATABASE (which needs croupier[postgres]) or "
        "sqlite:///FILE. Empty: the SQLite file archive.sqlite in data_dir.",
        mask=mask_password,
    )


@frozen
class Auth:
    """Who is believed."""

    secret: str = key(
        "",
        SECRET,
        "The secret that signs and verifies tokens (HS256), 32 bytes or more. Empty, and no secrets below: "
        "one is made once in data_dir.",
        mask=mask_whole,
    )
    secrets: tuple[str, ...] = key(
        (),
        SECRETS,
        "Several secrets at once, in place of secret, so that it can be changed: the first signs, all verify."
        " In the environment they are separated by commas.",
        mask=mask_whole,
    )
    generated_secret: str = key(
        "loopback",
        one_of("loopback", "anywhere"),
        "Where the server may listen with a secret that it made itself: on loopback alone, or anywhere.",
    )
    audience: str = key("croupier", AUDIENCE, "The audience (aud) that a token must name.")
    token_ttl: int = key(_DAY, whole(1, 3650 * _DAY), "Seconds that a token of `croupier token` is good for.")


@frozen
class Sessions:
    """How long a client may be silent."""

    connect_timeout: float = key(
        10.0,
        seconds(0.01, 3600),
        "Seconds that a fresh connection has to say who it is, with its connect request.",
    )
    ping_interval: float = key(25.0, seconds(0.01, 3600), "Seconds between two pings to a client.")
    ping_timeout: float = key(
        20.0, seconds(0.01, 3600), "Seconds that a client may stay silent after a ping before it is dropped."
    )
    status_debounce: float = key(
        2.0,
        seconds(0, 3600),
        "Seconds after which a dropped player is announced to the others as reconnecting; one who is back before that "
        "was never gone.",
    )
    recovery_window: float = key(
        120.0,
        seconds(0, _DAY),
        "Seconds for which a session that was cut off waits for its client, which then finds everything as it was.",
    )
    record_ttl: int = key(
        3600,
        whole(180, 30 * _DAY),
        "Seconds after which a connection record in the store is gone by itself, unless it is renewed.",
    )
    grace: float = key(
        60.0, seconds(0, _DAY), "Seconds after which a dropped player counts as disconnected, also after a restart."
    )
    reconnect_extension: float = key(
        15.0, seconds(0, _DAY), "Seconds that are added to the turn clock of a player who comes back on their turn."
    )
    extension_budget: float = key(
        60.0, seconds(0, _DAY), "Seconds by which the clock of one player in one game is put back so, altogether."
    )


@frozen
class Limits:
    """What one client, one connection, one table may take up."""

    max_message_bytes: int = key(65536, whole(1024, 16 * _MIB), "Bytes of one message from a client.")
    max_connections: int = key(10000, whole(1, 1_000_000), "Connections that are open at once.")
    outbox_bytes: int = key(
        _MIB,
        whole(4096, 1024 * _MIB),
        "Bytes that wait for one slow client: past it, states make way for newer ones, and what cannot make "
        "way drops the client.",
    )
    requests_per_second: float = key(
        20.0,
        rate(100_000),
        "Requests of one connection in a second, in the long run; more are answered `rate_limited`. 0: no limit.",
    )
    request_burst: int = key(40, whole(1, 1_000_000), "Requests that one connection may make at once, after a pause.")
    user_requests_per_second: float = key(
        40.0,
        rate(100_000),
        "The same for one user, through all connections, one after the other. 0: no limit.",
    )
    user_request_burst: int = key(80, whole(1, 1_000_000), "Requests that one user may make at once, after a pause.")
    refusals_before_drop: int = key(
        100,
        whole(1, 1_000_000),
        "Requests that are refused as `rate_limited` before the connection is closed (1008). As many as "
        "requests_per_second are forgiven in each second.",
    )
    connections_per_address: int = key(
        100,
        whole(0, 1_000_000),
        "Connections that one address (of IPv6: one network of 64 bits) may have open, and as many Engine.IO "
        "sessions. Behind a proxy, set [server] trusted_proxies, or all players are one address. 0: no limit.",
    )
    connects_per_minute: float = key(
        60.0,
        rate(1_000_000),
        "Times that one user may connect in a minute, and at once after a pause; each replaces the connection "
        "before. 0: no limit.",
    )
    address_connects_per_minute: float = key(
        600.0,
        rate(1_000_000),
        "WebSockets and Engine.IO sessions that one address may open in a minute, and at once after a pause. 0: no "
        "limit.",
    )
    address_requests_per_second: float = key(
        100.0,
        rate(100_000),
        "HTTP requests of one address in a second, those of long-polling among them; more have to wait, and then are "
        "answered 429. 0: no limit.",
    )
    address_request_burst: int = key(
        400, whole(1, 1_000_000), "HTTP requests that one address may make at once, after a pause."
    )
    handshake_timeout: float = key(
        5.0,
        seconds(0.01, 3600),
        "Seconds for a TLS handshake, and for a WebSocket's opening and closing handshakes.",
    )
    pending_requests: int = key(32, whole(1, 10_000), "Requests of one connection that wait for their answers.")
    http_body_bytes: int = key(65536, whole(1024, 16 * _MIB), "Bytes of the body of one HTTP request.")
    http_head_bytes: int = key(16384, whole(1024, _MIB), "Bytes of the request line and headers of one HTTP request.")
    http_timeout: float = key(
        15.0,
        seconds(0.01, 3600),
        "Seconds that a client has to send one HTTP request, and to begin the next.",
    )
    mailbox: int = key(64, whole(1, 100_000), "Messages that one table queues; more are answered `overloaded`.")
    stall_after: float = key(
        0.5,
        seconds(0.01, 3600),
        "Seconds that anything may hold the event loop, and with it all games, before the log says where it is.",
    )

    def without_rates(self) -> "Limits":
        """The same without a limit on how often and from where somebody comes: for load, and for virtual time, in
        which everything happens at once."""
        return attrs.evolve(self, **dict.fromkeys(RATES, 0))


RATES = (
    "requests_per_second",
    "user_requests_per_second",
    "connections_per_address",
    "connects_per_minute",
    "address_connects_per_minute",
    "address_requests_per_second",
)
"""The limits on how often and from where somebody comes; 0 is none."""


@frozen
class Games:
    """How long a game may be, and how long its rules may think."""

    max_events: int = key(10000, whole(2, 1_000_000), "Events that one game may have.")
    passivate_after: float = key(
        300.0, seconds(0.01, 365 * _DAY), "Seconds without a message after which a game leaves the memory."
    )
    snapshot_every: int = key(
        100,
        whole(1, 1_000_000),
        "Events after which a snapshot of a game is kept, so that no more than these are replayed to go on with it. "
        "Where an eighth of the game is more than these, it is that.",
    )
    abandon_after: float = key(
        3600.0,
        seconds(1, 365 * _DAY),
        "Seconds of service without any of its players after which a game is over, as abandoned.",
    )
    archive_after: float = key(
        60.0, seconds(0, 365 * _DAY), "Seconds after its end in which a game stays in the store; then it is archived."
    )
    rules_time_limit: float = key(
        1.0,
        seconds(0.01, 3600),
        "Seconds that one call into the rules may take, while all other games wait. Past it the call is interrupted, "
        "and its game suspended.",
    )
    openspiel: tuple[str, ...] = key(
        (),
        GAME_NAMES,
        "Games of OpenSpiel that are listed among the rules, kuhn_poker say; all is every one. Where it is installed "
        "(croupier[openspiel]), games of all of them can be made. In the environment they are separated by commas.",
    )
    rules_path: tuple[str, ...] = key(
        (),
        FOLDERS,
        "Folders with packages of rules, as `pip install --target FOLDER` makes them, besides those that are "
        "installed. In the environment they are separated by commas.",
    )
    native_processes: int = key(
        2,
        whole(1, 256),
        "Processes in which rules in native code run, so that they can be ended: that many of their games are served "
        "at once. They are started when they are first needed.",
    )


@frozen
class Npc:
    """The players that the house provides: npc:mcts, npc:greedy and npc:random, and npc:mcts:ANYTHING for several."""

    think_time: float = key(0.5, seconds(0.01, 60), "Seconds for which npc:mcts thinks about an action.")
    pause: float = key(
        0.5,
        seconds(0, 60),
        "Seconds that pass at least before the house's players act, so that people can follow what they do.",
    )
    processes: int = key(
        1,
        whole(0, 64),
        "Processes in which the house's players think; they start when they are needed. 0: the house plays for nobody, "
        "and these are users like any other.",
    )


@frozen
class Log:
    """What is written to standard error."""

    level: str = key(
        "info",
        one_of("debug", "info", "warning", "error"),
        "The least severity that is written. With debug, every request has its line.",
    )
    format: str = key(
        "auto",
        one_of("auto", "human", "json"),
        "As lines for people (human), as an object a line for machines (json), or as it fits: auto is human on a "
        "terminal, json elsewhere.",
    )


@frozen
class Config:
    """The whole configuration. Made in code its values are held to the same bounds: ValueError."""

    server: Server = field(factory=Server)
    admin: Admin = field(factory=Admin)
    store: Store = field(factory=Store)
    archive: Archive = field(factory=Archive)
    auth: Auth = field(factory=Auth)
    sessions: Sessions = field(factory=Sessions)
    limits: Limits = field(factory=Limits)
    games: Games = field(factory=Games)
    npc: Npc = field(factory=Npc)
    log: Log = field(factory=Log)


SECTIONS: dict[str, type[Any]] = {section.name: section.type for section in attrs.fields(Config) if section.type}
"""The class of each section, in order."""

KEYS: dict[str, dict[str, Key]] = {section: keys_of(section, cls) for section, cls in SECTIONS.items()}
"""Every key, by section and name, in order."""
