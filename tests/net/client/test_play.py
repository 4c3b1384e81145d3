from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.client import Ending, RequestFailed, Seat, random_choice
from net.client.play import Leave, Look, Pause, Send, Wait
from net.testing.ports import SimEntropy

Json = dict[str, Any]


def view(event_id: int, *legal: str, over: bool = False) -> Json:
    seen: Json = {"game_id": "g", "event_id": event_id, "game_over": over}
    if legal:
        seen["legal_actions"] = [{"type": action} for action in legal]
    if over:
        seen |= {"winner_id": "alice", "results": {"alice": 1.0}, "end_reason": "won"}
    return seen


def failure(code: str) -> Json:
    return {"success": False, "error": {"code": code, "message": "no"}, "request_message_id": ""}


def first(seen: Json) -> Json:
    action: Json = seen["legal_actions"][0]
    return action


def seat() -> Seat:
    return Seat("g", first)


def test_it_looks_before_it_acts() -> None:
    player = seat()
    assert player.next() == Look()
    player.looked({"success": True, **view(1)})
    assert player.next() == Wait()
    player.saw(view(2, "draw", "pass"))
    assert player.next() == Send({"type": "draw"}, "m1")


def test_it_waits_for_the_state_that_its_own_action_made() -> None:
    player = seat()
    player.saw(view(1, "draw"))
    player.next()
    player.answered({"success": True, "event_id": 2})
    assert player.next() == Wait()
    player.saw(view(2, "pass"))
    assert player.next() == Send({"type": "pass"}, "m2")


def test_an_older_view_than_what_it_saw_changes_nothing() -> None:
    player = seat()
    player.saw(view(5))
    player.saw(view(4, "draw"))
    assert player.next() == Wait()


def test_after_a_lost_connection_it_looks_and_sends_the_same_under_the_same_id() -> None:
    player = seat()
    player.saw(view(1, "draw"))
    sent = player.next()
    player.lost()
    assert player.next() == Look()
    player.looked({"success": True, **view(2)})
    assert player.next() == sent
    player.answered({"success": True, "event_id": 2})
    assert player.next() == Wait()


@pytest.mark.parametrize("code", ["unavailable", "overloaded", "rate_limited", "draining"])
def test_a_refusal_for_now_makes_it_pause_and_send_the_same_again(code: str) -> None:
    player = seat()
    player.saw(view(1, "draw"))
    sent = player.next()
    player.answered(failure(code))
    assert isinstance(player.next(), Pause)
    assert player.next() == sent


def test_pauses_grow_up_to_a_bound_and_it_never_gives_up() -> None:
    player = seat()
    player.saw(view(1, "draw"))
    pauses = []
    for _ in range(50):
        player.answered(failure("unavailable"))
        pause = player.next()
        assert isinstance(pause, Pause)
        pauses.append(pause.seconds)
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] == 2.0


@pytest.mark.parametrize("code", ["not_your_turn", "action_not_allowed", "invalid_action", "game_ended"])
def test_overtaken_by_events_it_looks_again_and_chooses_anew(code: str) -> None:
    player = seat()
    player.saw(view(1, "draw"))
    player.next()
    player.answered(failure(code))
    assert player.next() == Look()
    player.looked({"success": True, **view(2, "pass")})
    assert player.next() == Send({"type": "pass"}, "m2")


@pytest.mark.parametrize("code", ["internal_error", "not_in_game", "game_not_found", "invalid_message", "too_large"])
def test_what_no_other_try_mends_is_raised(code: str) -> None:
    player = seat()
    player.saw(view(1, "draw"))
    player.next()
    with pytest.raises(RequestFailed) as caught:
        player.answered(failure(code))
    assert caught.value.code == code


def test_a_server_that_refuses_what_it_offers_is_not_asked_for_ever() -> None:
    player = seat()
    for _ in range(8):
        player.saw(view(1, "draw"))
        player.next()
        player.answered(failure("invalid_action"))
    player.saw(view(1, "draw"))
    player.next()
    with pytest.raises(RequestFailed):
        player.answered(failure("invalid_action"))


def test_who_has_resigned_says_nothing_to_the_draws_of_the_others() -> None:
    player = Seat("g", choose=lambda _: None, respond=lambda: "accept")
    player.saw(view(1, "draw"))
    assert player.next() == Send(None, "m1")
    player.draw_offered()
    player.answered({"success": True, "event_id": 2})
    assert player.next() == Wait()
    player.draw_offered()
    assert player.next() == Wait()


def test_a_player_whom_the_clock_overtakes_again_and_again_goes_on() -> None:
    player = seat()
    for event_id in range(1, 40):
        player.saw(view(event_id, "draw"))
        player.next()
        player.answered(failure("not_your_turn"))
        assert player.next() == Look()


def test_a_join_that_is_refused_for_now_is_tried_again_and_any_other_is_raised() -> None:
    player = seat()
    player.looked(failure("unavailable"))
    assert isinstance(player.next(), Pause)
    assert player.next() == Look()
    with pytest.raises(RequestFailed):
        player.looked(failure("game_not_found"))


def test_it_leaves_when_the_game_is_over_however_it_learns_of_it() -> None:
    ending = Leave(Ending("g", 9, "alice", {"alice": 1.0}, "won"))
    by_push, by_view, by_join = seat(), seat(), seat()
    by_push.over({**view(9, over=True), "final_state": {}})
    by_view.saw(view(9, over=True))
    by_join.looked({"success": True, **view(9, over=True)})
    assert by_push.next() == by_view.next() == by_join.next() == ending


@given(seed=st.integers(0, 1000), count=st.integers(1, 30))
def test_a_random_choice_is_one_of_the_legal_ones_and_the_same_for_the_same_seed(seed: int, count: int) -> None:
    seen = view(1, *(f"a{n}" for n in range(count)))
    one, other = random_choice(SimEntropy(seed)), random_choice(SimEntropy(seed))
    for _ in range(5):
        chosen = one(seen)
        assert chosen in seen["legal_actions"]
        assert chosen == other(seen)
