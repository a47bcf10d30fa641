// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/at_rest.h"

#include <optional>

namespace ktape::bench {

Result<void> measure_at_rest(const GuestOptions& options,
                             const std::function<Result<void>(Guest&, const Kernel&)>& act) {
  std::optional<Result<void>> done;
  auto prepare = [&](Guest& guest) {
    guest.probe.on_step("measure", [&done, &act, &guest = guest] {
      const Result<Kernel> kernel = Kernel::adopt(guest.knowledge, guest.machine.live_memory());
      done = kernel.ok() ? act(guest, *kernel) : Result<void>(kernel.error());
      guest.machine.end();
    });
  };
  KTAPE_ASSIGN(const RunEnd end, run_guest(options, prepare, [](Guest&) {}));
  if (!done) return Error{ErrorCode::kHost, "the guest did not reach the step: " + end.detail, ""};
  return *done;
}

Result<void> run_on(Machine& machine, std::chrono::milliseconds time) {
  const Machine::Clock::time_point until = Machine::Clock::now() + time;
  while (Machine::Clock::now() < until) KTAPE_TRY(machine.wait(until, -1));
  return {};
}

}  // namespace ktape::bench
