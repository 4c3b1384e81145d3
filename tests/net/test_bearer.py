"""Whose token stands in an HTTP request."""

from __future__ import annotations

import orjson
import pytest

from net.auth import Scope, Tokens
from net.bearer import authorized
from net.http import Refused, Request
from tests.samples.memory import FixedClock

TOKENS = Tokens(("a secret that is long enough for everybody",), "croupier", FixedClock())


def request(*headers: tuple[str, str]) -> Request:
    return Request("GET", "/x", ("x",), {}, headers, b"", "127.0.0.1:1")


def bearer(scope: Scope, scheme: str = "Bearer") -> Request:
    return request(("authorization", f"{scheme} {TOKENS.issue('anna', scope, 60)}"))


def refusal(request: Request, scope: Scope | None) -> tuple[int, str, str]:
    with pytest.raises(Refused) as caught:
        authorized(request, TOKENS, scope)
    response = caught.value.response
    assert ("WWW-Authenticate", "Bearer") in response.headers
    body = orjson.loads(response.body)["error"]
    return response.status, body["code"], body["message"]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("wanted", [None, *Scope])
def test_a_token_is_good_where_its_scope_or_any_is_wanted(scope: Scope, wanted: Scope | None) -> None:
    if wanted in (None, scope):
        claims = authorized(bearer(scope), TOKENS, wanted)
        assert (claims.user_id, claims.scope) == ("anna", scope)
    else:
        assert refusal(bearer(scope), wanted)[:2] == (401, "unauthorized")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_as_people_write_it(scheme: str) -> None:
    assert authorized(bearer(Scope.PLAYER, scheme), TOKENS, None).user_id == "anna"


@pytest.mark.parametrize(
    ("scope", "kind"), [(None, "a token"), (Scope.SERVICE, "a service token"), (Scope.PLAYER, "a player token")]
)
def test_who_sends_no_token_is_told_which_is_needed(scope: Scope | None, kind: str) -> None:
    expected = (401, "unauthorized", f"this needs {kind}: Authorization: Bearer …")
    assert refusal(request(), scope) == expected
    assert refusal(request(("authorization", "Basic YTpi")), scope) == expected


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    assert refusal(request(("authorization", f"Bearer {token}")), None)[:2] == (401, "unauthorized")
