"""What runs while faults happen: timers, flows, long tasks, exclusive tasks, new jobs."""

import calendar
import json
import random
import threading
import time

from basics import Background, Failed, read_records
from client import OK

FINAL = ("succeeded", "failed", "killed", "cancelled", "skipped")
POLICIES = ("run_all", "run_once", "skip")
# How the reason begins where a unit has lost its worker three times.
LOST_THRICE = "E3003 "
# What the reason says where a task was lost that must not run twice.
LOST_ONCE = "on_lost is fail"


class Workload:
    """A mixture that passes through every phase all the time.

    Timers of every misfire policy fire every three seconds; a flow fans out and in, and another job runs after it;
    long tasks are there to be running when something happens, among them exclusive ones, and ones that must not run
    again where they are lost; new jobs are submitted.
    """

    def __init__(self, cluster, client, long_ms=4000, flow_ms=100, flow_pause=0.8, submit_pause=0.5, long_pause=3.0,
                 cancel_pause=4.0):
        self._cluster = cluster
        self._client = client
        self._long_ms = long_ms
        self._flow_ms = flow_ms
        self._pauses = {"flow": flow_pause, "submit": submit_pause, "long": long_pause, "cancel": cancel_pause}
        self._threads = Background()
        self._lock = threading.Lock()
        self._numbers = {}
        self.accepted = {}
        self.submitted = []
        self.timers = []

    def probe(self, milliseconds, *more):
        return [self._cluster.probe, "--log", self._cluster.probes, "--for", str(milliseconds), *more]

    def _job(self, name, tasks, **keys):
        return {"version": 1, "name": name, "tasks": tasks, "overlap": "allow_all", **keys}

    # --- life --------------------------------------------------------------------------------------------------------

    def prepare(self, timers=True):
        """Submits the jobs of the mixture."""
        task = {"id": "p", "run": self.probe(50)}
        if timers:
            for policy in POLICIES:
                name = f"tick-{policy.replace('_', '-')}"
                self._client.submit(self._job(
                    name, [task], schedule={"cron": "*/3 * * * * *", "seconds": True, "zone": "UTC"},
                    misfire={"policy": policy, "window": "1h"},
                ))
                self.timers.append(name)
        short, long = self.probe(self._flow_ms), self.probe(self._long_ms)
        self._client.submit(self._job("flow", [
            {"id": "first", "run": short},
            {"id": "fan", "needs": ["first"], "partitions": {"count": 4}, "run": short},
            {"id": "last", "needs": ["fan"], "run": short},
        ]))
        self._client.submit(self._job("after-flow", [{"id": "then", "run": short}], after=["flow"]))
        self._client.submit(self._job("long", [{"id": "beat", "partitions": {"count": 3}, "run": long}]))
        self._client.submit(self._job("only", [{"id": "alone", "exclusive": True, "run": long}]))
        # Nobody looks at when it ran, so it need not write as often.
        seldom = self.probe(self._long_ms, "--beat", "1000")
        self._client.submit(self._job("once", [{"id": "single", "on_lost": "fail", "run": seldom}]))

    def start(self, *streams):
        """Starts streams of requests: flow, long, submit, cancel. All where none is named."""
        for stream in streams or ("flow", "long", "submit", "cancel"):
            self._threads.start(getattr(self, f"_{stream}_stream"))

    def stop(self):
        """No new requests; timers are deleted, and what was accepted goes on to its end."""
        self._threads.stop()
        for name in self.timers:
            self._client.delete(name)
        self.timers = []

    def abandon(self):
        """Ends the streams of a scenario that failed; what went wrong in them does not matter any more."""
        try:
            self._threads.stop()
        except Failed:
            pass

    def run(self, job, is_cancelled=False):
        """Starts one run, insisting until it is accepted."""
        with self._lock:
            number = self._numbers[job] = self._numbers.get(job, 0) + 1
        run = self._client.start_run(job, f"{job}-{number}", within=90)
        with self._lock:
            self.accepted[run] = (time.monotonic(), is_cancelled)
        return run

    def cancel_running(self):
        """Cancels a run that is not over yet for certain, and goes on until the answer says that it did.

        Where the answer to an accepted request is lost, the next request is refused, since the run is over by then.
        """
        for _ in range(10):
            run = self.run("long", is_cancelled=True)
            if self._client.end_run(run, "cancel").kind == OK:
                return
        raise Failed("none of 10 requests to cancel a run was accepted")

    def kill(self, run):
        """Ends a run that nobody waits for any more."""
        with self._lock:
            self.accepted[run] = (self.accepted[run][0], True)
        self._client.end_run(run, "kill")

    def _flow_stream(self):
        while self._threads.pace(self._pauses["flow"]):
            self.run("flow")

    def _long_stream(self):
        while True:
            self.run("long")
            self.run("only")
            self.run("once")
            if not self._threads.pace(self._pauses["long"]):
                return

    def _cancel_stream(self):
        """Runs that are cancelled at some moment of their lives, or were over before."""
        moments = random.Random(f"{self._cluster.name}/cancel")
        while self._threads.pace(self._pauses["cancel"]):
            run = self.run("flow", is_cancelled=True)
            self._threads.pace(moments.uniform(0, 0.4))
            self._client.end_run(run, "cancel")

    def _submit_stream(self):
        number = 0
        while self._threads.pace(self._pauses["submit"]):
            number += 1
            name = f"job-{number}"
            self._client.submit(self._job(name, [{"id": "p", "run": self.probe(0)}]), within=90)
            self.submitted.append(name)

    # --- what was seen -----------------------------------------------------------------------------------------------

    def excused(self, runs, may_lose_thrice=False, loses_workers=False):
        """Accepted runs that failed as it is promised, by why."""
        with self._lock:
            accepted = list(self.accepted)
        found = {}
        for run in accepted:
            view = runs.get(run, {})
            reason = view.get("reason") or ""
            if view.get("state") != "failed":
                continue
            if may_lose_thrice and reason.startswith(LOST_THRICE):
                found.setdefault("lost their worker three times", []).append(run)
            elif loses_workers and run.split("@")[0] == "once" and LOST_ONCE in reason:
                found.setdefault("failed with their worker", []).append(run)
        return found

    def check(self, runs, node, may_fail=False, emptied_at=None, excused=()):
        """Every accepted run has ended well, every submitted job is there. Returns what is wrong.

        `emptied_at` is when the mirror lost what was over by then; what was accepted later must be there. The runs in
        `excused` have failed as they may.
        """
        problems = []
        with self._lock:
            accepted = dict(self.accepted)
        for run, (since, is_cancelled) in accepted.items():
            state = runs.get(run, {}).get("state", "missing")
            if state == "missing" and emptied_at is not None and since < emptied_at:
                continue
            if run in excused:
                continue
            if state != "succeeded" and not ((may_fail or is_cancelled) and state in FINAL):
                problems.append(f"{run} is {state}: {runs.get(run, {}).get('reason')}")
        for name in self.submitted:
            answer = self._client.request(node, "GET", f"/v1/jobs/{name}")
            if answer.kind != OK:
                problems.append(f"job {name} was accepted and is not there: {answer}")
        unfinished = [run for run, view in runs.items() if view["state"] not in FINAL]
        if unfinished:
            problems.append(f"{len(unfinished)} runs have not ended, such as {unfinished[0]}")
        return problems


class Sightings:
    """What the probes wrote, read again as it grows."""

    def __init__(self, path):
        self._path = path
        self._offset = 0
        self._rest = ""
        self.records = []

    def refresh(self):
        with open(self._path, encoding="utf-8", errors="replace") as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
        whole, _, self._rest = text.rpartition("\n")
        for line in whole.split("\n"):
            if line:
                self.records.append(json.loads(line))
        return self.records

    def started(self, job, worker=None):
        """Attempts that have started and not ended, as their first records."""
        live = {}
        for record in self.refresh():
            if record["run"].split("@")[0] != job or (worker and record["worker"] != worker):
                continue
            key = attempt_of(record)
            if record["event"] == "start":
                live[key] = record
            elif record["event"] == "end":
                live.pop(key, None)
        return list(live.values())

    def running_at(self, moment, worker):
        """Attempts of long tasks that ran on a worker at a moment, as their first records."""
        live = {}
        for record in self.refresh():
            if record["run"].split("@")[0] not in ("long", "only") or int(record["monotonic_ns"]) > moment * 1e9:
                continue
            if record["event"] == "start" and record["worker"] == worker:
                live[attempt_of(record)] = record
            elif record["event"] == "end":
                live.pop(attempt_of(record), None)
        return list(live.values())

    def successor(self, first):
        """The first record of a later attempt of the same unit; None where there is none."""
        unit, number = attempt_of(first)[:3], int(first["attempt"])
        return next((record for record in self.refresh() if record["event"] == "start"
                     and attempt_of(record)[:3] == unit and int(record["attempt"]) > number), None)

    def good_end(self, first):
        """The last record of an attempt that ended by itself; None where there is none."""
        return next((record for record in self.refresh() if record["event"] == "end" and record["exit"] == 0
                     and attempt_of(record) == attempt_of(first)), None)


def attempt_of(record):
    return record["run"], record["task"], int(record["partition"]), int(record["attempt"])


def due_time(run):
    """When a timer's run was due, in seconds of the servers' wall clock: its name says so."""
    return calendar.timegm(time.strptime(run.split("@")[1][:16], "%Y%m%dT%H%M%SZ"))


def lived(moments, freezes):
    """Moments of an attempt, in nanoseconds, without those of its wakening: nothing on a machine that stood still as a
    whole can act before it wakes, so what its processes write within 100 ms of that does not count."""
    for begin, end in freezes:
        begin, end = begin * 1e9 + 5e8, end * 1e9 - 5e8
        before, within = any(m < begin for m in moments), any(begin <= m < end for m in moments)
        if before and not within:
            moments = [m for m in moments if not end <= m <= end + 6e8]
    return moments


def overlaps(path, job, freezes=()):
    """Pairs of attempts of one task or partition of a job, of whichever runs, whose processes lived at the same moment,
    by the probes' global clock."""
    lives = {}
    for record in read_records(path):
        if record["run"].split("@")[0] == job:
            lives.setdefault(attempt_of(record), []).append(int(record["monotonic_ns"]))
    spans = {}
    for attempt, moments in lives.items():
        moments = lived(moments, freezes)
        spans.setdefault(attempt[1:3], {})[attempt] = (min(moments), max(moments))
    found = []
    for attempts in spans.values():
        ordered = sorted(attempts.items(), key=lambda entry: entry[1])
        # The one that lived longest so far: a short one in between hides nothing.
        one, (_, end) = ordered[0]
        for other, (begin, other_end) in ordered[1:]:
            if begin < end:
                found.append((one, other, (min(end, other_end) - begin) / 1e6))
            if other_end > end:
                one, end = other, other_end
    return found


def repeated(path, job):
    """Tasks and partitions of a job's runs of which more than one attempt has run, with the attempts' numbers.

    An attempt without a line has not begun, and another one may follow it.
    """
    attempts = {}
    for record in read_records(path):
        if record["run"].split("@")[0] == job:
            *unit, number = attempt_of(record)
            attempts.setdefault(tuple(unit), set()).add(number)
    return {unit: sorted(numbers) for unit, numbers in attempts.items() if len(numbers) > 1}


def expect_none(pairs):
    if pairs:
        one, other, milliseconds = pairs[0]
        raise Failed(f"attempts {one} and {other} lived together for {milliseconds:.0f} ms")
