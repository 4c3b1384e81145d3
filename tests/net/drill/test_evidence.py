from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from net.checks import Promise, Violation
from net.drill.evidence import MOST_GAMES, Evidence
from net.drill.score import Score
from tests.net.checks.games import played

if TYPE_CHECKING:
    from pathlib import Path

GAME = played()


def test_what_is_found_is_counted_and_told_at_once(tmp_path: Path) -> None:
    told: list[Violation] = []
    score = Score()
    violation = Violation(Promise.HOLE, "g", "text")
    Evidence(tmp_path, score, told.append).found(violation)
    assert told == score.violations == [violation]
    assert score.broken(Promise.HOLE) == 1
    assert score.broken(Promise.LOST) == 0


def test_a_game_s_journal_and_diaries_are_kept_line_by_line(tmp_path: Path) -> None:
    Evidence(tmp_path, Score()).of_game("g", GAME.diaries, GAME.journal)
    folder = tmp_path / "evidence" / "g"
    journal = [orjson.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]
    assert [entry["event_id"] for entry in journal] == list(range(1, len(GAME.journal) + 1))
    assert journal[0]["event"]["kind"] == "created"
    diary = [orjson.loads(line) for line in (folder / "anna.jsonl").read_bytes().splitlines()]
    assert [line["record"] for line in diary[:2]] == ["connected", "asked"]
    assert diary[3]["how"] == "JOINED"
    assert diary[3]["view"]["event_id"] == 1


def test_so_many_games_are_kept_and_no_more(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, Score())
    for number in range(MOST_GAMES + 5):
        evidence.of_game(f"g{number}", GAME.diaries, GAME.journal)
    assert len(list((tmp_path / "evidence").iterdir())) == MOST_GAMES
