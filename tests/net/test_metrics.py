"""What an operator's Prometheus is told, of a server in virtual time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from actors.kit.actor import ActorCrashed
from actors.meter import Histogram
from actors.rules.registry import Registry
from actors.table import Table
from actors.table_messages import Describe
from net.metrics import HISTOGRAMS, Metrics, measure_lag
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.table_messages import TableMessage
    from net.http import Request
    from net.testing.house import House

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
ANNA, BEN = "6f1e0a52-6a3a-4c0e-9e6c-1d2b3c4d5e6f", "0b6c2d1e-1111-4222-8333-444455556666"
MISS = {"type": "guess", "number": 5000}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def scrape(house: House) -> str:
    """What is answered."""
    response = await Metrics(house.app.inside).show(cast("Request", None))
    assert response.status == 200
    return response.body.decode()


def samples(text: str) -> dict[str, float]:
    """Each sample's value by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def played(house: House) -> str:
    """A game with two players, of whom one has acted and one was refused; its id."""
    game_id = await house.new_game("tally", (ANNA, BEN))
    anna, ben = await house.player(ANNA), await house.player(BEN)
    for player in (anna, ben):
        await player.join(game_id)
    first = await anna.request("game:action", {"game_id": game_id, "action": MISS})
    await ben.request("game:action", {"game_id": game_id, "action": {"type": "nonsense"}})
    assert first["success"]
    await trio.sleep(1)
    return game_id


async def test_requests_are_counted_by_event_and_result(house: House) -> None:
    await played(house)
    found = samples(await scrape(house))
    assert found["croupier_requests_total{event=game:action,result=success}"] == 1
    assert found["croupier_requests_total{event=game:action,result=invalid_action}"] == 1
    assert found["croupier_requests_total{event=game:join,result=success}"] == 2


async def test_names_that_clients_make_up_become_no_labels(house: House) -> None:
    anna = await house.player(ANNA)
    await anna.request("game:cheat", {})
    text = await scrape(house)
    assert samples(text)["croupier_requests_total{event=unknown,result=unknown_event}"] == 1
    assert "cheat" not in text


async def test_each_part_of_an_actions_way_is_timed(house: House) -> None:
    await played(house)
    found = samples(await scrape(house))
    assert found["croupier_action_queue_seconds_count"] == 2
    assert found["croupier_action_rules_seconds_count"] == 2
    assert found["croupier_action_commit_seconds_count"] == 1  # the other was refused
    assert found["croupier_action_push_seconds_count"] == 1
    assert found["croupier_store_batch_commands_count"] > 0


async def test_it_tells_how_many_there_are(house: House) -> None:
    await played(house)
    await house.new_game("tally", (ANNA, BEN))  # nobody has joined it: it is at rest
    found = samples(await scrape(house))
    assert found["croupier_sessions"] == 2
    assert found["croupier_connections"] == 2
    assert (found["croupier_games_running"], found["croupier_games_at_rest"], found["croupier_tables"]) == (2, 1, 1)
    assert (found["croupier_ready"], found["croupier_draining"], found["croupier_store_up"]) == (1, 0, 1)
    assert found["croupier_mishaps_total{supervisor=tables,what=crashed}"] == 0


async def test_restarts_are_counted_by_supervisor(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(_: Table, message: TableMessage) -> object:
        raise RuntimeError(f"a fault at {type(message)}")

    game_id = await played(house)
    before = samples(await scrape(house))
    with monkeypatch.context() as broken:
        broken.setattr(Table, "handle", crash)
        with pytest.raises(ActorCrashed):
            await house.app.directory.table(game_id).ask(Describe(), timeout=5)
    await trio.sleep(1)
    after = samples(await scrape(house))
    name = "croupier_restarts_total{supervisor=tables}"
    assert (before[name], after[name]) == (0, 1)
    assert after["croupier_mishaps_total{supervisor=tables,what=crashed}"] == 1


async def test_an_orderly_end_is_counted_once(house: House) -> None:
    assert samples(await scrape(house))["croupier_drains_total"] == 0
    house.app.stop()
    house.app.stop()
    assert samples(await scrape(house))["croupier_drains_total"] == 1


async def test_nothing_in_it_tells_who_plays_or_what(house: House) -> None:
    game_id = await played(house)
    text = await scrape(house)
    for secret in (ANNA, BEN, game_id):
        assert secret not in text
    # Only what is counted by: among the figures themselves any number may come up by chance.
    assert not [name for name in samples(text) if str(MISS["number"]) in name]


async def test_while_the_store_is_away_the_rest_is_told(house: House) -> None:
    await played(house)
    house.app.inside.store._went_down("it is away")
    found = samples(await scrape(house))
    assert "croupier_games_running" not in found
    assert (found["croupier_store_up"], found["croupier_ready"], found["croupier_tables"]) == (0, 0, 1)


async def test_the_lag_of_the_loop_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    lag = Histogram((0.1,))
    async with trio.open_nursery() as nursery:
        await nursery.start(measure_lag, lag)
        await trio.sleep(10.1)
        nursery.cancel_scope.cancel()
    assert lag.counts == [40, 0]


def test_a_histogram_counts_a_bound_with_what_is_below_it() -> None:
    histogram = Histogram((1, 2))
    for value in (0.5, 1, 1.5, 2, 3):
        histogram.add(value)
    assert (histogram.counts, histogram.total, len(histogram)) == ([2, 2, 1], 8, 5)


# ---- the dashboard and the alerts


def used(expression: str) -> set[str]:
    """The metrics of ours that an expression names."""
    return set(re.findall(r"\b(?:croupier|process|python)_\w+", expression))


async def offered(house: House) -> set[str]:
    await played(house)
    names = {name.partition("{")[0] for name in samples(await scrape(house))}
    assert {f"{name}_bucket" for name, _ in HISTOGRAMS.values()} <= names
    return names


def expressions(panel: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Those of a dashboard, or a part of one."""
    if isinstance(panel, dict):
        own = [panel["expr"]] if "expr" in panel else []
        return own + [found for part in panel.values() for found in expressions(part)]
    return [found for part in panel for found in expressions(part)] if isinstance(panel, list) else []


async def test_the_dashboard_asks_only_for_what_there_is(house: House) -> None:
    dashboard = orjson.loads((DEPLOY / "grafana.json").read_bytes())
    asked = {name for expression in expressions(dashboard) for name in used(expression)}
    assert len(asked) > 15
    assert asked - await offered(house) == set()


async def test_the_alerts_ask_only_for_what_there_is(house: House) -> None:
    text = (DEPLOY / "alerts.yml").read_text()
    rules = re.findall(r"^ +expr: (.+)$", text, re.MULTILINE)
    assert len(rules) == text.count("- alert:") > 5
    asked = {name for rule in rules for name in used(rule)}
    assert asked - await offered(house) == set()
