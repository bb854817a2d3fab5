"""The client: HTTP from a machine of its own to any node, every request recorded as it was sent and answered."""

import http.client
import itertools
import json
import random
import time
import urllib.parse

from basics import Failed, RecordFile
from cluster import PORT

OK, FAIL, INFO = "ok", "fail", "info"


class Answer:
    """How a request ended: `ok` it took effect, `fail` it certainly did not, `info` nobody knows."""

    def __init__(self, kind, status=0, body=None, why=""):
        self.kind = kind
        self.status = status
        self.body = body if isinstance(body, dict) else {}
        self.why = why

    @property
    def code(self):
        errors = self.body.get("errors") or [{}]
        return self.body.get("code") or errors[0].get("code") or ""

    def __str__(self):
        return f"{self.status} {self.code} {self.body.get('detail') or self.body.get('title') or self.why}"


class Client:
    """Any number of threads may use one."""

    def __init__(self, cluster, path, seed):
        self._cluster = cluster
        self._log = RecordFile(path, cluster.clock_offset)
        self._processes = itertools.count(1)
        self._random = random.Random(f"{seed}/client")

    def close(self):
        self._log.close()

    def request(self, node, method, path, body=None, headers=None, timeout=5):
        """One request, not recorded."""
        connection = http.client.HTTPConnection(node.space.address, PORT, timeout=timeout)
        try:
            data = None if body is None else json.dumps(body).encode()
            sent = dict(headers or {})
            if data is not None:
                sent["Content-Type"] = "application/json"
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return Answer(INFO, why=f"{type(error).__name__} {error}")
        finally:
            connection.close()
        try:
            parsed = json.loads(text) if text else {}
        except ValueError:
            parsed = {}
        if answer.status < 300:
            return Answer(OK, answer.status, parsed)
        return Answer(FAIL if answer.status < 500 else INFO, answer.status, parsed)

    def call(self, operation, args, method, path, body=None, headers=None, node=None, timeout=5):
        """One request to a node, or to any, recorded."""
        node = node or self._random.choice(self._cluster.nodes)
        # A number of its own for each request: none is ever used again after an unknown end.
        common = {"process": next(self._processes), "op": operation, "node": node.name, "args": args}
        self._log.write(dict(common, type="invoke"))
        answer = self.request(node, method, path, body, headers, timeout)
        record = dict(common, type=answer.kind, status=answer.status)
        if answer.kind == OK:
            told = ("id", "state", "version", "name")
            record["result"] = {key: answer.body[key] for key in told if key in answer.body}
        else:
            record["code"] = answer.code or answer.why
        self._log.write(record)
        return answer

    def insist(self, within, *arguments, **options):
        """Asks one node after the other until an answer is certain. Right for what may be asked twice."""
        deadline = time.monotonic() + within
        while True:
            answer = self.call(*arguments, **options)
            if answer.kind == OK or (answer.kind == FAIL and answer.status not in (408, 425, 429)):
                return answer
            if time.monotonic() >= deadline:
                raise Failed(f"not within {within:g} s: an answer to {arguments[0]} {arguments[1]}; last: {answer}")
            time.sleep(0.1)

    # --- words -------------------------------------------------------------------------------------------------------

    def submit(self, definition, within=30):
        """Creates a job. A second try that finds the name taken found its own first one."""
        name = definition["name"]
        answer = self.insist(within, "submit", {"job": name}, "POST", "/v1/jobs", definition)
        if answer.kind != OK and answer.status != 409:
            raise Failed(f"{name} was refused: {answer}")
        return answer

    def start_run(self, job, key, within=30):
        """Starts a run and returns its id."""
        answer = self.insist(within, "run", {"job": job, "key": key}, "POST", "/v1/runs", {"job": job},
                             headers={"Idempotency-Key": key})
        if answer.kind != OK:
            raise Failed(f"a run of {job} was refused: {answer}")
        return answer.body["id"]

    def delete(self, job, within=30):
        answer = self.insist(within, "delete", {"job": job}, "DELETE", f"/v1/jobs/{job}")
        if answer.kind != OK and answer.status != 404:
            raise Failed(f"{job} was not deleted: {answer}")

    def end_run(self, run, action, within=90):
        """Asks to `cancel` or `kill` a run. A run that is over refuses, which is an answer too."""
        path = f"/v1/runs/{urllib.parse.quote(run, safe='')}:{action}"
        return self.insist(within, action, {"run": run, "reason": "a test"}, "POST", path, {"reason": "a test"})

    def run_view(self, run, node=None):
        answer = self.call("read_run", {"run": run}, "GET", f"/v1/runs/{urllib.parse.quote(run, safe='')}", node=node)
        return answer.body if answer.kind == OK else None

    def tasks(self, run, node):
        answer = self.request(node, "GET", f"/v1/runs/{urllib.parse.quote(run, safe='')}/tasks")
        return answer.body.get("items", []) if answer.kind == OK else []

    def all_runs(self, node):
        """Every run that the mirror lists, by id."""
        runs, cursor = {}, None
        while True:
            query = {"limit": 1000}
            if cursor:
                query["cursor"] = cursor
            answer = self.request(node, "GET", "/v1/runs?" + urllib.parse.urlencode(query), timeout=20)
            if answer.kind != OK:
                raise Failed(f"{node.name} does not list the runs: {answer}")
            runs.update({item["id"]: item for item in answer.body["items"]})
            cursor = answer.body.get("next_cursor")
            if not cursor:
                return runs
