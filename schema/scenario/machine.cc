// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace ktape {

namespace {

constexpr uint32_t kMinNodeMemoryMb = 64;

uint32_t or_default(uint32_t value, uint32_t fallback) { return value == 0 ? fallback : value; }

std::string count(uint32_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

// First, so that products of the numbers below cannot overflow.
std::optional<MachineProblem> find_bound_problem(schema::MachineSpec::Reader machine) {
  if (machine.getCpus() > kMaxCpus) {
    return MachineProblem{"cpus", fmt::format("a machine can have 1 to {} CPUs", kMaxCpus), ""};
  }
  const std::array<std::pair<std::string_view, uint32_t>, 5> parts = {
      {{"sockets", machine.getSockets()},
       {"cores", machine.getCores()},
       {"threads", machine.getThreads()},
       {"llcs", machine.getLlcs()},
       {"numaNodes", machine.getNumaNodes()}}};
  for (const auto& [name, value] : parts) {
    if (value <= kMaxCpus) continue;
    return MachineProblem{
        name, fmt::format("'{}' is {}, but a machine can have 1 to {} CPUs", name, value, kMaxCpus),
        ""};
  }
  if (machine.getMemoryMb() < kMinMemoryMb || machine.getMemoryMb() > kMaxMemoryMb) {
    return MachineProblem{
        "memoryMb",
        fmt::format("a machine can have {} to {} MiB of memory", kMinMemoryMb, kMaxMemoryMb), ""};
  }
  return std::nullopt;
}

std::optional<MachineProblem> find_shape_problem(schema::MachineSpec::Reader machine) {
  const uint32_t cpus = machine.getCpus();
  const uint32_t sockets = machine.getSockets();
  const uint32_t cores = machine.getCores();
  const uint32_t threads = machine.getThreads();
  if (cores == 0) {
    return MachineProblem{
        "cpus",
        fmt::format("{} cannot be divided evenly among {} with {} per core", count(cpus, "CPU"),
                    count(sockets, "socket"), count(threads, "thread")),
        ""};
  }
  // Both were given and contradict each other.
  if (sockets * cores * threads != cpus) {
    return MachineProblem{
        "cpus",
        fmt::format("{} with {} and {} each make {}, not {}", count(sockets, "socket"),
                    count(cores, "core"), count(threads, "thread"),
                    count(sockets * cores * threads, "CPU"), cpus),
        "leave out 'cpus': it follows from the other fields"};
  }
  return std::nullopt;
}

std::optional<MachineProblem> find_sharing_problem(schema::MachineSpec::Reader machine) {
  const uint32_t sockets = machine.getSockets();
  const uint32_t llcs = machine.getLlcs();
  const uint32_t nodes = machine.getNumaNodes();
  // As QEMU can build it; see shares_evenly() in guest/machine/qemu_arguments.cc.
  if (llcs % sockets != 0) {
    return MachineProblem{"llcs",
                          fmt::format("{} cannot be divided evenly among {}", count(llcs, "LLC"),
                                      count(sockets, "socket")),
                          "use a multiple of the sockets: an LLC belongs to one socket"};
  }
  if (machine.getCores() % (llcs / sockets) != 0) {
    return MachineProblem{
        "llcs",
        fmt::format("{} per socket cannot share {} evenly", count(machine.getCores(), "core"),
                    count(llcs / sockets, "LLC")),
        "the threads of a core share one LLC"};
  }
  if (llcs % nodes != 0) {
    return MachineProblem{
        "numaNodes",
        fmt::format("{} cannot share {} evenly", count(nodes, "NUMA node"), count(llcs, "LLC")),
        "set 'llcs' to a multiple of the nodes: an LLC belongs to one node"};
  }
  if (machine.getMemoryMb() % nodes != 0 || machine.getMemoryMb() / nodes < kMinNodeMemoryMb) {
    return MachineProblem{
        "memoryMb",
        fmt::format("{} MiB cannot be divided evenly among {} of at least {} MiB",
                    machine.getMemoryMb(), count(nodes, "NUMA node"), kMinNodeMemoryMb),
        ""};
  }
  return std::nullopt;
}

}  // namespace

bool MachineOverride::decides(std::string_view field) const {
  return field == "memoryMb" ? memory_mb.has_value() : shape.has_value();
}

void apply_override(const MachineOverride& from, schema::MachineSpec::Builder machine) {
  if (from.memory_mb) machine.setMemoryMb(*from.memory_mb);
  if (!from.shape) return;
  machine.setCpus(from.shape->cpus);
  machine.setSockets(from.shape->sockets);
  machine.setCores(from.shape->cores);
  machine.setThreads(from.shape->threads);
  machine.setLlcs(from.shape->llcs);
  machine.setNumaNodes(from.shape->numa_nodes);
}

void complete_machine(schema::MachineSpec::Builder machine) {
  const bool shaped =
      machine.getSockets() != 0 || machine.getCores() != 0 || machine.getThreads() != 0;
  machine.setMemoryMb(or_default(machine.getMemoryMb(), 512));
  machine.setSockets(or_default(machine.getSockets(), 1));
  machine.setThreads(or_default(machine.getThreads(), 1));
  machine.setNumaNodes(or_default(machine.getNumaNodes(), 1));
  // One LLC per socket, as on most machines.
  machine.setLlcs(or_default(machine.getLlcs(), machine.getSockets()));
  // Products that overflow must not wrap around to a valid number.
  const uint64_t per_core = std::min<uint64_t>(
      uint64_t{machine.getSockets()} * machine.getThreads(), std::numeric_limits<uint32_t>::max());
  // A topology without a number of CPUs has as many as it makes.
  if (machine.getCpus() == 0 && shaped) {
    const uint64_t made = per_core * or_default(machine.getCores(), 1);
    machine.setCpus(
        static_cast<uint32_t>(std::min<uint64_t>(made, std::numeric_limits<uint32_t>::max())));
  }
  machine.setCpus(or_default(machine.getCpus(), 2));
  // Left at 0 if they do not divide: find_machine_problem() then says so.
  if (machine.getCores() == 0 && machine.getCpus() % per_core == 0) {
    machine.setCores(static_cast<uint32_t>(machine.getCpus() / per_core));
  }
}

std::optional<MachineProblem> find_machine_problem(schema::MachineSpec::Reader machine) {
  if (auto problem = find_bound_problem(machine)) return problem;
  if (auto problem = find_shape_problem(machine)) return problem;
  return find_sharing_problem(machine);
}

}  // namespace ktape
