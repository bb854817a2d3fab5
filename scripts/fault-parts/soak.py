"""Hours of random faults, with samples of what must not grow."""

import json
import os
import subprocess
import time

from basics import Background, Failed, RecordFile, read_file, say, write_file
from faults import FAULTS
from scene import Scene
from spaces import hold
from wire import Unreachable

EVERY_S = 10
# Growth per hour that is no slope: measurements wander.
SLOPES = {
    "rss_bytes": 8 << 20, "pss_bytes": 8 << 20, "fds": 4, "threads": 4, "znodes": 60, "redis_bytes": 256 << 20,
}
# What is drawn; those that need a special cluster are left out.
KINDS = (
    "kill-leader", "kill-worker", "lose-worker", "crash-worker", "stop-leader", "stop-worker", "freeze-worker",
    "cut-worker", "one-way", "expire", "zookeeper-kill", "zookeeper-roll", "zookeeper-slow", "quorum-loss",
    "redis-stop", "redis-kill", "redis-full", "redis-read-only", "redis-password",
)


class Soak(Scene):
    """Random faults drawn from the seed, one after the other, with pauses; then quiet, slopes and the verdict."""

    is_alone = True
    cluster_options = {"count": 4}
    workload_options = {"flow_pause": 1.5, "submit_pause": 30.0, "long_pause": 8.0}
    may_fail = True

    def play(self):
        self.sample_file = os.path.join(self.cluster.directory, "samples.ndjson")
        sampler = Sampler(self.cluster, self.sample_file)
        self.workload.prepare()
        self.workload.start()
        end = time.monotonic() + 3600 * self.options.hours
        counts = {}
        try:
            while time.monotonic() < end:
                kind = self.random.choice(KINDS)
                counts[kind] = counts.get(kind, 0) + 1
                say(f"{self.name}: {kind}, {(end - time.monotonic()) / 60:.0f} minutes left")
                self._fault(kind)
                hold(min(self.random.uniform(5, 40), max(0.0, end - time.monotonic())))
        finally:
            sampler.stop()
        self.notes.append(" ".join(f"{kind}×{count}" for kind, count in sorted(counts.items())))
        self._slopes()

    def _fault(self, kind):
        fault = FAULTS[kind]()
        leader = None
        for _ in range(600):
            leader = self.cluster.leader
            if leader:
                break
            hold(0.1)
        if leader is None:
            raise Failed("no leader for a minute after everything was healed")
        others = [node for node in self.cluster.nodes if node is not leader]
        self.node = leader if fault.role == "leader" else self.random.choice(others)
        self.term_before = self.cluster.term
        target = "" if fault.role == "nobody" else self.node.name
        self.cluster.mark(kind, "start", target)
        fault.strike(self)
        fault.last(self)
        fault.heal(self)
        self.restart_all()
        self.cluster.mark(kind, "stop", target)

    def _slopes(self):
        settings = os.path.join(self.cluster.directory, "slopes.json")
        write_file(settings, json.dumps({"slopes": SLOPES}))
        done = subprocess.run(
            [self.world.history, "slopes", "--samples", self.sample_file, "--settings", settings],
            capture_output=True, text=True, check=False)
        write_file(os.path.join(self.cluster.directory, "slopes.txt"), done.stdout + done.stderr)
        if done.returncode != 0:
            self.problems.append(f"slopes:\n{(done.stdout + done.stderr).strip()[-3000:]}")

    def samples(self):
        return self.sample_file


class Sampler:
    """Writes what the processes of a cluster hold, every ten seconds."""

    def __init__(self, cluster, path):
        self._cluster = cluster
        self._file = RecordFile(path)
        self._threads = Background()
        self._threads.start(self._loop)

    def stop(self):
        self._threads.stop()
        self._file.close()

    def _loop(self):
        while self._threads.pace(EVERY_S):
            for node in self._cluster.nodes:
                self._process(node.name, "node", node.pid)
                for pid in node.runner_pids():
                    self._process(f"{node.name}-runner", "runner", pid)
            try:
                znodes = self._cluster.ensemble.znode_count()
                if znodes is not None:
                    self._file.write({"source": "zookeeper", "role": "zookeeper", "znodes": znodes})
                memory = self._cluster.redis.memory()
                if memory is not None:
                    self._file.write({"source": "redis", "role": "redis", "redis_bytes": memory})
            except (OSError, Failed, Unreachable):
                pass  # a fault is on; the next sample comes in ten seconds

    def _process(self, source, role, pid):
        values = figures(pid)
        if values:
            self._file.write({"source": source, "role": role, "pid": pid, **values})


def figures(pid):
    """Memory, descriptors and threads of a process; nothing once it is gone."""
    try:
        status = dict(line.split(":", 1) for line in read_file(f"/proc/{pid}/status").splitlines())
        rollup = dict(line.split(":", 1) for line in read_file(f"/proc/{pid}/smaps_rollup").splitlines()[1:])
        return {
            "rss_bytes": int(status["VmRSS"].split()[0]) * 1024, "threads": int(status["Threads"]),
            "pss_bytes": int(rollup["Pss"].split()[0]) * 1024, "fds": len(os.listdir(f"/proc/{pid}/fd")),
        }
    except (OSError, KeyError, ValueError):
        return None
