"""Machines: a network namespace each, on one bridge, with a control group. What a machine's cable and power can do."""

import os
import shutil
import signal
import struct
import subprocess
import time

import isolation
from basics import Failed, run, wait_until, write_file

HUB = "10.77.0.254"
TABLE = "fault"


def make_hub():
    """The bridge, and the address of the harness on it, which is the client's machine."""
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "link", "add", "hub", "type", "bridge"])
    run(["ip", "address", "add", f"{HUB}/16", "dev", "hub"])
    run(["ip", "link", "set", "hub", "up"])


class Space:
    """One machine."""

    _links = 0

    def __init__(self, name, address):
        self.name = name
        self.address = address
        Space._links += 1
        link = f"link{Space._links}"
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name])
        run(["ip", "link", "set", link, "master", "hub", "up"])
        run(["ip", "-netns", name, "link", "set", "lo", "up"])
        run(["ip", "-netns", name, "address", "add", f"{address}/16", "dev", "eth0"])
        run(["ip", "-netns", name, "link", "set", "eth0", "up"])
        self._inode = os.stat(f"/run/netns/{name}").st_ino
        self._group, self._kind = None, None
        self._why_no_group = "there is no hierarchy of control groups"
        for root, kind in isolation.control_group_roots():
            path = os.path.join(root, os.environ[isolation.MARK], name)
            try:
                os.makedirs(path, exist_ok=True)
                self._group, self._kind = path, kind
                break
            except OSError as error:
                self._why_no_group = str(error)

    # --- processes ---------------------------------------------------------------------------------------------------

    def start(self, command, log, output=None, environment=None, directory=None):
        """Starts a program on this machine, in a session of its own. Its errors go to `log`, appended."""
        join = f'echo $$ > "{self._group}/cgroup.procs"; ' if self._group else ""
        with open(log, "ab") as errors, open(output or log, "ab") as plain:
            return subprocess.Popen(
                ["sh", "-c", f'{join}exec nsenter --net="/run/netns/{self.name}" -- "$@"', "sh", *command],
                stdin=subprocess.DEVNULL, stdout=plain, stderr=errors, start_new_session=True,
                env=dict(os.environ, **(environment or {})), cwd=directory,
            )

    def pids(self):
        """Every process of this machine, whoever started it."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if os.stat(f"/proc/{entry}/ns/net").st_ino == self._inode:
                        found.append(int(entry))
                except OSError:
                    pass  # it ended meanwhile, or is a zombie
        return found

    def lose(self):
        """The machine is gone: every process on it is killed, until there is none."""
        def none_left():
            pids = self.pids()
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not pids

        wait_until(f"no process left on {self.name}", none_left, within=20, every=0.02)

    def freeze(self):
        self._set_frozen(True)

    def thaw(self):
        self._set_frozen(False)

    def thaw_quietly(self):
        """Thaws a machine that may never have been frozen, so that it can be cleared away."""
        if self._group is not None:
            self._set_frozen(False)

    def _set_frozen(self, frozen):
        if self._group is None:
            raise Failed(f"this machine cannot freeze: {self._why_no_group}")
        if self._kind == "unified":
            write_file(os.path.join(self._group, "cgroup.freeze"), "1" if frozen else "0")
            path, word = os.path.join(self._group, "cgroup.events"), f"frozen {int(frozen)}"
        else:
            path, word = os.path.join(self._group, "freezer.state"), "FROZEN" if frozen else "THAWED"
            write_file(path, word)

        def is_done():
            with open(path, encoding="utf-8") as file:
                return word in file.read()

        wait_until(f"{self.name} is {'frozen' if frozen else 'thawed'}", is_done, within=10, every=0.01)

    # --- the network -------------------------------------------------------------------------------------------------

    def cut(self):
        """Nothing comes in and nothing goes out."""
        self._drop('meta iif != "lo" drop', 'meta oif != "lo" drop')

    def cut_from(self, addresses):
        """Nothing from or to these addresses."""
        listed = ", ".join(addresses)
        self._drop(f"ip saddr {{ {listed} }} drop", f"ip daddr {{ {listed} }} drop")

    def drop_replies(self, ports):
        """What is sent arrives; what these ports of others answer does not."""
        listed = ", ".join(str(port) for port in ports)
        self._drop(f"tcp sport {{ {listed} }} drop", "")

    def heal(self):
        self._nft(f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\n")

    def _drop(self, incoming, outgoing):
        self._nft(
            f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\n"
            f"table inet {TABLE} {{\n"
            f" chain incoming {{ type filter hook input priority 0; policy accept; {incoming}; }}\n"
            f" chain outgoing {{ type filter hook output priority 0; policy accept; {outgoing}; }}\n}}\n"
            .replace("; ; }", "; }")
        )

    def _nft(self, rules):
        run(["nsenter", f"--net=/run/netns/{self.name}", "--", "nft", "--file", "-"], input=rules)


class Program:
    """A program that runs on a machine and may be started again."""

    def __init__(self, name, space, directory):
        self.name = name
        self.space = space
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.log = os.path.join(directory, "log")
        self.process = None

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def launch(self, command, output=None, environment=None):
        self.process = self.space.start(command, self.log, output=output, environment=environment,
                                        directory=self.directory)

    def signal(self, number):
        if not self.is_running:
            raise Failed(f"{self.name} is not running")
        os.kill(self.process.pid, number)

    def kill(self):
        """SIGKILL to the program alone, and waits until it is gone."""
        if self.is_running:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self):
        """SIGSTOP; returns once all its threads are stopped."""
        self.signal(signal.SIGSTOP)
        wait_until(f"{self.name} is stopped", lambda: state_of(self.pid) == "T", within=5, every=0.005)

    def resume(self):
        if self.is_running:
            self.signal(signal.SIGCONT)

    def end(self, within=20):
        """SIGTERM, then SIGKILL after the time; returns whether it ended by itself."""
        if not self.is_running:
            return True
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(within)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def tail(self, lines=15):
        with open(self.log, "rb") as file:
            text = file.read()[-20_000:].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


class Disk:
    """A file system of its own at a directory, in memory, that can be full and have room again."""

    def __init__(self, path, size_megabytes=512):
        self.path = path
        self._size = size_megabytes
        os.makedirs(path, exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", f"size={size_megabytes}m", "disk", path])

    def fill(self):
        """Nothing more fits: the file system shrinks to what it holds."""
        for tries in range(50, 0, -1):
            found = os.statvfs(self.path)
            used = max(1, (found.f_blocks - found.f_bfree) * found.f_frsize // 1024)
            try:
                run(["mount", "-o", f"remount,size={used}k", self.path])
                return
            except Failed:
                # What is written meanwhile makes it larger than that, and a file system does not become too small.
                if tries == 1:
                    raise

    def free(self):
        run(["mount", "-o", f"remount,size={self._size}m", self.path])

    def end(self, keep):
        """Takes it away; what it holds stays in the directory below where it is to be kept."""
        copy = self.path + ".kept"
        if keep:
            shutil.copytree(self.path, copy, symlinks=True, ignore=_what_is_no_file)
        run(["umount", "--lazy", self.path])
        if keep:
            os.rmdir(self.path)
            os.rename(copy, self.path)


def _what_is_no_file(directory, names):
    """Sockets and the like, which cannot be copied."""
    return [name for name in names if not os.path.islink(os.path.join(directory, name))
            and not os.path.isfile(os.path.join(directory, name)) and not os.path.isdir(os.path.join(directory, name))]


class Clock:
    """A wall clock that programs started with its environment look at, and that can be stepped."""

    def __init__(self, library, path, offset_seconds=0):
        self._path = path
        with open(path, "wb") as file:
            file.write(struct.pack("=q", 0))
        self.environment = {"LD_PRELOAD": library, "FAULT_CLOCK": path}
        self.step(offset_seconds)

    def step(self, offset_seconds):
        """Sets the offset from this machine's clock. In place: programs have the file mapped."""
        with open(self._path, "r+b") as file:
            file.write(struct.pack("=q", offset_seconds * 1_000_000_000))


def state_of(pid):
    """The letter of a process's state; None once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def hold(seconds):
    """A fault lasts this long; nothing waits for anything."""
    time.sleep(seconds)
