"""What is kept when a promise was broken: the journals and the diaries of the games, which may hold hidden cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import asdict, define, field

from net.checks import Violation
from net.drill.score import Score
from net.event_codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.checks import Diary, Written

MOST_GAMES: Final = 50
"""Games whose journal and diaries are kept; the first that break a promise say most."""


@define(eq=False)
class Evidence:
    """Violations as they are found, and a folder of what proves them. `tell` is told of each at once."""

    folder: Path
    score: Score
    tell: Callable[[Violation], None] = lambda _: None
    _games: set[str] = field(factory=set, init=False)

    def found(self, violation: Violation) -> None:
        """One more promise was broken."""
        self.score.violations.append(violation)
        self.tell(violation)

    def of_game(self, game_id: str, diaries: Sequence[Diary], journal: Sequence[Written]) -> None:
        """Writes the game's journal and its players' diaries, a line of JSON each entry."""
        if game_id in self._games or len(self._games) >= MOST_GAMES:
            return
        self._games.add(game_id)
        folder = self.folder / "evidence" / game_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "journal.jsonl", [_entry(entry) for entry in journal])
        for diary in diaries:
            name = f"{diary.user_id.replace(':', '_')}.jsonl"
            _write(folder / name, [_record(record) for record in diary.records])


def _entry(entry: Written) -> dict[str, Any]:
    return {"event_id": entry.event_id, "nonce": entry.nonce, "event": orjson.Fragment(encode_event(entry.event))}


def _record(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the records
    fields = asdict(record, recurse=False)
    return {"record": type(record).__name__.lower(), **{name: _plain(value) for name, value in fields.items()}}


def _plain(value: Any) -> Any:  # noqa: ANN401 - of a record
    return getattr(value, "name", value)


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))
