// SPDX-License-Identifier: Apache-2.0
// Measures on a real guest, and prints one JSON object: lists of samples, `floor` and `ours` in
// turns. A comment at each function says what it measures; tools/benchmarks/guest.py makes rows of
// it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "schema/base/command/command_line.h"
#include "schema/base/exit_code.h"
#include "schema/base/json_writer.h"
#include "tools/benchmarks/guest_run.h"
#include "tools/benchmarks/memory_costs.h"
#include "tools/benchmarks/xp_costs.h"

namespace ktape::bench {
namespace {

std::string samples_json(const Samples& samples) {
  JsonWriter json;
  json.object()
      .field("floor", JsonText{fmt::format("{}", samples.floor)})
      .field("ours", JsonText{fmt::format("{}", samples.ours)});
  return json.end().take();
}

std::string probe_json(const Probe& probe) {
  const Probe::Parts& parts = probe.parts();
  JsonWriter json;
  json.object()
      .field("freeze", JsonText{samples_json(probe.freezes())})
      .field("request", JsonText{samples_json(probe.requests())})
      .field("stop", JsonText{fmt::format("{}", parts.stop)})
      .field("still", JsonText{fmt::format("{}", parts.still)})
      .field("go-on", JsonText{fmt::format("{}", parts.go_on)});
  return json.end().take();
}

// `freeze`: from the request to stop until the machine runs again. `request`: from a request until
// the guest's next one, which follows as soon as it has its reply. Floor: stop, registers of every
// vCPU, cont, and an answer.
Result<std::string> measure_requests(const GuestOptions& options) {
  std::string result;
  KTAPE_ASSIGN(const RunEnd end, run_guest(
                                     options, [](Guest&) {},
                                     [&](Guest& guest) { result = probe_json(guest.probe); }));
  if (end.outcome != schema::Outcome::COMPLETED)
    return Error{ErrorCode::kHost, "the run failed: " + end.detail, ""};
  return result;
}

int run(int argc, char** argv) {
  GuestOptions options;
  options.kernel = "6.16.12";
  uint32_t pairs = 20;
  std::string what;
  std::string accelerator = "auto";
  Program program("bench_guest", "Measures on a real guest; for tools/bench.", "");
  program.add("WHAT", what, "requests, full, sched, or xp")
      .one_of({"requests", "full", "sched", "xp"})
      .required();
  program.add("--scratch", options.scratch, "A folder for tapes, which are removed").required();
  program.add("--kernel", options.kernel, "").shows_default();
  program.add("--accel", accelerator, "").one_of({"auto", "kvm", "tcg"});
  program.add("--cpus", options.cpus, "").shows_default();
  program.add("--entries", options.entries, "Number of entries of a request").shows_default();
  program.add("--pairs", pairs, "").shows_default();
  program.add_flag("--busy", options.busy, "A task spins on every vCPU");
  bool keep_none = false;
  program.add_flag("--keep-none", keep_none, "Use --memory none instead of sched");
  if (std::optional<int> status = program.begin(argc, argv)) return *status;
  options.accelerator = accelerator == "kvm"   ? Accelerator::kKvm
                        : accelerator == "tcg" ? Accelerator::kTcg
                                               : Accelerator::kAuto;
  if (keep_none) options.memory = schema::MemoryMode::NONE;
  if (what == "requests") options.requests = 2 * pairs;
  const Result<std::string> result = what == "requests" ? measure_requests(options)
                                     : what == "xp"     ? measure_xp(options, pairs)
                                     : what == "full"   ? measure_full_memory(options, pairs)
                                                        : measure_sched_memory(options, pairs);
  if (!result.ok()) {
    fmt::print(stderr, "{}", describe("bench_guest", result.error()));
    return static_cast<int>(exit_code(result.error()));
  }
  fmt::print("{}\n", *result);
  return 0;
}

}  // namespace
}  // namespace ktape::bench

int main(int argc, char** argv) { return ktape::bench::run(argc, argv); }
