// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "schema/base/text.h"
#include "schema/scenario/check.h"
#include "schema/scenario/retry.h"
#include "schema/target/target_path.h"
#include "schema/terms/protection.h"

namespace ktape {

namespace {

class OpCheck {
 public:
  OpCheck(std::string_view file, schema::Scenario::Reader scenario)
      : file_(file), scenario_(scenario) {}

  Result<void> check(const TextNode& parsed, schema::ScenarioOp::Reader op) const {
    const TextNode& where = parsed.at("entry");
    auto entry = op.getEntry();
    KTAPE_TRY(check_target(where.at("target"), entry.getTarget()));
    // A field that is not written has its default, which is a valid read; so the text decides.
    if (!where.has("read") && !where.has("write")) {
      return error(where.place, "an op needs 'read' or 'write'",
                   "e.g. read = u64, or write = (u64 = 5)");
    }
    KTAPE_TRY(entry.isRead() ? check_read(where, entry) : check_write(where, entry));
    KTAPE_TRY(check_retry_ms(file_, parsed, op.getRetryMs(), scenario_));
    if (entry.getConsistent()) KTAPE_TRY(check_consistent(where, op));
    if (parsed.has("every")) KTAPE_TRY(check_every(parsed.at("every"), op));
    if (parsed.has("expect")) KTAPE_TRY(check_expectation(parsed.at("expect"), op));
    return op.getMode() == schema::OpMode::HOT ? check_hot(parsed, entry) : Result<void>();
  }

 private:
  Result<void> check_target(const TextNode& where, schema::Target::Reader target) const {
    if (!where.has("symbol") && !where.has("perCpu") && !where.has("task") &&
        !where.has("virtual")) {
      return error(where.place, "an op needs a target",
                   "give one of: symbol, perCpu, task, virtual");
    }
    switch (target.which()) {
      case schema::Target::SYMBOL:
        if (target.getSymbol().size() > 0) return {};
        return error(where.at("symbol").place, "'symbol' is empty");
      case schema::Target::PER_CPU: return check_per_cpu(where.at("perCpu"), target.getPerCpu());
      case schema::Target::TASK: return check_task(where.at("task"), target.getTask());
      case schema::Target::VIRTUAL:
        if (target.getVirtual().getAddress() == 0) {
          return error(where.at("virtual").place, "'virtual' needs an address other than 0");
        }
        if (chars(target.getVirtual().getType()).ends_with('*')) {
          return error(where.at("virtual").place, "'virtual' needs the type of the object there",
                       "without '*': a path follows pointers with '->'");
        }
        // Without a type there are no members, and so no path.
        if (target.getVirtual().getType().size() > 0 || target.getPath().size() == 0) return {};
        return error(where.at("path").place, "a path needs the type of the object at the address",
                     "e.g. virtual = (address = 0xffff888000000000, type = \"struct rq\")");
    }
    return {};
  }

  Result<void> check_per_cpu(const TextNode& where, schema::PerCpu::Reader target) const {
    if (target.getSymbol().size() == 0) return error(where.place, "'perCpu' needs a symbol");
    uint32_t cpus = scenario_.getMachine().getCpus();
    if (target.getCpu() < cpus) return {};
    return error(where.at("cpu").place,
                 fmt::format("CPU {} does not exist: the machine has {}", target.getCpu(), cpus),
                 fmt::format("CPUs count from 0; the last is {}", cpus - 1));
  }

  Result<void> check_task(const TextNode& where, schema::TaskRef::Reader task) const {
    if (task.getWorker().size() > 0) {
      return check_worker_exists(file_, where.at("worker").place, scenario_,
                                 task.getWorker().cStr());
    }
    // Two processes with one pid differ in their start time.
    if (task.getPid() > 0 && task.getStartBoottimeNs() > 0) return {};
    return error(where.place, "a task needs 'worker', or 'pid' and 'startBoottimeNs' together",
                 "a pid alone may belong to another task by the time it is looked up");
  }

  Result<void> check_read(const TextNode& where, schema::OpEntry::Reader entry) const {
    auto kind = entry.getRead();
    if (kind == schema::ValueKind::BYTES) {
      if (entry.getLength() >= 1 && entry.getLength() <= kMaxValueBytes) return {};
      return error(where.at("length").place,
                   fmt::format("'read = bytes' needs a 'length' from 1 to {}", kMaxValueBytes));
    }
    if (entry.getLength() != 0) {
      return error(where.at("length").place, "'length' is for 'read = bytes' only");
    }
    // Plain symbols have no type in BTF, which describes per-CPU variables only.
    bool typed = kind == schema::ValueKind::AUTO || kind == schema::ValueKind::WHOLE;
    if (typed && entry.getTarget().isSymbol()) {
      return error(
          where.at("read").place,
          fmt::format("the kernel does not record the type of '{}', so the read needs a width",
                      entry.getTarget().getSymbol().cStr()),
          "use read = u8, u16, u32, u64, or bytes with a length");
    }
    return {};
  }

  Result<void> check_write(const TextNode& where, schema::OpEntry::Reader entry) const {
    if (entry.getLength() != 0) {
      return error(where.at("length").place, "'length' is for 'read = bytes' only");
    }
    // Also refused by fit_op(), but here with the place in the text.
    for (auto step : entry.getTarget().getSteps()) {
      if (step.isList()) {
        return error(where.at("target").at("path").place,
                     "a write cannot walk a list: it needs a single target");
      }
    }
    const TextNode& place = where.at("write");
    auto value = entry.getWrite();
    switch (value.which()) {
      case schema::Value::BYTES:
        if (value.getBytes().size() >= 1 && value.getBytes().size() <= kMaxValueBytes) return {};
        return error(place.at("bytes").place,
                     fmt::format("'bytes' takes 1 to {} bytes", kMaxValueBytes));
      case schema::Value::SET_BITS: return check_bits(place.at("setBits"), value.getSetBits());
      case schema::Value::CLEAR_BITS:
        return check_bits(place.at("clearBits"), value.getClearBits());
      case schema::Value::NONE:
      case schema::Value::LIST:
        return error(place.place,
                     "a write needs a value: u8, u16, u32, u64, bytes, setBits or clearBits");
      default: return {};
    }
  }

  Result<void> check_bits(const TextNode& where, schema::Bits::Reader bits) const {
    uint32_t width = bits.getWidth();
    if (width != 1 && width != 2 && width != 4 && width != 8) {
      return error(where.at("width").place, "'width' counts bytes: 1, 2, 4 or 8");
    }
    if (bits.getMask() == 0) return error(where.at("mask").place, "'mask' is 0");
    if (width < 8 && bits.getMask() >> (8 * width) != 0) {
      return error(where.at("mask").place,
                   fmt::format("'mask' has bits beyond its {} bytes", width));
    }
    return {};
  }

  // Before check_hot(): an op with `every` is hot by default.
  Result<void> check_every(const TextNode& where, schema::ScenarioOp::Reader op) const {
    const uint32_t ms = op.getEvery().getMs();
    if (op.getEntry().isWrite()) {
      return error(where.place,
                   "'every' is for reads only: writes at intervals would change the run at moments "
                   "that the scenario does not choose",
                   "give each write an op of its own, or leave out 'every'");
    }
    if (ms == 0)
      return error(where.at("ms").place, "'every' needs 'ms', at least 1",
                   "e.g. every = (ms = 50)");
    if (!op.getExpect().isRefused()) return {};
    return error(where.place, "an op with 'every' cannot expect a refusal",
                 "leave out 'every', or 'expect'");
  }

  Result<void> check_hot(const TextNode& parsed, schema::OpEntry::Reader entry) const {
    const TextNode& where = parsed.at("entry");
    const std::string make_cold =
        parsed.has("mode") ? "leave out 'mode = hot'"
                           : "an op with 'every' is hot; with 'mode = cold' the machine is frozen "
                             "for each value";
    if (parsed.has("retryMs")) {
      return error(parsed.at("retryMs").place, "a hot read is not retried: no gate refuses it",
                   "leave out 'retryMs'");
    }
    if (entry.isWrite()) {
      return error(where.at("write").place, "a write cannot be hot: it needs a frozen machine",
                   make_cold);
    }
    if (!entry.getTarget().isSymbol() && !entry.getTarget().isPerCpu()) {
      return error(where.at("target").place, "a hot read takes a symbol or a per-CPU variable only",
                   make_cold);
    }
    if (entry.getRead() == schema::ValueKind::BYTES ||
        entry.getRead() == schema::ValueKind::WHOLE) {
      return error(where.at("read").place, "a hot read takes one value of at most 8 bytes",
                   make_cold + ", or read u8, u16, u32 or u64");
    }
    return {};
  }

  Result<void> check_consistent(const TextNode& where, schema::ScenarioOp::Reader op) const {
    const auto entry = op.getEntry();
    const Place place = where.at("consistent").place;
    if (entry.isWrite()) {
      return error(place,
                   "'consistent' is for reads only: a write to a task passes its gates anyway",
                   "leave out 'consistent'");
    }
    if (op.getMode() == schema::OpMode::HOT) {
      return error(place, "a hot read cannot be consistent: the machine keeps running during it",
                   "use 'mode = cold', or leave out 'consistent'");
    }
    const auto target = entry.getTarget();
    // For other targets the lock is known only when the op has been resolved.
    if (!target.isSymbol() || !seqcount_of(target.getSymbol().cStr()).empty()) return {};
    return error(place,
                 fmt::format("ktape does not know what protects '{}'", target.getSymbol().cStr()),
                 "leave out 'consistent'");
  }

  // Whether a gate can refuse such an op at all.
  static bool may_refuse(schema::Gate gate, schema::OpEntry::Reader entry) {
    // Enforced gates are those of GateChecker: all for a write, identity for a read.
    if (gate == schema::Gate::CONSISTENT) return entry.getConsistent();
    if (!entry.getTarget().isTask()) return false;
    return entry.isWrite() || gate == schema::Gate::PID || gate == schema::Gate::IDENTITY ||
           gate == schema::Gate::ALIVE || gate == schema::Gate::INITIALISED;
  }

  Result<void> check_expectation(const TextNode& where, schema::ScenarioOp::Reader op) const {
    if (op.getMode() == schema::OpMode::HOT) {
      return error(where.place, "a hot read has no gates, so no refusal can be expected",
                   "leave out 'mode = hot', or 'expect'");
    }
    if (!op.getExpect().isRefused()) return {};
    const TextNode& gate = where.at("refused");
    const auto entry = op.getEntry();
    if (op.getExpect().getRefused() == schema::Gate::NOT_SAID)
      return error(gate.place, "'refused' needs the name of a gate",
                   "e.g. expect = (refused = offRunqueue)");
    if (may_refuse(op.getExpect().getRefused(), entry)) return {};
    if (op.getExpect().getRefused() == schema::Gate::CONSISTENT)
      return error(gate.place, "gate 'consistent' refuses only reads with 'consistent = true'");
    if (!entry.getTarget().isTask())
      return error(gate.place, fmt::format("only ops on tasks have the gate '{}'", gate.word));
    return error(gate.place,
                 fmt::format("the gate '{}' never refuses a read: it is only observed", gate.word),
                 "reads are refused by pid, identity, alive and initialised only");
  }

  Error error(Place place, std::string_view sentence, std::string hint = "") const {
    return error_at(file_, place, sentence, std::move(hint));
  }

  std::string_view file_;
  schema::Scenario::Reader scenario_;
};

}  // namespace

Result<void> check_retry_ms(std::string_view file, const TextNode& where, int32_t retry_ms,
                            schema::Scenario::Reader scenario) {
  // A value that was not written is filled in by fill_defaults(), and that is valid.
  if (!where.has("retryMs")) return {};
  const Place place = where.at("retryMs").place;
  if (retry_ms < kRetryNotSaid) {
    return error_at(file, place, fmt::format("'retryMs' is {}, which is negative", retry_ms),
                    "use 0 for no retries");
  }
  if (retry_ms < static_cast<int64_t>(scenario.getWatchdogMs())) return {};
  return error_at(
      file, place,
      fmt::format(
          "the run watchdog would end the run after {} ms, before an op was retried for {} ms",
          scenario.getWatchdogMs(), retry_ms),
      "make watchdogMs longer than retryMs");
}

Result<void> check_op(std::string_view file, const TextNode& parsed,
                      schema::Scenario::Reader scenario, schema::ScenarioOp::Reader op) {
  return OpCheck(file, scenario).check(parsed, op);
}

}  // namespace ktape
