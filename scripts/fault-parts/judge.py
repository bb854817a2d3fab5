"""Gives what was recorded to the offline checker, and reads its verdict."""

import json
import os
import subprocess
import sys

from basics import PROGRAMS, Failed, read_records, write_file
from cluster import SLOTS
from servers import Redis

GREEN, RED, OPEN = "green", "violated", "not judged"
INVARIANTS = tuple(f"I{number}" for number in range(1, 21))


class Verdict:
    """What the checker says of each invariant."""

    def __init__(self, invariants, missing, text):
        self.invariants = invariants
        #: What had to be judged and was not.
        self.missing = missing
        self.text = text

    def having(self, verdict):
        return [name for name, value in self.invariants.items() if value == verdict]

    @property
    def is_green(self):
        return bool(self.having(GREEN)) and not self.having(RED) and not self.missing

    def __str__(self):
        parts = []
        for verdict in (RED, GREEN, OPEN):
            names = [name + "!" if name in self.missing else name for name in self.having(verdict)]
            if names:
                parts.append(f"{len(names)} {verdict}" if verdict == GREEN else f"{verdict}: {' '.join(names)}")
        return "; ".join(parts)


def dump_mirror(cluster, path):
    """Everything that Redis holds, as the checker reads it."""
    command = [
        sys.executable, os.path.join(PROGRAMS, "mirror-dump"), "--host", cluster.redis.space.address,
        "--port", str(Redis.PORT),
    ]
    with open(path, "w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"the mirror could not be read: {done.stderr.strip()[-500:]}")


def write_settings(cluster, path, settle_ms, bounds_by_role):
    settings = {
        "settle_ms": settle_ms, "session_timeout_ms": cluster.session_ms, "tolerance_ms": 200,
        "live_workers": [node.worker for node in cluster.nodes], "slots": SLOTS,
        "bounds": {"queue_length": 10_000, "znodes": 200_000, "attempts_per_unit": 12},
        "bounds_by_role": bounds_by_role,
    }
    write_file(path, json.dumps(settings, indent=1) + "\n")


def on_one_clock(cluster):
    """What the tasks wrote, on the wall clock of the servers: tasks do not see that theirs is shifted."""
    if not cluster.clock_offset:
        return cluster.probes
    path = cluster.probes.replace(".ndjson", "-shifted.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        for record in read_records(cluster.probes):
            record["realtime_ns"] += cluster.clock_offset * 1_000_000_000
            file.write(json.dumps(record) + "\n")
    return path


def judge(world, cluster, client_log, settle_ms, required, samples=None, bounds_by_role=None):
    """The verdict on a cluster's whole history. Its inputs stay beside it.

    What is younger than `settle_ms` in the end may still be under way; `required` must be judged to be green.
    """
    place = cluster.directory
    settings, report = os.path.join(place, "settings.json"), os.path.join(place, "verdict")
    write_settings(cluster, settings, settle_ms, bounds_by_role or {})
    command = [
        world.history, "judge", "--root", cluster.root, "--settings", settings, "--json",
        "--require", ",".join(required),
    ]
    for log in world.transaction_logs:
        command += ["--txn", log]
    command += ["--probes", on_one_clock(cluster), "--client", client_log, "--faults", cluster.faults.path]
    command += ["--mirror", os.path.join(place, "mirror.ndjson")]
    if samples:
        command += ["--samples", samples]
    write_file(os.path.join(place, "judge.sh"), " ".join(f"'{word}'" for word in command) + "\n")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    write_file(report + ".json", done.stdout)
    write_file(report + ".stderr", done.stderr)
    if done.returncode not in (0, 1):
        raise Failed(f"the checker ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    return read_verdict(done.stdout)


def read_verdict(text):
    """Reads the checker's JSON."""
    invariants, missing, witnesses = {}, [], []
    for entry in json.loads(text):
        invariants[entry["id"]] = entry["verdict"]
        if entry["verdict"] == OPEN and entry["required"]:
            missing.append(entry["id"])
            witnesses.append(f"{entry['id']} had to be judged and was not: {entry['missing']}")
        if entry["verdict"] == RED:
            for finding in entry["findings"][:3]:
                witness = "".join(f"\n    {line[:400]}" for line in finding["witness"][:6])
                witnesses.append(f"{entry['id']} {finding['what']}{witness}")
    return Verdict(invariants, missing, "\n".join(witnesses))
