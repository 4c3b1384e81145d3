"""The log: its two forms, its fields, and what never stands in it."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio

from actors.rules.registry import Registry
from net.config import Log
from net.logs import FIELDS, configure, for_machines, for_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from net.client import CroupierClient
    from net.testing.house import House

ANNA, BEN, EVE = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "123")
OPTIONS = {"draw_when_playable": False, "hand_size": 5}


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def house_rules() -> Registry:
    return Registry.built_in()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The log of the test run is as it was, afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def written(log: Log, stream: io.StringIO, *, level: int = logging.INFO) -> str:
    configure(log, stream)
    logging.getLogger("croupier.test").log(level, "it %s\nbelow", "happened", extra={"game": "g", "request": "m\n\x1b"})
    return stream.getvalue()


PLAIN_LINE = r"\d{4}-\d\d-\d\d [\d:.]+ \[info *\] it happened +\[croupier\.test\] game='g' request='m\\n\\x1b'\nbelow\n"


def test_on_a_terminal_it_is_lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = written(Log(), Terminal())
    assert "\x1b[" in text
    assert re.fullmatch(PLAIN_LINE, re.sub(r"\x1b\[\d*m", "", text))


def test_whoever_wants_no_colours_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert re.fullmatch(PLAIN_LINE, written(Log(), Terminal()))


def test_a_file_of_lines_for_people_has_no_colours() -> None:
    assert re.fullmatch(PLAIN_LINE, written(Log(format="human"), io.StringIO()))


def test_elsewhere_it_is_an_object_a_line() -> None:
    text = written(Log(), io.StringIO())
    assert text.count("\n") == 1
    line = orjson.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z", line.pop("at"))
    assert line == {
        "level": "info",
        "logger": "croupier.test",
        "message": "it happened",
        "game": "g",
        "request": "m\n\x1b",
        "trace": "below",
    }


@pytest.mark.parametrize(("form", "stream", "begins"), [("human", io.StringIO(), "2"), ("json", Terminal(), "{")])
def test_either_can_be_asked_for(form: str, stream: io.StringIO, begins: str) -> None:
    assert written(Log(format=form), stream).startswith(begins)


def test_what_is_below_the_level_is_not_written() -> None:
    assert written(Log(level="warning"), io.StringIO()) == ""


def failed(hand: str = "the queen of spades") -> logging.LogRecord:
    """A line about an exception, raised where a variable holds a card."""
    record = logging.LogRecord("croupier", logging.ERROR, "f", 1, "failed", (), None)
    try:
        raise ValueError(f"a fault with {len(hand)} letters")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    return record


def test_an_exception_goes_into_the_trace() -> None:
    assert orjson.loads(for_machines().format(failed()))["trace"].endswith("ValueError: a fault with 19 letters")


def test_a_traceback_shows_no_values_of_variables() -> None:
    text = for_people(colours=True).format(failed())
    assert text.endswith("ValueError: a fault with 19 letters")
    assert "spades" not in text


def test_a_field_that_is_none_is_left_out() -> None:
    record = logging.makeLogRecord({"name": "croupier", "msg": "it happened", "game": None, "user": "u"})
    assert {"game", "user"} & orjson.loads(for_machines().format(record)).keys() == {"user"}
    assert "game" not in for_people(colours=False).format(record)


def test_the_fields_of_others_are_left_out() -> None:
    record = logging.makeLogRecord({"name": "library", "msg": "it happened", "hand": ["QS"]})
    assert "QS" not in for_machines().format(record) + for_people(colours=False).format(record)


# ---- what is told of a game, and what never is


async def played_out(house: House) -> tuple[str, list[str]]:
    """A whole game of cards, with everything that can befall it, and all that must not be told of it."""
    secret = "the deal follows from this seed"
    game_id = await house.new_game("crazy_eights", (ANNA, BEN), options=OPTIONS, seed=secret)
    players = {ANNA: await house.player(ANNA, recover=True), BEN: await house.player(BEN, recover=True)}
    eve = await house.spectator(EVE, game_id)
    views: dict[str, Any] = {user_id: await player.join(game_id) for user_id, player in players.items()}
    pids = [player.pid for player in players.values()]
    assert all(pids)
    tokens = [house.token(user_id) for user_id in (ANNA, BEN, EVE)]
    await players[ANNA].request("game:action", {"game_id": game_id, "action": {"type": "nonsense"}, "message_id": "m1"})
    await players[BEN].request("game:peek", {"game_id": game_id})
    cards: set[str] = set()
    for turn in range(400):
        view = views[next(iter(views[ANNA]["to_act"]), ANNA)]
        for one in views.values():
            cards |= cards_in(one)
        if view["game_over"]:
            break
        actor = view["to_act"][0]
        answer = await act(players[actor], game_id, view["legal_actions"][-1], f"turn-{turn}")
        if answer["game_over"]:
            break
        await trio.sleep(0.1)
        for user_id, player in players.items():
            views[user_id] = await player.request("game:join", {"game_id": game_id})
    else:
        pytest.fail("the game does not end")
    players[ANNA].drop()
    await trio.sleep(1)
    assert len(cards) > 15
    eve.drop()
    return game_id, [secret, *tokens, *pids, *cards]


async def act(player: CroupierClient, game_id: str, action: object, message_id: str) -> Any:  # noqa: ANN401 - JSON
    answer = await player.request("game:action", {"game_id": game_id, "action": action, "message_id": message_id})
    assert answer["success"], answer
    return answer


def cards_in(view: object) -> set[str]:
    """Every card that stands anywhere in it."""
    if isinstance(view, dict):
        return {card for part in view.values() for card in cards_in(part)}
    if isinstance(view, list):
        return {card for part in view for card in cards_in(part)}
    return {view} if isinstance(view, str) and re.fullmatch(r"(10|[2-9TJQKA])[SHDC♠♥♦♣]", view) else set()


async def test_a_whole_game_is_logged_without_a_card_a_token_or_a_pid(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    game_id, secrets = await played_out(house)
    text = "\n".join(for_machines().format(record) for record in caplog.records)
    for secret in secrets:
        assert re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text) is None, secret
    lines = [orjson.loads(line) for line in text.splitlines()]
    assert [line["reason"] for line in lines if line["message"] == "a game is over"] != []
    answered = [line for line in lines if line["message"] == "a request was answered"]
    assert {"turn-0", "m1"} <= {line.get("request") for line in answered}
    assert {line.get("game") for line in answered} <= {game_id, None}
    assert all(line["session"] for line in answered)
    assert {line["result"] for line in answered} >= {"success", "invalid_action", "unknown_event"}
    assert "game:peek" not in text  # what a client makes up is not repeated
    began = {line["session"] for line in lines if line["message"] == "a session began"}
    assert len(began) == 3
    assert {name for line in lines for name in line} <= {*FIELDS, "at", "level", "logger", "message", "trace"}
