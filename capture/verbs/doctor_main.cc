// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "capture/verbs/kernel_source.h"
#include "guest/machine/host_probe.h"
#include "schema/base/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/text.h"

namespace ktape {
namespace {

constexpr char kProgram[] = "ktape doctor";

constexpr char kDescription[] =
    "Tests whether this host has what a capture needs, and says how to fix what is missing.";

constexpr char kFooter[] =
    R"(Exit status: 0 a capture can run; 2 usage error; 4 the host lacks something that every
capture needs

If a kernel is cached, the KVM test briefly boots it; if KVM hangs, the test takes 20 s.)";

HostFact kernel_fact(const Result<KernelSource>& source) {
  if (source.ok()) return {.name = "kernel", .ok = true, .detail = source->path};
  return {
      .name = "kernel", .ok = false, .detail = source.error().message, .hint = source.error().hint};
}

void print_fact(const HostFact& fact) {
  const char* verdict = fact.ok ? "ok" : fact.needed ? "MISSING" : "lacking";
  fmt::print("{:<8} {:<8} {}\n", fact.name, verdict, printable(fact.detail));
  if (!fact.ok && !fact.hint.empty()) fmt::print("{:<17} hint: {}\n", "", fact.hint);
}

ExitCode examine(HostProbe probe, const std::string& kernel) {
  const Result<KernelSource> source = find_kernel(kernel.empty() ? default_kernel() : kernel);
  if (source.ok()) probe.kernel_path = source->path;
  std::vector<HostFact> facts = probe_host(probe);
  facts.push_back(kernel_fact(source));
  for (const HostFact& fact : facts) print_fact(fact);
  const bool fit = std::all_of(facts.begin(), facts.end(),
                               [](const HostFact& fact) { return fact.ok || !fact.needed; });
  fmt::print("{}\n", fit ? "a capture can run here" : "a capture cannot run here yet");
  return fit ? ExitCode::kGood : ExitCode::kHost;
}

int run(int argc, char** argv) {
  HostProbe probe;
  std::string kernel;
  Program program(kProgram, kDescription, kFooter);
  program.add("-k,--kernel", kernel, "The kernel to test with: a cached version, or a path")
      .shows_default(kDefaultKernelText);
  program.add("--qemu", probe.qemu_program, "The QEMU binary").shows_default();
  return program.run(argc, argv, [&] { return Result<ExitCode>(examine(probe, kernel)); });
}

}  // namespace
}  // namespace ktape

int main(int argc, char** argv) { return ktape::run(argc, argv); }
