// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/series.h"

#include <capnp/any.h>
#include <fmt/format.h>

#include <map>
#include <string>

#include "schema/base/text.h"

namespace ktape {

namespace {

bool is_same(capnp::AnyStruct::Reader one, capnp::AnyStruct::Reader other) { return one == other; }

bool is_same_kind(schema::OpEntry::Reader one, schema::OpEntry::Reader other) {
  if (one.which() != other.which()) return false;
  if (one.isWrite()) return one.getWrite().which() == other.getWrite().which();
  return one.getRead() == other.getRead() && one.getLength() == other.getLength();
}

class SeriesCheck {
 public:
  SeriesCheck(std::string_view file, schema::Scenario::Reader scenario)
      : file_(file), scenario_(scenario) {}

  Result<void> check(const TextNode& parsed) {
    const auto steps = scenario_.getSteps();
    for (unsigned i = 0; i < steps.size(); ++i) {
      const auto actions = steps[i].getActions();
      for (unsigned j = 0; j < actions.size(); ++j) {
        if (!actions[j].isOp()) continue;
        const TextNode& where = parsed.at("steps").at(i).at("actions").at(j).at("op");
        KTAPE_TRY(check_tag(where.at("entry"), actions[j].getOp().getEntry()));
        if (actions[j].getOp().getEvery().getMs() == 0) continue;
        KTAPE_TRY(check_intervals(where.at("every"), i, j));
      }
    }
    return {};
  }

 private:
  struct First {
    Place place;
    schema::OpEntry::Reader entry;
  };

  // Assertions, diffs and exports take the values of a tag as one series.
  Result<void> check_tag(const TextNode& where, schema::OpEntry::Reader entry) {
    const Place place = where.at("tag").place;
    const auto [first, added] =
        tags_.try_emplace(std::string(entry.getTag().cStr()), First{place, entry});
    if (added) return {};
    const schema::OpEntry::Reader before = first->second.entry;
    const bool same_target = is_same(entry.getTarget(), before.getTarget());
    if (same_target && is_same_kind(entry, before)) return {};
    return error_at(
        file_, place,
        fmt::format("the tag '{}' is used already, at {}:{}, for another {}", first->first,
                    first->second.place.line, first->second.place.column,
                    same_target ? "kind of value" : "target"),
        "a tag may repeat for the values of one target, all read or written as one kind; choose "
        "another tag");
  }

  Result<void> check_intervals(const TextNode& every, uint32_t step, uint32_t action) {
    const uint64_t rest_ms = longest_rest_ms(scenario_, step, action);
    const uint32_t ms = scenario_.getSteps()[step].getActions()[action].getOp().getEvery().getMs();
    if (rest_ms < ms) {
      return error_at(file_, every.place,
                      fmt::format("'every' reads until the step ends, which is before {} ms have "
                                  "passed: what follows takes {} ms",
                                  ms, rest_ms),
                      "put the op before a sleepMs, hold, wait or waitProgram of its step");
    }
    intervals_ += rest_ms / ms + 1;
    if (intervals_ <= kMaxIntervals) return {};
    return error_at(file_, every.place,
                    fmt::format("there may be {} reads by 'every' up to here, as the step may go "
                                "on for {} ms; the limit is {}",
                                intervals_, rest_ms, kMaxIntervals),
                    "make 'ms' longer, or the sleeps and deadlines of the step shorter");
  }

  std::string_view file_;
  schema::Scenario::Reader scenario_;
  std::map<std::string, First> tags_;
  uint64_t intervals_ = 0;
};

}  // namespace

uint64_t longest_rest_ms(schema::Scenario::Reader scenario, uint32_t step, uint32_t action) {
  const auto actions = scenario.getSteps()[step].getActions();
  uint64_t rest_ms = 0;
  for (unsigned i = action + 1; i < actions.size(); ++i) {
    switch (actions[i].which()) {
      case schema::Action::SLEEP_MS: rest_ms += actions[i].getSleepMs(); break;
      case schema::Action::WAIT: rest_ms += actions[i].getWait().getDeadlineMs(); break;
      case schema::Action::HOLD: rest_ms += scenario.getDurationMs(); break;
      case schema::Action::WAIT_PROGRAM:
        rest_ms += actions[i].getWaitProgram().getDeadlineMs();
        break;
      default: break;
    }
  }
  return rest_ms;
}

Result<void> check_series(std::string_view file, const TextNode& parsed,
                          schema::Scenario::Reader scenario) {
  return SeriesCheck(file, scenario).check(parsed);
}

}  // namespace ktape
