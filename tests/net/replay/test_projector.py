from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from net.replay.projector import SPEEDS, Projector

KEYS = st.sampled_from(
    [
        *("right", "left", "home", "end", "space", "g", "v", "V", "tab", "+", "-"),
        *("up", "down", "page-up", "page-down", "enter", "backspace", "escape", "0", "7", "x", "resized"),
    ]
)
AT_FIVE = Projector(last=10, viewers=4, at=5)


def pressed(projector: Projector, *keys: str) -> Projector:
    for key in keys:
        projector = projector.press(key)
    return projector


@given(st.lists(KEYS | st.just("tick"), max_size=40), st.integers(1, 12))
def test_whatever_is_pressed_an_event_of_the_game_is_shown(keys: list[str], last: int) -> None:
    projector = Projector(last=last, viewers=3)
    for key in keys:
        projector = projector.tick() if key == "tick" else projector.press(key)
        assert 1 <= projector.at <= last
        assert 0 <= projector.viewer < 3
        assert projector.speed in SPEEDS
        assert projector.scroll >= 0
        assert not projector.done
        assert projector.pause is None or projector.at < last


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        (["right"], 6),
        (["n", "n"], 7),
        (["left"], 4),
        (["b", "backspace"], 3),
        (["home", "left"], 1),
        (["end", "right"], 10),
        (["g", "7", "enter"], 7),
        (["g", "9", "9", "enter"], 10),
        (["g", "0", "enter"], 1),
        (["g", "1", "2", "backspace", "backspace", "8", "enter"], 8),
        (["g", "7", "escape"], 5),
        (["g", "enter"], 5),
        (["g", "x", "v", "2", "enter"], 2),
    ],
)
def test_keys_lead_to_an_event(keys: list[str], at: int) -> None:
    after = pressed(AT_FIVE, *keys)
    assert (after.at, after.typed, after.viewer) == (at, None, 0)


def test_it_plays_at_its_speed_until_the_end_and_again_from_the_beginning() -> None:
    playing = pressed(AT_FIVE, "space", "+")
    assert (playing.playing, playing.pause) == (True, 0.5)
    for _ in range(5):
        playing = playing.tick()
    assert (playing.at, playing.playing, playing.pause) == (10, False, None)
    again = playing.press("space")
    assert (again.at, again.playing) == (1, True)


@pytest.mark.parametrize("key", ["right", "left", "home", "g", "space"])
def test_whoever_steps_stops_the_play(key: str) -> None:
    stopped = pressed(AT_FIVE, "space", key)
    assert (stopped.playing, stopped.pause) == (False, None)
    assert stopped.tick() == stopped


def test_a_change_of_eyes_or_speed_does_not_stop_the_play() -> None:
    assert pressed(AT_FIVE, "space", "v", "+", "-", "down").playing


def test_the_viewers_go_round() -> None:
    assert [pressed(AT_FIVE, *["v"] * n).viewer for n in range(6)] == [0, 1, 2, 3, 0, 1]
    assert pressed(AT_FIVE, "V").viewer == 3
    assert pressed(AT_FIVE, "tab", "shift-tab").viewer == 0


def test_the_speed_has_its_bounds() -> None:
    assert pressed(AT_FIVE, *["+"] * 20).speed == 100
    assert pressed(AT_FIVE, *["-"] * 20).speed == 0.1
    assert pressed(evolve(AT_FIVE, speed=3.0), "+").speed == 5
    assert pressed(evolve(AT_FIVE, speed=3.0), "-").speed == 2


def test_a_long_view_is_scrolled_and_another_viewer_begins_at_its_top() -> None:
    scrolled = pressed(AT_FIVE, "down", "page-down", "up")
    assert scrolled.scroll == 10
    assert pressed(scrolled, "page-up", "page-up").scroll == 0
    assert pressed(scrolled, "v").scroll == 0


@pytest.mark.parametrize("key", ["q", "ctrl-c", "ctrl-d"])
def test_it_can_be_left_at_any_time(key: str) -> None:
    assert pressed(AT_FIVE, key).done
    assert pressed(AT_FIVE, "g", "1", key).done
    assert pressed(AT_FIVE, "space", key).pause is None
