"""`check_rules`: whether rules keep what the protocol of rules asks for, in games played at random."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson
from attrs import define, evolve, field, frozen

from actors.game import Position, ReplayDiverged, RulesFault
from actors.rules.chance import Chance, key_of
from actors.rules.interface import AnyRules
from actors.rules.validation import BadOptions, InvalidRules, checked_options, validate
from net.event_codec import decode_event, encode_event
from net.testing.rules import doings, questions
from net.testing.rules.broken import Finding, RulesBroken, Where
from net.testing.rules.case import CHANCE, Case, Found, mutated, place_of
from net.testing.rules.elsewhere import digests, digests_elsewhere
from net.testing.rules.games import Act, Setting, game_of, play, step
from net.testing.rules.images import image
from net.testing.rules.settings import settings
from net.testing.rules.shrink import shortest
from net.testing.rules.wander import MOODS, Choose, Mood, Stuck, Wanderer, wander

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.events import Event
    from actors.failures import Failure
    from actors.game import Game
    from actors.rules.interface import JsonObject
    from net.testing.rules.games import Move, Played
    from net.testing.rules.wander import Walk

MOST_MOVES: Final = 9_998
"""A table ends a game at 10,000 events."""

_NOWHERE: Final = Position(0, None, 0)
"""Before the first state."""

_MOST_FAILURES: Final = 5

_WATCHED: Final = 300
"""Of each game so many moves are watched for changes of the state in place."""


@frozen
class Checked:
    """What was looked at, for whoever wants to know how much a pass is worth."""

    rules: str
    games: int
    moves: int
    longest: int
    positions: int
    endings: dict[str, int]

    def __str__(self) -> str:
        endings = ", ".join(f"{reason} {count}" for reason, count in self.endings.items())
        return (
            f"{self.rules}: {self.games} games, {self.moves} moves (the longest game {self.longest}), "
            f"{self.positions} positions looked at in depth; ended by {endings}"
        )


def check_rules(
    rules: AnyRules,
    *,
    seed: int = 0,
    games: int = 24,
    positions: int = 200,
    players: Sequence[int] | None = None,
    options: Sequence[JsonObject] | None = None,
    most_moves: int = MOST_MOVES,
    choose: Choose | None = None,
    other_process: bool = True,
) -> Checked:
    """Plays so many games at random, with every number of players and all sorts of options, and looks at so many of
    their positions in depth: `docs/test-your-game.md` lists the properties. The same arguments play the same games.

    `players` and `options` are to be played with in place of what the rules allow; a game that is longer than
    `most_moves` counts as one that never ends. Rules whose `legal` gives None need `choose`. With `other_process` a
    Python process with another hash seed plays the games once more.

    Raises RulesBroken, an AssertionError, which says what is wrong, in which game after which moves, shortened, and
    what to do.
    """
    check = _Check(rules, f"seed={seed}", most_moves, choose)
    check.sound()
    try:
        played = settings(rules, seed, games, players=players, options=options)
    except BadOptions as error:
        raise ValueError(f"options: {error}") from None
    pick = Chance(key_of(f"positions {seed}"))
    walks = check.walks([(setting, pick.choice(MOODS)) for setting in played])
    looked_at = 0
    for setting, walk in zip(played, walks, strict=True):
        looked_at += check.in_depth(setting, walk.played, max(2, positions // games), pick)
        check.replays(setting, walk.played)
    for setting, walk in zip(reversed(played), reversed(walks), strict=True):
        check.plays_the_same_again(setting, walk.played)
    if other_process:
        check.elsewhere(played, [walk.played for walk in walks])
    ended = Counter(walk.played.last.ended.reason for walk in walks if walk.played.last.ended is not None)
    moves = [len(walk.played.moves) for walk in walks]
    return Checked(f"{rules.name} {rules.version}", games, sum(moves), max(moves), looked_at, dict(ended))


@define
class _Check:
    rules: AnyRules
    again: str
    most_moves: int
    choose: Choose | None
    shapes: set[tuple[str, ...]] = field(factory=set)

    def fail(self, finding: Finding) -> RulesBroken:
        return RulesBroken(self.rules, finding, self.again)

    # ---- the object

    def sound(self) -> None:
        """It is a Rules object, and its options are sound."""
        try:
            validate(self.rules)
        except InvalidRules as error:
            finding = Finding("it is a Rules object", str(error), "see actors/rules/interface.py for what it needs")
            raise self.fail(finding) from None
        defaults = checked_options(self.rules, {})
        kept = orjson.dumps(defaults)
        fewest = self.rules.min_players
        try:
            self._first(game_of(self.rules, Setting(fewest, defaults, "any")))
        except Found as found:
            raise self.fail(found.finding) from found.__cause__
        given = self.rules.set_up(fewest, defaults, Chance(b"any"))
        try:
            absent = self.rules.set_up(fewest, {}, Chance(b"any"))
        except Exception as error:
            seen = f"set_up({fewest}, {{}}, …) raised {type(error).__name__}: {error} ({place_of(error)})"
            advice = "use the defaults of the schema for options that are absent"
            raise self.fail(Finding("absent options take their defaults", seen, advice)) from error
        if image(given) != image(absent):
            seen = f"set_up({fewest}, {{}}, …) is not set_up({fewest}, {kept.decode()}, …)"
            raise self.fail(Finding("absent options take their defaults", seen, "use the defaults of the schema"))

    # ---- playing

    def walks(self, games: Sequence[tuple[Setting, Mood]]) -> list[Walk]:
        """Every game at random. Of those that fail alike the shortest is told of."""
        walks: list[Walk] = []
        failed: list[RulesBroken] = []
        for setting, mood in games:
            try:
                walks.append(self.walk(setting, mood))
            except RulesBroken as broken:
                failed.append(broken)
                if broken.finding.where is None or len(failed) == _MOST_FAILURES:
                    break
        if failed:
            raise min((one for one in failed if one.finding.is_like(failed[0].finding)), key=_length)
        return walks

    def walk(self, setting: Setting, mood: Mood) -> Walk:
        """A game at random, which begins, goes on and ends."""
        wanderer = Wanderer.of(self.rules, setting, mood, self.choose)
        try:
            self._first(wanderer.game)
            walk = wander(wanderer, self.most_moves)
        except Found as found:
            raise self.fail(evolve(found.finding, where=Where(setting))) from found.__cause__
        except RulesFault as fault:
            raise self._faulty(setting, (), fault, None) from fault
        moves = walk.played.moves
        self._watch(setting, moves, walk)
        if walk.fault is not None:
            raise self._faulty(setting, moves, walk.fault, walk.trying) from walk.fault
        if walk.stuck is not None:
            stuck = walk.stuck
            raise self.shrunk(
                setting,
                moves,
                Finding(stuck.property, stuck.seen, stuck.advice),
                lambda played: self._stuck(setting, played),
            )
        if walk.played.last.ended is None:
            seen = f"played at random it has not ended after {len(moves)} moves"
            advice = "bound the game: a limit of turns, say; a game that may be longer than that needs most_moves="
            raise self.fail(Finding("every game ends", seen, advice, Where(setting, moves)))
        return walk

    def _first(self, game: Game) -> None:
        """The deal is the same every time, and everything can be asked of it."""
        options = game.created.options
        before = image(options)
        case = Case(game, _NOWHERE, None)
        case.ask("set_up", len(game.created.players), options, CHANCE)
        if image(options) != before:
            raise Found("options are not changed", "set_up changed its options", "make something new of them")

    def _watch(self, setting: Setting, moves: Sequence[Move], walk: Walk) -> None:
        """No step changes the state that it starts from. Found first, for what else is seen then means nothing."""
        game = game_of(self.rules, setting)
        at = game.begin()
        for number, move in enumerate([*moves, *([] if walk.trying is None else [walk.trying])][:_WATCHED]):
            before = image(at.state)
            after: Position | Failure | None = None
            with suppress(RulesFault):
                after = step(game, at, move)
            if image(at.state) != before:
                name = "apply" if isinstance(move, Act) else "resign, time_out or end_in_draw"
                finding = evolve(mutated(name).finding, where=Where(setting, (*moves[:number], move)))
                raise self.fail(finding)
            if not isinstance(after, Position):
                return
            at = after

    def _faulty(self, setting: Setting, moves: Sequence[Move], fault: RulesFault, trying: Move | None) -> RulesBroken:
        cause = fault.__cause__
        seen = f"{fault}" if cause is None else f"{fault}: {type(cause).__name__}: {cause} ({place_of(cause)})"
        if trying is not None:
            seen = f"{trying}: {seen}"
        kind = f"{fault} {type(cause).__name__}"

        def still(played: Played) -> Finding | None:
            try:
                if trying is not None:
                    step(played.game, played.last, trying)
                else:
                    Wanderer.of(self.rules, setting, Mood(), self.choose).move(played.last)
            except RulesFault as again:
                if f"{again} {type(again.__cause__).__name__}" == kind:
                    return finding
            except Stuck:
                pass
            return None

        finding = Finding(
            "rules raise nothing that they may not", seen, "in a real game this suspends the game", kind=kind
        )
        return self.shrunk(setting, moves, finding, still)

    def _stuck(self, setting: Setting, played: Played) -> Finding | None:
        try:
            evolve(Wanderer.of(self.rules, setting, Mood(), self.choose), game=played.game).move(played.last)
        except Stuck as stuck:
            return Finding(stuck.property, stuck.seen, stuck.advice)
        except RulesFault:
            return None
        return None

    # ---- positions

    def in_depth(self, setting: Setting, played: Played, how_many: int, pick: Chance) -> int:
        """Looks at the first position, the last, and others between; how many."""
        last = len(played.positions) - 1
        chosen = {0, last, *(pick.below(last + 1) for _ in range(how_many - 2))}
        known = [move.action for move in played.moves if isinstance(move, Act)]
        for number in sorted(chosen):
            at = played.positions[number]
            finding = self.examined(played.game, at, known)
            if finding is not None:
                moves = played.moves[:number]
                raise self.shrunk(setting, moves, finding, lambda it: self.examined(it.game, it.last, known))
        return len(chosen)

    def examined(self, game: Game, at: Position, known: Sequence[JsonObject]) -> Finding | None:
        """What is wrong with this position."""
        case = Case.of(game, at)
        pick = Chance(key_of(f"{game.created.seed} {at.event_id}"))
        try:
            questions.who_acts(case)
            questions.what_is_seen(case)
            questions.what_is_saved(case)
            legal = doings.legal_ones(case)
            if at.ended is None and case.rules.outcome(case.state) is None:
                doings.legal_is_taken(case, legal, pick)
                doings.others_are_refused(case, legal, known, pick)
                doings.rubbish_is_refused(case, legal, set() if at.event_id == 1 else self.shapes)
                doings.resigning(case)
                doings.dawdling(case)
                doings.agreeing(case)
        except Found as found:
            return found.finding
        return None

    # ---- again

    def replays(self, setting: Setting, played: Played) -> None:
        """The journal of the game, read back, leads to the same positions; so does its second half from a snapshot."""
        events = [decode_event(encode_event(event)) for event in played.events()][1:]
        game = game_of(self.rules, setting)
        self._replays(setting, played, events, game.begin(), 0)
        half = len(events) // 2
        saved = orjson.loads(orjson.dumps(self.rules.save(played.positions[half].state)))
        restored = evolve(played.positions[half], state=self.rules.restore(saved))
        self._replays(setting, played, events[half:], restored, half)

    def _replays(self, setting: Setting, played: Played, events: Sequence[Event], at: Position, first: int) -> None:
        for number, event in enumerate(events, first + 1):
            expected = played.positions[number]
            problem: str | None = None
            try:
                at = played.game.replay(at, event)
            except (ReplayDiverged, RulesFault) as error:
                problem = str(error)
            else:
                if not (at.state == expected.state and image(at.changes) == image(expected.changes)):
                    problem = "the state or the changes are others than when it was played"
            if problem is not None:
                where = "from the beginning" if first == 0 else f"from a snapshot after {first} moves"
                raise self.fail(
                    Finding(
                        "a game replayed is the game that was played",
                        f"replayed {where}, move {number} differs: {problem}",
                        "let a step follow from state, seat, action and chance alone, and save all of the state",
                        Where(setting, played.moves[:number]),
                    )
                )

    def plays_the_same_again(self, setting: Setting, played: Played) -> None:
        """After all other games, this one is the same: no game leaves anything behind."""
        again = play(game_of(self.rules, setting), played.moves, lenient=True)
        if again is None or digests(again) != digests(played):
            raise self._differs(setting, played, digests(played), [] if again is None else digests(again), "")

    def elsewhere(self, played: Sequence[Setting], games: Sequence[Played]) -> None:
        """Another process, whose sets are in another order, plays the same games."""
        told = digests_elsewhere(self.rules, played, [game.moves for game in games])
        if isinstance(told, str):
            advice = (
                "put the class of the rules into a module that can be imported, and let what they hold be picklable; "
                "or pass other_process=False, and this is not looked at"
            )
            raise self.fail(Finding("another process can play the same games", told, advice))
        for setting, game, theirs in zip(played, games, told, strict=True):
            if theirs != digests(game):
                raise self._differs(
                    setting, game, digests(game), theirs, " in another process, with another hash seed,"
                )

    def _differs(
        self, setting: Setting, played: Played, ours: Sequence[str], theirs: Sequence[str], how: str
    ) -> RulesBroken:
        number = next(
            (n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
        )
        what = "the deal" if number == 0 else f"move {number}"
        seen = f"played once more{how or ', after other games,'} {what} led to another position"
        advice = (
            "sort sets before anything depends on their order, and do not go by hash() or id()"
            if how
            else "keep nothing outside of the state: no module's variables, no attributes of the rules"
        )
        return self.fail(
            Finding("the same moves give the same game everywhere", seen, advice, Where(setting, played.moves[:number]))
        )

    # ---- shorter

    def shrunk(
        self,
        setting: Setting,
        moves: Sequence[Move],
        finding: Finding,
        still: Callable[[Played], Finding | None],
    ) -> RulesBroken:
        """The failure with the fewest moves that were found to lead to the like."""
        latest = [finding]

        def fails(fewer: Sequence[Move]) -> bool:
            try:
                played = play(game_of(self.rules, setting), fewer)
                found = None if played is None or played.last.ended is not None else still(played)
            except (RulesFault, Found):
                return False
            if not finding.is_like(found):
                return False
            latest[0] = found or finding
            return True

        short = shortest(moves, fails) if fails(moves) else tuple(moves)
        if short != tuple(moves):
            fails(short)
        return self.fail(evolve(latest[0], where=Where(setting, short, len(moves))))


def _length(broken: RulesBroken) -> int:
    return 0 if broken.finding.where is None else len(broken.finding.where.moves)
