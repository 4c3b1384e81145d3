from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.auth import (
    MAX_TOKEN_CHARS,
    Claims,
    Scope,
    TokenExpired,
    Tokens,
    Unauthorized,
    is_person,
    is_user_id,
    secret_for,
)
from net.config import Auth, Config
from net.errors import ConfigError
from net.outside import SystemEntropy

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW, FOREIGN = "o" * 32, "n" * 40, "f" * 32
NOW = 1_000_000.5
ANNA = "3f0e8b7c-2d5a-4c1b-9e6f-7a8b9c0d1e2f"
GOOD: dict[str, Any] = {"sub": ANNA, "aud": "croupier", "exp": NOW + 60, "scope": "player"}
NOT_VALID = "The token is not valid."


class SetClock:
    """Says what it was set to."""

    def __init__(self, time: float) -> None:
        self.time = time

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def tokens(clock: SetClock) -> Tokens:
    return Tokens([OLD], "croupier", clock)


def signed(claims: object, secret: str = OLD, header: dict[str, Any] | None = None, digest: str = "sha256") -> str:
    """A token made by hand (RFC 7515, section 5.1), because PyJWT will not sign everything that it may be sent."""
    content = f"{part({'alg': 'HS256', 'typ': 'JWT'} | (header or {}))}.{part(claims)}"
    signature = hmac.digest(secret.encode(), content.encode(), digest)
    return f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != claim}


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def refusal(tokens: Tokens, token: object, scope: Scope | None = None) -> str:
    with pytest.raises(Unauthorized) as caught:
        tokens.verify(token, scope=scope)
    assert type(caught.value) is Unauthorized
    assert caught.value.code == "unauthorized"
    return str(caught.value)


# ---- what is issued


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("asked", [None, "same"])
def test_an_issued_token_says_whose_it_is_what_for_and_how_long(
    tokens: Tokens, scope: Scope, asked: str | None
) -> None:
    token = tokens.issue("npc:anna", scope, 60)
    assert tokens.verify(token, scope=scope if asked else None) == Claims("npc:anna", scope, 1_000_061)


def test_an_issued_token_holds_what_the_contract_says(tokens: Tokens) -> None:
    token = tokens.issue(ANNA, Scope.PLAYER, 60)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert jwt.decode(token, OLD, algorithms=["HS256"], audience="croupier", options={"verify_exp": False}) == {
        "sub": ANNA,
        "aud": "croupier",
        "scope": "player",
        "iat": 1_000_000,
        "exp": 1_000_061,
    }


@pytest.mark.parametrize("user_id", ["", "a b", "x" * 65, "a\n", "é", "a/b"])
def test_no_token_is_issued_for_what_is_no_user_id(tokens: Tokens, user_id: str) -> None:
    with pytest.raises(ValueError, match="user id"):
        tokens.issue(user_id, Scope.PLAYER, 60)


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_no_token_is_issued_for_no_time(tokens: Tokens, ttl: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        tokens.issue(ANNA, Scope.PLAYER, ttl)


@pytest.mark.parametrize("secrets", [[], ["x" * 31], [OLD, ""], ["é" * 15]])
def test_tokens_are_not_made_with_too_little_of_a_secret(secrets: list[str], clock: SetClock) -> None:
    with pytest.raises(ValueError, match="32 bytes or more"):
        Tokens(secrets, "croupier", clock)


# ---- changing secrets


def test_the_first_secret_signs_and_all_verify(clock: SetClock) -> None:
    before, between, after = (Tokens(secrets, "croupier", clock) for secrets in ([OLD], [NEW, OLD], [NEW]))
    old, new = before.issue(ANNA, Scope.PLAYER, 60), between.issue(ANNA, Scope.PLAYER, 60)
    assert between.verify(old).user_id == between.verify(new).user_id == after.verify(new).user_id == ANNA
    assert refusal(after, old) == NOT_VALID
    assert refusal(before, new) == NOT_VALID


# ---- what is refused


def test_a_token_of_one_scope_is_not_usable_as_the_other(tokens: Tokens) -> None:
    player, service = (tokens.issue(ANNA, scope, 60) for scope in (Scope.PLAYER, Scope.SERVICE))
    assert refusal(tokens, player, Scope.SERVICE) == "This needs a token of scope service."
    assert refusal(tokens, service, Scope.PLAYER) == "This needs a token of scope player."


def test_a_token_is_good_until_it_expires_and_not_from_then_on(tokens: Tokens, clock: SetClock) -> None:
    token = signed(GOOD)
    clock.time = NOW + 59.9
    assert tokens.verify(token).expires_at == NOW + 60
    clock.time = NOW + 60
    with pytest.raises(TokenExpired) as caught:
        tokens.verify(token)
    assert (caught.value.code, str(caught.value)) == ("token_expired", "The token has expired.")


def test_an_expired_token_of_the_wrong_scope_is_not_worth_renewing(tokens: Tokens) -> None:
    assert refusal(tokens, signed(GOOD | {"exp": 1}), Scope.SERVICE) == "This needs a token of scope service."


def test_a_token_is_not_good_before_its_time(tokens: Tokens, clock: SetClock) -> None:
    token = signed(GOOD | {"nbf": NOW + 10})
    assert refusal(tokens, token) == "The token is not valid yet."
    clock.time = NOW + 10
    assert tokens.verify(token).user_id == ANNA


@pytest.mark.parametrize("iat", [NOW + 1e6, 0, "yesterday"])
def test_when_a_token_was_issued_does_not_matter(tokens: Tokens, iat: object) -> None:
    assert tokens.verify(signed(GOOD | {"iat": iat})).user_id == ANNA


@pytest.mark.parametrize("claim", ["exp", "aud", "sub", "scope"])
def test_a_token_that_lacks_a_claim_is_refused(tokens: Tokens, claim: str) -> None:
    said = refusal(tokens, signed(without(claim)))
    assert said == ("The token has no valid scope." if claim == "scope" else NOT_VALID)


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"aud": "other"}, NOT_VALID),
        ({"aud": ""}, NOT_VALID),
        ({"aud": None}, NOT_VALID),
        ({"aud": 1}, NOT_VALID),
        ({"aud": ["other", "Croupier"]}, NOT_VALID),
        ({"exp": str(NOW + 60)}, NOT_VALID),
        ({"exp": True}, NOT_VALID),
        ({"exp": None}, NOT_VALID),
        ({"exp": [NOW + 60]}, NOT_VALID),
        ({"exp": float("nan")}, NOT_VALID),
        ({"exp": float("inf")}, NOT_VALID),
        ({"exp": -1}, NOT_VALID),
        ({"exp": 10**400}, NOT_VALID),
        ({"nbf": "now"}, NOT_VALID),
        ({"nbf": None}, NOT_VALID),
        ({"nbf": float("nan")}, NOT_VALID),
        ({"sub": ""}, "The token names no valid user."),
        ({"sub": "a b"}, "The token names no valid user."),
        ({"sub": ANNA + "\n"}, "The token names no valid user."),
        ({"sub": "x" * 65}, "The token names no valid user."),
        ({"sub": 7}, NOT_VALID),
        ({"sub": [ANNA]}, NOT_VALID),
        ({"scope": "admin"}, "The token has no valid scope."),
        ({"scope": "player service"}, "The token has no valid scope."),
        ({"scope": "Service"}, "The token has no valid scope."),
        ({"scope": ["service"]}, "The token has no valid scope."),
        ({"scope": {"service": 1}}, "The token has no valid scope."),
        ({"scope": None}, "The token has no valid scope."),
    ],
)
def test_a_claim_of_the_wrong_form_is_refused(tokens: Tokens, claims: dict[str, Any], message: str) -> None:
    assert refusal(tokens, signed(GOOD | claims)) == message


def test_one_of_several_audiences_may_be_ours(tokens: Tokens) -> None:
    assert tokens.verify(signed(GOOD | {"aud": ["other", "croupier"]})).user_id == ANNA


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "c2lnbmF0dXJl"])
def test_an_unsigned_token_is_refused(tokens: Tokens, algorithm: str, signature: str) -> None:
    assert refusal(tokens, f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(GOOD)}.{signature}") == NOT_VALID


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS256", "hs256", "none", None, ["HS256"]])
def test_the_right_secret_under_another_algorithm_is_refused(tokens: Tokens, algorithm: object, digest: str) -> None:
    assert refusal(tokens, signed(GOOD, header={"alg": algorithm}, digest=digest)) == NOT_VALID


def test_a_token_of_a_foreign_secret_is_refused(tokens: Tokens) -> None:
    assert refusal(tokens, signed(GOOD, FOREIGN)) == NOT_VALID


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../secret"},
        {"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(FOREIGN.encode()).decode()}},
        {"jku": "https://example.org/keys"},
    ],
)
def test_a_header_does_not_choose_the_key(tokens: Tokens, header: dict[str, Any]) -> None:
    assert tokens.verify(signed(GOOD, header=header)).user_id == ANNA
    assert refusal(tokens, signed(GOOD, FOREIGN, header)) == NOT_VALID


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"kid": 7}])
def test_a_header_that_asks_for_what_we_do_not_know_is_refused(tokens: Tokens, header: dict[str, Any]) -> None:
    assert refusal(tokens, signed(GOOD, header=header)) == NOT_VALID


def test_a_changed_token_is_refused_wherever_it_was_changed(tokens: Tokens) -> None:
    """Every character but the signature's last, whose low bits Base64 does not use."""
    token = tokens.issue(ANNA, Scope.PLAYER, 60)
    for at in range(len(token) - 1):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert refusal(tokens, changed) == NOT_VALID
    claims = part(GOOD | {"scope": "service"})
    header, _, signature = signed(GOOD).split(".")
    assert refusal(tokens, f"{header}.{claims}.{signature}") == NOT_VALID


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_told_apart_from_a_wrong_one(tokens: Tokens, token: object) -> None:
    assert refusal(tokens, token) == "A token is needed."


@pytest.mark.parametrize(
    "token",
    [
        0,
        True,
        1.5,
        [],
        {},
        {"token": "x"},
        b"bytes",
        "garbage",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "\0",
        "é.é.é",
        "\ud800",
        " ",
        f"{part([])}.{part({})}.x",
        f"{part({'alg': 'HS256'})}.{part([])}.x",
        f"{part({'alg': ['HS256']})}.{part({})}.x",
        f"{part({})}.{part({})}.x",
    ],
)
def test_garbage_is_refused(tokens: Tokens, token: object) -> None:
    assert refusal(tokens, token) == NOT_VALID


def test_a_huge_token_is_refused_even_when_it_is_ours(tokens: Tokens) -> None:
    room = MAX_TOKEN_CHARS - len(signed(GOOD | {"x": ""}))
    fits, too_long = (signed(GOOD | {"x": "x" * n}) for n in (room * 3 // 4 - 3, room))
    assert len(fits) <= MAX_TOKEN_CHARS < len(too_long)
    assert tokens.verify(fits).user_id == ANNA
    assert refusal(tokens, too_long) == NOT_VALID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON | st.text() | st.binary())
def test_whatever_comes_in_the_place_of_a_token_is_refused_quietly(token: object) -> None:
    tokens = Tokens([OLD], "croupier", SetClock(NOW))
    with pytest.raises(Unauthorized):
        tokens.verify(token)


@given(st.dictionaries(st.sampled_from(["sub", "aud", "exp", "nbf", "iat", "scope", "iss", "jti"]), JSON))
def test_whatever_is_signed_with_our_secret_is_taken_as_it_says_or_refused(claims: dict[str, Any]) -> None:
    tokens = Tokens([OLD], "croupier", SetClock(NOW))
    said = GOOD | claims
    try:
        got = tokens.verify(signed(said))
    except Unauthorized:
        # iat, iss and jti are nobody's business; that the rest is refused with reason, the tests above say
        assert claims.keys() & {"sub", "aud", "exp", "nbf", "scope"}
    else:
        assert got == Claims(said["sub"], said["scope"], said["exp"])


@given(JSON)
def test_claims_that_are_no_object_are_refused(claims: object) -> None:
    assert refusal(Tokens([OLD], "croupier", SetClock(NOW)), signed(claims)) == NOT_VALID


def test_a_refusal_tells_nothing_of_the_token(tokens: Tokens) -> None:
    for claims in (GOOD | {"sub": "hunter 2"}, GOOD | {"scope": "hunter2"}, GOOD | {"aud": "hunter2"}):
        assert "hunter" not in refusal(tokens, signed(claims))


# ---- user ids


@pytest.mark.parametrize("user_id", ["a", "npc:anna", ANNA, "a.b@c-d_e:1", "x" * 64])
def test_a_user_id_has_letters_digits_and_a_few_signs(user_id: str) -> None:
    assert is_user_id(user_id)


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a\n", "é", "٣", "a/b", "{a}", None, 7, b"a", ["a"]])
def test_what_is_anything_else_is_no_user_id(text: object) -> None:
    assert not is_user_id(text)


@given(st.uuids())
def test_a_user_whose_id_is_a_uuid_is_a_person(user_id: object) -> None:
    assert is_person(str(user_id))
    assert is_person(str(user_id).upper())


@pytest.mark.parametrize(
    "user_id",
    ["npc:anna", f"npc:{ANNA}", ANNA.replace("-", ""), f"{{{ANNA}}}", ANNA + "\n", ANNA[:-1], "urn:uuid:" + ANNA],
)
def test_every_other_user_is_a_character(user_id: str) -> None:
    assert not is_person(user_id)


# ---- where the secret comes from


def test_a_configured_secret_is_used_and_no_file_is_made(tmp_path: Path) -> None:
    for auth, expected in [(Auth(secret=OLD), (OLD,)), (Auth(secrets=(NEW, OLD)), (NEW, OLD))]:
        assert secret_for(Config(auth=auth), tmp_path / "data", SystemEntropy()) == expected
    assert not (tmp_path / "data").exists()


def test_without_one_the_secret_is_made_once_in_the_data_directory(tmp_path: Path) -> None:
    first, second = (secret_for(Config(), tmp_path / "data", SystemEntropy()) for _ in range(2))
    assert first == second == ((tmp_path / "data" / "secret").read_text().strip(),)


@pytest.mark.parametrize("key", ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-rsa " + "A" * 40])
def test_a_public_key_in_the_place_of_a_secret_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        secret_for(Config(auth=Auth(secrets=(OLD, key))), tmp_path, SystemEntropy())
    assert str(caught.value) == "[auth] a secret is a PEM or SSH key, not a secret text; HS256 takes no keys"
