"""Who may see the admin pages: whoever has a service token, wherever the request comes from.

A program sends it as `Authorization: Bearer …`. A browser gives it once, in a form, and gets it back as a cookie that
no script can read and no other site can have sent.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from attrs import frozen
from markupsafe import Markup

from net.admin.html import framed
from net.auth import Scope, Tokens, Unauthorized
from net.bearer import authorized
from net.http import Refused, Response, error_response

if TYPE_CHECKING:
    from net.http import Handler, Request

COOKIE: Final = "croupier_admin"
PATH: Final = "/admin/login"

_LONGEST: Final = 4096
_FORM: Final = Markup(
    """<h2>A service token is needed</h2><p><code>croupier token YOUR-NAME --service</code> prints one.</p>{said}
<form method="post" action="/admin/login"><input type="password" name="token" autofocus autocomplete="off" size="40">
<button>Enter</button></form>"""
)


@frozen(eq=False)
class Login:
    """Lets requests in that bring a service token."""

    tokens: Tokens

    def guard(self, handler: Handler) -> Handler:
        """The handler, for those who have a token; a browser without one is shown the form, a program answered 401.
        What changes something is refused when another site has sent it."""

        async def guarded(request: Request) -> Response:
            if request.method == "POST" and not _is_of_this_site(request):
                raise Refused(error_response(403, "forbidden", "this was sent by another site"))
            cookie = _cookie(request)
            if cookie is not None and request.header("authorization") is None:
                try:
                    self.tokens.verify(cookie, scope=Scope.SERVICE)
                except Unauthorized:
                    return self._form(401, "The token has expired, or is none of this server's.")
                return await handler(request)
            if request.header("authorization") is None and "text/html" in (request.header("accept") or ""):
                return self._form(401, "")
            authorized(request, self.tokens, Scope.SERVICE)
            return await handler(request)

        return guarded

    async def enter(self, request: Request) -> Response:
        """Takes the token of the form."""
        token = parse_qs(request.body[:_LONGEST].decode("ascii", "replace")).get("token", [""])[0].strip()
        if not _is_of_this_site(request):
            raise Refused(error_response(403, "forbidden", "this was sent by another site"))
        try:
            self.tokens.verify(token, scope=Scope.SERVICE)
        except Unauthorized as refused:
            return self._form(401, f"{refused}.")
        secure = "; Secure" if request.header("x-forwarded-proto") == "https" else ""
        cookie = f"{COOKIE}={token}; Path=/admin; HttpOnly; SameSite=Strict{secure}"
        return Response(303, (("Location", "/admin"), ("Set-Cookie", cookie), ("Cache-Control", "no-store")))

    def _form(self, status: int, said: str) -> Response:
        text = Markup('<p class="hot">{}</p>').format(said) if said else ""
        return page(status, framed("Enter", None, _FORM.format(said=text)))


def page(status: int, body: bytes) -> Response:
    """A page that loads nothing from elsewhere, runs no script, stands in no frame and is kept by no cache."""
    policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    return Response(
        status,
        (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ),
        body,
    )


def _cookie(request: Request) -> str | None:
    try:
        found = SimpleCookie(request.header("cookie") or "").get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _is_of_this_site(request: Request) -> bool:
    """Whether a browser says, if it says anything, that our own page has sent this (Fetch Metadata; RFC 6454)."""
    site, origin = request.header("sec-fetch-site"), request.header("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == request.header("host")
