"""A proxy between nodes and ZooKeeper servers that knows the protocol.

Each node has a port for each server. A *rule* waits for the k-th request that it matches and then does one thing,
exactly there: holds the request back, or its answer, until it is released; or loses the answer and resets the
connection. That makes "between the commit and its answer" a place that a test can reach, not a matter of luck.
"""

import asyncio
import socket
import struct
import threading

from basics import Failed
from spaces import HUB
from wire import LONGEST_FRAME, Request, frame, parse_connect_response

BEFORE, AFTER, DROP = "before", "after", "drop"


class Rule:
    """One fault at one request. `nodes` narrows whose requests count; `matches` looks at a request."""

    def __init__(self, name, matches, action, nodes=None, skip=0, times=1):
        self.name = name
        self.action = action
        self.hit = threading.Event()
        self.node = None
        self.path = ""
        self.hits = 0
        self._matches = matches
        self._nodes = nodes
        self._skip = skip
        self._times = times
        self._released = threading.Event()

    def takes(self, node, request):
        """Whether this request is one that the rule is for; counts."""
        if self.hits >= self._times or not request.operations:
            return False
        if self._nodes is not None and node not in self._nodes:
            return False
        if not self._matches(request):
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        self.hits += 1
        self.node = node
        self.path = request.operations[-1][1]
        self.hit.set()
        return True

    def wait(self, within):
        if not self.hit.wait(within):
            raise Failed(f"the phase was not reached within {within:g} s: no request was {self.name}")
        return self.node

    def release(self):
        """Lets go what is held; what is still to come passes."""
        self._times = 0
        self._released.set()

    @property
    def is_released(self):
        return self._released.is_set()


class Link:
    """What is known of one node's connections."""

    def __init__(self):
        self.session, self.password = 0, b""


class Proxy:
    """Serves all nodes of one cluster, in a thread of its own."""

    def __init__(self, servers):
        self._servers = servers
        self._loop = asyncio.new_event_loop()
        self._links = {}
        self._rules = []
        self._listeners = []
        self._ports = {}
        self._tasks = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def connect_string(self, node):
        """Makes ports for a node and returns them in the order of the servers."""
        self._links[node] = Link()
        return self._call(self._listen(node))

    async def _listen(self, node):
        for server in self._servers:
            async def serve(reader, writer, server=server):
                task = asyncio.current_task()
                self._tasks.add(task)
                try:
                    await self._connection(node, server, reader, writer)
                finally:
                    self._tasks.discard(task)

            listener = await asyncio.start_server(serve, HUB, 0, limit=1 << 20)
            self._listeners.append(listener)
            self._ports.setdefault(node, []).append(listener.sockets[0].getsockname()[1])
        return ",".join(f"{HUB}:{port}" for port in self._ports[node])

    def ports(self):
        """All ports of all nodes."""
        return [port for ports in self._ports.values() for port in ports]

    def ports_of(self, node):
        """A node's ports, in the order of the servers."""
        return self._ports[node]

    def link(self, node):
        return self._links[node]

    def add(self, rule):
        self._rules.append(rule)
        return rule

    def remove(self, rule):
        rule.release()
        if rule in self._rules:
            self._rules.remove(rule)

    def close(self):
        for rule in list(self._rules):
            rule.release()

        async def end():
            for listener in self._listeners:
                listener.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- one connection ----------------------------------------------------------------------------------------------

    async def _connection(self, node, server, reader, writer):
        link = self._links[node]
        try:
            server_reader, server_writer = await asyncio.wait_for(
                asyncio.open_connection(server, 2181, limit=1 << 20), 2)
        except (OSError, asyncio.TimeoutError):
            writer.close()
            return
        faults = {}
        pumps = [
            asyncio.ensure_future(self._requests(node, reader, server_writer, faults)),
            asyncio.ensure_future(self._answers(link, server_reader, writer, faults)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for side in (writer, server_writer):
                _reset(side)

    async def _requests(self, node, reader, server_writer, faults):
        """What the node asks."""
        server_writer.write(frame(await _frame(reader)))
        while True:
            body = await _frame(reader)
            request = Request(body)
            for rule in list(self._rules):
                if rule.takes(node, request):
                    if rule.action == BEFORE:
                        await _released(rule)
                    else:
                        faults[request.xid] = rule
                    break
            server_writer.write(frame(body))
            await server_writer.drain()

    async def _answers(self, link, server_reader, writer, faults):
        """What the server answers. Returns where an answer is to be lost."""
        body = await _frame(server_reader)
        session, password = parse_connect_response(body)
        if session:
            link.session, link.password = session, password
        writer.write(frame(body))
        while True:
            body = await _frame(server_reader)
            rule = faults.pop(struct.unpack_from(">i", body)[0], None)
            if rule is not None:
                if rule.action == DROP:
                    return
                await _released(rule)
            writer.write(frame(body))
            await writer.drain()


async def _frame(reader):
    length = struct.unpack(">i", await reader.readexactly(4))[0]
    if not 0 <= length <= LONGEST_FRAME:
        raise ConnectionError(f"a frame of {length} bytes")
    return await reader.readexactly(length)


async def _released(rule):
    """Holds one direction of a connection until the rule is released."""
    while not rule.is_released:
        await asyncio.sleep(0.005)


def _reset(writer):
    """Ends a connection with RST, as a machine that went away and came back would."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # it is closed already
    writer.close()
