"""A trace as text that a person can follow: a sequence diagram, with a lane for each participant, and time from top to
bottom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from net.testing.trace import Kind
from net.testing.world.frames import Decoder, Opcode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from net.testing.trace import Moment

_STORE: Final = "redis"
_CROSS: Final = "\N{BOX DRAWINGS LIGHT DIAGONAL CROSS}"
_WIDTH: Final = 9
_LABEL: Final = 150
"""Characters of what was said; the rest of a long message tells less than it takes."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_UUID: Final = re.compile(r"0{8}-0{4}-4000-8000-0*")
_SCRIPT: Final = re.compile(r"[0-9a-f]{40}")
_TOKEN: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


@frozen
class Line:
    """One line of a story: from lane to lane, or with `whom` empty about `who` alone."""

    at: float
    who: str
    whom: str
    mark: str
    text: str


@define(eq=False)
class _Half:
    """One direction of a connection."""

    decoder: Decoder = field(factory=Decoder)
    head: bytearray = field(factory=bytearray)
    in_frames: bool = False

    def take(self, data: bytes) -> Iterator[str]:
        """What is whole now."""
        if self.in_frames:
            yield from self._frames(data)
            return
        self.head += data
        if (end := self.head.find(_END_OF_HEAD)) < 0:
            return
        head = bytes(self.head[:end])
        rest = bytes(self.head[end + len(_END_OF_HEAD) :])
        yield head.split(b"\r\n")[0].decode(errors="replace")
        self.head.clear()
        if b" 101 " in head[:20] or b"upgrade: websocket" in head.lower():
            self.in_frames = True
            yield from self._frames(rest)
        elif rest:
            yield rest.decode(errors="replace")

    def _frames(self, data: bytes) -> Iterator[str]:
        for frame in self.decoder.feed(data):
            match frame.opcode:
                case Opcode.TEXT:
                    yield frame.payload.decode(errors="replace")
                case Opcode.CLOSE:
                    code = int.from_bytes(frame.payload[:2], "big")
                    yield f"(close {code} {frame.payload[2:].decode(errors='replace')})"
                case opcode:
                    yield f"({Opcode(opcode).name.lower()})"


def lines(moments: Iterable[Moment]) -> Iterator[Line]:
    """The moments as lines: whole messages where the network had pieces, commands where the store had bytes."""
    halves: dict[tuple[int, str], _Half] = {}
    for moment in moments:
        who, whom, at = _lane(moment.who), _lane(moment.whom), moment.at
        with_store = _STORE in (who, whom)
        match moment.kind:
            case Kind.SENT if not with_store:
                half = halves.setdefault((moment.connection, moment.who), _Half())
                for text in half.take(moment.data):
                    yield Line(at, who, whom, "─", text)
            case Kind.OPENED:
                yield Line(at, who, whom, "┄", f"connects ({moment.connection})")
            case Kind.ENDED:
                yield Line(at, who, whom, "┄", f"hangs up ({moment.connection})")
            case Kind.BROKE:
                yield Line(at, who, whom, _CROSS, f"the connection breaks ({moment.connection})")
            case Kind.WENT_DEAF:
                yield Line(at, who, whom, _CROSS, f"nothing gets through any more ({moment.connection})")
            case Kind.EXECUTED:
                yield Line(at, who, whom, "─", _command(moment.data))
            case Kind.REPLIED:
                yield Line(at, who, whom, "─", _reply(moment.data))
            case Kind.DID:
                yield Line(at, who, "", "*", f"*** {moment.who} {moment.data.decode()}")
            case _:
                pass


def diagram(moments: Iterable[Moment], *, last: int | None = 200, ticks: bool = False) -> str:
    """The last lines of the story, drawn. Without `ticks` those by which the server keeps its clock are left out."""
    story = [line for line in lines(moments) if ticks or not _is_tick(line)]
    if last is not None:
        story = story[-last:]
    lanes = _lanes(story)
    head = " " * 11 + "".join(f"{lane[: _WIDTH - 1]:<{_WIDTH}}" for lane in lanes)
    return "\n".join([head, *(_drawn(line, lanes) for line in story)])


def _lanes(story: Sequence[Line]) -> list[str]:
    """People first, then the server, then the store."""
    found = dict.fromkeys(lane for line in story if line.whom for lane in (line.who, line.whom))
    last = [lane for lane in ("server", _STORE) if lane in found]
    return [*(lane for lane in found if lane not in last), *last]


def _drawn(line: Line, lanes: Sequence[str]) -> str:
    row = list((" " * 3 + "│" + " " * (_WIDTH - 4)) * len(lanes))
    if line.whom:
        here, there = lanes.index(line.who) * _WIDTH + 3, lanes.index(line.whom) * _WIDTH + 3
        low, high = min(here, there), max(here, there)
        row[low + 1 : high] = line.mark * (high - low - 1)
        row[here] = "├" if there > here else "┤"
        row[there] = "▶" if there > here else "◀"
    text = _TOKEN.sub("…", _UUID.sub("…", line.text.replace("\n", " ")))
    shown = text if len(text) <= _LABEL else f"{text[:_LABEL]}…"
    return f"{line.at:10.4f} {''.join(row)} {shown}"


def _lane(name: str) -> str:
    if name == "croupier" or name.startswith("server-"):
        return "server"
    return _UUID.sub("…", name)


def _command(data: bytes) -> str:
    parts, at = [], 0
    while at < len(data):
        colon = data.index(b":", at)
        end = colon + 1 + int(data[at:colon])
        parts.append(data[colon + 1 : end].decode(errors="replace"))
        at = end + 1
    if parts[0].upper() == "EVAL":
        parts[1] = "(a script)"
    return " ".join(part[:6] + "…" if _SCRIPT.fullmatch(part) else part for part in parts)


def _reply(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r\n", " ").strip()


def _is_tick(line: Line) -> bool:
    if _STORE in (line.who, line.whom):
        return "service_clock" in line.text or line.text in ("PING", "+PONG", ":1", "+OK", ":0")
    return line.text in ("(ping)", "(pong)", "2", "3")
