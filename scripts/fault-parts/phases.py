"""Where in a job's life a fault strikes: at a request that the proxy sees, or at something that can be seen outside."""

import re
import time

from basics import Failed, wait_until
from proxy import AFTER, BEFORE, Rule
from workload import Sightings

REACH_S = 25
# How long a worker is looked for that has an exclusive task, before one without is taken.
EXCLUSIVE_S = 8


def is_submit(request):
    return request.has("create", "/jobname/")


def is_fire(request):
    return request.has("create", "/queue/job/tick-") and request.has("set", "/fired/")


def is_admit(request):
    return request.has("delete", "/queue/job/") and request.has("create", "/runs/")


def is_assign(request):
    return request.has("create", "/assign/worker-") and request.has("set", "/term")


def is_start(request):
    return request.has("set", "/assign/worker-") and request.has("create", ".started.")


def is_finish(request):
    return request.has("delete", "/assign/worker-") and request.has("create", "/status/")


def is_advance(request):
    return request.has("delete", "/status/") and request.has("create", "/assign/") and request.has("set", "/term")


def is_reclaim(request):
    return request.has("set", "/term") and request.has("delete", "/assign/worker-")


def is_move(request):
    return request.has("delete", "/jobs/worker-") and request.has("create", "/jobs/worker-")


# Who sends the request of a phase, and what it looks like.
REQUESTS = {
    "submit": ("any", "T1, which claims a name", is_submit),
    "fire": ("any", "T2, which fires a timer", is_fire),
    "admit": ("leader", "T3, which admits a run", is_admit),
    "assign": ("leader", "T3 or T6, which assigns an attempt", is_assign),
    "start": ("any", "T4, which starts an attempt", is_start),
    "finish": ("any", "T5, which reports an end", is_finish),
    "successors": ("leader", "T6, which goes on after an end", is_advance),
    "reclaim": ("leader", "T7, which takes an attempt over", lambda request: is_reclaim(request) or is_move(request)),
}


class Reached:
    """The phase is here, and held until `release`; `node` is whom the fault is to strike."""

    def __init__(self, cluster, rule, node):
        self._cluster = cluster
        self._rule = rule
        self.node = node
        self.where = f"{rule.action} {rule.name} of {rule.node}" if rule else "as seen from outside"

    def release(self):
        if self._rule:
            self._cluster.proxy.remove(self._rule)


def reach(phase, cluster, role, random):
    """Waits for a phase. `role` says whom the fault strikes: the leader, another worker, or nobody."""
    leader = wait_until("a leader", lambda: cluster.leader, within=20)
    if phase in REQUESTS:
        return _reach_request(phase, cluster, role, random, random.choice((BEFORE, AFTER)), leader)
    if phase == "running":
        node = running_worker(cluster, EXCLUSIVE_S if role == "worker" else 0)
        return Reached(cluster, None, leader if role == "leader" else node)
    if phase == "idle":
        return Reached(cluster, None, leader if role == "leader" else _other(cluster, random, leader))
    raise Failed(f"there is no phase {phase}")


def _reach_request(phase, cluster, role, random, action, leader):
    who, words, matches = REQUESTS[phase]
    others = [node for node in cluster.nodes if node is not leader]
    if who == "leader":
        senders = {leader.name}
    elif role == "worker":
        senders = {node.name for node in others}
    else:
        senders = None
    if phase == "assign" and role == "worker":
        # The victim is the one that gets the attempt, and the leader's commit is done.
        action = AFTER
        paths = [f"/assign/{node.worker}/" for node in others]
        inner = matches

        def matches(request):
            return inner(request) and any(request.has("create", path) for path in paths)

    rule = cluster.proxy.add(Rule(words, matches, action, nodes=senders, skip=random.randrange(3)))
    if phase == "reclaim":
        # Somebody must be lost first, so that there is something to take over.
        lost = running_worker(cluster)
        cluster.mark("lose-worker", target=lost.name)
        lost.lose()
        others = [node for node in others if node is not lost]
    sender = rule.wait(REACH_S)
    by_name = {node.name: node for node in cluster.nodes}
    if role == "leader":
        node = cluster.leader or leader
    elif phase == "assign":
        found = re.search(r"/assign/(worker-\d+)/", rule.path)
        named = cluster.node_of(found[1]) if found else None
        node = named if named in others else random.choice(others)
    elif who == "leader":
        node = random.choice(others)
    else:
        node = by_name[sender]
    return Reached(cluster, rule, node)


def running_worker(cluster, patience=0):
    """A node that does not lead and has long tasks running; for some seconds only one with an exclusive one among them
    will do."""
    sightings = Sightings(cluster.probes)
    until = time.monotonic() + patience

    def found():
        leader = cluster.leader
        if leader is None:
            return None
        nodes = [node for node in cluster.nodes if node is not leader and sightings.started("long", node.worker)]
        exclusive = [node for node in nodes if sightings.started("only", node.worker)]
        return next(iter(exclusive or (nodes if time.monotonic() >= until else [])), None)

    return wait_until("long tasks running on a worker", found, within=REACH_S)


def _other(cluster, random, leader):
    return random.choice([node for node in cluster.nodes if node is not leader])
