"""The machines of a run: lanes of them side by side, each with servers, nodes and an ensemble of its own."""

import os
import shutil

from basics import PROGRAMS, run
from servers import Ensemble
from spaces import Clock, Space, make_hub

NODES_PER_LANE = 5
SERVERS = 3
# An ensemble is made anew after so many scenarios: the checker reads its whole log each time.
SCENES_PER_WORLD = 8


class Site:
    """All machines of a run, and what is built once."""

    def __init__(self, directory, options):
        self.directory = directory
        self.options = options
        self.probe = os.path.join(directory, "probe")
        run(["gcc", "-O2", "-static", "-o", self.probe, os.path.join(PROGRAMS, "probe.c")])
        self.clock_library = os.path.join(directory, "clock.so")
        run(["gcc", "-O2", "-shared", "-fPIC", "-o", self.clock_library, os.path.join(PROGRAMS, "clock.c")])
        make_hub()
        self.lanes = [Lane(self, number) for number in range(1, options.lanes + 1)]

    def end(self):
        for lane in self.lanes:
            lane.end()


class Lane:
    """Machines for one scenario at a time. Several scenarios, one after the other, share an ensemble."""

    def __init__(self, site, number):
        self._site = site
        self.number = number
        self.nodes = [Space(f"lane{number}-node{k}", f"10.77.{number}.{k}") for k in range(1, NODES_PER_LANE + 1)]
        self.redis = Space(f"lane{number}-redis", f"10.77.{number}.100")
        self.servers = [
            Space(f"lane{number}-zookeeper{k}", f"10.77.{number}.{200 + k}") for k in range(1, SERVERS + 1)]
        self.is_spoilt = False
        self._world = None
        self._worlds = self._scenes = 0

    def world(self, clock_offset=None):
        """The lane's ensemble; a fresh one now and then, after a failure, and for other clocks."""
        if self.is_spoilt or clock_offset is not None or self._scenes >= SCENES_PER_WORLD:
            self.end()
        if self._world is None:
            self._worlds += 1
            self._scenes = 0
            directory = os.path.join(self._site.directory, f"lane-{self.number}", f"world-{self._worlds}")
            self._world = World(self._site, directory, self.servers, clock_offset)
            self.is_spoilt = clock_offset is not None
        self._scenes += 1
        return self._world

    def end(self):
        """Ends the lane's ensemble; its logs are kept where a scenario failed or the caller wants it."""
        if self._world is not None:
            self._world.end(keep=self.is_spoilt or self._site.options.keep)
            self._world = None
        self.is_spoilt = False


class World:
    """An ensemble, and what clusters on it need to know."""

    def __init__(self, site, directory, spaces, clock_offset):
        os.makedirs(directory)
        self.directory = directory
        self.spaces = spaces
        self.skyfire = site.options.bin
        self.history = site.options.history_bin
        self.probe = site.probe
        self.clock_library = site.clock_library
        self.clock_offset = clock_offset or 0
        self.clock = None
        if clock_offset is not None:
            self.clock = Clock(site.clock_library, os.path.join(directory, "clock"), clock_offset)
        self.ensemble = Ensemble(directory, spaces, self.clock)
        self.ensemble.start()

    @property
    def transaction_logs(self):
        return [server.data for server in self.ensemble.servers]

    def end(self, keep):
        for space in self.spaces:
            space.heal()
            space.thaw_quietly()
        self.ensemble.end()
        for server in self.ensemble.servers:
            server.disk.end(keep)
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
