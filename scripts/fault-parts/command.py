"""The command line: which scenarios, on which machines, in which order."""

import argparse
import fnmatch
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import isolation
from basics import REPOSITORY, Failed, say, tell
from faults import cells
from long_scenes import long_scenes
from scene import Cell
from world import Site


def parse(description, arguments):
    parser = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    parser.add_argument("names", nargs="*")
    for flag in ("--smoke", "--full", "--soak", "--list", "--keep", "--help"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("-h", dest="help", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--count", type=int)
    for option in ("--bin", "--history-bin", "--directory"):
        parser.add_argument(option)
    parser.error = lambda words: _usage(description, words)
    options = parser.parse_intermixed_args(arguments)
    if options.help:
        print(description)
        sys.exit(0)
    if options.lanes < 1 or options.lanes > 8:
        _usage(description, "--lanes takes 1 to 8")
    for option in ("hours", "minutes", "count"):
        value = getattr(options, option)
        if value is not None and not 0 < value < math.inf:
            _usage(description, f"--{option} takes a number above 0")
    modes = [f"--{mode}" for mode in ("smoke", "full", "soak", "list") if getattr(options, mode)]
    modes += ["names"] if options.names else []
    if len(modes) != 1:
        _usage(description, f"one of {' and '.join(modes)}, not both" if modes
               else "which scenarios? --smoke, --full, --soak or names")
    return options


def _usage(description, words):
    print(f"error: {words}\n\n{description}", file=sys.stderr)
    sys.exit(64)


def all_scenes():
    """Every scenario that there is, anew."""
    return [Cell(*cell) for cell in cells()] + long_scenes()


def chosen(options, description):
    scenes = all_scenes()
    if options.smoke:
        found = [scene for scene in scenes if scene.is_smoke]
    elif options.full:
        found = [scene for scene in scenes if scene.name != "soak"]
    else:
        found = []
        for name in ["soak"] if options.soak else options.names:
            matching = [scene for scene in scenes
                        if fnmatch.fnmatch(scene.name, name) or scene.name.split(".")[0] == name]
            if not matching:
                _usage(description, f"there is no scenario {name}; --list names them")
            found += [scene for scene in matching if scene not in found]
    measures = {scene.measure[0] for scene in found if scene.measure}
    for option in ("hours", "minutes", "count"):
        if getattr(options, option) is not None and option not in measures:
            _usage(description, f"--{option} is for other scenarios than these")
    return found


def find_executables(options):
    """Sets the two executables; a run without one of them would show nothing."""
    def first(given, *candidates):
        for path in (given, *candidates):
            if path and os.access(path, os.X_OK):
                return os.path.realpath(path)
        return None

    builds = [os.path.join(REPOSITORY, ".build", kind) for kind in ("release", "debug")]
    given = options.bin or os.environ.get("SKYFIRE_BIN")
    options.bin = first(given, *([] if given else [os.path.join(build, "skyfire") for build in builds]))
    if options.bin is None:
        sys.exit(f"error: no executable {given or 'in .build; build it with: swift build --product skyfire'}")
    beside = os.path.join(os.path.dirname(options.bin), "skyfire-history")
    given = options.history_bin
    options.history_bin = first(
        given, *([] if given else [beside] + [os.path.join(build, "skyfire-history") for build in builds]))
    if options.history_bin is None:
        sys.exit(f"error: no checker {given or 'in .build; build it with: swift build --product skyfire-history'}")
    _expect_checker(options.history_bin)


def _expect_checker(path):
    """Ends the run where the checker is none: else this would be noticed when the first scenario is over."""
    try:
        said = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30, check=False)
        is_checker = said.returncode == 0 and "judge" in said.stdout
    except (OSError, ValueError, subprocess.TimeoutExpired):
        is_checker = False
    if not is_checker:
        sys.exit(f"error: {path} is not skyfire-history")


def main(description):
    options = parse(description, sys.argv[1:])
    if options.list:
        for scene in all_scenes():
            print(f"{'*' if scene.is_smoke else ' '} {scene.name}")
        return
    scenes = chosen(options, description)
    find_executables(options)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    options.lanes = min(options.lanes, len(scenes))
    isolation.enter(lambda: play(scenes, options))


def play(scenes, options):
    """Plays all scenarios and returns the exit code."""
    top = options.directory or tempfile.gettempdir()
    directory = os.path.join(top, os.environ[isolation.MARK])
    os.makedirs(directory)
    say(f"{len(scenes)} scenarios, seed {options.seed}, recordings in {directory}")
    begun = time.monotonic()
    results = Results(len(scenes))
    try:
        site = Site(directory, options)
        play_side_by_side(site.lanes, [scene for scene in scenes if not scene.is_alone], options, results)
        play_side_by_side(site.lanes[:1], [scene for scene in scenes if scene.is_alone], options, results)
        site.end()
    except Failed as failure:
        results.add_mishap(str(failure))
    except KeyboardInterrupt:
        results.add_mishap("interrupted")
    finally:
        if options.keep or results.failed:
            open(os.path.join(directory, "kept"), "w", encoding="utf-8").close()
            say(f"recordings: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    say(f"{time.monotonic() - begun:.0f} s, seed {options.seed}")
    if results.unplayed:
        say(f"{results.unplayed} scenarios were not played to their end, and count as failed")
    tell(f"{results.passed} passed, {results.failed} failed")
    return 0 if results.failed == 0 else 1


class Results:
    """How many of the scenarios held. What was not seen to hold has failed, whatever became of it."""

    def __init__(self, scenes):
        self._scenes = scenes
        self._played = 0
        self._mishaps = 0
        self._lock = threading.Lock()
        self.passed = 0

    def add(self, is_good):
        with self._lock:
            self._played += 1
            self.passed += 1 if is_good else 0

    def add_mishap(self, words):
        """Something went wrong outside of the scenarios."""
        say(f"error: {words}")
        with self._lock:
            self._mishaps += 1

    @property
    def unplayed(self):
        return self._scenes - self._played

    @property
    def failed(self):
        return self._scenes - self.passed + self._mishaps


def play_side_by_side(lanes, scenes, options, results):
    """Plays scenarios, one at a time on each lane."""
    waiting = list(scenes)
    lock = threading.Lock()

    def take():
        with lock:
            return waiting.pop(0) if waiting else None

    def work(lane):
        while scene := take():
            try:
                results.add(scene.run(lane, options))
            except Exception:  # a mistake of the harness: this scenario has failed, and the others are played
                lane.is_spoilt = True
                results.add(False)
                tell(f"FAIL {scene.name}\n{traceback.format_exc()}")
        try:
            lane.end()
        except Exception:
            results.add_mishap(f"lane {lane.number} was not cleared away\n{traceback.format_exc()}")

    threads = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
