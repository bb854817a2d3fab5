"""The servers that a cluster needs: an ensemble of ZooKeeper, and Redis."""

import os
import re
import socket

from basics import Failed, wait_until, write_file
from spaces import Disk, Program

JAR = "/usr/share/java/zookeeper.jar"
LOG_BINDING = "/usr/share/java/slf4j-simple.jar"
TICK_MS = 500


class ZooKeeper(Program):
    """One server of the ensemble."""

    def __init__(self, number, space, directory, peers):
        super().__init__(f"zookeeper-{number}", space, directory)
        self.number = number
        self.data = os.path.join(directory, "data")
        self.clock = None
        self.disk = Disk(self.data)
        self._peers = peers

    def start(self):
        lines = [
            f"tickTime={TICK_MS}", "initLimit=20", "syncLimit=6", "minSessionTimeout=1000", f"dataDir={self.data}",
            "clientPort=2181", f"clientPortAddress={self.space.address}", "maxClientCnxns=0",
            "admin.enableServer=false", "4lw.commands.whitelist=*", "autopurge.purgeInterval=0",
        ]
        lines += [f"server.{number}={address}:2888:3888" for number, address in self._peers]
        write_file(os.path.join(self.directory, "zoo.cfg"), "\n".join(lines) + "\n")
        write_file(os.path.join(self.data, "myid"), f"{self.number}\n")
        path = JAR + (f":{LOG_BINDING}" if os.path.exists(LOG_BINDING) else "")
        self.launch(
            [
                "java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                # Programs die here, never the machine: what is written survives without being synced.
                "-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=4096", "-Dzookeeper.snapCount=10000000",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-cp", path, "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                os.path.join(self.directory, "zoo.cfg"),
            ],
            environment=self.clock.environment if self.clock else None,
        )

    def ask(self, word):
        """The answer to a four-letter command; nothing where the server does not serve."""
        try:
            with socket.create_connection((self.space.address, 2181), timeout=1) as connection:
                connection.settimeout(1)
                connection.sendall(word.encode())
                answer = b""
                while part := connection.recv(65536):
                    answer += part
                return answer.decode(errors="replace")
        except OSError:
            return ""

    @property
    def mode(self):
        found = re.search(r"^Mode: (\w+)", self.ask("srvr"), re.MULTILINE)
        return found[1] if found else None


class Ensemble:
    """Three servers, each on a machine of its own."""

    def __init__(self, directory, spaces, clock=None):
        peers = [(number, space.address) for number, space in enumerate(spaces, 1)]
        self.servers = [
            ZooKeeper(number, space, os.path.join(directory, f"zookeeper-{number}"), peers)
            for number, space in enumerate(spaces, 1)
        ]
        for server in self.servers:
            server.clock = clock
        self.addresses = [space.address for space in spaces]

    @property
    def connect_string(self):
        return ",".join(f"{address}:2181" for address in self.addresses)

    def start(self):
        for server in self.servers:
            if not server.is_running:
                server.start()
        self.wait()

    def wait(self, within=60):
        """Waits until every server that runs serves, and one of them leads."""
        def serves():
            modes = [server.mode for server in self.servers if server.is_running]
            return all(modes) and "leader" in modes

        wait_until("a whole ensemble", serves, within)

    @property
    def leader(self):
        for server in self.servers:
            if server.is_running and server.mode == "leader":
                return server
        raise Failed("no ZooKeeper server leads")

    def znode_count(self):
        for server in self.servers:
            found = re.search(r"^zk_znode_count\t(\d+)", server.ask("mntr"), re.MULTILINE)
            if found:
                return int(found[1])
        return None

    def end(self):
        for server in self.servers:
            server.kill()


class RedisError(Failed):
    """Redis answered with an error."""


class Redis(Program):
    """A Redis server with a log of appends, as clusters need it."""

    PORT = 6379

    def __init__(self, space, directory):
        super().__init__("redis", space, directory)
        self.password = None

    def start(self, within=20):
        self.launch([
            "redis-server", "--port", str(self.PORT), "--bind", "0.0.0.0", "--protected-mode", "no",
            "--dir", self.directory, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--maxmemory-policy", "noeviction", "--enable-debug-command", "local",
        ])
        wait_until("Redis answers", self._answers, within)

    def _answers(self):
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def ask(self, *words):
        """One command and its answer."""
        with socket.create_connection((self.space.address, self.PORT), timeout=5) as connection:
            stream = connection.makefile("rwb")
            if self.password:
                self._send(stream, "AUTH", self.password)
                self._read(stream)
            self._send(stream, *words)
            return self._read(stream)

    @staticmethod
    def _send(stream, *words):
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = str(word).encode()
            parts.append(f"${len(data)}\r\n".encode() + data + b"\r\n")
        stream.write(b"".join(parts))
        stream.flush()

    def _read(self, stream):
        line = stream.readline()
        if not line:
            raise OSError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode(errors="replace")
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return [self._read(stream) for _ in range(int(rest))]
        return rest

    def memory(self):
        found = re.search(r"^used_memory:(\d+)", self.ask("INFO", "memory"), re.MULTILINE)
        return int(found[1]) if found else None
