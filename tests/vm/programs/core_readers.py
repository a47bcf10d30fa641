#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Opens an exported core with drgn, gdb and crash, each with the exported symbols in the place of a debug package,
and holds what each reads against what ktape reads: every task, every runqueue, every vCPU.

usage: core_readers.py BIN TAPE FREEZE CORE SYMBOLS READER...

crash 8.0.2 is older than the kernels with sched_ext. It is only asked for what does not depend on that: it finds tasks
by walking init_task.tasks, not by 'ps'. Prints a line for each reader.
"""

import json
import re
import subprocess
import sys

binaries, tape, freeze, core, symbols, *asked = sys.argv[1:]
vmlinux = f"{symbols}/vmlinux"
HINT = "install it with tools/setup --full"


def run(words, text=""):
    try:
        done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=600, errors="replace")
    except FileNotFoundError:
        sys.exit(f"{words[0]} is missing: {HINT}")
    return done.stdout


def first_line(text):
    return text.strip().split("\n")[0]


def read(target):
    lines = run([f"{binaries}/ktape-read", tape, "--at", freeze, "--json", target]).splitlines()
    return json.loads(lines[0])


def expected():
    walk = "(struct task_struct)init_task.tasks{list struct task_struct tasks 10000}"
    pids, comms = (read(f"{walk}.{member}")["decoded"] for member in ("pid", "comm"))
    tasks = [(int(pid), json.loads(comm)) for pid, comm in zip(pids, comms, strict=True)]
    runqueues = []
    while True:
        cpu = f"cpu{len(runqueues)}:runqueues"
        count = read(f"{cpu}.nr_running")["decoded"]
        if not count:  # there is no such CPU
            return tasks, runqueues
        curr = json.loads(read(f"{cpu}.curr->comm")["decoded"][0])
        runqueues.append((int(count[0]), curr))


class Reader:
    """Collects what a reader found wrong, under its version."""

    def __init__(self, version, output=""):
        self.version, self.output, self.wrong = version, output, []

    def same(self, what, got, wanted):
        if got != wanted:
            self.wrong.append(f"{self.version} reads {what} as {got}, ktape as {wanted}")

    def report(self):
        print(f"{self.version}: {'; '.join(self.wrong) or 'as ktape'}")
        if self.wrong:
            print(self.output[-4000:])
        return not self.wrong


def by_drgn(tasks, runqueues, _):
    try:
        import drgn
        from drgn.helpers.linux import for_each_online_cpu, for_each_task, per_cpu
    except ImportError:
        sys.exit(f"drgn is missing: {HINT}")
    reader = Reader(f"drgn {drgn.__version__}")
    program = drgn.Program()
    program.set_core_dump(core)
    program.load_debug_info([vmlinux])
    found = [(task.pid.value_(), task.comm.string_().decode()) for task in for_each_task(program)]
    reader.same("the tasks", sorted(found), sorted(tasks))
    each = [per_cpu(program["runqueues"], cpu) for cpu in for_each_online_cpu(program)]
    found = [(queue.nr_running.value_(), queue.curr.comm.string_().decode()) for queue in each]
    reader.same("the runqueues", found, runqueues)
    traces = [len(program.stack_trace(queue.curr)) > 0 for queue in each]
    reader.same("whether each vCPU has a stack", traces, [True] * len(runqueues))
    return reader


GDB_TASKS = """set pagination off
set $link = init_task.tasks.next
while $link != &init_task.tasks
  set $task = (struct task_struct *)((char *)$link - (long)&((struct task_struct *)0)->tasks)
  printf "task %d %s\\n", $task->pid, $task->comm
  set $link = $link->next
end
"""


def by_gdb(tasks, runqueues, slide):
    script = [f"symbol-file -o {slide} {vmlinux}", f"core-file {core}", "info threads"]
    for cpu in range(len(runqueues)):
        queue = f"((struct rq *)((char *)&runqueues + __per_cpu_offset[{cpu}]))"
        script.append(f'printf "runqueue %d %s\\n", {queue}->nr_running, {queue}->curr->comm')
    words = [word for line in script for word in ("-ex", line)]
    version = first_line(run(["gdb", "--version"]))
    with open(f"{symbols}/tasks.gdb", "w", encoding="utf-8") as file:
        file.write(GDB_TASKS)
    output = run(["gdb", "-nx", "-batch", *words, "-x", f"{symbols}/tasks.gdb"])
    reader = Reader(version, output)
    reader.same("the vCPUs", len(re.findall(r"^[* ] +\d+ +LWP \d+ ", output, re.M)), len(runqueues))
    found = [(int(pid), comm) for pid, comm in re.findall(r"^task (\d+) (.*)$", output, re.M)]
    reader.same("the tasks", found, tasks)
    found = [(int(count), comm) for count, comm in re.findall(r"^runqueue (\d+) (.*)$", output, re.M)]
    reader.same("the runqueues", found, runqueues)
    return reader


def by_crash(tasks, runqueues, _):
    head = int(read("(struct task_struct)init_task.tasks")["reply"]["virtualAddress"])
    commands = ["sys", "runq", f"list -o task_struct.tasks -s task_struct.pid,comm -H {head:#x}"]
    version = first_line(run(["crash", "--version"]))
    # It does not know the slabs of 7.3.
    output = run(["crash", "-s", "--kaslr=auto", "--no_kmem_cache", vmlinux, core], "\n".join(commands) + "\n")
    reader = Reader(version, output)
    reader.same("the vCPUs", re.findall(r"^ +CPUS: (\d+)", output, re.M), [str(len(runqueues))])
    found = re.findall(r'^  pid = (\d+),\n  comm = "([^"\\]*)', output, re.M)
    reader.same("the tasks", [(int(pid), comm) for pid, comm in found], tasks)
    found = re.findall(r'^  CURRENT: PID: .* COMMAND: "(.*)"', output, re.M)
    reader.same("who runs", found, [comm for _, comm in runqueues])
    return reader


all_tasks, all_runqueues = expected()
assert len(all_tasks) > 10 and len(all_runqueues) > 1, (all_tasks, all_runqueues)
identified = run([f"{binaries}/ktape-show", tape, "--json", "--kind", "kernelIdentified"]).splitlines()[0]
kaslr_slide = hex(int(json.loads(identified)["kernelIdentified"]["kaslrSlide"]))
known = {"drgn": by_drgn, "gdb": by_gdb, "crash": by_crash}
readers = [known[name](all_tasks, all_runqueues, kaslr_slide) for name in asked]
sys.exit(0 if all([reader.report() for reader in readers]) else 1)
