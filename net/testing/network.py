"""A simulated network: hosts that listen, connect, and die."""

from __future__ import annotations

import trio
from attrs import define, field

from net.testing.streams import Link, SimStream, stream_pair
from net.testing.trace import Kind, Trace

_BACKLOG = 128


@define(eq=False)
class SimAcceptor:
    """A listening port on the simulated network; a `net.listener.Acceptor`."""

    address: str
    host: SimHost
    _arrivals: trio.MemorySendChannel[SimStream] = field(init=False)
    _accepted: trio.MemoryReceiveChannel[SimStream] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._arrivals, self._accepted = trio.open_memory_channel[SimStream](_BACKLOG)

    async def accept(self) -> SimStream:
        """The next connection. Raises ClosedResourceError once the acceptor is closed."""
        try:
            return await self._accepted.receive()
        except trio.EndOfChannel:
            raise trio.ClosedResourceError(f"{self.address} is closed") from None

    def close(self) -> None:
        """Stops listening: new connections are refused, those not accepted yet are hung up. Idempotent."""
        if self.host.network.acceptors.get(self.address) is self:
            del self.host.network.acceptors[self.address]
        self._arrivals.close()  # first, so that a connection that waits for room is refused, not let in
        while self._accepted.statistics().current_buffer_used:
            self._accepted.receive_nowait().hang_up()
        self._accepted.close()

    async def _arrive(self, stream: SimStream) -> None:
        try:
            await self._arrivals.send(stream)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise ConnectionRefusedError(f"nobody listens at {self.address}") from None


@define(eq=False)
class SimHost:
    """A process on the simulated network. What it listens at and what it is connected to dies with it."""

    name: str
    network: SimNetwork
    _streams: list[SimStream] = field(factory=list, init=False)
    _acceptors: list[SimAcceptor] = field(factory=list, init=False)
    _fenced: bool = field(default=False, init=False)
    _dead: bool = field(default=False, init=False)

    def listen(self, address: str) -> SimAcceptor:
        """Listens at that address. Raises OSError when somebody does already, or when this host is dead."""
        if self._fenced:
            raise OSError(f"{self.name} is dead")
        if address in self.network.acceptors:
            raise OSError(f"the address {address} is in use")
        acceptor = self.network.acceptors[address] = SimAcceptor(address, self)
        self._acceptors.append(acceptor)
        return acceptor

    async def connect(self, address: str) -> SimStream:
        """Connects to whoever listens there. Raises ConnectionRefusedError (an OSError) when nobody does.

        Cancelled: the other end may see a connection that ends at once.
        """
        link = self.network.links.get(address, self.network.link)
        await trio.sleep(link.latency)
        acceptor = self.network.acceptors.get(address)
        if self._fenced or acceptor is None:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        ours, theirs = stream_pair(link, names=(self.name, address), trace=self.network.trace)
        self.network.trace.note(Kind.OPENED, self.name, address, connection=ours.connection)
        self._own(ours)
        acceptor.host._own(theirs)
        try:
            await acceptor._arrive(theirs)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return ours

    def fence(self) -> None:
        """From this moment nothing that this host does has an effect: it is dead, and nobody knows yet.
        Idempotent."""
        self._fenced = True
        for stream in self._streams:
            stream.fence()

    def die(self) -> None:
        """Fences the host and hangs up for it: the others get what it sent, then the end of the stream.
        Idempotent."""
        self.fence()
        self._dead = True
        for acceptor in self._acceptors:
            acceptor.close()
        for stream in self._streams:
            stream.hang_up()
        self._streams.clear()

    def cut(self) -> None:
        """Breaks every connection of this host, for both ends; it goes on listening."""
        for stream in self._streams:
            stream.cut()
        self._streams.clear()

    def half_open(self) -> None:
        """Pulls this host's cable: its connections carry nothing any more, and nobody is told."""
        for stream in self._streams:
            stream.half_open()

    def _own(self, stream: SimStream) -> None:
        self._streams = [s for s in self._streams if not s.closed]
        self._streams.append(stream)
        if self._fenced:
            stream.fence()
        if self._dead:
            stream.hang_up()


@define(eq=False)
class SimNetwork:
    """Everything that is connected to everything else. `link` is what new connections are like; assign
    another to make the network slow, narrow or crumbling from now on."""

    link: Link = field(factory=Link)
    trace: Trace = field(factory=Trace)
    """Is told of everything that goes over it."""
    links: dict[str, Link] = field(factory=dict)
    """What new connections to these addresses are like, in place of `link`."""
    acceptors: dict[str, SimAcceptor] = field(factory=dict, init=False)
    _hosts: dict[str, SimHost] = field(factory=dict, init=False)

    def host(self, name: str) -> SimHost:
        """The host of that name: the one that there is, or a new one when there is none or it is dead."""
        host = self._hosts.get(name)
        if host is None or host._fenced:
            host = self._hosts[name] = SimHost(name, self)
        return host

    def listen(self, address: str) -> SimAcceptor:
        """Listens at that address, from a host of the same name."""
        return self.host(address).listen(address)

    async def connect(self, address: str) -> SimStream:
        """Connects to that address from a host that is called `elsewhere`. As `SimHost.connect`."""
        return await self.host("elsewhere").connect(address)
