"""A player who does not give up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from actors.rules.registry import Registry
from net.client import Company, Over, Player, ShutOut, random_choice
from net.client.play import Send
from net.client.player import PATIENCE, How
from net.drill.rules import PeacefulEights
from net.testing.house import ADDRESS
from tests.samples.memory import CountingEntropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject
    from actors.table_messages import DrawMove
    from net.client import Ending
    from net.client.play import Look, Respond
    from net.testing.house import House


class Listener(Company):
    """Writes down what it is told, and hangs up on the server when the game is at `cut_at`."""

    def __init__(self, cut_at: int = 0) -> None:
        self.heard: list[str] = []
        self.events: list[tuple[How, int]] = []
        self.answers: dict[str, JsonObject] = {}
        self.cut_at = cut_at

    def came(self, player: Player) -> None:
        self.heard.append("came")

    def dropped(self, player: Player) -> None:
        self.heard.append("dropped")

    def over(self, player: Player, data: JsonObject) -> None:
        self.heard.append("over")

    def shown(self, player: Player, view: JsonObject, how: How) -> None:
        self.events.append((how, view["event_id"]))
        if view["event_id"] == self.cut_at and how is How.LIVE:
            self.cut_at = 0
            player.hang_up()

    def answered(self, player: Player, move: Look | Send, answer: JsonObject, seconds: float) -> None:
        message_id = getattr(move, "message_id", None)
        if message_id is not None and answer["success"]:
            assert self.answers.setdefault(message_id, answer) == answer


class Repeater(Listener):
    """Sends everything again when it is back."""

    def __init__(self, cut_at: int) -> None:
        super().__init__(cut_at)
        self.sent: list[Send] = []

    def asking(self, player: Player, move: Look | Send) -> None:
        if isinstance(move, Send):
            self.sent.append(move)

    def again(self, player: Player) -> Sequence[Send]:
        return [send for send in self.sent if send.message_id in self.answers]


async def play_two(house: House, one: Company, *, resigns: bool = False) -> list[Player]:
    """A game of two players, of whom the first has this company; played to its end."""
    users = ["npc:anna", "npc:ben"]
    game_id = await house.api.create_game("crazy_eights", users, options={"draw_when_playable": False})
    choices = random_choice(CountingEntropy())
    players = [
        Player(
            user,
            game_id,
            house.token(user),
            partial(house.network.host("players").connect, ADDRESS),
            (lambda _: None) if resigns else choices,
            company,
            resume=True,
        )
        for user, company in zip(users, (one, Company()), strict=True)
    ]
    async with trio.open_nursery() as nursery:
        for player in players:
            nursery.start_soon(player.play)
    return players


async def test_a_player_plays_to_the_end_and_tells_its_company_of_everything(house: House) -> None:
    company = Listener()
    player, _ = await play_two(house, company)
    assert company.heard == ["came", "over"]
    assert (player.joined, player.connections) == (1, 1)
    assert company.events[:2] == [(How.JOINED, 1), (How.LIVE, 1)]
    assert [event_id for _, event_id in company.events[1:]] == list(range(1, len(company.events)))


async def test_a_player_whose_connection_is_cut_comes_back_and_is_given_what_it_missed(house: House) -> None:
    company = Listener(cut_at=3)
    player, _ = await play_two(house, company)
    assert company.heard == ["came", "dropped", "came", "over"]
    assert (player.joined, player.connections) == (2, 2)
    seen = {event_id for _, event_id in company.events}
    assert seen == set(range(1, max(seen) + 1))


async def test_what_was_answered_and_is_sent_again_is_answered_the_same(house: House) -> None:
    company = Repeater(cut_at=8)
    await play_two(house, company)
    assert len(company.sent) > len(company.answers) > 3


async def test_a_player_who_chooses_nothing_resigns(house: House) -> None:
    company = Listener()
    player, other = await play_two(house, company, resigns=True)
    assert player.view is not None
    assert player.view["end_reason"] == "resignation"
    assert other.event_id == player.event_id == 2


async def test_a_player_who_cannot_come_in_gives_up_after_a_while(autojump_clock: trio.testing.MockClock) -> None:
    async def refuse() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError

    player = Player("npc:anna", "g", "token", refuse, lambda view: view, Company())
    with pytest.raises(ShutOut, match="npc:anna cannot come into the game"):
        await player.play()
    assert PATIENCE < trio.current_time() < PATIENCE + 1


# ---- draws, spectators, ways


class Peacemaker(Listener):
    """Offers a draw whenever it is to act, as often as it is told to."""

    def __init__(self, offers: int) -> None:
        super().__init__()
        self.offers = offers
        self.choices = random_choice(CountingEntropy())

    def choose(self, view: JsonObject) -> JsonObject | DrawMove | None:
        self.offers -= 1
        return "offer" if self.offers >= 0 else self.choices(view)


@pytest.fixture
def house_rules() -> Registry:
    return Registry.discover([PeacefulEights()])


async def draw_and_watch(
    house: House, over: Over, respond: Respond, *, cut_at: int = 0
) -> tuple[Ending, list[Peacemaker], Listener]:
    """A game of two who offer draws and answer so to offers; each of them, and who watches, comes that way. The
    spectator hangs up at event `cut_at`, and comes back."""
    users = ["npc:anna", "npc:ben", "npc:carl"]
    game_id = await house.api.create_game("peaceful_eights", users[:2], options={"draw_when_playable": False})
    companies = [Peacemaker(1), Peacemaker(1), Listener(cut_at)]
    endings: list[Ending] = []

    def one(user: str, company: Listener) -> Player:
        choose = company.choose if isinstance(company, Peacemaker) else lambda view: view
        connect = partial(house.network.host(user).connect, ADDRESS)
        watches = not isinstance(company, Peacemaker)
        return Player(
            user, game_id, house.token(user), connect, choose, company, over=over, respond=respond, watches=watches
        )

    async def play(player: Player) -> None:
        endings.append(await player.play())

    async with trio.open_nursery() as nursery:
        for user, company in zip(users, companies, strict=True):
            nursery.start_soon(play, one(user, company))
    assert endings == [endings[0]] * 3
    *players, watcher = companies
    return endings[0], [one for one in players if isinstance(one, Peacemaker)], watcher


@pytest.mark.parametrize("over", Over)
async def test_a_draw_that_is_accepted_ends_the_game_for_all_who_play_and_watch(house: House, over: Over) -> None:
    ending, _, watcher = await draw_and_watch(house, over, lambda: "accept")
    assert (ending.end_reason, ending.winner_id) == ("draw_agreed", None)
    assert set(ending.results.values()) == {0}
    assert watcher.heard == ["came", "over"]


async def test_after_a_draw_that_is_declined_or_passed_over_the_game_goes_on(house: House) -> None:
    responses: list[DrawMove | None] = [None, "decline"]
    ending, players, watcher = await draw_and_watch(house, Over.PLAIN, responses.pop, cut_at=4)
    assert ending.end_reason != "draw_agreed"
    assert all(player.offers < 0 for player in players)
    assert watcher.heard == ["came", "dropped", "came", "over"]
