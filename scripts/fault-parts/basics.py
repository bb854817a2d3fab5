"""What every part uses: words for the terminal, commands, waiting for conditions, files of NDJSON."""

import json
import os
import subprocess
import sys
import threading
import time

PARTS = os.path.dirname(os.path.realpath(__file__))
SCRIPTS = os.path.dirname(PARTS)
REPOSITORY = os.path.dirname(SCRIPTS)
PROGRAMS = os.path.join(SCRIPTS, "fault-programs")

_terminal = threading.Lock()


class Failed(Exception):
    """A scenario cannot go on, or what it found is wrong."""


def say(text):
    """A line about progress, on standard error."""
    with _terminal:
        print(f"==> {text}", file=sys.stderr, flush=True)


def tell(text):
    """A line of the result, on standard output."""
    with _terminal:
        print(text, flush=True)


def run(command, **options):
    """Runs a command to its end and returns its output; a failure says what the command said."""
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    if done.returncode != 0:
        words = done.stderr.strip() or done.stdout.strip()
        raise Failed(f"`{' '.join(command)}` ended with {done.returncode}: {words[-2000:]}")
    return done.stdout


def wait_until(what, condition, within, every=0.05):
    """Asks until the condition gives something true, and returns that. Says what did not come within the time."""
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise Failed(f"not within {within:g} s: {what}")
        time.sleep(every)


def write_file(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_file(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def read_records(path):
    """The whole lines of an NDJSON file; a torn last line is left out."""
    records = []
    for line in read_file(path).splitlines(keepends=True):
        if line.endswith("\n") and line.strip():
            records.append(json.loads(line))
    return records


class RecordFile:
    """An NDJSON file that several threads append to; each line gets both clocks.

    `clock_offset` is that of the servers' wall clocks, in seconds: histories are told on one clock.
    """

    def __init__(self, path, clock_offset=0):
        self.path = path
        self._offset = clock_offset * 1_000_000_000
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8")

    def write(self, record):
        with self._lock:
            if self._file.closed:
                return
            stamped = dict(record, monotonic_ns=time.monotonic_ns(), realtime_ns=time.time_ns() + self._offset)
            self._file.write(json.dumps(stamped, separators=(",", ":"), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self):
        with self._lock:
            self._file.close()


class Background:
    """Threads that end together: each loops until `stop`, and what goes wrong in one is raised at the end."""

    def __init__(self):
        self.stopping = threading.Event()
        self._threads = []
        self._errors = []

    def start(self, work):
        def guarded():
            try:
                work()
            except Exception as error:  # raised again by `stop`, in the thread that waits
                self._errors.append(error)

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def pace(self, seconds):
        """Waits between two rounds; false once it is time to end."""
        return not self.stopping.wait(seconds)

    def stop(self):
        self.stopping.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors.pop(0)
