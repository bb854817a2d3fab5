"""Hours of random faults, with samples of what must not grow."""

import json
import os
import subprocess
import time

from basics import Background, Failed, RecordFile, read_file, say, wait_until, write_file
from faults import FAULTS, LEADER, NOBODY
from scene import Scene
from spaces import hold
from wire import Unreachable

EVERY_S = 10
# Growth per hour that is no slope: measurements wander.
PROCESS = {"rss_bytes": 8 << 20, "anonymous_bytes": 8 << 20, "fds": 4, "threads": 4}
SLOPES = {
    "node": PROCESS, "runner": PROCESS, "zookeeper": {"znodes": 60}, "redis": {"redis_bytes": 256 << 20},
}
# What is never exceeded, some times what is usual.
BOUNDS = {
    "node": {"rss_bytes": 256 << 20, "anonymous_bytes": 256 << 20, "fds": 128, "threads": 32},
    "runner": {"rss_bytes": 64 << 20, "anonymous_bytes": 64 << 20, "fds": 64, "threads": 4},
    "redis": {"redis_bytes": 1 << 30},
}
# Every kind is drawn. Half of the nodes are never killed, so that their memory can be followed for hours.
KINDS = tuple(FAULTS)
DEADLY = ("kill-leader", "kill-worker", "lose-worker", "crash-worker", "kill-runner")
MORTAL = 2
# Whose answers are lost. Nothing is submitted here; and what is taken over is not drawn, as that loses a machine first,
# whichever has long tasks.
DROPPED = ("fire", "admit", "assign", "start", "finish", "successors")
WARM_UP_S = 300
# Samples that may be missing, as faults are on: so many, or that share.
FEW, MOST_MISSING = 3, 0.1


class Soak(Scene):
    """Random faults drawn from the seed, one after the other, with pauses; then quiet, slopes and the verdict."""

    is_alone = True
    measure = ("hours", 1)
    cluster_options = {"count": 4, "clocks": True, "disks": True}
    workload_options = {"flow_pause": 1.5, "long_pause": 8.0}
    may_fail = loses_workers = True
    # The last fault is healed seconds before the end.
    settle_ms = 10_000
    unjudged = ()
    bounds_by_role = BOUNDS

    def play(self):
        self.sample_file = os.path.join(self.cluster.directory, "samples.ndjson")
        sampler = Sampler(self.cluster, self.sample_file)
        self.workload.prepare()
        self.workload.start("flow", "long", "cancel")
        end = time.monotonic() + 3600 * self.measured
        counts = {}
        try:
            while time.monotonic() < end:
                kind = self._draw()
                counts[kind] = counts.get(kind, 0) + 1
                say(f"{self.name}: {kind}, {(end - time.monotonic()) / 60:.0f} minutes left")
                self._fault(kind)
                hold(min(self.random.uniform(5, 40), max(0.0, end - time.monotonic())))
        finally:
            sampler.stop()
        self.notes.append(f"{len(sampler.errors)} of {sampler.asked} samples missing")
        if len(sampler.errors) > max(FEW, sampler.asked * MOST_MISSING):
            self.problems.append(f"{self.notes[-1]}, such as {sampler.errors[-1]}")
        self.notes.append(" ".join(f"{kind}×{count}" for kind, count in sorted(counts.items())))
        self._slopes()

    def _draw(self):
        """A kind of fault, and whom it strikes."""
        leader = wait_until("a leader after everything was healed", lambda: self.cluster.leader, within=60)
        mortal = self.cluster.nodes[:MORTAL]
        while True:
            kind = self.random.choice(KINDS)
            candidates = mortal if kind in DEADLY else self.cluster.nodes
            candidates = [node for node in candidates if (node is leader) == (FAULTS[kind]().role == LEADER)]
            if candidates:
                self.node = self.random.choice(candidates)
                return kind

    def _fault(self, kind):
        fault = FAULTS[kind]()
        self.term_before = self.cluster.term
        self.phase = self.random.choice(DROPPED)
        target = "" if fault.role == NOBODY else self.node.name
        self.cluster.mark(kind, "start", target)
        fault.strike(self)
        fault.last(self)
        fault.heal(self)
        self.restart_all()
        wait_until("all nodes are registered again", lambda: all(
            self.cluster.is_registered(node) for node in self.cluster.nodes), within=60)
        self.cluster.mark(kind, "stop", target)

    def _slopes(self):
        settings = os.path.join(self.cluster.directory, "slopes.json")
        write_file(settings, json.dumps({"slopes_by_role": SLOPES}))
        done = subprocess.run(
            [self.world.history, "slopes", "--samples", self.sample_file, "--settings", settings, "--warm-up",
             str(WARM_UP_S if self.measured >= 0.5 else 0)],
            capture_output=True, text=True, check=False)
        write_file(os.path.join(self.cluster.directory, "slopes.txt"), done.stdout + done.stderr)
        if done.returncode != 0:
            self.problems.append(f"slopes:\n{(done.stdout + done.stderr).strip()[-3000:]}")

    def samples(self):
        return self.sample_file


class Sampler:
    """Writes what the processes of a cluster that are never killed hold, every ten seconds.

    What could not be had is written as null and kept in `errors`.
    """

    def __init__(self, cluster, path):
        self._cluster = cluster
        self._file = RecordFile(path)
        self._threads = Background()
        self.asked = 0
        self.errors = []
        self._threads.start(self._loop)

    def stop(self):
        self._threads.stop()
        self._file.close()

    def _loop(self):
        while self._threads.pace(EVERY_S):
            for node in self._cluster.nodes[MORTAL:]:
                self._sample(node.name, "node", lambda: figures(node.pid), PROCESS, pid=node.pid)
                for pid in node.runner_pids():
                    self._runner(node, pid)
            count = self._cluster.ensemble.znode_count
            self._sample("zookeeper", "zookeeper", lambda: {"znodes": count()}, ("znodes",))
            self._sample("redis", "redis", lambda: {"redis_bytes": self._cluster.redis.memory()}, ("redis_bytes",))

    def _sample(self, source, role, measure, keys, **more):
        """One line; a fault that is on may make it one without values."""
        self.asked += 1
        try:
            values = measure()
            if None in values.values():
                raise Failed("nothing was answered")
        except (OSError, KeyError, ValueError, Failed, Unreachable) as error:
            self.errors.append(f"{source}: {type(error).__name__} {error}")
            values = dict.fromkeys(keys)
        self._file.write({"source": source, "role": role, **more, **values})

    def _runner(self, node, pid):
        """A runner, or the guard beside it: each process is a series. Runners are killed, so one may be gone."""
        try:
            values = figures(pid)
        except (OSError, KeyError, ValueError):
            return
        self._file.write({"source": f"{node.name}-runner-{pid}", "role": "runner", "pid": pid, **values})


def figures(pid):
    """Memory, descriptors and threads of a process. What it shares with others, such as the program, is in the resident
    memory alone; a share of that would grow where others end."""
    status = dict(line.split(":", 1) for line in read_file(f"/proc/{pid}/status").splitlines())
    rollup = dict(line.split(":", 1) for line in read_file(f"/proc/{pid}/smaps_rollup").splitlines()[1:])
    return {
        "rss_bytes": int(status["VmRSS"].split()[0]) * 1024, "threads": int(status["Threads"]),
        "anonymous_bytes": int(rollup["Anonymous"].split()[0]) * 1024, "fds": len(os.listdir(f"/proc/{pid}/fd")),
    }
