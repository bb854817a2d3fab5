"""The machines of a run: those of the ensemble, and lanes of machines for clusters side by side."""

import os
import shutil

from basics import PROGRAMS, run
from servers import Ensemble
from spaces import Clock, Space, make_hub

NODES_PER_LANE = 5
SERVERS = 3


class Lane:
    """Machines of one cluster at a time."""

    def __init__(self, number):
        self.number = number
        self.nodes = [Space(f"lane{number}-node{k}", f"10.77.{number}.{k}") for k in range(1, NODES_PER_LANE + 1)]
        self.redis = Space(f"lane{number}-redis", f"10.77.{number}.100")


class Site:
    """All machines of a run, and what is built once."""

    def __init__(self, directory, options):
        self.directory = directory
        self.options = options
        make_hub()
        self._server_spaces = [Space(f"zookeeper{k}", f"10.77.0.{k}") for k in range(1, SERVERS + 1)]
        self.lanes = [Lane(number) for number in range(1, options.lanes + 1)]
        self.probe = os.path.join(directory, "probe")
        run(["gcc", "-O2", "-static", "-o", self.probe, os.path.join(PROGRAMS, "probe.c")])
        self.clock_library = os.path.join(directory, "clock.so")
        run(["gcc", "-O2", "-shared", "-fPIC", "-o", self.clock_library, os.path.join(PROGRAMS, "clock.c")])
        self._worlds = 0

    def world(self, clock_offset=None):
        """A fresh ensemble on the machines of the ensemble; one at a time."""
        self._worlds += 1
        return World(self, os.path.join(self.directory, f"world-{self._worlds}"), self._server_spaces, clock_offset)


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
        if not keep:
            for server in self.ensemble.servers:
                shutil.rmtree(server.directory, ignore_errors=True)
