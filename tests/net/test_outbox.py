"""The outbox against a model that is a plain list."""

from __future__ import annotations

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from net.outbox import Frame, Kind, Outbox, Overflow

ROOMY = 1_000_000


def state(text: bytes, game_id: str = "g") -> Frame:
    return Frame(text, Kind.STATE, game_id)


def waiting(outbox: Outbox) -> list[bytes]:
    return [bytes(buffer) for buffer in outbox.take()]


def filled(*frames: Frame) -> Outbox:
    outbox = Outbox(ROOMY)
    for frame in frames:
        outbox.add(frame, coalesce=True)
    return outbox


def test_a_state_gives_way_to_a_newer_one_of_its_game() -> None:
    assert waiting(filled(state(b"s1"), state(b"s2"))) == [b"s2"]


def test_a_state_may_be_skipped_until_it_is_begun_or_the_game_is_over() -> None:
    outbox = filled(state(b"a1", "a"), state(b"b1", "b"))
    outbox.wrote(1)
    assert (outbox.may_skip("a"), outbox.may_skip("b")) == (False, True)
    outbox.add(Frame(b"over", Kind.GAME_OVER, "b"), coalesce=True)
    assert not outbox.may_skip("b")


def test_states_of_different_games_do_not_give_way_to_each_other() -> None:
    outbox = filled(state(b"a1", "a"), state(b"b1", "b"), state(b"a2", "a"))
    assert waiting(outbox) == [b"b1", b"a2"]


def test_a_state_does_not_overtake_the_answer_that_was_queued_before_it() -> None:
    outbox = filled(state(b"s1"), Frame(b"answer 2"), state(b"s2"))
    assert waiting(outbox) == [b"answer 2", b"s2"]


def test_the_last_state_before_a_game_over_stays_before_it() -> None:
    over = Frame(b"over", Kind.GAME_OVER, "g")
    assert waiting(filled(state(b"s1"), state(b"s2"), over, state(b"s3"))) == [b"s2", b"over", b"s3"]


def test_a_state_that_is_partly_written_is_never_touched() -> None:
    outbox = filled(state(b"s1"))
    outbox.wrote(1)
    outbox.add(state(b"s2"), coalesce=True)
    assert waiting(outbox) == [b"1", b"s2"]


def test_a_state_whose_first_bytes_the_kernel_took_at_once_is_never_touched() -> None:
    outbox = Outbox(ROOMY)
    outbox.add(state(b"s1"), coalesce=False, begun=1)
    outbox.add(state(b"s2"), coalesce=True)
    assert waiting(outbox) == [b"1", b"s2"]


def test_without_coalescing_every_state_stays() -> None:
    outbox = Outbox(ROOMY)
    for text in (b"s1", b"s2"):
        outbox.add(state(text), coalesce=False)
    assert waiting(outbox) == [b"s1", b"s2"]


def test_past_the_bound_a_frame_is_refused_and_the_rest_stays() -> None:
    outbox = Outbox(1000)
    outbox.add(Frame(b"x" * 600), coalesce=True)
    with pytest.raises(Overflow):
        outbox.add(Frame(b"y" * 600), coalesce=True)
    assert waiting(outbox) == [b"x" * 600]
    assert outbox.size == 600


def test_a_refused_state_leaves_the_older_one_in_place() -> None:
    outbox = Outbox(1000)
    outbox.add(state(b"old"), coalesce=True)
    with pytest.raises(Overflow):
        outbox.add(state(b"n" * 2000), coalesce=True)
    assert waiting(outbox) == [b"old"]


def test_a_newer_state_fits_when_it_does_in_place_of_the_older() -> None:
    outbox = Outbox(1000)
    outbox.add(state(b"o" * 900), coalesce=True)
    outbox.add(state(b"n" * 900), coalesce=True)
    assert waiting(outbox) == [b"n" * 900]


def test_a_flood_of_tiny_frames_is_bounded_too() -> None:
    outbox = Outbox(100_000)
    for _ in range(700):
        outbox.add(Frame(b"."), coalesce=True)
    with pytest.raises(Overflow):
        outbox.add(Frame(b"." * 10_000), coalesce=True)


def test_an_unbounded_frame_is_taken_past_the_bound() -> None:
    outbox = Outbox(10)
    outbox.add(Frame(b"x" * 100), coalesce=True, bounded=False)
    assert outbox.size == 100


def test_a_ticket_is_written_when_the_last_byte_of_its_frame_is() -> None:
    outbox = Outbox(ROOMY)
    first, second = (outbox.add(Frame(text), coalesce=True) for text in (b"one", b"two"))
    outbox.wrote(4)
    assert (outbox.is_written(first), outbox.is_written(second)) == (True, False)
    outbox.wrote(2)
    assert outbox.is_written(second)


def test_take_gives_no_more_frames_than_it_is_asked_for() -> None:
    outbox = filled(Frame(b"a"), Frame(b"b"), Frame(b"c"))
    assert [bytes(b) for b in outbox.take(2)] == [b"a", b"b"]


def test_what_was_cleared_is_not_written_and_what_was_written_before_is() -> None:
    outbox = Outbox(ROOMY)
    first, second = (outbox.add(Frame(text), coalesce=True) for text in (b"one", b"two"))
    outbox.wrote(4)
    outbox.clear()
    assert (outbox.is_written(first), outbox.is_written(second)) == (True, False)
    assert (len(outbox), outbox.size) == (0, 0)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=5), max_size=20), st.data())
def test_whole_frames_come_out_in_order_however_they_are_cut(frames: list[bytes], data: st.DataObject) -> None:
    outbox = filled(*map(Frame, frames))
    written = b""
    while outbox:
        buffers = b"".join(bytes(b) for b in outbox.take())
        count = data.draw(st.integers(1, len(buffers)))
        written += buffers[:count]
        outbox.wrote(count)
    assert written == b"".join(frames)


@define
class Pushed:
    """A frame in the model, and how much of it is written."""

    frame: Frame
    begun: int = 0
    skipped: bool = field(default=False)


class OutboxMachine(RuleBasedStateMachine):
    """Pushes and partial writes in any order. The model is the list of everything ever pushed."""

    BOUND = 4000

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(self.BOUND)
        self.pushed: list[Pushed] = []
        self.written = b""
        self.number = 0

    def unwritten(self) -> list[Pushed]:
        return [p for p in self.pushed if not p.skipped and p.begun < len(p.frame.data)]

    @rule(
        kind=st.sampled_from(Kind),
        game=st.sampled_from(["a", "b"]),
        size=st.integers(0, 1500),
        coalesce=st.booleans(),
    )
    def push(self, kind: Kind, game: str, size: int, coalesce: bool) -> None:
        self.number += 1
        frame = Frame(b"%d:%s;" % (self.number, b"." * size), kind, game)
        older = self.gives_way(frame) if coalesce else None
        waiting = [p for p in self.unwritten() if p is not older]
        size = sum(len(p.frame.data) - p.begun for p in waiting) + len(frame.data)
        cost = 128 * len(waiting)
        try:
            self.outbox.add(frame, coalesce=coalesce)
        except Overflow:
            assert size + cost > self.BOUND
        else:
            assert size + cost <= self.BOUND
            if older is not None:
                older.skipped = True
            self.pushed.append(Pushed(frame))

    def gives_way(self, newer: Frame) -> Pushed | None:
        """The latest state of the game, if it is whole and no game_over came after it."""
        if newer.kind is not Kind.STATE:
            return None
        for p in reversed(self.unwritten()):
            if p.frame.game_id == newer.game_id and p.frame.kind is not Kind.OTHER:
                return p if p.frame.kind is Kind.STATE and p.begun == 0 else None
        return None

    @precondition(lambda self: len(self.outbox) > 0)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        offered = b"".join(bytes(buffer) for buffer in self.outbox.take())
        count = data.draw(st.integers(0, len(offered)))
        self.outbox.wrote(count)
        self.written += offered[:count]
        for p in self.unwritten():
            step = min(count, len(p.frame.data) - p.begun)
            p.begun += step
            count -= step

    @invariant()
    def what_was_written_is_a_prefix_of_the_frames_that_were_not_skipped(self) -> None:
        assert b"".join(p.frame.data for p in self.pushed if not p.skipped).startswith(self.written)

    @invariant()
    def what_waits_is_the_rest(self) -> None:
        rest = b"".join(p.frame.data[p.begun :] for p in self.unwritten())
        assert b"".join(bytes(buffer) for buffer in self.outbox.take(10_000)) == rest
        assert self.outbox.size == len(rest)
        assert len(self.outbox) == len(self.unwritten())

    @invariant()
    def only_states_are_skipped_and_a_newer_one_of_the_game_is_not(self) -> None:
        for index, p in enumerate(self.pushed):
            if p.skipped:
                later = [q.frame for q in self.pushed[index + 1 :] if q.frame.game_id == p.frame.game_id]
                kinds = [frame.kind for frame in later if frame.kind is not Kind.OTHER]
                assert p.frame.kind is Kind.STATE
                assert kinds[0] is Kind.STATE
                assert any(not q.skipped for q in self.pushed[index + 1 :] if q.frame in later)


OutboxMachine.TestCase.settings = settings(deadline=None)
TestOutboxMachine = OutboxMachine.TestCase
