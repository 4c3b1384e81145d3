"""The floors under an action on this machine, for docs/performance.md ("What stands in the way"):

    python tests/bench/floors.py [--folder FOLDER] [--rounds N]

What a durable write alone takes, and so how many actions a second one game can have at most whose every action waits
for one; and what one round through a socket costs by itself, as the one to the store, from a Trio task. Nothing of
Croupier is in it. It takes some seconds, and leaves nothing behind.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryFile

import trio

_ENTRY = b"x" * 700
"""About what the benchmarks' game appends for an action."""
_ECHO = """
import socket, sys
sock = socket.socket(fileno=int(sys.argv[1]))
while data := sock.recv(65536):
    sock.sendall(b"+OK\\r\\n")
"""


def durable_writes(folder: Path, rounds: int) -> list[float]:
    """Seconds that each of so many appends to a file took, until it was on the disk."""
    took = []
    with TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(rounds):
            began = time.perf_counter()  # noqa: TID251 - it is the real disk that is measured
            file.write(_ENTRY)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)  # noqa: TID251
    return sorted(took)


async def rounds_through_a_socket(rounds: int) -> tuple[float, float]:
    """Seconds, and seconds of this process's CPU, for each of so many questions to another process that answers at
    once: one send, one wait in Trio's selector, one receive."""
    ours, theirs = socket.socketpair()
    with ours, subprocess.Popen([sys.executable, "-c", _ECHO, str(theirs.fileno())], pass_fds=[theirs.fileno()]):  # noqa: ASYNC220 - it only answers
        theirs.close()
        ours.setblocking(False)
        began = cpu = 0.0
        for number in range(rounds + rounds // 10):
            if number == rounds // 10:  # by now both are warm
                began, cpu = trio.current_time(), time.process_time()
            ours.send(_ENTRY)
            await trio.lowlevel.wait_readable(ours)
            ours.recv(65536)
        took = (trio.current_time() - began) / rounds, (time.process_time() - cpu) / rounds
        ours.shutdown(socket.SHUT_WR)  # by which the other one ends
    return took


def main() -> None:
    """Measures, and prints a line each."""
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk that is measured [default: here]")
    parser.add_argument("--rounds", type=int, default=2000)
    asked = parser.parse_args()
    writes = durable_writes(asked.folder, asked.rounds)
    half, most = writes[len(writes) // 2], writes[int(len(writes) * 0.99)]
    wall, cpu = trio.run(rounds_through_a_socket, asked.rounds)
    print(f"a durable append: {half * 1e6:.0f} µs (half), {most * 1e6:.0f} µs (99 %)")  # noqa: T201
    print(f"so one game in a closed loop has {1 / half:.0f} actions a second at most, whatever the server is")  # noqa: T201
    print(f"a round through a socket, in Trio: {wall * 1e6:.0f} µs, of which {cpu * 1e6:.0f} µs CPU here")  # noqa: T201


if __name__ == "__main__":
    main()
