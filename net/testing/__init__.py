"""Croupier's house for tests: the real server, its real clients and a simulated Redis on a simulated network, in one
process, in virtual time. With the extra `croupier[testing]`, pytest finds the fixture `house` by itself.

    async def test_a_game_survives_a_crash(house):
        game_id = await house.new_game("crazy_eights", ["alice", "bob"])
        alice = await house.player("alice")
        before = await alice.join(game_id)
        await house.crash()
        await house.restart()
        alice = await house.player("alice")
        assert (await alice.join(game_id))["state"] == before["state"]
"""
