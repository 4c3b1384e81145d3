"""The pytest plugin that ships with Croupier (extra `croupier[testing]`): the fixture `house`; and `check_rules` and
`assert_no_leak`, for tests of a game's rules (`net.testing.rules`).

A test that uses it, directly or through another fixture, runs in virtual time without asking. To have another
configuration, other rules, another seed or more patience, override `house_config`, `house_rules`, `house_seed` or
`house_patience` in a conftest, in a module, or by `pytest.mark.parametrize`.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    import trio

    from actors.rules.registry import Registry
    from net.config import Config
    from net.testing.house import House
    from net.testing.rules import Checked, Watched

# Every run of pytest in an environment that has Croupier loads this file, with the extra or without it: so nothing of
# ours, and nothing that the extra brings, is imported before a test asks for it.


@pytest.fixture
def house_config() -> Config:
    """The configuration of the house: the defaults, without limits on how often somebody may ask."""
    from net.testing.house import unhurried

    return unhurried()


@pytest.fixture
def house_rules() -> Registry:
    """The rules that games can be made of: all that are installed."""
    from actors.rules.registry import Registry

    return Registry.discover()


@pytest.fixture
def house_seed() -> int:
    """What everything random in the house follows from."""
    return 0


@pytest.fixture
def house_patience() -> float:
    """Virtual seconds after which a test waits for what never comes, and fails."""
    return 7200.0


@pytest.fixture
async def house(
    house_config: Config, house_rules: Registry, house_seed: int, house_patience: float
) -> AsyncIterator[House]:
    """The whole service on simulated streams, in virtual time: a `net.testing.house.House`, its server up."""
    from net.testing.house import open_house

    async with open_house(house_config, house_rules, seed=house_seed, patience=house_patience) as opened:
        yield opened


@pytest.fixture
def check_rules() -> Callable[..., Checked]:
    """The function `net.testing.rules.check_rules`: whether rules keep the protocol of rules."""
    from net.testing.rules import check_rules

    return check_rules


@pytest.fixture
def assert_no_leak() -> Callable[..., Watched]:
    """The function `net.testing.rules.assert_no_leak`: whether anybody is told what they may not know."""
    from net.testing.rules import assert_no_leak

    return assert_no_leak


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the tests that use the house under a clock that jumps. (pytest-trio takes a clock only from a fixture that
    the test function itself names.)"""
    for item in items:
        if "house" in getattr(item, "fixturenames", ()) and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)


def run_in_virtual_time(
    main: Callable[[], Awaitable[Any]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> object:
    """`trio.run` with a clock that jumps to the next deadline as soon as all tasks wait, unless another is given."""
    import trio
    from trio.testing import MockClock

    return trio.run(main, clock=MockClock(autojump_threshold=0) if clock is None else clock, instruments=instruments)
