"""What a watcher knows so far: a fold over the facts. Pure; the screen is drawn from it, whatever the screen is."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from actors.rules.interface import JsonObject
from net.demo.facts import Answered, Came, Dropped, Finished, Killed, Proved, Saw, Serving, Tick
from net.demo.plan import Plan
from net.demo.proof import Proof
from net.demo.words import CRAZY_EIGHTS, Glyphs, in_words

if TYPE_CHECKING:
    from net.demo.facts import Fact


PROOF: Final = "proof"
"""The mark of the line that says what the server's death proved."""


@frozen
class Line:
    """Something that happened, in words. `mark` says of whom or what: the number of an event, a player, the server.
    `kind` is `move`, `note`, `alarm` or `good`."""

    mark: str
    text: str
    kind: str = "move"


@frozen
class Scene:
    """A demo, as it stands. Times are seconds since it began."""

    plan: Plan
    glyphs: Glyphs = field(factory=Glyphs)
    now: float = 0.0
    serving: Serving | None = None
    """The server as it runs; None while there is none."""
    killed: Killed | None = None
    killed_at: float = 0.0
    proof: Proof | None = None
    inside: frozenset[str] = frozenset()
    """The players who are connected."""
    view: JsonObject | None = None
    """The newest view of the player in the first seat."""
    latencies: tuple[float, ...] = ()
    log: tuple[Line, ...] = ()
    finished: Finished | None = None

    def after(self, fact: Fact, at: float) -> Scene:
        """The scene once this is known too."""
        scene = evolve(self, now=at)
        match fact:
            case Serving():
                return scene._serving(fact)
            case Came(player=player):
                return scene._came(player)
            case Dropped(player=player):
                if player not in self.inside:
                    return scene
                scene = evolve(scene, inside=self.inside - {player})
                return scene._told(Line(self.plan.name(player), "connection lost, tries again", "note"))
            case Saw(view=view):
                return scene._saw(view)
            case Answered(seconds=seconds):
                return evolve(scene, latencies=(*self.latencies, seconds))
            case Killed(pid=pid, event_id=event_id):
                scene = evolve(scene, killed=fact, killed_at=at, serving=None)
                return scene._told(Line("kill", f"kill -9 {pid}, right after event {event_id}", "alarm"))
            case Proved(proof=proof):
                return evolve(scene, proof=proof)._told(
                    Line(PROOF, f"{proved(proof)}.", "good" if proof.holds else "alarm")
                )
            case Finished():
                return evolve(scene, finished=fact)
            case Tick():
                return scene

    # ---- what is asked of it

    @property
    def event_id(self) -> int:
        """The newest event that was seen; 0 before the first."""
        return self.view["event_id"] if self.view is not None else 0

    @property
    def down_for(self) -> float | None:
        """Seconds since the server was killed; None when that is over, or has not been."""
        return self.now - self.killed_at if self.killed is not None and self.proof is None else None

    @property
    def median_latency(self) -> float | None:
        """Seconds from an action to its answer, in the middle of all."""
        return median(self.latencies) if self.latencies else None

    # ---- what each fact changes

    def _told(self, *lines: Line) -> Scene:
        return evolve(self, log=(*self.log, *lines))

    def _serving(self, serving: Serving) -> Scene:
        if self.killed is None:
            text = f"pid {serving.pid} listens on {serving.address}, {serving.seconds:.1f} s after its start"
        else:
            text = f"started again on the same files: pid {serving.pid}"
        return evolve(self, serving=serving)._told(Line("server", text, "note"))

    def _came(self, player: str) -> Scene:
        text = "takes a seat, over a WebSocket" if self.killed is None else "is back in the game"
        scene = evolve(self, inside=self.inside | {player})
        return scene._told(Line(self.plan.name(player), text, "note"))

    def _saw(self, view: JsonObject) -> Scene:
        if self.view is not None and view["event_id"] <= self.event_id:
            return self
        scene = evolve(self, view=view)
        if self.view is None:
            return scene._told(Line(str(view["event_id"]), self._opening(view)))
        names, mark = self.plan.names, str(view["event_id"])
        words = [in_words(change, self.plan.rules, names, self.glyphs) for change in view.get("changes", ())]
        return scene._told(*(Line(mark, text) for text in words or ["a move that nobody is told of"]))

    def _opening(self, view: JsonObject) -> str:
        if self.plan.rules != CRAZY_EIGHTS:
            return f"{self.plan.title} begins"
        state = view["state"]
        dealt = state["seats"][0]["cards"]
        return f"{dealt} cards are dealt to each, face down; {self.glyphs.card(state['top'])} is turned up"


def proved(proof: Proof) -> str:
    """What the death of the server proved, in one sentence without its end."""
    hands = "the same hands" if proof.same_hands else "NOT THE SAME HANDS"
    lost = proof.audit.acknowledged - proof.audit.found
    nothing = "nothing lost" if lost == 0 else f"{lost} ACKNOWLEDGED ACTIONS ARE NOT AS THEY WERE"
    return f"killed after event {proof.event_id}; back after {proof.seconds:.2f} s; {hands}; {nothing}"
