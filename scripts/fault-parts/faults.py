"""What can go wrong, each as: strike, last for a while, heal. The durations are multiples of the session's timeout."""

import os
import time

from basics import Failed, wait_until
from proxy import DROP, Rule
from phases import REQUESTS, running_worker
from servers import RedisError
from spaces import hold
from wire import steal_session

LEADER, WORKER, NOBODY = "leader", "worker", "nobody"


class Fault:
    """A kind of fault. A subclass says whom it strikes and what it does."""

    role = WORKER
    #: Options of the cluster that it needs.
    cluster = {}
    #: How many terms it costs at least.
    terms = 0
    #: Whether the phase's request goes on before the fault strikes: it waits for what the request holds up.
    releases_first = False
    #: Whether attempts may be lost with their worker.
    loses_workers = True
    #: Whether it may do that to one task three times in a row.
    may_lose_thrice = False
    #: Whether it is nothing to the attempts that run, but for exclusive ones.
    keeps_attempts = False
    #: Whether the node's attempts run elsewhere within a bound; or those that are exclusive, where they do not go on.
    moves_attempts = moves_exclusive = False

    def strike(self, scene):
        raise NotImplementedError

    def last(self, scene):
        """How long the fault lasts; by default until its timeouts are over."""
        hold(scene.timeout)

    def heal(self, scene):
        pass


class KillLeader(Fault):
    role, terms = LEADER, 1

    def strike(self, scene):
        scene.node.kill()

    def last(self, scene):
        scene.wait_for_new_term()
        hold(1)

    def heal(self, scene):
        scene.restart(scene.node)


class KillWorker(Fault):
    """The node's process alone; its runner and tasks live on. It comes back after its session has expired."""

    moves_attempts = True

    def strike(self, scene):
        scene.node.kill()

    def last(self, scene):
        scene.wait_until_taken_over(scene.node)

    def heal(self, scene):
        scene.restart(scene.node)


class LoseWorker(KillWorker):
    """The whole machine: node, runner and tasks."""

    def strike(self, scene):
        scene.node.lose()


class CrashWorker(KillWorker):
    """The node's process alone, and it is back at once: its successor takes over what the runner holds."""

    keeps_attempts, moves_attempts, moves_exclusive = True, False, True

    def last(self, scene):
        pass


class KillRunner(Fault):
    """The runner's process alone: its tasks die with it and are reported lost."""

    def strike(self, scene):
        pids = scene.node.runner_pids()
        if not pids:
            raise Failed(f"there is no runner on {scene.node.name}")
        for pid in pids:
            os.kill(pid, 9)

    def last(self, scene):
        hold(1)


class Stop(Fault):
    """SIGSTOP of the node's process for three timeouts. Runner and tasks are not stopped."""

    def __init__(self, role):
        self.role = role
        self.terms = 1 if role == LEADER else 0

    def strike(self, scene):
        scene.node.stop()

    def last(self, scene):
        hold(3 * scene.timeout)

    def heal(self, scene):
        scene.node.resume()


class Freeze(Fault):
    """The whole machine stands still for three timeouts, as in a pause of a virtual machine."""

    def strike(self, scene):
        scene.node.space.freeze()
        self._frozen = time.monotonic()

    def last(self, scene):
        hold(3 * scene.timeout)

    def heal(self, scene):
        scene.node.space.thaw()
        scene.freezes.append((self._frozen, time.monotonic()))


class CutWorker(Fault):
    """The machine's cable is out for two and a half timeouts."""

    def strike(self, scene):
        scene.node.space.cut()

    def last(self, scene):
        hold(2.5 * scene.timeout)

    def heal(self, scene):
        scene.node.space.heal()


class CutShort(Fault):
    """The machine's cable is out for less than a timeout: the session is the same afterwards."""

    keeps_attempts = True

    def strike(self, scene):
        self._session = scene.cluster.proxy.link(scene.node.name).session
        scene.node.space.cut()

    def last(self, scene):
        hold(0.4 * scene.timeout)

    def heal(self, scene):
        scene.node.space.heal()
        hold(scene.timeout)
        if scene.cluster.proxy.link(scene.node.name).session != self._session:
            scene.problems.append(f"{scene.node.name} has another session after a cut within its timeout")


class CutLeader(Fault):
    """The leader is alone with one ZooKeeper server, which goes on answering reads for a while."""

    role, terms = LEADER, 1

    def strike(self, scene):
        servers = scene.cluster.ensemble.servers
        self._server = next(server for server in servers if server is not scene.cluster.ensemble.leader)
        far = [server.space.address for server in servers if server is not self._server]
        self._server.space.cut_from(far)
        ports = scene.cluster.proxy.ports_of(scene.node.name)
        scene.node.space.drop_replies([port for port, server in zip(ports, servers) if server is not self._server])

    def last(self, scene):
        hold(2.5 * scene.timeout)

    def heal(self, scene):
        scene.node.space.heal()
        self._server.space.heal()
        scene.cluster.ensemble.wait()


class OneWay(Fault):
    """What the node sends arrives, what it is answered does not, for less than a timeout."""

    keeps_attempts = True

    def strike(self, scene):
        scene.node.space.drop_replies(scene.cluster.proxy.ports())

    def last(self, scene):
        hold(0.8 * scene.timeout)

    def heal(self, scene):
        scene.node.space.heal()


class DropReply(Fault):
    """The answers to several commits of one kind are lost after they took effect, and the connections are reset."""

    role = NOBODY

    def strike(self, scene):
        _, words, matches = REQUESTS[scene.phase]
        self._times = 4
        if scene.phase == "reclaim":
            # There is something to take over once a worker is lost, in as few commits as the leader likes.
            self._times = 1
            lost = running_worker(scene.cluster)
            self._rule = scene.cluster.proxy.add(Rule(words, matches, DROP))
            lost.lose()
        else:
            self._rule = scene.cluster.proxy.add(Rule(words, matches, DROP, times=self._times))

    def last(self, scene):
        wait_until(f"{self._times} lost answers", lambda: self._rule.hits >= self._times, within=40)

    def heal(self, scene):
        scene.cluster.proxy.remove(self._rule)


class Expire(Fault):
    """Every node's session is stolen and closed, one after the other."""

    role, releases_first = NOBODY, True
    # What is taken over from the first goes to the second, and so on.
    may_lose_thrice = True

    def strike(self, scene):
        for node in scene.cluster.nodes:
            if not node.is_running:
                continue
            link = scene.cluster.proxy.link(node.name)

            def is_stolen():
                before = link.session
                if not steal_session(scene.cluster.ensemble.addresses, before, link.password):
                    return None  # it was over already: the next one, then
                return before

            before = wait_until(f"the session of {node.name} is stolen", is_stolen, within=20)
            wait_until(f"{node.name} has another session", lambda: link.session != before, within=20)

    def last(self, scene):
        for node in scene.cluster.nodes:
            if not node.is_running:
                continue
            wait_until(f"{node.name} is registered again", lambda: scene.cluster.is_registered(node), within=20)


class KillZooKeeperLeader(Fault):
    role = NOBODY

    def strike(self, scene):
        self._server = scene.cluster.ensemble.leader
        self._server.kill()

    def last(self, scene):
        scene.cluster.ensemble.wait()
        hold(1)

    def heal(self, scene):
        scene.cluster.ensemble.start()


class RollZooKeeper(Fault):
    """Each server in turn is killed and started again."""

    role = NOBODY

    def strike(self, scene):
        for server in scene.cluster.ensemble.servers:
            server.kill()
            scene.cluster.ensemble.wait()
            scene.cluster.ensemble.start()

    def last(self, scene):
        pass


class QuorumLoss(Fault):
    """Two of three servers are gone for three timeouts. Nobody's session expires meanwhile."""

    role = NOBODY
    keeps_attempts = True

    def strike(self, scene):
        self._gone = scene.cluster.ensemble.servers[:2]
        for server in self._gone:
            server.kill()

    def last(self, scene):
        hold(3 * scene.timeout)

    def heal(self, scene):
        scene.cluster.ensemble.start()


class SlowZooKeeper(Fault):
    """The leading server stands still for two seconds, as with a slow disk.

    That is less than the others wait for it (the sync limit, three seconds). Where they give it up and join it again at
    once, as it goes on, a server of version 3.8.0 may wait for ever for answers to what it had proposed to them before:
    it leads, logs what is asked, and commits nothing. Nothing but a restart of that server helps.
    """

    role = NOBODY

    def strike(self, scene):
        self._server = scene.cluster.ensemble.leader
        self._server.stop()

    def last(self, scene):
        hold(2)

    def heal(self, scene):
        self._server.resume()
        scene.cluster.ensemble.wait()


class Clock(Fault):
    """One node's wall clock jumps and jumps back after two timeouts."""

    cluster = {"clocks": True}
    loses_workers = False

    def __init__(self, seconds):
        self._seconds = seconds

    def strike(self, scene):
        scene.node.set_clock(self._seconds)

    def last(self, scene):
        hold(2 * scene.timeout)

    def heal(self, scene):
        scene.node.set_clock(0)


class DiskFull(Fault):
    """The file system with a worker's data directory is full."""

    cluster = {"disks": True}

    def strike(self, scene):
        scene.node.disk.fill()

    def last(self, scene):
        hold(2 * scene.timeout)

    def heal(self, scene):
        scene.node.disk.free()


class ZooKeeperDiskFull(Fault):
    """The file system with the leading server's data is full; the server starts again once there is room.

    A server that cannot write its log ends, or steps down and tries to follow, again and again, without end.
    """

    role = NOBODY

    def strike(self, scene):
        self._server = scene.cluster.ensemble.leader
        self._server.disk.fill()

    def last(self, scene):
        wait_until("the server without room leads no more", lambda: self._server.mode != "leader", within=30)
        self._server.kill()
        scene.cluster.ensemble.wait()

    def heal(self, scene):
        self._server.disk.free()
        scene.cluster.ensemble.start()


class RedisFault(Fault):
    """Two timeouts with a mirror that does not take writes."""

    role, loses_workers = NOBODY, False

    def last(self, scene):
        hold(2 * scene.timeout)

    @staticmethod
    def ask(scene, *words):
        return scene.cluster.redis.ask(*words)


class RedisStop(RedisFault):
    def strike(self, scene):
        scene.cluster.redis.stop()

    def heal(self, scene):
        scene.cluster.redis.resume()


class RedisKill(RedisFault):
    def strike(self, scene):
        scene.cluster.redis.kill()

    def heal(self, scene):
        scene.cluster.redis.start()


class RedisFlush(RedisFault):
    def strike(self, scene):
        self.ask(scene, "FLUSHALL")
        scene.emptied_at = time.monotonic()
        # The checker excuses what may have been there before this moment.
        scene.cluster.mark("redis-emptied")

    def last(self, scene):
        hold(3)  # the leader looks every two seconds whether the mirror is the one that it was


class RedisFull(RedisFault):
    def strike(self, scene):
        self.ask(scene, "CONFIG", "SET", "maxmemory", "1mb")

    def heal(self, scene):
        self.ask(scene, "CONFIG", "SET", "maxmemory", "0")


class RedisReadOnly(RedisFault):
    def strike(self, scene):
        self.ask(scene, "REPLICAOF", "127.0.0.1", "1")

    def heal(self, scene):
        self.ask(scene, "REPLICAOF", "NO", "ONE")


class RedisPassword(RedisFault):
    PASSWORD = "another"

    def strike(self, scene):
        self.ask(scene, "CONFIG", "SET", "requirepass", self.PASSWORD)
        # Connections that are open keep their right until they are closed.
        scene.cluster.redis.password = self.PASSWORD
        try:
            self.ask(scene, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        except RedisError:
            pass  # there was none

    def heal(self, scene):
        self.ask(scene, "CONFIG", "SET", "requirepass", "")
        scene.cluster.redis.password = None


FAULTS = {
    "kill-leader": KillLeader,
    "kill-worker": KillWorker,
    "lose-worker": LoseWorker,
    "crash-worker": CrashWorker,
    "kill-runner": KillRunner,
    "stop-leader": lambda: Stop(LEADER),
    "stop-worker": lambda: Stop(WORKER),
    "freeze-worker": Freeze,
    "cut-worker": CutWorker,
    "cut-short": CutShort,
    "cut-leader": CutLeader,
    "one-way": OneWay,
    "drop-reply": DropReply,
    "expire": Expire,
    "zookeeper-kill": KillZooKeeperLeader,
    "zookeeper-roll": RollZooKeeper,
    "zookeeper-slow": SlowZooKeeper,
    "zookeeper-full": ZooKeeperDiskFull,
    "quorum-loss": QuorumLoss,
    "clock-forward": lambda: Clock(3600),
    "clock-back": lambda: Clock(-3600),
    "disk-full": DiskFull,
    "redis-stop": RedisStop,
    "redis-kill": RedisKill,
    "redis-flush": RedisFlush,
    "redis-full": RedisFull,
    "redis-read-only": RedisReadOnly,
    "redis-password": RedisPassword,
}

# Fault by phase; a star marks the cells of the smoke set.
MATRIX = """
kill-leader:     submit fire *admit *assign start *running finish *successors *reclaim idle
kill-worker:     submit *fire assign start running finish reclaim idle
lose-worker:     submit fire assign *start *running finish reclaim idle
crash-worker:    submit fire assign start *running finish idle
kill-runner:     start running finish idle
stop-leader:     fire admit *assign running finish successors reclaim
stop-worker:     fire assign start *running *finish
freeze-worker:   start running finish
cut-worker:      submit *fire assign start *running finish reclaim idle
cut-short:       fire assign start *running finish idle
cut-leader:      submit fire admit assign running finish successors reclaim idle
drop-reply:      *submit *fire admit assign start finish successors reclaim
one-way:         submit fire admit assign start finish successors reclaim
expire:          submit fire admit assign start running finish successors reclaim *idle
zookeeper-kill:  submit fire admit assign start running finish successors reclaim idle
zookeeper-roll:  submit fire admit assign start *running finish successors reclaim idle
zookeeper-slow:  running
zookeeper-full:  fire running idle
quorum-loss:     submit *fire admit assign start running finish successors reclaim idle
clock-forward:   *fire admit running finish
clock-back:      fire admit running finish
disk-full:       fire start *running finish idle
redis-stop:      running *finish idle
redis-kill:      running finish idle
redis-flush:     running finish *idle
redis-full:      running finish idle
redis-read-only: running finish idle
redis-password:  running finish idle
"""


def cells():
    """Every cell: fault, phase, whether it is in the smoke set."""
    for line in MATRIX.strip().splitlines():
        fault, phases = line.split(":")
        for phase in phases.split():
            yield fault.strip(), phase.lstrip("*"), phase.startswith("*")
