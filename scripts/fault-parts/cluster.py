"""One cluster: nodes on machines of their own, below a root of their own, with a Redis of its own."""

import json
import os
import re

from basics import Failed, RecordFile, read_file, wait_until, write_file
from proxy import Proxy
from servers import Redis
from spaces import Clock, Disk, Program
from wire import ZooKeeperReader

SESSION_MS = 4000
PORT = 8080
SLOTS = 8


class Node(Program):
    """One `skyfire node`. Its data directory survives its process."""

    def __init__(self, number, space, directory, command):
        super().__init__(f"node-{number}", space, directory)
        self.number = number
        self.worker = None
        self.is_meant_to_run = False
        self.clock = None
        self.disk = None
        self._command = command
        self._ready = os.path.join(directory, "ready")

    @property
    def data(self):
        return os.path.join(self.directory, "data")

    def start(self):
        write_file(self._ready, "")
        self.is_meant_to_run = True
        self.launch(
            self._command + ["--http", f"{self.space.address}:{PORT}", "--data", self.data],
            output=self._ready,
            environment=self.clock.environment if self.clock else None,
        )

    def wait_ready(self, within=60):
        def is_ready():
            found = re.search(r"^ready \S+ (worker-\d+)$", read_file(self._ready), re.MULTILINE)
            if found:
                return found[1]
            if not self.is_running:
                raise Failed(f"{self.name} ended before it was ready:\n{self.tail()}")
            return None

        self.worker = wait_until(f"{self.name} is ready", is_ready, within)

    def kill(self):
        """The node's process alone: its runner and tasks live on."""
        self.is_meant_to_run = False
        super().kill()

    def lose(self):
        """The whole machine: the node, its runner and every task."""
        self.is_meant_to_run = False
        self.space.lose()
        if self.process is not None:
            self.process.wait()

    def set_clock(self, offset_seconds):
        if self.clock is None:
            raise Failed(f"{self.name} was not started with a clock of its own")
        self.clock.step(offset_seconds)

    def runner_pids(self):
        """The runner processes on this machine."""
        found = []
        for pid in self.space.pids():
            words = read_file(f"/proc/{pid}/cmdline").split("\0")
            if len(words) > 1 and words[0].endswith("skyfire") and words[1] == "runner":
                found.append(pid)
        return found


class Cluster:
    """Nodes, their root, their mirror and what is recorded of them."""

    def __init__(self, world, lane, name, count=3, proxied=True, clocks=False, disks=False, session_ms=SESSION_MS):
        self.name = name
        self.root = "/" + re.sub(r"[^A-Za-z0-9]+", "-", name)
        self.ensemble = world.ensemble
        self.directory = os.path.join(world.directory, re.sub(r"[^A-Za-z0-9.-]+", "-", name))
        os.makedirs(self.directory)
        self.session_ms = session_ms
        self.clock_offset = world.clock_offset
        self.redis = Redis(lane.redis, os.path.join(self.directory, "redis"))
        self.tree = ZooKeeperReader(self.ensemble.addresses)
        self.proxy = Proxy(self.ensemble.addresses) if proxied else None
        self.probes = os.path.join(self.directory, "probes.ndjson")
        self.faults = RecordFile(os.path.join(self.directory, "faults.ndjson"), world.clock_offset)
        self.nodes = []
        self.probe = world.probe
        for number in range(1, count + 1):
            self.nodes.append(self._node(number, lane, world, clocks, disks))
        write_file(self.probes, "")

    def _node(self, number, lane, world, clocks, disks):
        name = f"node-{number}"
        connect = self.proxy.connect_string(name) if self.proxy else self.ensemble.connect_string
        directory = os.path.join(self.directory, name)
        command = [
            world.skyfire, "node", "--zookeeper", connect, "--root", self.root,
            "--redis", f"{self.redis.space.address}:{Redis.PORT}",
            "--session-timeout", f"{self.session_ms}ms", "--slots", str(SLOTS),
        ]
        node = Node(number, lane.nodes[number - 1], directory, command)
        if clocks:
            node.clock = Clock(world.clock_library, os.path.join(directory, "clock"))
        else:
            node.clock = world.clock
        if disks:
            node.disk = Disk(node.data)
        return node

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self):
        self.redis.start()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready()
        wait_until("a leader", lambda: self.leader, within=20)

    def end(self):
        """Kills everything. What is recorded stays."""
        for node in self.nodes:
            node.space.heal()
            node.space.thaw_quietly()
            node.lose()
        self.redis.space.lose()
        if self.proxy:
            self.proxy.close()
        self.tree.close()
        self.faults.close()
        for node in self.nodes:
            if node.disk:
                node.disk.end(keep=True)

    def mark(self, fault, phase="once", target="", **details):
        """A line of the fault log."""
        self.faults.write({"fault": fault, "phase": phase, "target": target, "details": details})

    # --- what ZooKeeper holds ----------------------------------------------------------------------------------------

    def record(self, path):
        """A JSON record below the root; None where there is none."""
        data = self.tree.data(f"{self.root}/{path}")
        return json.loads(data) if data else None

    def names(self, path):
        return self.tree.children(f"{self.root}/{path}") or []

    @property
    def term(self):
        record = self.record("term")
        return record["term"] if record else 0

    @property
    def leader(self):
        """The node that leads, or None at this moment."""
        record = self.record("master")
        return self.node_of(record["worker"]) if record else None

    def node_of(self, worker):
        for node in self.nodes:
            if node.worker == worker or node.worker == f"worker-{worker}":
                return node
        return None

    def is_registered(self, node):
        return self.tree.owner(f"{self.root}/workers/{node.worker}") is not None

    def unfinished(self):
        """What is still to be done, by mailbox; empty at quiescence."""
        left = {path: len(self.names(path)) for path in ("queue/job", "runs", "outbox")}
        # A command with its verdict waits for the node that asked, which may be gone; it is swept after minutes.
        commands = [self.record(f"queue/command/{name}") for name in self.names("queue/command")]
        left["queue/command"] = sum(1 for command in commands if command and "verdict" not in command)
        for worker in self.names("assign"):
            left[f"assign/{worker}"] = len(self.names(f"assign/{worker}"))
        return {path: count for path, count in left.items() if count}
