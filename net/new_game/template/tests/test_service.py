"""High Card on the whole server, in one process and in virtual time: the fixture `house` comes with Croupier."""

from net.testing.house import House


async def test_a_game_goes_on_where_it_was_when_the_server_was_killed(house: House) -> None:
    game_id = await house.new_game("high_card", ["anna", "bert"])
    anna, bert = await house.player("anna"), await house.player("bert")
    seen = await anna.join(game_id)
    await bert.join(game_id)
    await anna.act(game_id, seen["legal_actions"][0])
    await house.crash()
    await house.restart()
    bert = await house.player("bert")
    seen = await bert.join(game_id)
    assert len(seen["state"]["table"]) == 1
    answer = await bert.act(game_id, seen["legal_actions"][0])
    assert [change["type"] for change in answer["changes"]] == ["laid", "taken"]
