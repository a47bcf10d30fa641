// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze_triggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "guest/kernel/sched_ext_state.h"
#include "guest/kernel/scx_exit.h"
#include "guest/machine/machine.h"
#include "schema/base/nearest.h"

namespace ktape {

namespace {

constexpr std::string_view kSymbol = "symbol:";
constexpr std::string_view kNone = "none";
constexpr uint32_t kMostTimes = 1000;
// A scheduler that errs again and again must not fill the tape.
constexpr uint32_t kScxErrorTimes = 16;

Error usage(std::string message, std::string hint = "") {
  return Error{ErrorCode::kUsage, std::move(message), std::move(hint)};
}

// Where a kernel's text lies. kallsyms calls some data 'T' too, jiffies_64 on 6.16 among it.
struct TextRange {
  explicit TextRange(const SymbolTable& symbols)
      : start(symbols.find("_stext").value_or(0)), end(symbols.find("_etext").value_or(UINT64_MAX)) {}
  uint64_t start, end;
};

bool is_code(const SymbolTable::Symbol& symbol, const TextRange& text) {
  const bool named = symbol.type == 't' || symbol.type == 'T' || symbol.type == 'w' || symbol.type == 'W';
  return named && symbol.address >= text.start && symbol.address < text.end;
}

// Padding in front of a function (CONFIG_FUNCTION_PADDING_BYTES) is never executed.
bool is_padding(std::string_view name) { return name.starts_with("__pfx_"); }

Error unknown_function(const std::string& name, const KernelKnowledge& kernel) {
  const TextRange text(kernel.symbols);
  std::vector<std::string> functions;
  for (const SymbolTable::Symbol& symbol : kernel.symbols.symbols()) {
    if (is_code(symbol, text) && !is_padding(symbol.name)) functions.push_back(symbol.name);
  }
  return usage(fmt::format("kernel {} has no function '{}'", kernel.release, name),
               did_you_mean(name, functions));
}

Result<void> check_function(const std::string& name, const KernelKnowledge& kernel) {
  const TextRange text(kernel.symbols);
  size_t functions = 0;
  bool data = false;
  for (const SymbolTable::Symbol& symbol : kernel.symbols.symbols()) {
    if (symbol.name != name) continue;
    functions += is_code(symbol, text);
    data |= !is_code(symbol, text);
  }
  if (is_padding(name)) return usage(fmt::format("'{}' is padding, which is never executed", name));
  // The nearer mistake first: what is data has no function of that name either.
  if (data && functions == 0) return usage(fmt::format("'{}' is data, not a function", name));
  if (functions == 0) return unknown_function(name, kernel);
  if (functions + (data ? 1 : 0) > 1)
    return usage(fmt::format("kernel {} has {} symbols named '{}': one cannot be told from the others",
                             kernel.release, functions + (data ? 1 : 0), name));
  return {};
}

Result<FreezeTrigger> symbol_trigger(std::string_view value, const KernelKnowledge& kernel) {
  std::string_view rest = value.substr(kSymbol.size());
  FreezeTrigger trigger;
  const size_t star = rest.find('*');
  if (star != std::string_view::npos) {
    const std::string_view times = rest.substr(star + 1);
    const auto [end, error] = std::from_chars(times.data(), times.data() + times.size(), trigger.times);
    if (error != std::errc() || end != times.data() + times.size() || trigger.times == 0 ||
        trigger.times > kMostTimes)
      return usage(fmt::format("'{}': what follows '*' is how often, 1 to {}", value, kMostTimes));
    rest = rest.substr(0, star);
  }
  trigger.function = rest;
  trigger.name = std::string(kSymbol) + trigger.function;
  KTAPE_TRY(check_function(trigger.function, kernel));
  return trigger;
}

// No function twice, and no more of them than there are breakpoints. `watched`: the function at which the
// exit of an external scheduler is read; empty: none.
Result<void> check_breakpoints(const std::vector<FreezeTrigger>& triggers, std::string_view watched) {
  for (size_t i = 0; i < triggers.size(); ++i) {
    if (triggers[i].function == watched)
      return usage(
          fmt::format("'{}': the exit of an external scheduler is read at that function", triggers[i].name));
    for (size_t j = 0; j < i; ++j) {
      if (triggers[i].function == triggers[j].function)
        return usage(fmt::format("'{}' and '{}' are the same function, '{}'", triggers[j].name,
                                 triggers[i].name, triggers[i].function));
    }
  }
  const size_t left = kMaxBreakpoints - (watched.empty() ? 0 : 1);
  if (triggers.size() <= left) return {};
  const bool scx_error = triggers[0].scx_error;
  return usage(
      fmt::format("{} functions to freeze on, and a processor has breakpoints for {}{}", triggers.size(),
                  left, watched.empty() ? "" : " beside the exit of an external scheduler"),
      scx_error ? "scx-error is one of them; '--freeze-on none' leaves it out" : "");
}

}  // namespace

std::string TriggerCount::text() const {
  if (!armed) return name + ": never, it was not set up";
  if (freezes > 0)
    return fmt::format("{}: {}", name, freezes == 1 ? "once" : fmt::format("{} times", freezes));
  return name + (name == kScxErrorTrigger ? ": never" : ": never, it was not entered");
}

Result<std::vector<FreezeTrigger>> plan_triggers(const std::vector<std::string>& freeze_on,
                                                 const KernelKnowledge& kernel, bool external_scheduler) {
  bool wants_scx_error = true;
  bool asked = false;
  std::vector<FreezeTrigger> triggers;
  for (const std::string& value : freeze_on) {
    if (value == kNone) {
      wants_scx_error = false;
    } else if (value == kScxErrorTrigger) {
      asked = true;
    } else if (value.starts_with(kSymbol)) {
      KTAPE_ASSIGN(FreezeTrigger trigger, symbol_trigger(value, kernel));
      triggers.push_back(std::move(trigger));
    } else {
      return usage(fmt::format("'{}' is nothing to freeze on", value),
                   "it is 'scx-error', 'symbol:NAME', 'symbol:NAME*N' or 'none'");
    }
  }
  if (asked && !wants_scx_error)
    return usage("'--freeze-on none' and '--freeze-on scx-error' contradict each other");
  const std::string_view exit = kernel.has_sched_ext() ? scx_exit_function(kernel) : std::string_view();
  if (asked && exit.empty())
    return usage(
        fmt::format("kernel {} has no scheduler exit to freeze on: {}", kernel.release,
                    kernel.has_sched_ext() ? "none of the functions that ktape knows" : "no sched_ext"));
  if (wants_scx_error && !exit.empty())
    triggers.insert(triggers.begin(),
                    FreezeTrigger{kScxErrorTrigger, std::string(exit), kScxErrorTimes, true});
  const bool watched = external_scheduler && kernel.symbols.find(kSchedulerFreeFunction).has_value();
  KTAPE_TRY(check_breakpoints(triggers, watched ? kSchedulerFreeFunction : ""));
  return triggers;
}

}  // namespace ktape
