"""The command line: which scenarios, on which machines, in which order."""

import argparse
import fnmatch
import os
import random
import shutil
import sys
import tempfile
import threading
import time

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
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--count", type=int, default=50)
    for option in ("--bin", "--history-bin", "--directory"):
        parser.add_argument(option)
    parser.error = lambda words: _usage(description, words)
    options = parser.parse_args(arguments)
    if options.help:
        print(description)
        sys.exit(0)
    if options.lanes < 1 or options.lanes > 8:
        _usage(description, "--lanes takes 1 to 8")
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
        return [scene for scene in scenes if scene.is_smoke]
    if options.full:
        return [scene for scene in scenes if scene.name != "soak"]
    if options.soak:
        return [scene for scene in scenes if scene.name == "soak"]
    found = []
    for name in options.names:
        matching = [scene for scene in scenes if fnmatch.fnmatch(scene.name, name) or scene.name.split(".")[0] == name]
        if not matching:
            _usage(description, f"there is no scenario {name}; --list names them")
        found += [scene for scene in matching if scene not in found]
    if not found:
        _usage(description, "which scenarios? --smoke, --full, --soak or names")
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
    options.history_bin = first(
        options.history_bin, *([] if options.history_bin else
                               [beside] + [os.path.join(build, "skyfire-history") for build in builds]))
    if options.history_bin is None:
        sys.exit("error: no checker; build it with: swift build --product skyfire-history")


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
    results = Results()
    try:
        site = Site(directory, options)
        play_side_by_side(site.lanes, [scene for scene in scenes if not scene.is_alone], options, results)
        play_side_by_side(site.lanes[:1], [scene for scene in scenes if scene.is_alone], options, results)
        site.end()
    except Failed as failure:
        say(f"error: {failure}")
        results.failed += 1
    except KeyboardInterrupt:
        say("interrupted")
        results.failed += 1
    finally:
        if options.keep or results.failed:
            open(os.path.join(directory, "kept"), "w", encoding="utf-8").close()
            say(f"recordings: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    say(f"{time.monotonic() - begun:.0f} s, seed {options.seed}")
    tell(f"{results.passed} passed, {results.failed} failed")
    return 0 if results.failed == 0 else 1


class Results:
    """How many held and how many did not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self._lock = threading.Lock()

    def add(self, is_good):
        with self._lock:
            if is_good:
                self.passed += 1
            else:
                self.failed += 1


def play_side_by_side(lanes, scenes, options, results):
    """Plays scenarios, one at a time on each lane."""
    waiting = list(scenes)
    lock = threading.Lock()

    def take():
        with lock:
            return waiting.pop(0) if waiting else None

    def work(lane):
        while scene := take():
            results.add(scene.run(lane, options))
        lane.end()

    threads = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
