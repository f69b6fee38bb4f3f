"""Times one shell command and says where the CPU went.

A measurement is a dict: seconds; tool_cpu (user and system time of the command's whole tree, in
seconds); servers (the same for each server, by name); peak (the greatest sum of resident memory over
the command's tree, in bytes, sampled every 50 ms; servers are not in it); noise (CPU time that anything
else on the machine spent meanwhile, as a share of all cores' time); status (the exit code, or
"timeout").

Source: proc(5), fields 4 (ppid), 14 to 17 (utime, stime, cutime, cstime) and 24 (rss) of /proc/PID/stat.
"""

import os
import resource
import signal
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def processes():
    """Every process: its parent, its CPU seconds with those of its reaped children, its resident bytes."""
    out = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    fields = stat.read().rsplit(") ", 1)[1].split()
            except (OSError, IndexError):
                continue  # it ended meanwhile
            out[int(name)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICK, int(fields[21]) * PAGE)
    return out


def tree(all_processes, root):
    """The process `root` and everything below it."""
    children = {}
    for pid, (parent, _, _) in all_processes.items():
        children.setdefault(parent, []).append(pid)
    todo, found = [root], []
    while todo:
        pid = todo.pop()
        if pid in all_processes:
            found.append(pid)
            todo += children.get(pid, [])
    return found


def cpu_of(pids):
    """CPU seconds so far of each server in `pids` (name to process id), its whole tree together."""
    now = processes()
    return {name: sum(now[p][1] for p in tree(now, pid)) for name, pid in pids.items() if pid in now}


def machine():
    """CPU seconds so far that the machine was busy, and in all."""
    with open("/proc/stat") as stat:
        fields = list(map(int, stat.readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICK, sum(fields) / TICK


def busy(seconds):
    """The share of the cores' time that is spent during the next `seconds`."""
    before = machine()
    time.sleep(seconds)
    after = machine()
    return (after[0] - before[0]) / max(0.01, after[1] - before[1])


def wait_for_calm(most):
    """Waits, `most` seconds at most, for two seconds in which the machine is under 20 % busy."""
    until = time.monotonic() + most
    while time.monotonic() < until and busy(2) >= 0.20:
        pass


def run(command, servers, log, most, env):
    """Runs `command` with bash, ends it after `most` seconds, and measures it.

    `servers` maps names to the process ids of servers whose CPU is wanted; `log` takes the command's output.
    """
    peak, done = [0], threading.Event()
    servers_before, machine_before = cpu_of(servers), machine()
    own_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, "w") as out:
        began = time.monotonic()
        child = subprocess.Popen(
            ["bash", "-c", "set -o pipefail; " + command],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True,
        )

        def sample():
            while not done.wait(0.05):
                now = processes()
                peak[0] = max(peak[0], sum(now[p][2] for p in tree(now, child.pid)))

        sampler = threading.Thread(target=sample)
        sampler.start()
        # A timer of its own: wait() with a timeout looks only every 50 ms.
        late = threading.Event()

        def end():
            late.set()
            os.killpg(child.pid, signal.SIGTERM)
            if not done.wait(10):
                os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(most, end)
        timer.daemon = True
        timer.start()
        try:
            status = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            seconds = time.monotonic() - began
            timer.cancel()
            done.set()
            sampler.join()
    servers_after, machine_after = cpu_of(servers), machine()
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    tool = own.ru_utime + own.ru_stime - own_before.ru_utime - own_before.ru_stime
    spent = {name: servers_after[name] - servers_before.get(name, 0) for name in servers_after}
    others = machine_after[0] - machine_before[0] - tool - sum(spent.values())
    return {
        "seconds": seconds,
        "tool_cpu": tool,
        "servers": spent,
        "peak": peak[0],
        "noise": max(0.0, others) / max(0.01, machine_after[1] - machine_before[1]),
        "status": "timeout" if late.is_set() else status,
    }
