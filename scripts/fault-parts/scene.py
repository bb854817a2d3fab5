"""One scenario: a cluster, a workload, a fault at a phase; then healing, quiet, and the verdict."""

import os
import random
import time
import traceback

from basics import Failed, tell, wait_until
from client import Client
from cluster import SESSION_MS, Cluster
from faults import FAULTS, LEADER
from judge import INVARIANTS, dump_mirror, judge
from phases import reach
from servers import TICK_MS
from spaces import hold
from workload import Sightings, Workload, attempt_of, due_time, expect_none, overlaps, repeated

QUIET_S = 90


class Scene:
    """What a scenario works with. Subclasses say what happens in `play`."""

    #: Measures times: nothing else runs meanwhile.
    is_alone = False
    #: In the smoke set.
    is_smoke = False
    #: Offset of all clocks in seconds; then the scenario has an ensemble of its own.
    clock_offset = None
    cluster_options = {}
    workload_options = {}
    may_fail = False
    #: Whether attempts are lost with their workers, so that what must not run again fails.
    loses_workers = False
    #: Whether so many workers are lost that one unit may lose three, and fail as poison.
    may_lose_thrice = False
    #: How long what happened before the end may still be under way for the checker. In the end nothing is left to do
    #: (`_settle` waits for that), so this is for a timer's last due times: a job is deleted while one is on its way.
    settle_ms = 2000
    #: Bounds of what is sampled, by the role of the process.
    bounds_by_role = {}
    #: Whether no attempt may be lost, or none that is not exclusive.
    keeps_attempts = keeps_exclusive = False
    #: The option that says how long or how often, and what it is where it is not given.
    measure = None
    #: Invariants that nothing here is for. All others must have been judged.
    unjudged = ("I15",)

    def __init__(self, name):
        self.name = name
        self.phase = ""
        self.node = None
        self.notes = []
        self.problems = []
        self.emptied_at = None
        #: When machines stood still as a whole, by the monotonic clock.
        self.freezes = []
        self.world = self.cluster = self.client = self.workload = self.random = None
        self.term_before = 0
        self.options = None

    # --- life --------------------------------------------------------------------------------------------------------

    def run(self, lane, options):
        """Plays the scenario; returns whether everything held. Always says so in one line."""
        begun = time.monotonic()
        self.options = options
        verdict = None
        try:
            self._open(lane, options.seed)
            self.play()
            self._settle()
            verdict = judge(
                self.world, self.cluster, self.client_log, self.settle_ms,
                required=[name for name in INVARIANTS if name not in self.unjudged],
                samples=self.samples(), bounds_by_role=self.bounds_by_role)
            if not verdict.is_green:
                self.problems.append(f"the checker is not green\n{verdict.text}")
        except Failed as failure:
            self.problems.append(str(failure))
        except Exception:  # a mistake of a scenario is a failure of it, and the others go on
            self.problems.append(traceback.format_exc())
        for step in ([self._describe] if self.problems else []) + [self._close]:
            try:
                step()
            except Exception:
                self.problems.append(traceback.format_exc())
        if self.problems:
            lane.is_spoilt = True
        self._tell(time.monotonic() - begun, verdict)
        return not self.problems

    def play(self):
        raise NotImplementedError

    def samples(self):
        return None

    def _open(self, lane, seed):
        world = self.world = lane.world(self.clock_offset)
        self.random = random.Random(f"{seed}/{self.name}")
        self.cluster = Cluster(world, lane, self.name, **self.cluster_options)
        self.client_log = os.path.join(self.cluster.directory, "client.ndjson")
        self.client = Client(self.cluster, self.client_log, f"{seed}/{self.name}")
        self.cluster.start()
        self.workload = Workload(self.cluster, self.client, **self.workload_options)
        self.term_before = self.cluster.term

    def _settle(self):
        """Ends the workload, waits until nothing is left to do, and looks at what became of it."""
        self.cluster.mark("healed")
        self.workload.stop()
        cluster = self.cluster
        for node in cluster.nodes:
            if node.is_meant_to_run and not node.is_running:
                self.problems.append(f"{node.name} ended by itself with {node.process.returncode}:\n{node.tail()}")
        wait_until("all nodes are registered", lambda: all(
            cluster.is_registered(node) for node in cluster.nodes if node.is_meant_to_run), within=30)
        try:
            wait_until("quiet", lambda: not cluster.unfinished(), within=QUIET_S, every=0.1)
        except Failed:
            self.problems.append(f"not quiet within {QUIET_S} s; left: {cluster.unfinished()}")
        node = self.random.choice([node for node in cluster.nodes if node.is_running])
        self.problems += self._outcome(node)
        self.cluster.mark("quiet")
        terms = cluster.term - self.term_before
        self.notes.insert(0, f"terms +{terms}")
        dump_mirror(cluster, os.path.join(cluster.directory, "mirror.ndjson"))

    def _outcome(self, node):
        def look():
            runs = self.client.all_runs(node)
            excused = self.workload.excused(runs, self.may_lose_thrice, self.loses_workers)
            named = [run for found in excused.values() for run in found]
            return runs, excused, self.workload.check(runs, node, self.may_fail, self.emptied_at, named)

        def good():
            seen = look()
            return seen if not seen[2] else None

        try:
            runs, excused, problems = wait_until(
                "the mirror shows every run as ended well", good, within=15, every=0.5)
            self.notes.append(f"{len(runs)} runs")
        except Failed:
            _, excused, problems = look()
        self.notes += [f"{len(found)} runs {why}" for why, found in excused.items()]
        try:
            expect_none(overlaps(self.cluster.probes, "only", self.freezes))
        except Failed as failure:
            problems.append(f"exclusive: {failure}")
        for unit, numbers in repeated(self.cluster.probes, "once").items():
            problems.append(f"{unit} must not run again and did: attempts {numbers}")
        if self.keeps_attempts:
            problems += self._losses(node)
        return problems[:5]

    def _losses(self, node):
        """Attempts that were lost. One that was refused by a node that drains has not begun."""
        kept, lost = 0, []
        for run, view in self.client.all_runs(node).items():
            if view["job"] == "only" and not self.keeps_exclusive:
                continue
            for task in self.client.tasks(run, node):
                for attempt in task["attempts"]:
                    if attempt["state"] == "lost":
                        lost.append(f"{run}/{task['id']}: {attempt.get('reason')}")
                    else:
                        kept += 1
        if lost:
            return [f"{len(lost)} attempts were lost, such as {lost[0]}"]
        self.notes.append(f"{kept} attempts, none lost")
        return [] if kept else ["no attempt was seen: nothing was shown of them"]

    def _close(self):
        if self.workload is not None:
            self.workload.abandon()
        if self.client is not None:
            self.client.close()
        if self.cluster is not None:
            self.cluster.end()

    def _describe(self):
        """Says how things stand where a scenario failed: recordings of a machine that is gone cannot be looked at."""
        cluster = self.cluster
        if cluster is None:
            return
        try:
            self.problems.append(
                f"term {cluster.term} of {cluster.leader and cluster.leader.name}, left: {cluster.unfinished()}")
        except Failed as failure:
            self.problems.append(f"the store does not say how things stand: {failure}")
        for node in cluster.nodes:
            if os.path.exists(node.log):
                word = "runs" if node.is_running else "does not run"
                self.problems.append(f"{node.name} {word}; its log ends with\n{node.tail(8)}")

    def _tell(self, seconds, verdict):
        word = "ok  " if not self.problems else "FAIL"
        tell(f"{word} {self.name:<26} {seconds:6.1f} s  {', '.join(self.notes)}; {verdict or 'not judged'}")
        for problem in self.problems:
            tell("     " + problem.replace("\n", "\n     "))

    # --- words for scenarios -----------------------------------------------------------------------------------------

    @property
    def timeout(self):
        """The session's timeout in seconds."""
        return SESSION_MS / 1000

    @property
    def measured(self):
        option, usual = self.measure
        given = getattr(self.options, option)
        return usual if given is None else given

    def restart(self, node):
        """Starts a node again, with its data."""
        if not node.is_running:
            node.start()
            node.wait_ready()

    def restart_all(self):
        for node in self.cluster.nodes:
            if not node.is_running:
                node.start()
        for node in self.cluster.nodes:
            node.wait_ready()

    def wait_for_new_term(self, than=None):
        before = self.term_before if than is None else than
        wait_until("a new term", lambda: self.cluster.term > before, within=self.timeout + 15, every=0.02)

    def wait_until_taken_over(self, node):
        """Until a lost node's registration, attempts and jobs are gone."""
        def is_over():
            return not self.cluster.is_registered(node) and not self.cluster.names(f"assign/{node.worker}") \
                and not self.cluster.names(f"jobs/{node.worker}")

        wait_until(f"all that was on {node.worker} is taken over", is_over, within=self.timeout + 30)

    def look_at_takeover(self, struck, first, second):
        """Compares the time from a strike to the start of another attempt with what is promised."""
        took = int(second["monotonic_ns"]) / 1e9 - struck
        bound = self.timeout + TICK_MS / 1000 + 2
        if first["run"].split("@")[0] == "only":
            bound += self.timeout / 5 + 1
        self.notes.append(f"{first['run'].split('@')[0]} elsewhere after {took:.2f} s of {bound:.2f} s")
        if took > bound:
            self.problems.append(f"{first['run']} ran elsewhere only after {took:.2f} s, above {bound:.2f} s")


class Cell(Scene):
    """A fault at a phase."""

    def __init__(self, fault, phase, is_smoke):
        super().__init__(f"{fault}.{phase}")
        self.phase = phase
        if phase == "idle":
            self.unjudged += ("I2",)  # no timers
        self.is_smoke = is_smoke
        self._fault = FAULTS[fault]()
        # Where one machine is lost beforehand, its attempts are.
        self.keeps_attempts = self._fault.keeps_attempts and phase != "reclaim"
        self.loses_workers = self._fault.loses_workers and not self.keeps_attempts
        self.may_lose_thrice = self._fault.may_lose_thrice
        self._struck = None
        # Where one machine is lost beforehand, half of the others must be left: else nothing is taken over.
        self.cluster_options = dict(self._fault.cluster, count=4 if phase == "reclaim" else 3)

    def play(self):
        fault, role = self._fault, self._fault.role
        self.workload.prepare(timers=self.phase != "idle")
        if self.phase != "idle":
            self.workload.start()
        if self.name.startswith("drop-reply."):
            self._begin(None)
        else:
            reached = reach(self.phase, self.cluster, role, self.random)
            self.node = reached.node
            self.notes.append(f"{reached.node.name}, {reached.where}")
            if fault.releases_first:
                reached.release()
            try:
                self._begin(reached.node if role != "nobody" else None)
            finally:
                reached.release()
        fault.last(self)
        fault.heal(self)
        healed = time.monotonic(), time.time() + self.world.clock_offset
        self.cluster.mark(self._fault_name, "stop", self.node.name if self.node else "")
        if (fault.moves_attempts or fault.moves_exclusive) and self.phase == "running":
            self._look_at_moves()
        self.restart_all()
        if self.phase == "idle":
            self.workload.start()
        # Something must go on after healing, so that "it works again" is seen.
        run = self.workload.run("flow")
        wait_until("a flow after healing", lambda: self._is_over(run), within=40)
        if self.phase != "idle":
            seen = Sightings(self.cluster.probes)
            wait_until("a timer has fired that was due after healing", lambda: self._has_fired(seen, *healed),
                       within=30, every=0.2)
        self.workload.cancel_running()
        hold(1)
        if role == LEADER and self.cluster.term - self.term_before < fault.terms:
            self.problems.append("the leader was struck, and no other one led")

    @property
    def _fault_name(self):
        return self.name.split(".")[0]

    def _begin(self, node):
        self.cluster.mark(self._fault_name, "start", node.name if node else "", at=self.phase)
        self._struck = time.monotonic()
        self._fault.strike(self)

    def _look_at_moves(self):
        """What ran on the struck node runs elsewhere, in time; the slowest of each job is told.

        Where the fault moves no others, what is exclusive goes on to its end or runs again.
        """
        seen = Sightings(self.cluster.probes)
        firsts = seen.running_at(self._struck, self.node.worker)
        exclusive = [first for first in firsts if first["run"].split("@")[0] == "only"]
        pairs = []
        if self._fault.moves_attempts:
            if not firsts:
                self.problems.append(f"nothing ran on {self.node.name}")
            for first in firsts:
                pairs.append((first, wait_until(
                    f"{first['run']} runs elsewhere", lambda: seen.successor(first), within=30)))
            self.notes.append(f"{len(exclusive)} exclusive judged")
        else:
            for first in exclusive:
                second = wait_until(f"{first['run']} goes on or runs again",
                                    lambda: seen.good_end(first) or seen.successor(first), within=30)
                if attempt_of(second) != attempt_of(first):
                    pairs.append((first, second))
            self.notes.append(f"{len(exclusive)} exclusive judged, {len(pairs)} of them lost")
        slowest = {}
        for first, second in sorted(pairs, key=lambda pair: int(pair[1]["monotonic_ns"])):
            slowest[first["run"].split("@")[0]] = (first, second)
        for first, second in slowest.values():
            self.look_at_takeover(self._struck, first, second)

    def _has_fired(self, seen, moment, wall):
        """Whether a timer's run has begun after a moment and was due after it, by the servers' wall clock.

        What was due before shows nothing, nor does what a clock that was ahead fired too early. The probes tell, which
        have the machine's own clocks; the mirror may be behind.
        """
        return any(
            record["event"] == "start" and int(record["monotonic_ns"]) > moment * 1e9
            and record["run"].split("@")[0] in self.workload.timers and due_time(record["run"]) > wall
            for record in seen.refresh())

    def _is_over(self, run):
        for node in self.cluster.nodes:
            answer = self.client.run_view(run, node)
            if answer and answer["state"] == "succeeded":
                return True
        return False
