# SPDX-License-Identifier: Apache-2.0
"""How much each boot argument and machine option shortens the time until the plain guest's scheduler is attached.

Options take turns, with a few of them around each boot that has just a capture's own options. Each is compared with that
boot: a pair. The result is the median and the quartiles of the pairs' differences. CPU time is QEMU's, all threads.
"""

import os
import random
import re
import statistics
import struct
import subprocess
from dataclasses import dataclass, field

from captures import COMMAND_LINE, MACHINE, accelerator, kernel_image, plain_command, plain_costs, plain_initrd, TARGETS
from harness import BenchError
from row import Curve

PAIRS = 10
PAIRS_QUICK = 3
NEIGHBOURS = 6  # number of options compared with the same boot
HZ = 250  # of Debian's kernels

DEFAULT, FAST, NO_KASLR, NOT = "default", "--fast-boot", "--no-kaslr", "no"
CHANGED, SAME = "yes", "no"  # whether it changes what is tested: the kernel, or its CPUs, clocks and memory

FAST_INITCALLS = ("load_system_certificate_list", "jent_mod_init")  # left out by --fast-boot
# The next candidates, by initcall_debug, and small ones together.
SLOW_INITCALLS = ("init_encrypted", "crypto_kdf108_init", "crypto_hkdf_module_init")
SMALL_INITCALLS = ("libaescfb_init", "init_ima", "nvme_core_init", "fscrypt_init", "load_module_cert", "init_evm")


@dataclass
class Option:
    """One line. `differs` are the arguments of plain_command that differ from a capture's: with the option, or, for an
    option that captures have by default, without it. `without` are arguments of QEMU that are removed."""

    name: str
    used: str
    changes: str
    differs: dict
    without: tuple = ()


@dataclass
class Saved:
    seconds: list = field(default_factory=list)  # one per pair
    processor: list = field(default_factory=list)
    failed: int = 0  # number of boots that failed

    def add(self, seconds, processor):
        self.seconds.append(seconds)
        self.processor.append(processor)


def devices(port="", memory="share=on"):
    """The guest's memory, and the agent's port, on which nothing listens."""
    arguments = ["-chardev", "null,id=agent", "-device", f"virtio-serial-pci,id=ports{port}",
                 "-device", "virtserialport,bus=ports.0,nr=1,chardev=agent,name=agent"]
    return arguments + (["-object", f"memory-backend-memfd,id=ram,size=512M,{memory}"] if memory else [])


def boot_command(context, accel, option=None):
    options = {"machine": MACHINE, "more": devices(), **(option.differs if option else {})}
    if any("id=ram" in one for one in options["more"]):
        options["machine"] += ",memory-backend=ram"
    return [one for one in plain_command(context, accel, **options) if option is None or one not in option.without]


def clock_khz(context, accel):
    """The frequency of the time stamp counter, as a guest finds it."""
    with subprocess.Popen(boot_command(context, accel), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            found = re.search(rb"tsc: Detected (\d+)\.(\d{3}) MHz", line)
            if found:
                process.kill()
                return int(found[1] + found[2])
    raise BenchError("the guest does not print the frequency of its time stamp counter")


def unpacked_kernel(context):
    """The vmlinux of a bzImage that is packed with zstd (Documentation/arch/x86/boot.rst)."""
    with open(kernel_image(), "rb") as file:
        image = file.read()
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    path = os.path.join(context.work, "vmlinux")
    with open(path, "wb") as file:  # its size, 4 bytes, follows it
        subprocess.run(["zstd", "-dc"], input=image[start:start + length - 4], stdout=file, check=True)
    return path


def initramfs_unpacked(context):
    path = os.path.join(context.work, "plain_guest.cpio")
    context.run(["zstd", "-dqf", plain_initrd(context), "-o", path])
    return path


def machine(name, changes, used=NOT):
    """One property of the machine: removed if captures have it."""
    without = ",".join(part for part in MACHINE.split(",") if part != name)
    return Option(name, used, changes, {"machine": without if used == DEFAULT else f"{MACHINE},{name}"})


def machine_options(context, accel):
    options = [
        Option("q35 (not pc)", DEFAULT, CHANGED, {"machine": "pc,vmport=off"}),
        *(machine(name, SAME, DEFAULT) for name in ("sata=off", "smbus=off", "vmport=off")),
        Option("-nodefaults", DEFAULT, SAME, {}, without=("-nodefaults",)),
        *(machine(name, SAME) for name in ("i8042=off", "smm=off")),
        *(machine(name, CHANGED) for name in ("hpet=off", "pit=off")),
        Option("-bios qboot.rom", NOT, SAME, {"more": devices() + ["-bios", "qboot.rom"]}),
        Option("virtio-serial-pci,disable-legacy=on", NOT, SAME, {"more": devices(port=",disable-legacy=on")}),
        Option("virtio-serial-pci,packed=on", NOT, SAME, {"more": devices(port=",packed=on")}),
        Option("memory in a file (not of QEMU's own)", DEFAULT, SAME, {"more": devices(memory=None)}),
        Option("memory prealloc=on", NOT, SAME, {"more": devices(memory="share=on,prealloc=on")}),
        Option("initramfs of zstd (not unpacked)", DEFAULT, SAME, {"initrd": initramfs_unpacked(context)}),
        Option("vmlinux (not bzImage)", NO_KASLR, CHANGED, {"kernel": unpacked_kernel(context)}),
    ]
    if accel == "kvm":
        return options
    microvm = {"machine": "microvm,pcie=on,acpi=on",
               "command_line": f"{COMMAND_LINE} tsc_early_khz={clock_khz(context, accel)}"}
    return options + [
        Option("microvm (not q35)", NOT, CHANGED, microvm),
        Option("-accel tcg,thread=multi", DEFAULT, CHANGED, {"tcg": "tcg,thread=single"}),
        *(Option(f"-accel tcg,tb-size={size}", NOT, SAME, {"tcg": f"tcg,thread=multi,tb-size={size}"})
          for size in (64, 512)),
        Option("-cpu max,la57=off", DEFAULT, CHANGED, {"cpu": "max"}),
        Option("-cpu qemu64", NOT, CHANGED, {"cpu": "qemu64"}),
    ]


def kernel(text, changes, used=NOT):
    """Arguments of the kernel: removed if captures have them."""
    line = COMMAND_LINE.replace(f" {text}", "") if used == DEFAULT else f"{COMMAND_LINE} {text}"
    return Option(text, used, changes, {"command_line": line})


def blacklist(*names, used=NOT):
    option = kernel("initcall_blacklist=" + ",".join(names), CHANGED, used)
    if len(names) > 2:
        option.name = f"initcall_blacklist= of {len(names)} small ones"
    return option


def initcalls(_context, _accel):
    return ([blacklist(*FAST_INITCALLS, used=FAST)] + [blacklist(name, used=FAST) for name in FAST_INITCALLS]
            + [blacklist(name) for name in SLOW_INITCALLS] + [blacklist(*SMALL_INITCALLS)])


def kernel_options(context, accel):
    khz = clock_khz(context, accel)
    return [
        kernel("no_timer_check", SAME, DEFAULT),
        kernel("cryptomgr.notests", SAME, DEFAULT),
        *(kernel(text, CHANGED) for text in (
            "mitigations=off", "audit=0", "lsm=", "nowatchdog", "nokaslr", f"lpj={khz * 1000 // HZ}", "tsc=reliable",
            f"tsc_early_khz={khz}", "rcupdate.rcu_expedited=1", "ipv6.disable=1")),
        *(kernel(text, SAME) for text in (
            "random.trust_cpu=on", "raid=noautodetect", "quiet", "8250.nr_uarts=1", "i8042.noaux", "pci=lastbus=0",
            "pci=noacpi")),
        Option("console=hvc0 (not ttyS0)", NOT, SAME, {
            "command_line": COMMAND_LINE.replace("ttyS0", "hvc0"),
            "more": devices() + ["-chardev", "stdio,id=hvc0", "-device", "virtconsole,bus=ports.0,chardev=hvc0"],
        }, without=("-serial", "stdio")),
    ]


def measured(options, boot, pairs, say=lambda _: None):
    """What each option saves, and the costs of boots with a capture's own options. `boot` takes an option, or None for
    a capture's own, and returns seconds of wall and CPU time, or None if it failed. Each round is in another order."""
    saved, own, order = {option.name: Saved() for option in options}, Saved(), random.Random(1)
    for pair in range(pairs):
        say(f"pair {pair + 1} of {pairs} of each option")
        shuffled = order.sample(options, len(options))
        for first in range(0, len(shuffled), NEIGHBOURS):
            some = shuffled[first:first + NEIGHBOURS]
            middle = len(some) // 2
            costs = [boot(option) for option in some[:middle] + [None] + some[middle:]]
            beside = costs.pop(middle)
            if beside is None:
                own.failed += 1
                continue
            own.add(*beside)
            for option, cost in zip(some, costs):
                if cost is None:
                    saved[option.name].failed += 1
                    continue
                sign = -1 if option.used == DEFAULT else 1
                saved[option.name].add(sign * (beside[0] - cost[0]), sign * (beside[1] - cost[1]))
    return saved, own


def quartiles(samples):
    return statistics.quantiles(samples, n=4, method="inclusive")


def spread(samples, sign=""):
    """Median and quartiles of seconds, in ms: "+123 (100 to 150)"."""
    if len(samples) < 2:
        return "-"
    low, middle, high = (1000 * value for value in quartiles(samples))
    return f"{round(middle):{sign}} ({round(low):{sign}} to {round(high):{sign}})"


def verdict(saved):
    """"yes" or "costs" if the quartiles of both times agree on it; else it cannot be told from noise."""
    word = "noise"
    if len(saved.seconds) > 1:
        wall, processor = quartiles(saved.seconds), quartiles(saved.processor)
        word = "yes" if min(wall[0], processor[0]) > 0 else "costs" if max(wall[2], processor[2]) < 0 else "noise"
    return f"{word}; {saved.failed} did not boot" if saved.failed else word


def lines(options, saved, own):
    failed = f"{own.failed} did not boot" if own.failed else ""
    found = [["a capture's own", "", "", f"takes {spread(own.seconds)}", f"takes {spread(own.processor)}", failed]]
    return found + [[option.name, option.used, option.changes, spread(saved[option.name].seconds, "+"),
                     spread(saved[option.name].processor, "+"), verdict(saved[option.name])] for option in options]


def table_of(options_of):
    def run(context):
        accel = accelerator(context)
        options = options_of(context, accel)

        def boot(option):
            try:
                return plain_costs(boot_command(context, accel, option))
            except BenchError as error:
                context.say(f"{option.name if option else 'a boot'}: {error}")
                return None

        return lines(options, *measured(options, boot, PAIRS_QUICK if context.quick else PAIRS, context.say))
    return run


COLUMNS = ("option", "used", "changes what is tested", "saves ms, wall", "saves ms, processor", "pays")
CURVES = [
    Curve("boot-options-machine", "Boot: what options of the machine save, median (quartiles)", COLUMNS,
          table_of(machine_options), TARGETS + ("plain_guest",)),
    Curve("boot-options-kernel", "Boot: what arguments of the kernel save, median (quartiles)", COLUMNS,
          table_of(kernel_options), TARGETS + ("plain_guest",)),
    Curve("boot-options-initcalls", "Boot: what initcalls that are left out save, median (quartiles)", COLUMNS,
          table_of(initcalls), TARGETS + ("plain_guest",)),
]
