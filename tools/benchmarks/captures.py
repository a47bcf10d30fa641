# SPDX-License-Identifier: Apache-2.0
"""Measurements of whole captures: boot, memory, several side by side."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time

from harness import BenchError
from row import VALUE, Benchmark, Row

SCENARIO = "cold_path_roundtrip"
KERNEL = "6.16.12"
TARGETS = ("ktape-capture", "ktape_inside", "ktape_initramfs", "ktape_scenarios")
CAPTURES_SIDE_BY_SIDE = 4
SIDE_BY_SIDE_CORES = 2
BOOT_DEADLINE_S = 60
# A capture's own.
COMMAND_LINE = "console=ttyS0 panic=-1 no_timer_check cryptomgr.notests"
MACHINE = "q35,sata=off,smbus=off,vmport=off"

# A guest that is done as soon as its first step is.
SHORT_SCENARIO = """(
  name = "short", durationMs = 100,
  scheduler = (vtime = (switchMode = full)),
  workers = [(name = "sleeper", policy = normal, phases = [(sleepMs = 600000)])],
  steps = [
    (name = "settle", actions = [(wait = (worker = "sleeper", state = sleeping)), (sleepMs = 100)]),
    (name = "look", actions = [
      (op = (entry = (tag = "vtime", target = (task = (worker = "sleeper"), path = "scx.dsq_vtime"), read = u64))),
      (op = (entry = (tag = "jiffies", target = (symbol = "jiffies_64"), read = u64))),
    ]),
  ],
)
"""


def kernel_image():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    image = os.path.join(cache, "ktape", "kernels", KERNEL, "bzImage")
    if os.path.exists(image):
        return image
    raise BenchError(f"kernel {KERNEL} is not in the cache; run tools/kernel fetch {KERNEL}")


def wait_for(process, stream, text):
    """Seconds until a line with `text` is printed. If it is not in time, kills the process and raises BenchError."""
    began, seen = time.monotonic(), []
    deadline = threading.Timer(BOOT_DEADLINE_S, process.kill)  # reading blocks, even on a silent guest
    deadline.start()
    try:
        for line in stream:
            seen.append(line.decode(errors="replace").rstrip())
            if text in seen[-1]:
                return time.monotonic() - began
    finally:
        deadline.cancel()
    process.kill()
    raise BenchError(f"'{text}' was not printed; the last lines:\n" + "\n".join(seen[-15:]))


def capture_command(context, tape, *more):
    return [context.program("ktape-capture"), SCENARIO, "--kernel", KERNEL, "-o", tape, *more]


def accelerator(context):
    """The accelerator that `ktape capture --accel auto` takes on this host."""
    tape = os.path.join(context.work, "accelerator.ktape")
    context.run(capture_command(context, tape))
    with sqlite3.connect(tape) as database:
        (used,), = database.execute("select accelerator from run")
    os.remove(tape)
    return used


def boot_capture(context, accel, *more):
    """Seconds from starting `ktape capture` to the first step."""
    tape = os.path.join(context.work, "boot.ktape")
    command = capture_command(context, tape, "--accel", accel, *more)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        seconds = wait_for(process, process.stderr, "step 1 of")
        process.terminate()
        process.stderr.read()
    os.remove(tape)
    return seconds


def plain_initrd(context):
    return os.path.join(context.build, "tools", "benchmarks", "plain_guest.cpio.zst")


def plain_command(context, accel, machine=MACHINE, tcg="tcg,thread=multi", cpu=None, kernel=None, initrd=None,
                  command_line=COMMAND_LINE, more=()):
    """QEMU with the same kernel and the smallest guest that attaches the same scheduler."""
    cpu = cpu or ("host" if accel == "kvm" else "max,la57=off")
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", machine, "-accel", "kvm" if accel == "kvm" else tcg, "-cpu", cpu, "-smp", "2",
            "-m", "512", "-serial", "stdio", "-kernel", kernel or kernel_image(),
            "-initrd", initrd or plain_initrd(context), "-append", command_line, *more]


def plain_costs(command, pass_fds=()):
    """Seconds from starting QEMU until the scheduler is attached, and the CPU seconds that it took."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=pass_fds) as process:
        seconds = wait_for(process, process.stdout, "plain_init: attached")
        process.kill()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_utime + usage.ru_stime


def boot_plain(context, accel, **options):
    """Seconds from starting QEMU until the scheduler is attached."""
    return plain_costs(plain_command(context, accel, **options))[0]


def run_boot(context):
    accel = accelerator(context)
    floor, ours = context.interleave(lambda: boot_plain(context, accel), lambda: boot_capture(context, accel))
    return [Row("boot", "s", floor, ours, 1.1, note=f"under {accel}")]


def peak_beyond_ram(context):
    """MB of a capture's anonymous memory and of its files, from /proc/PID/status every 5 ms. The guest's RAM is shared
    memory and not included; QEMU is another process."""
    tape = os.path.join(context.work, "memory.ktape")
    peak = 0
    with subprocess.Popen(capture_command(context, tape), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
                fields = dict(line.split(":", 1) for line in status if ":" in line)
            rss = sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssFile"))
            peak = max(peak, rss)
            time.sleep(0.005)
        if process.returncode != 0:
            raise BenchError(f"the capture ended with status {process.returncode}")
    os.remove(tape)
    return peak * 1024 / 1e6


def run_memory(context):
    peaks = [peak_beyond_ram(context) for _ in range(2 if context.quick else 5)]
    return [Row("capture-memory", "MB", (), peaks, 64, goal_of=VALUE, note="RssAnon + RssFile at their highest")]


def what_is_on(tape):
    """The facts that are the same in every run of one scenario."""
    with sqlite3.connect(f"file:{tape}?mode=ro", uri=True) as database:
        return list(database.execute("select tag, action, status, type from kernel_op order by op, entry"))


def capture_several(context, accel, together):
    """Seconds that four captures take on two cores."""
    scenario = os.path.join(context.work, "short.scenario")
    with open(scenario, "w", encoding="utf-8") as file:
        file.write(SHORT_SCENARIO)
    folder = os.path.join(context.work, "several")
    os.makedirs(folder)
    tapes = [os.path.join(folder, f"{i}.ktape") for i in range(CAPTURES_SIDE_BY_SIDE)]
    cores = sorted(os.sched_getaffinity(0))[:SIDE_BY_SIDE_CORES]
    began = time.monotonic()
    running = []
    for tape in tapes:
        command = [context.program("ktape-capture"), scenario, "--kernel", KERNEL, "--accel", accel, "-o", tape]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores)))
        if not together:
            running[-1].wait()
    statuses = [process.wait() for process in running]
    seconds = time.monotonic() - began
    if any(statuses):
        raise BenchError(f"captures ended with status {statuses}")
    seen = [what_is_on(tape) for tape in tapes]
    if len(seen[0]) != 2 or any(one != seen[0] for one in seen):
        raise BenchError(f"captures of one scenario differ: {seen}")
    shutil.rmtree(folder)
    return seconds


def run_side_by_side(context):
    accel = accelerator(context)
    floor, ours = context.interleave(lambda: capture_several(context, accel, together=False),
                                     lambda: capture_several(context, accel, together=True))
    return [Row("side-by-side", "s", floor, ours, 1,
                note="four captures on two cores; floor: one after another. Each tape has the same ops")]


BENCHMARKS = [
    Benchmark(("boot",), "from starting to the first step; floor: plain QEMU until its scheduler is attached", run_boot,
              TARGETS + ("plain_guest",)),
    Benchmark(("capture-memory",), "memory of ktape capture beyond the guest's RAM", run_memory, TARGETS),
    Benchmark(("side-by-side",), "four captures at once, and one after another", run_side_by_side, TARGETS),
]
