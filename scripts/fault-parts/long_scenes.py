"""The scenarios that are no cell of the matrix: many kills, long losses, clocks, restarts, everything at once."""

import calendar
import time

from basics import Failed, say, wait_until
from scene import Scene
from servers import TICK_MS
from spaces import hold
from soak import Soak
from workload import POLICIES, Sightings, attempt_of, due_time, overlaps

ALL_TASKS = 10_000


class TenThousand(Scene):
    """kill -9 of the leader, then of each worker in turn, under 10,000 tasks, half of them exclusive."""

    is_alone = True
    cluster_options = {"count": 4, "proxied": False}
    unjudged = ("I2", "I5", "I15", "I17")  # two jobs of one task each, without timers; nothing is cancelled
    runs, width = 10, ALL_TASKS // 10

    def play(self):
        work = self.workload
        task = {"id": "part", "partitions": {"count": self.width}}
        # What is exclusive lasts for a while: two copies without a length could hardly be seen together.
        for name, keys in (("bulk", {"run": work.probe(0)}), ("only", {"exclusive": True, "run": work.probe(40)})):
            self.client.submit({"version": 1, "name": name, "overlap": "allow_all", "tasks": [dict(task, **keys)]})
        begun = time.monotonic()
        for number in range(self.runs):
            work.run("only" if number % 2 else "bulk")
        seen = Sightings(self.cluster.probes)
        total = self.runs * self.width

        def ended():
            return len({attempt_of(record)[:3] for record in seen.refresh() if record["event"] == "end"})

        wait_until("the first tasks", lambda: ended() > total // 50, within=60)
        victims = [self.cluster.leader]
        victims += [node for node in self.cluster.nodes if node is not victims[0]]
        for number, victim in enumerate(victims):
            before, term = ended(), self.cluster.term
            self.cluster.mark("kill-leader" if number == 0 else "kill-worker", target=victim.name)
            victim.kill()
            if number == 0:
                self.wait_for_new_term(term)
            self.wait_until_taken_over(victim)
            self.restart(victim)
            self.notes.append(f"{victim.name} killed at {before}")
            if before >= total:
                self.problems.append(f"all tasks had ended before {victim.name} was killed: nothing was shown of it")
        wait_until("all tasks have ended", lambda: ended() >= total, within=300, every=1)
        self.notes.append(f"{total / (time.monotonic() - begun):.0f} tasks/s with the kills")


class StopExclusive(Scene):
    """SIGSTOP of a worker for three timeouts: its exclusive task is gone before the second copy starts."""

    is_smoke = True
    workload_options = {"long_ms": 9000}
    # No timers, no flow; something is cancelled only where the leader got it.
    unjudged = ("I2", "I5", "I15", "I17")
    job = "only"

    def play(self):
        self.workload.prepare(timers=False)
        seen = Sightings(self.cluster.probes)
        first, node = self._on_other_than_leader(seen)
        self.node = node
        self.notes.append(node.name)
        self.cluster.mark("stop-worker", "start", node.name)
        stopped = time.monotonic()
        node.stop()
        second = wait_until("a second copy", lambda: seen.successor(first), within=3 * self.timeout)
        self.look_at_takeover(stopped, first, second)
        self._look(first, second, seen)
        hold(max(0.0, 3 * self.timeout - (time.monotonic() - stopped)))
        node.resume()
        self.cluster.mark("stop-worker", "stop", node.name)
        self._afterwards(first)

    def _on_other_than_leader(self, seen):
        """A task that runs on a worker which does not lead."""
        for _ in range(30):
            run = self.workload.run(self.job)
            record = wait_until(f"{run} runs", lambda: next(
                (record for record in seen.refresh() if record["run"] == run and record["event"] == "start"), None),
                within=20)
            node = self.cluster.node_of(record["worker"])
            if node is not self.cluster.leader:
                return record, node
            self.workload.kill(run)
        raise Failed("every run was placed on the leader")

    def _look(self, first, second, seen):
        last = max(int(record["monotonic_ns"]) for record in seen.records
                   if attempt_of(record) == attempt_of(first) and record["monotonic_ns"] <= second["monotonic_ns"])
        gap = (int(second["monotonic_ns"]) - last) / 1e9
        self.notes.append(f"gone {gap:.2f} s before the second copy")
        pairs = overlaps(self.cluster.probes, self.job)
        if pairs:
            self.problems.append(f"two copies lived together for {pairs[0][2]:.0f} ms")

    def _afterwards(self, first):
        pass


class StopShared(StopExclusive):
    """The same with a task that may run twice: the late result is refused, and shown."""

    workload_options = {"long_ms": 7000}
    unjudged = StopExclusive.unjudged + ("I11",)  # nothing is exclusive
    job = "long"

    def _look(self, first, second, seen):
        self.notes.append("a second copy started while the first ran on")

    def _afterwards(self, first):
        def shown():
            for task in self.client.tasks(first["run"], self.cluster.nodes[0]):
                for attempt in task["attempts"]:
                    if attempt["partition"] == int(first["partition"]) and attempt["n"] == int(first["attempt"]):
                        if "late result was refused" in (attempt.get("reason") or ""):
                            return attempt
            return None

        attempt = wait_until("the late result is shown as refused", shown, within=20)
        self.notes.append(f"shown as {attempt['state']}: {attempt['reason']}")


class QuorumLossLong(Scene):
    """The whole ensemble is stopped for minutes: everything resumes, and only exclusive tasks were killed."""

    measure = ("minutes", 10)
    cluster_options = {"proxied": False}

    def play(self):
        seconds = 60 * self.measured
        self.workload = type(self.workload)(self.cluster, self.client, long_ms=int(1000 * (seconds + 25)))
        work = self.workload
        work.prepare()
        long, only = work.run("long"), work.run("only")
        seen = Sightings(self.cluster.probes)
        wait_until("long tasks", lambda: len(seen.started("long")) == 3, within=20)
        wait_until("the exclusive task", lambda: seen.started("only"), within=20)
        wait_until("timers have fired", lambda: len(
            {record["run"].split("@")[0] for record in seen.refresh() if record["run"].startswith("tick")}) == 3, 20)
        servers = self.cluster.ensemble.servers
        self.cluster.mark("quorum-loss", "start")
        begun, lost = time.time(), time.monotonic_ns()
        for server in servers:
            server.kill()
        say(f"{self.name}: the ensemble is away for {seconds:.0f} s")
        hold(seconds)
        self.cluster.ensemble.start()
        self.cluster.mark("quorum-loss", "stop")
        ended = time.time()
        after = work.run("flow")
        wait_until("a flow after the loss", lambda: any(
            (self.client.run_view(after, node) or {}).get("state") == "succeeded" for node in self.cluster.nodes), 60)
        hold(4)
        self._look_at_timers(begun, ended)
        self._look_at_tasks(long, only, seen, lost)

    def _look_at_timers(self, begun, ended):
        """What became of the due times within the loss, by policy."""
        runs = wait_until("a list of runs", lambda: self.client.all_runs(self.cluster.nodes[0]), within=30)
        # At the edges a due time may have been committed before the loss, or be on time after it.
        due = range(int(begun) // 3 * 3 + 6, int(ended) - 3, 3)
        for policy in POLICIES:
            name = f"tick-{policy.replace('_', '-')}"
            states = {due_time(run): view["state"] for run, view in runs.items() if view["job"] == name}
            made = [moment for moment in due if states.get(moment, "skipped") != "skipped"]
            self.notes.append(f"{policy}: {len(made)} of {len(due)} missed made up")
            wrong = {"run_all": len(made) != len(due), "run_once": len(made) > 1, "skip": len(made) > 0}[policy]
            if wrong:
                self.problems.append(f"{name}: {len(made)} of {len(due)} missed due times were made up")

    def _look_at_tasks(self, long, only, seen, lost):
        """Shared tasks ran on; the exclusive one was killed in time, and runs again, from its beginning."""
        wait_until("the long tasks have ended", lambda: not seen.started("long"), within=90)
        attempts = {attempt_of(record)[2:] for record in seen.records if record["run"] == long}
        if sorted(attempts) != [(0, 1), (1, 1), (2, 1)]:
            self.problems.append(f"a shared task was started again although nobody was replaced: {sorted(attempts)}")
        wait_until(f"{only} runs again", lambda: any(
            record["run"] == only and int(record["attempt"]) == 2 for record in seen.refresh()), within=60)
        last = max(int(record["monotonic_ns"]) for record in seen.records
                   if record["run"] == only and int(record["attempt"]) == 1)
        after = (last - lost) / 1e9
        self.notes.append(f"the exclusive task was gone after {after:.2f} s")
        if after > self.timeout:
            self.problems.append(f"{only} was killed only after {after:.2f} s without contact")
        self.workload.kill(only)


class LeaderKills(Scene):
    """Many leader kills in a row: one term each, and how long a takeover takes."""

    is_alone = True
    measure = ("count", 50)
    cluster_options = {"count": 5, "proxied": False}
    unjudged = ("I11", "I15", "I17")  # flows and timers only
    # Each leader is killed with its first attempts.
    may_lose_thrice = True

    def play(self):
        self.workload.prepare()
        self.workload.start("flow")
        times, count = [], self.measured
        negotiated = self.cluster.session_ms / 1000
        for number in range(count):
            leader = wait_until("a leader", lambda: self.cluster.leader, within=20)
            term = self.cluster.term
            self.cluster.mark("kill-leader", target=leader.name)
            killed = time.monotonic()
            leader.kill()

            def has_committed():
                record = self.cluster.record("term")
                return record["term"] > term and record["commit"] > 0

            wait_until(f"takeover {number + 1}", has_committed, within=60, every=0.005)
            times.append(time.monotonic() - killed)
            if self.cluster.term != term + 1:
                self.problems.append(f"kill {number + 1} cost {self.cluster.term - term} terms")
            self.restart(leader)
        times.sort()
        bound = negotiated + TICK_MS / 1000 + 2
        at = {share: times[min(count - 1, int(share * count))] for share in (0.5, 0.9, 0.99)}
        self.notes.append(
            f"{count} kills, takeover median {at[0.5]:.2f} s, 90 % {at[0.9]:.2f} s, 99 % {at[0.99]:.2f} s, "
            f"most {times[-1]:.2f} s, bound {bound:.2f} s")
        if at[0.99] > bound:
            self.problems.append(f"the 99th percentile of takeover is {at[0.99]:.2f} s, above {bound:.2f} s")


class RollNodes(Scene):
    """Every node in turn is stopped with SIGTERM and started again under load: nothing is lost."""

    # A graceful restart costs no attempt.
    keeps_attempts = True

    def play(self):
        self.workload.prepare()
        self.workload.start()
        seen = Sightings(self.cluster.probes)
        wait_until("long tasks", lambda: seen.started("long"), within=20)
        longest = 0
        for node in self.cluster.nodes:
            self.cluster.mark("restart", "start", node.name)
            begun = time.monotonic()
            node.is_meant_to_run = False
            if not node.end(within=90) or node.process.returncode != 0:
                self.problems.append(f"{node.name} ended with {node.process.returncode} after SIGTERM")
            self.restart(node)
            longest = max(longest, time.monotonic() - begun)
            self.cluster.mark("restart", "stop", node.name)
        self.notes.append(f"longest restart {longest:.2f} s")
        # What is exclusive outlives a restart before the first signal of its lease.
        self.keeps_exclusive = longest < self.timeout * (1 - 1 / 5 - 1 / 3)
        self.workload.cancel_running()


class Swizzle(Scene):
    """Nodes are cut off one by one and come back in another order, while some are killed."""

    measure = ("minutes", 5)
    cluster_options = {"count": 5, "proxied": False}
    workload_options = {"flow_pause": 1.5, "long_pause": 6.0}
    may_fail = loses_workers = True
    # The timers are deleted while jobs are still moving back after the last round.
    settle_ms = 10_000

    def play(self):
        self.workload.prepare()
        self.workload.start()
        end = time.monotonic() + 60 * self.measured
        rounds = kills = 0
        while time.monotonic() < end:
            rounds += 1
            order = self.random.sample(self.cluster.nodes, self.random.randint(2, 5))
            for node in order:
                self.cluster.mark("cut", "start", node.name)
                node.space.cut()
                hold(self.random.uniform(0.2, 2.5))
            if self.random.random() < 0.6:
                victim = self.random.choice(self.cluster.nodes)
                kills += 1
                self.cluster.mark("kill", target=victim.name)
                if self.random.random() < 0.5:
                    victim.kill()
                else:
                    victim.lose()
            for node in self.random.sample(order, len(order)):
                hold(self.random.uniform(0.1, 2.0))
                node.space.heal()
                self.cluster.mark("cut", "stop", node.name)
            self.restart_all()
            hold(self.random.uniform(1, 6))
        self.notes.append(f"{rounds} rounds, {kills} kills")


class ClockEdge(Scene):
    """All clocks of all parts pass a moment that is special: timers go on, once each."""

    unjudged = ("I11", "I15", "I17")  # flows and timers only

    def __init__(self, name, moment, extra=None):
        super().__init__(name)
        self._moment = calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))
        self._extra = extra
        self.cluster_options = {"proxied": False}

    @property
    def clock_offset(self):
        """So that the moment is half a minute away when the scenario begins."""
        return self._moment - 30 - int(time.time())

    def play(self):
        offset = self.world.clock_offset
        self.workload.prepare()
        if self._extra:
            schedule, _ = self._extra
            self.client.submit({"version": 1, "name": "edge", "schedule": schedule,
                                "tasks": [{"id": "p", "run": self.workload.probe(0)}]})
            self.workload.timers.append("edge")
        self.workload.start("flow")
        if time.time() + offset >= self._moment - 5:
            raise Failed("the cluster took too long to start: the moment has passed")
        hold(self._moment + 12 - (time.time() + offset))
        runs = [record["run"] for record in Sightings(self.cluster.probes).refresh() if record["event"] == "start"]
        late = [run for run in runs if run.startswith("tick-run-all@") and due_time(run) > self._moment]
        self.notes.append(f"{len(late)} due times after the moment")
        if len(late) < 3:
            self.problems.append(f"timers have not gone on: {len(late)} runs after the moment")
        if self._extra:
            edge = [run for run in runs if run.startswith("edge@")]
            if edge != [self._extra[1]]:
                self.problems.append(f"the job at the edge ran as {edge}, not as {self._extra[1]}")


def long_scenes():
    gap = {"cron": "30 2 * * *", "zone": "America/New_York", "dst": {"gap": "next_valid", "overlap": "first"}}
    return [
        TenThousand("ten-thousand"),
        StopExclusive("stop-exclusive"),
        StopShared("stop-shared"),
        RollNodes("roll-nodes"),
        LeaderKills("leader-kills"),
        Swizzle("swizzle"),
        QuorumLossLong("quorum-loss-long"),
        ClockEdge("clock-2038", "2038-01-19T03:14:07Z"),
        ClockEdge("clock-dst", "2027-03-14T07:00:00Z", (gap, "edge@20270314T070000Z")),
        Soak("soak"),
    ]
