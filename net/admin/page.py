"""The admin pages, `/admin` on the admin listener: rendered here, without a script, for whoever has a service token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import frozen
from markupsafe import Markup

from actors.failures import Failure
from actors.kit.actor import ActorError
from actors.kit.reports import What
from net.admin.html import STYLE, ago, facts, framed, heading, joined, marked, table
from net.admin.inside import Inside
from net.admin.listing import MOST, Wanted, listed_games, public_state
from net.admin.login import PATH, Login, page
from net.admin.rows import rows_of
from net.config_text import in_force
from net.http import Refused, Response, Routes, error_response
from net.table_answers import resume

if TYPE_CHECKING:
    from actors.kit.reports import CrashReport
    from actors.kit.tree import Node
    from net.admin.html import Cell
    from net.admin.listing import Listed
    from net.http import Request

EVERY: Final = 5
"""Seconds after which a page that shows what goes on is loaded again."""

_SESSIONS: Final = 500
_CRASHES: Final = 20

_DRAIN: Final = Markup(
    """<form method="post" action="/admin/drain"><button class="hot">Drain: stop in order</button>
<span class="dim">Clients are told to come back, what is in hand is finished, the process ends. No game is lost.</span>
</form>"""
)
_AGAIN: Final = Markup('<form method="post" action="/admin/games/{id}/resume"><button>Try it again</button></form>')
_FILTER: Final = Markup(
    """<form method="get" action="/admin/games"><input name="text" value="{text}" placeholder="id or player">
<select name="status">{choices}</select> <button>Filter</button></form>"""
)


@frozen(eq=False)
class AdminPage:
    """The pages."""

    inside: Inside
    login: Login
    failure_of: Callable[[ActorError], Failure]
    """What is answered for a table that cannot be asked."""

    def routes(self) -> Routes:
        """Every path, with its handler."""
        routes = Routes()
        for path, handler in {
            "/admin": self.overview,
            "/admin/games": self.games,
            "/admin/games/{id}": self.game,
            "/admin/sessions": self.sessions,
            "/admin/tree": self.tree,
            "/admin/config": self.config,
        }.items():
            routes.add("GET", path, self.login.guard(handler))
        routes.add("POST", "/admin/games/{id}/resume", self.login.guard(self.resume))
        routes.add("POST", "/admin/drain", self.login.guard(self.drain))
        routes.add("POST", PATH, self.login.enter)
        routes.add("GET", "/admin/style.css", self.style)
        return routes

    async def style(self, _: Request) -> Response:
        """The style sheet, for everybody."""
        return Response(200, (("Content-Type", "text/css"), ("Cache-Control", "max-age=3600")), STYLE.encode())

    async def overview(self, _: Request) -> Response:
        """How the server is, and what has crashed lately."""
        inside, running = self.inside, await self.inside.games_running()
        reasons, tables = inside.not_ready(), inside.tables()
        state = marked("ready", "ok") if not reasons else marked(", ".join(reasons), "hot")
        suspended = sum(standing.suspended is not None for _, standing, _ in tables)
        body = joined(
            (
                facts(
                    (
                        ("state", state),
                        ("up for", ago(trio.current_time() - inside.began)),
                        ("games that run", "the store is away" if running is None else running),
                        ("tables in memory", len(tables)),
                        ("suspended", marked(str(suspended), "hot") if suspended else 0),
                        ("sessions", len(inside.connections)),
                        ("connections", inside.listener.open_connections),
                        ("messages that wait", sum(depth for _, _, depth in tables)),
                    )
                ),
                heading("Latest mishaps"),
                self._mishaps(),
                heading("An orderly end"),
                _DRAIN if not inside.draining() else marked("The server is draining.", "hot"),
            )
        )
        return page(200, framed("Overview", "", body, every=EVERY))

    def _mishaps(self) -> Markup:
        reports = sorted(
            (report for supervisor in self.inside.supervisors for report in supervisor.reports),
            key=lambda report: report.at,
            reverse=True,
        )[:_CRASHES]
        rows = [
            (
                f"{ago(trio.current_time() - report.at)} ago",
                marked(report.what.value, "dim" if report.what is What.FAILED_TO_START else "hot"),
                f"{report.supervisor}/{report.child}",
                _trace(report),
            )
            for report in reports
        ]
        return table(("when", "what", "which", "where"), rows, none="Nothing has crashed.")

    async def games(self, request: Request) -> Response:
        """The games, those in memory and the latest of those at rest."""
        wanted = Wanted.of(request.query)
        games, more = await listed_games(self.inside, wanted)
        choices = joined(
            Markup("<option{}>{}</option>").format(Markup(" selected") if status == wanted.status else "", status)
            for status in ("any", "running", "suspended", "ended")
        )
        rows = [_row(game, self.inside.clock.now()) for game in games]
        head = ("game", "rules", "status", "players", "watch", "events", "waiting", "made")
        cut = Markup('<p class="dim">{}</p>').format(f"Not all are shown: at most {MOST}.") if more else Markup("")
        body = joined(
            (
                _FILTER.format(text=wanted.text, choices=choices),
                table(head, rows, none="No game is like that."),
                cut,
            )
        )
        return page(200, framed("Games", "/games", body, every=EVERY))

    async def game(self, request: Request) -> Response:
        """One game: what anybody may know of it, as a spectator sees it."""
        game_id = request.params["id"]
        found = await public_state(self.inside, game_id)
        if found is None:
            raise Refused(error_response(404, "game_not_found", "there is no such game, or it is in the archive"))
        again = _AGAIN.format(id=game_id) if found.suspended else Markup("")
        state = orjson.dumps(found.state, option=orjson.OPT_INDENT_2).decode() if found.state is not None else None
        shown = Markup("<pre>{}</pre>").format(state) if state else Markup('<p class="dim">{}</p>').format(found.why)
        body = joined(
            (heading(game_id), table(("", ""), found.facts, none=""), again, heading("As a spectator sees it"), shown)
        )
        return page(200, framed("A game", "/games", body))

    async def resume(self, request: Request) -> Response:
        """Has a suspended game tried again, and shows what became of it."""
        game_id = request.params["id"]
        answer = await resume(self.inside.directory, game_id, self.failure_of)
        if answer.status >= 400:
            return answer
        return Response(303, (("Location", f"/admin/games/{game_id}"), ("Cache-Control", "no-store")))

    async def sessions(self, _: Request) -> Response:
        """Who is connected."""
        now = trio.current_time()
        sessions = [one for one in self.inside.connections.roll if one.connection is not None]
        rows = [
            (
                one.sid,
                one.user_id,
                one.follows.role.value if one.follows else "",
                _link(one.follows.game_id) if one.follows else "",
                "" if one.connection is None else f"{ago(now - one.connection.last_seen)} ago",
            )
            for one in sessions[:_SESSIONS]
        ]
        body = table(("session", "user", "role", "game", "last seen"), rows, none="Nobody is connected.")
        if len(sessions) > _SESSIONS:
            body += Markup('<p class="dim">and {} more</p>').format(len(sessions) - _SESSIONS)
        return page(200, framed("Sessions", "/sessions", body, every=EVERY))

    async def tree(self, _: Request) -> Response:
        """Every supervisor, actor and service."""
        head = ("what runs", "state", "restarts", "mailbox", "peak", "handled", "in hand", "last crash")
        rows = [_node(row.depth, row.node, row.more) for row in rows_of(self.inside.tree())]
        return page(200, framed("What runs", "/tree", table(head, rows, none=""), every=EVERY))

    async def config(self, _: Request) -> Response:
        """The configuration in force, its secrets masked."""
        text = in_force(self.inside.loaded) if self.inside.loaded is not None else "This server was configured in code."
        return page(200, framed("Configuration", "/config", Markup("<pre>{}</pre>").format(text)))

    async def drain(self, _: Request) -> Response:
        """Stops the server in order, as SIGTERM does."""
        self.inside.drain()
        return Response(303, (("Location", "/admin"), ("Cache-Control", "no-store")))


def _trace(report: CrashReport) -> Markup:
    on = f" on a {report.message_type}" if report.message_type else ""
    return Markup("<details><summary>{}</summary><pre>{}</pre></details>").format(
        f"{report.error}{on}", report.traceback
    )


def _row(game: Listed, now: float) -> tuple[Cell, ...]:
    about = game.about
    status = marked(about.status, "hot") if about.status == "suspended" else about.status
    players = ", ".join(f"{_short(player)}{'' if here else ' (away)'}" for player, here in game.players)
    return (
        _link(about.game_id),
        f"{about.rules} {about.rules_version}",
        status if game.in_memory else Markup("{} {}").format(status, marked("at rest", "dim")),
        players,
        game.watching,
        about.event_count,
        game.waiting,
        f"{ago(now - about.created_at)} ago",
    )


def _node(depth: int, node: Node | None, more: int) -> tuple[Cell, ...]:
    indent = "\N{NO-BREAK SPACE}" * 4 * depth
    if node is None:
        return (Markup("{}{}").format(indent, marked(f"and {more} more", "dim")), "", None, None, None, None, "", "")
    counts = (node.mailbox_depth, node.mailbox_peak, node.handled) if node.kind == "actor" else (None, None, None)
    return (
        f"{indent}{node.name}",
        node.state if node.state == "up" else marked(node.state, "hot"),
        node.restarts or None,
        *counts,
        "" if node.in_hand is None else f"{node.in_hand}, {node.in_hand_for:.1f} s",
        "" if node.last_crash is None else marked(node.last_crash, "hot"),
    )


def _link(game_id: str) -> Markup:
    return Markup('<a href="/admin/games/{0}"><code>{0}</code></a>').format(game_id)


def _short(user_id: str) -> str:
    """Enough of a UUID to know it again."""
    return user_id[:8] if len(user_id) == 36 else user_id
