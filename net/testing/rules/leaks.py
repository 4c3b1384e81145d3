"""`assert_no_leak`: whether anybody is told what they may not know, by pairs of games that differ in just that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from attrs import define, evolve, field, frozen

from actors.game import RulesFault
from actors.rules.chance import Chance, key_of
from actors.rules.interface import AnyRules, JsonObject
from net.testing.rules.broken import Finding, Leak, Where
from net.testing.rules.case import place_of
from net.testing.rules.doings import spoiled
from net.testing.rules.games import Act, in_json
from net.testing.rules.pairs import Moment, Recipe, moments, otherwise_chosen, otherwise_drawn
from net.testing.rules.service import first_difference
from net.testing.rules.settings import settings
from net.testing.rules.shrink import shortest
from net.testing.rules.sight import refusals, told
from net.testing.rules.tape import Taped
from net.testing.rules.telltale import Telltale, Watch, whom
from net.testing.rules.wander import MOODS, Choose, Refused, Wanderer, wander

if TYPE_CHECKING:
    from net.testing.rules.games import Played, Setting
    from net.testing.rules.pairs import Both


_MOST_MOVES = 120
"""Games are played so far."""

_SERVED_MOVES = 8
"""Moves that are made through the whole service."""

_FOLLOWED = 25
"""Moves for which two games are compared from where they part."""

_PROBES = 4
"""Actions that a viewer tries in each moment."""

_COPIES, _NEARLY_ALL = 3, 0.7
"""Pairs in which a copy is seen, at least, and of all in which it could be, before it is believed."""

_IMAGINED = 3
"""Positions of each game, for each seat, that are imagined otherwise."""


@frozen
class Watched:
    """What was looked at: for each viewer how many pairs of games there were that they could not tell apart, by the
    number of moves after which they still could not."""

    rules: str
    games: int
    pairs: dict[int | None, dict[int, int]]
    imagined: int
    served: int

    def __str__(self) -> str:
        lines = [f"{self.rules}: {self.games} games; pairs that a viewer could not tell apart, by moves:"]
        for viewer, depths in self.pairs.items():
            told = ", ".join(f"{name} {count}" for name, count in _by_depth(depths).items())
            lines.append(f"  {whom(viewer)}: {sum(depths.values())} ({told or 'none'})")
        lines.append(f"  positions imagined otherwise: {self.imagined}")
        lines.append(f"  pairs through the whole service: {self.served}")
        return "\n".join(lines)


def _by_depth(depths: dict[int, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for depth, count in sorted(depths.items()):
        low = next(low for low in (101, 31, 11, 4, 1, 0) if depth >= low)
        found[{101: "more than 100", 31: "31-100", 11: "11-30", 4: "4-10", 1: "1-3", 0: "the deal"}[low]] += count
    return dict(found)


def assert_no_leak(
    rules: AnyRules,
    *,
    seed: int = 0,
    games: int = 12,
    pairs: int = 12,
    players: Sequence[int] | None = None,
    options: Sequence[JsonObject] | None = None,
    choose: Choose | None = None,
    otherwise: Callable[[Any, int | None, Chance], Any] | None = None,
    may_show: Sequence[str] = (),
    service: int = 2,
) -> Watched:
    """Plays so many games at random, each with so many others that differ from it in one draw of chance or one choice
    of a player. As long as a viewer cannot know which of two games it is, everything that they are sent must be the
    same, byte for byte: state, changes, legal actions, answers, refusals, deadlines.

    What a viewer may know is what their view shows, and what a change tells their seat alone. So a view that shows too
    much is found only if something in it is a copy of what a seat is shown alone; `may_show` names the places
    (`$.seats[*].up`) where that is meant. All of what a view shows is held against what is hidden if the rules can
    `imagine` (see `actors.rules.interface.Imagines`), or with `otherwise(state, viewer, chance)`: the state with that
    which this viewer (None: a spectator) may not know dealt otherwise.

    So many of the pairs are played once more through the whole service (`service`; 0: none), each game in a house of
    its own, and every frame that a viewer's connection receives is compared: pushes, answers, refusals, what was
    missed, recovery of the session, a restart after a crash. That runs Trio: call this from a test that is not async.

    `docs/test-your-game.md` has more. The same arguments play the same games. Raises Leak, an AssertionError; also when
    no pairs were found that a viewer cannot tell apart, because then nothing was shown.
    """
    hunt = _Hunt(rules, seed, choose, otherwise, (*may_show, *getattr(rules, "reveals", ())))
    for setting in settings(rules, seed, games, players=players, options=options):
        hunt.game(setting, pairs)
    hunt.believe_copies()
    hunt.have_seen_enough()
    hunt.through_the_service(service)
    found = {viewer: dict(hunt.depths[viewer]) for viewer in sorted(hunt.depths, key=_last_the_spectators)}
    return Watched(f"{rules.name} {rules.version}", games, found, hunt.imagined, len(hunt.served))


def _last_the_spectators(viewer: int | None) -> int:
    return 10**6 if viewer is None else viewer


@define
class _Hunt:
    rules: AnyRules
    seed: int
    choose: Choose | None
    otherwise: Callable[[Any, int | None, Chance], Any] | None
    may_show: Sequence[str]
    depths: dict[int | None, Counter[int]] = field(factory=dict)
    imagined: int = 0
    secrets: Counter[tuple[str, bool]] = field(factory=Counter)
    copies: dict[tuple[str, bool, str], list[tuple[Recipe, Telltale]]] = field(factory=dict)
    unknown: list[tuple[Recipe, dict[int | None, int], Sequence[JsonObject]]] = field(factory=list)
    served: list[Recipe] = field(factory=list)

    def fail(self, finding: Finding) -> Leak:
        return Leak(self.rules, finding, f"seed={self.seed}")

    def game(self, setting: Setting, how_many: int) -> None:
        """One game, and its pairs."""
        tape = Taped(self.rules, setting.seed, {})
        pick = Chance(key_of(f"pairs {setting.seed}"))
        wanderer = Wanderer.of(tape, setting, pick.choice(MOODS), self.choose)
        try:
            walk = wander(wanderer, _MOST_MOVES)
        except RulesFault as fault:
            raise self.fail(_unplayable(setting, f"{fault}: {fault.__cause__!r}")) from fault
        if walk.stuck is not None and not isinstance(walk.stuck, Refused):  # of a refusal it is asked what it tells
            raise self.fail(evolve(_unplayable(setting, walk.stuck.seen), advice=walk.stuck.advice))
        played = walk.played
        known = [move.action for move in played.moves if isinstance(move, Act)]
        probes = [*known, *(spoilt for action in known[:3] for spoilt in spoiled(action) if _can_be_sent(spoilt))]
        drawn = otherwise_drawn(setting, played.moves, tape.bounds, tape, how_many, pick)
        chosen = otherwise_chosen(played.game, played.positions, setting, played.moves, how_many // 3, pick)
        for recipe in (*drawn, *chosen):
            self.pair(recipe, probes, pick)
        self.imagine(setting, played, probes, pick)

    # ---- pairs

    def pair(self, recipe: Recipe, probes: Sequence[JsonObject], pick: Chance) -> None:
        """Compares both games."""
        watch, found = self.follow(recipe, probes, pick)
        for viewer in watch.viewers:
            self.depths.setdefault(viewer, Counter())
            if viewer in watch.hidden:
                self.depths[viewer][watch.hidden[viewer]] += 1
        self.secrets.update(watch.secrets)
        if watch.hidden:
            self.unknown.append((recipe, watch.hidden, probes))
        for copy in {(one.kept_at, one.viewer is None, one.place): one for one in watch.copies}.values():
            self.copies.setdefault((copy.kept_at, copy.viewer is None, copy.place), []).append((recipe, copy))
        if found is not None:
            self.tell(recipe, found, probes, lambda _, again: again)

    def follow(self, recipe: Recipe, probes: Sequence[JsonObject], pick: Chance) -> tuple[Watch, Telltale | None]:
        """What was seen of this pair, and what betrays."""
        watch, since = Watch((*range(recipe.setting.players), None), self.may_show), len(recipe.moves)
        for moment in moments(self.rules, recipe):
            if moment.at[0] is moment.at[1]:
                continue
            if moment.number - since > _FOLLOWED:
                break
            since = min(since, moment.number)
            try:
                found = watch.look(moment, _some(probes, pick))
            except RulesFault:  # check_rules looks for those
                break
            if found is not None:
                return watch, found
        return watch, None

    def tell(
        self,
        recipe: Recipe,
        found: Telltale,
        probes: Sequence[JsonObject],
        which: Callable[[Watch, Telltale | None], Telltale | None],
    ) -> None:
        """Raises Leak, with the fewest moves that betray the like. `which` picks that from what was seen."""
        before = len(recipe.moves)

        def betrays(moves: Sequence[Both]) -> Telltale | None:
            again = which(*self.follow(evolve(recipe, moves=tuple(moves)), probes, Chance(b"shortened")))
            return again if again is not None and again.place == found.place and again.number == len(moves) else None

        moves = recipe.moves[: found.number]
        if betrays(moves) is not None:
            moves = shortest(moves, lambda fewer: betrays(fewer) is not None)
        raise self.fail(_finding(betrays(moves) or found, evolve(recipe, moves=moves), before))

    def believe_copies(self) -> None:
        """What goes together in one pair may do so by chance. What a seat alone is shown, and others are shown as well
        nearly every time, is no secret."""
        for (kept_at, to_spectators, _), found in self.copies.items():
            if len(found) >= max(_COPIES, _NEARLY_ALL * self.secrets[kept_at, to_spectators]):
                recipe, copy = min(found, key=lambda one: one[1].number)

                def which(watch: Watch, _: Telltale | None, like: Telltale = copy) -> Telltale | None:
                    alike = (one for one in watch.copies if (one.kept_at, one.place) == (like.kept_at, like.place))
                    return next(alike, None)

                self.tell(recipe, copy, (), which)

    # ---- positions imagined otherwise

    def imagine(self, setting: Setting, played: Played, probes: Sequence[JsonObject], pick: Chance) -> None:
        """Some positions as a viewer could believe them to be: they must see them as they see the true one."""
        running = [number for number, at in enumerate(played.positions) if at.ended is None]
        for viewer in (*range(setting.players), None):
            for number in pick.shuffled(running)[:_IMAGINED]:
                moment = self._imagined(setting, played, number, viewer, pick)
                if moment is None:
                    continue
                self.imagined += 1
                self._is_seen_the_same(setting, played, moment, viewer, _some(probes, pick))

    def _imagined(
        self, setting: Setting, played: Played, number: int, viewer: int | None, pick: Chance
    ) -> Moment | None:
        at = evolve(played.positions[number], changes=(), message="")
        imagine = getattr(self.rules, "imagine", None)
        chance = Chance(key_of(f"imagine {setting.seed} {number} {pick.below(2**32)}"))
        try:
            if self.otherwise is not None:
                state = self.otherwise(at.state, viewer, chance)
            elif imagine is not None and viewer is not None:
                seen = orjson.loads(orjson.dumps(self.rules.view(at.state, viewer)))
                state = imagine(seen, viewer, chance)
            else:
                return None
        except Exception as error:
            how = "imagine" if self.otherwise is None else "otherwise"
            seen = f"{how} raised {type(error).__name__}: {error} ({place_of(error)}) for {whom(viewer)}"
            where = Where(setting, played.moves[:number])
            advice = f"{how} must give a state for every position of a game that runs"
            raise self.fail(Finding(f"{how} raises nothing", seen, advice, where)) from error
        return Moment(number, (played.game, played.game), None, (at, evolve(at, state=state)), None)

    def _is_seen_the_same(
        self, setting: Setting, played: Played, moment: Moment, viewer: int | None, probes: Sequence[JsonObject]
    ) -> None:
        where = Where(setting, played.moves[: moment.number])
        how = "imagine" if self.otherwise is None else "otherwise"
        try:
            seen = told(moment, viewer)
            different = [*seen.standing, *seen.mine, *seen.other]
            if not different and viewer is not None:
                different = refusals(moment, viewer, probes)
        except RulesFault as fault:
            cause = fault.__cause__
            text = f"{fault}: {type(cause).__name__}: {cause}" if cause is not None else str(fault)
            finding = Finding("what is imagined is a position like any other", text, f"mend {how}", where)
            raise self.fail(finding) from fault
        if different:
            path, true, imagined = different[0]
            raise self.fail(
                Finding(
                    f"{whom(viewer)} sees nothing that {how} deals otherwise",
                    f"{path} is {in_json(true, most=120)}; with what {whom(viewer)} may not know dealt otherwise, "
                    f"it is {in_json(imagined, most=120)}",
                    f"leave it out of what {whom(viewer)} sees; or, if they may know it, let {how} keep it",
                    where,
                )
            )

    # ---- through the service

    def through_the_service(self, how_many: int) -> None:
        """The pairs in which somebody knows, and most others are in the dark for longest; one of each number of players
        first."""

        def worth(recipe: Recipe, hidden: dict[int | None, int]) -> tuple[bool, int]:
            somebody_knows = any(seat not in hidden for seat in range(recipe.setting.players))
            return somebody_knows, len(hidden) * min(_SERVED_MOVES, *hidden.values())

        most = sorted(self.unknown, key=lambda one: worth(one[0], one[1]), reverse=True)
        first = list({one[0].setting.players: one for one in reversed(most)}.values())
        for recipe, hidden, probes in (*first, *(one for one in most if one not in first))[:how_many]:
            number = min(_SERVED_MOVES, max(hidden.values()))
            viewers = [viewer for viewer, depth in hidden.items() if depth >= number]
            recipe = evolve(recipe, moves=recipe.moves[:number])
            refused = [{"type": "no such type"}, *_some(probes, Chance(key_of(recipe.setting.seed)))]
            self.served.append(recipe)
            found = first_difference(self.rules, recipe, viewers, refused)
            if found is not None:
                seen = (
                    f"to all that {whom(found.viewer)} may know these are the same game, and yet frame {found.number} "
                    f"of their connection differs: {found.path} is {in_json(found.one, most=120)} in one and "
                    f"{in_json(found.other, most=120)} in the other\n  the other game: {recipe}"
                )
                where = Where(recipe.setting, tuple(one for one, _ in recipe.moves))
                advice = "if check_rules passes, this is a fault of Croupier's: please report it with this text"
                raise self.fail(Finding(f"{whom(found.viewer)} is sent what they may not know", seen, advice, where))

    # ---- enough

    def have_seen_enough(self) -> None:
        """No pairs is no proof."""
        nothing = [viewer for viewer, depths in self.depths.items() if not depths]
        if len(nothing) == len(self.depths):
            raise self.fail(
                Finding(
                    "there is something that somebody may not know",
                    "of all pairs of games that differ in a draw or a choice, every viewer could tell every one apart: "
                    "views show all there is",
                    "if nothing is hidden in this game, there is nothing to test; else look at what view gives away",
                )
            )
        if None in nothing:
            raise self.fail(
                Finding(
                    "there is something that spectators may not know",
                    "a spectator could tell every pair of games apart, in which the players could not",
                    "give spectators, view(state, None), no more than what every player sees",
                )
            )


def _finding(found: Telltale, recipe: Recipe, before: int) -> Finding:
    moves = tuple(one for one, _ in recipe.moves)
    return Finding(
        f"{whom(found.viewer)} is told what they may not know",
        f"{found.why}\n  the other game: {recipe}",
        found.advice,
        Where(recipe.setting, moves, before),
    )


def _unplayable(setting: Setting, seen: str) -> Finding:
    return Finding("a game can be played at random", seen, "let check_rules pass first", Where(setting))


def _some(probes: Sequence[JsonObject], pick: Chance) -> Sequence[JsonObject]:
    return [pick.choice(probes) for _ in range(_PROBES)] if probes else []


def _can_be_sent(action: JsonObject) -> bool:
    try:
        orjson.dumps(action)
    except TypeError:
        return False
    return isinstance(action.get("type"), str)
