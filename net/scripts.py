"""Scripts: what the store executes whole, how they get there, and whose writes it takes.

A script is executed whole, or (when its first write is refused) not at all, with nothing in between; so what must stand
together is written by one.

And only the owner of the keys writes. Every script that writes begins by looking who that is: the server that was
started last on them put its nonce into `owner` (`net.ownership`), each write carries the nonce of its own server, and
where the two differ nothing is written. So a server that slept through its own replacement, or was killed with writes
in the buffers of its sockets, cannot write from the moment on in which its successor has claimed the keys.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final, NoReturn

import trio
from attrs import field, frozen

from actors.ports import ServerReplaced, StoreUnavailable
from net.redis import CommandRefused
from net.resp import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from net.ownership import Ownership
    from net.redis import Arg, Command, Redis, Reply

log = logging.getLogger(__name__)

_REPLACED: Final = "REPLACED"
_NOBODYS: Final = "NOBODYS"

_IF_OURS: Final = f"""\
local owner = redis.call('GET', KEYS[1])
if owner ~= ARGV[1] then
  return redis.error_reply(owner and '{_REPLACED} these keys are of another server' or '{_NOBODYS} keys are these')
end
"""

_IF_OURS_OR_NOBODYS: Final = f"""\
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return redis.error_reply('{_REPLACED} these keys are of another server') end
if not owner then redis.call('SET', KEYS[1], ARGV[1]) end
"""


@frozen
class Script:
    """A Lua script; `name` is for the log. In one that `writes`, `KEYS[1]` and `ARGV[1]` are the owner and this
    server's nonce, and `body` is executed only if the two agree; where nobody owns the keys one that `claims` takes
    them. The keys and arguments that it is called with come behind those two."""

    name: str
    body: str = field(repr=False)
    writes: bool = field(default=True, kw_only=True)
    claims: bool = field(default=False, kw_only=True)
    text: str = field(init=False, repr=False)
    """What the store is sent."""
    sha: str = field(init=False, repr=False)

    @text.default
    def _text(self) -> str:
        if not self.writes:
            return self.body
        return (_IF_OURS_OR_NOBODYS if self.claims else _IF_OURS) + self.body

    @sha.default
    def _sha(self) -> str:
        # SHA-1 is the name that EVALSHA goes by, and no protection.
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Executes scripts on a store, each as `EVALSHA`, which names it by its hash.

    The first use on a connection carries the whole script, by which the server keeps it: commands are executed in the
    order in which they were sent, so whatever follows on that connection finds it there. A server that has forgotten it
    since (`SCRIPT FLUSH`, or too many scripts of others) refuses the hash, has then executed nothing, and is sent the
    whole script.
    """

    def __init__(self, redis: Redis, ownership: Ownership) -> None:
        """`ownership` is what writes are made in the name of; one that was not claimed can only read."""
        self._redis = redis
        self._ownership = ownership
        self._epoch = 0
        self._sent: set[str] = set()

    async def call(
        self, script: Script, keys: Sequence[str], args: Sequence[Arg], *, epoch: int | None = None
    ) -> Reply:
        """The script's reply. Raises as `Redis.call` does, and takes `epoch` as that does; a script whose result is
        unknown was executed, will be, or never will. Raises ServerReplaced when another server owns the keys: nothing
        was written, and of what this server sent before nothing will be any more."""
        command = self._command(script, keys, args)
        try:
            try:
                return await self._redis.call(*command, epoch=epoch)
            except CommandRefused as refused:
                if refused.code != "NOSCRIPT":
                    raise
            return await self._redis.call(*self._whole(script, keys, args), epoch=epoch)
        except CommandRefused as refused:
            self._refused(refused)

    def call_soon(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Arg],
        *,
        epoch: int,
        heard: Callable[[Reply | Exception], None],
    ) -> bool:
        """Sends the script on this connection and waits for nothing; `heard` is called with its reply, or with what
        `Redis.call_soon` says in its place, which `settle` turns into what `call` raises. False: nothing was sent."""

        def heard_of(outcome: Reply | Exception) -> None:
            if isinstance(outcome, CommandRefused) and outcome.code == "NOSCRIPT":
                if not self._redis.call_soon(self._whole(script, keys, args), heard, epoch=epoch):
                    heard(StoreUnavailable("the connection is gone"))
            else:
                heard(outcome)

        return self._redis.call_soon(self._command(script, keys, args), heard_of, epoch=epoch)

    async def settle(self, outcome: Reply | Exception) -> Reply:
        """What `call` would have returned or raised, had it heard this."""
        await trio.lowlevel.checkpoint()
        if isinstance(outcome, CommandRefused):
            error = refusal(outcome)
            if isinstance(error, CommandRefused):
                self._refused(error)
            raise error
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _refused(self, refused: CommandRefused) -> NoReturn:
        if refused.code == _REPLACED:
            self._ownership.lost()
            raise ServerReplaced("another server was started on this store") from None
        if refused.code == _NOBODYS:  # the clock's next tick makes them ours again, or somebody's else
            raise StoreUnavailable("the store has lost whose keys these are") from None
        raise refused

    def send(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> bool:
        """Executes the script soon, and waits for nothing; a refusal is logged. False: the store is away, and nothing
        will happen."""

        def refused(error: CommandRefused) -> None:
            if error.code == "NOSCRIPT":
                self._redis.send(self._whole(script, keys, args))
            elif error.code == _REPLACED:
                self._ownership.lost()
            elif error.code != _NOBODYS:
                # Not the message, which may quote arguments: there may be hidden cards in them.
                log.warning("the store refused the script %s: %s", script.name, error.code)

        return self._redis.send(self._command(script, keys, args), refused=refused)

    def _command(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
        if self._epoch != self._redis.epoch:
            self._epoch = self._redis.epoch
            self._sent.clear()
        if script.sha not in self._sent:
            self._sent.add(script.sha)
            return self._whole(script, keys, args)
        return ("EVALSHA", script.sha, *self._operands(script, keys, args))

    def _whole(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
        return ("EVAL", script.text, *self._operands(script, keys, args))

    def _operands(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
        if not script.writes:
            return (len(keys), *keys, *args)
        return (1 + len(keys), self._ownership.key, *keys, self._ownership.nonce, *args)
