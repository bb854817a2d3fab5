"""Puts a whole run into namespaces of its own, so that nothing of it can outlive it or touch the machine.

The run gets a network, a mount table and process numbers of its own. Its first process there only reaps; when the
run ends in whatever way, the kernel ends every process in it and takes the network and the mounts away. What is
left outside are control groups and a directory, both named after the run: the next run removes those of dead runs.
"""

import ctypes
import os
import re
import shutil
import signal
import sys
import tempfile

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
MARK = "SKYFIRE_FAULTS_MARK"
PREFIX = "skyfire-faults"
NEEDED = {
    "ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "mount": "mount", "gcc": "gcc",
    "java": "default-jre-headless", "redis-server": "redis-server",
}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(what, result):
    if result != 0:
        code = ctypes.get_errno()
        sys.exit(f"error: this machine does not permit {what}: {os.strerror(code)}")


def start_ticks(pid):
    """When a process started, in ticks since boot; with the number it names one process and never a later one."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def control_group_roots():
    """Where control groups can freeze: the unified hierarchy, else the freezer of the old one."""
    roots = []
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            _, path, kind, options, *_ = line.split()
            if kind == "cgroup2":
                roots.insert(0, (path, "unified"))
            elif kind == "cgroup" and "freezer" in options.split(","):
                roots.append((path, "freezer"))
    return roots


def remove_control_group(path):
    """Ends what is in a control group and in those below, and removes them."""
    for directory, _, _ in sorted(os.walk(path), key=lambda entry: -len(entry[0])):
        for name, text in (("cgroup.kill", "1"), ("freezer.state", "THAWED")):
            try:
                with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError:
                pass  # the other kind of hierarchy, or an old kernel: its processes ended with their run
        for _ in range(200):
            try:
                os.rmdir(directory)
                break
            except FileNotFoundError:
                break
            except OSError:
                signal.sigtimedwait([], 0.02)  # its processes are being reaped


def _is_dead(name):
    found = re.match(rf"{PREFIX}\.(\d+)\.(\d+)(\.|$)", name)
    return bool(found) and start_ticks(int(found[1])) != found[2]


def sweep():
    """Removes what dead runs left: control groups, and directories that nobody asked to keep."""
    for root, _ in control_group_roots():
        for name in os.listdir(root):
            if _is_dead(name):
                remove_control_group(os.path.join(root, name))
    top = tempfile.gettempdir()
    for name in os.listdir(top):
        path = os.path.join(top, name)
        if _is_dead(name) and not os.path.exists(os.path.join(path, "kept")):
            shutil.rmtree(path, ignore_errors=True)


def _forward_signals(pid):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(pid, received))


def _wait_for(pid):
    """Reaps everything until the process of that number ends, and returns its exit code."""
    while True:
        try:
            ended, status = os.wait()
        except InterruptedError:
            continue
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def enter(main):
    """Runs `main` in new namespaces and ends with its exit code."""
    if os.geteuid() != 0:
        sys.exit("error: scripts/faults needs root: it makes network namespaces, mounts and control groups of its own")
    missing = [f"{tool} ({package})" for tool, package in NEEDED.items() if shutil.which(tool) is None]
    if missing:
        sys.exit(f"error: missing: {', '.join(missing)}; scripts/install-packages --test installs them")
    sweep()
    mark = f"{PREFIX}.{os.getpid()}.{start_ticks(os.getpid())}"
    os.environ[MARK] = mark
    groups = [os.path.join(root, mark) for root, _ in control_group_roots()]
    _checked("namespaces of its own", _libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET))
    first = os.fork()
    if first != 0:
        _forward_signals(first)
        code = _wait_for(first)
        for path in groups:
            if os.path.isdir(path):
                remove_control_group(path)
        sys.exit(code if code >= 0 else 128 - code)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for command in ("mount --make-rprivate /", "mount -t proc proc /proc"):
        if os.system(command) != 0:
            sys.exit(f"error: this machine does not permit: {command}")
    os.makedirs("/run/netns", exist_ok=True)
    if os.system("mount -t tmpfs netns /run/netns") != 0:
        sys.exit("error: this machine does not permit mounts of its own")
    harness = os.fork()
    if harness != 0:
        _forward_signals(harness)
        code = _wait_for(harness)
        os._exit(code if code >= 0 else 128 - code)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    sys.exit(main())


def _interrupt(number, _):
    raise KeyboardInterrupt(f"signal {number}")
