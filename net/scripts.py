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
from net.resp import pack_word, refusal

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
        self.redis = redis
        self.ownership = ownership
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
                return await self.redis.call(*command, epoch=epoch)
            except CommandRefused as refused:
                if refused.code != "NOSCRIPT":
                    raise
            return await self.redis.call(*self._whole(script, keys, args), epoch=epoch)
        except CommandRefused as refused:
            self._refused(refused)

    def prepared(self, script: Script, keys: Sequence[str], args: int) -> Prepared:
        """Calls of this script with these keys and so many arguments, of which the keys are packed once."""
        return Prepared(self, script, keys, args)

    def has_sent(self, script: Script, epoch: int) -> bool:
        """Whether the server of this connection was sent the whole script on it."""
        return epoch == self._epoch and script.sha in self._sent

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

    @staticmethod
    def executed_nothing(outcome: Reply | Exception) -> bool:
        """Whether this says that the server does not know the script: it is to be sent whole, as `call` does."""
        return isinstance(outcome, CommandRefused) and outcome.code == "NOSCRIPT"

    def _refused(self, refused: CommandRefused) -> NoReturn:
        if refused.code == _REPLACED:
            self.ownership.lost()
            raise ServerReplaced("another server was started on this store") from None
        if refused.code == _NOBODYS:  # the clock's next tick makes them ours again, or somebody's else
            raise StoreUnavailable("the store has lost whose keys these are") from None
        raise refused

    def send(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> bool:
        """Executes the script soon, and waits for nothing; a refusal is logged. False: the store is away, and nothing
        will happen."""

        def refused(error: CommandRefused) -> None:
            if error.code == "NOSCRIPT":
                self.redis.send(self._whole(script, keys, args))
            elif error.code == _REPLACED:
                self.ownership.lost()
            elif error.code != _NOBODYS:
                # Not the message, which may quote arguments: there may be hidden cards in them.
                log.warning("the store refused the script %s: %s", script.name, error.code)

        return self.redis.send(self._command(script, keys, args), refused=refused)

    def _command(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
        if self._epoch != self.redis.epoch:
            self._epoch = self.redis.epoch
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
        return (1 + len(keys), self.ownership.key, *keys, self.ownership.nonce, *args)


class Prepared:
    """Calls of one script that are nearly the same, time after time."""

    def __init__(self, scripts: Scripts, script: Script, keys: Sequence[str], args: int) -> None:
        assert script.writes
        self._scripts = scripts
        self._script = script
        words: list[Arg] = ["EVALSHA", script.sha, 1 + len(keys), scripts.ownership.key, *keys, scripts.ownership.nonce]
        self._head = b"*%d\r\n%b" % (len(words) + args, b"".join(map(pack_word, words)))

    def call_soon(self, args: bytes, *, epoch: int, heard: Callable[[Reply | Exception], None]) -> bool:
        """Sends the script on this connection and waits for nothing; `args` are its arguments, packed. `heard` is
        called with its reply, or with what `Redis.call_soon` says in its place, which `Scripts.settle` turns into what
        `Scripts.call` raises. False: nothing was sent, because the script was not sent whole on this connection yet, or
        there is none."""
        if not self._scripts.has_sent(self._script, epoch):
            return False
        return self._scripts.redis.call_soon(self._head + args, heard, epoch=epoch)
