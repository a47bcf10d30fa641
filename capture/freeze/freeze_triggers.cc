// SPDX-License-Identifier: Apache-2.0
#include "capture/freeze/freeze_triggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "capture/freeze/breakpoints.h"
#include "guest/kernel/sched/sched_ext_state.h"
#include "guest/kernel/sched/scx_exit.h"
#include "schema/base/nearest.h"
#include "schema/scenario/text_parser.h"

namespace ktape {

namespace {

constexpr std::string_view kSymbol = "symbol:";
constexpr std::string_view kNone = "none";
constexpr std::string_view kAttach = "attach";
constexpr std::string_view kStep = "step:";
// Each freeze takes some milliseconds and up to some megabytes of the tape.
constexpr uint32_t kMaxTimes = 1000;
// A scheduler that fails repeatedly must not fill the tape.
constexpr uint32_t kScxErrorTimes = 16;

Error usage(std::string message, std::string hint = "") {
  return Error{ErrorCode::kUsage, std::move(message), std::move(hint)};
}

// The range of the kernel's text. kallsyms marks some data as 'T', too, e.g. jiffies_64 on 6.16.
struct TextRange {
  explicit TextRange(const SymbolTable& symbols)
      : start(symbols.find("_stext").value_or(0)),
        end(symbols.find("_etext").value_or(UINT64_MAX)) {}
  uint64_t start, end;
};

// Weak functions, too: most of the kernel's entry points that an architecture may replace are weak.
bool is_code(const SymbolTable::Symbol& symbol, const TextRange& text) {
  const bool named =
      symbol.type == 't' || symbol.type == 'T' || symbol.type == 'w' || symbol.type == 'W';
  return named && symbol.address >= text.start && symbol.address < text.end;
}

// Padding before a function (CONFIG_FUNCTION_PADDING_BYTES) is never executed.
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
  // The more specific error first: data is not a function of that name either.
  if (data && functions == 0) return usage(fmt::format("'{}' is data, not a function", name));
  if (functions == 0) return unknown_function(name, kernel);
  // A breakpoint is set on one address; with several functions of that name it is unclear which.
  if (functions + (data ? 1 : 0) > 1)
    return usage(fmt::format("kernel {} has {} symbols named '{}': the name is ambiguous",
                             kernel.release, functions + (data ? 1 : 0), name));
  return {};
}

// Parses "WHAT@attach", "WHAT@step:NAME" or "WHAT" and leaves WHAT.
Result<void> take_arming(std::string_view value, schema::Scenario::Reader scenario,
                         std::string_view& what, FreezeTrigger& trigger) {
  const size_t at = value.find('@');
  what = value.substr(0, at);
  if (at == std::string_view::npos) return {};
  const std::string_view when = value.substr(at + 1);
  if (when == kAttach) {
    // A trigger that waits for an attach that never comes would look like a function never entered.
    trigger.arming = schema::TriggerArming::ATTACH;
    if (!scenario.getScheduler().isNone()) return {};
    return usage(fmt::format("'{}': the scenario attaches no scheduler", value));
  }
  // "symbol:x@attach*3" is a likely slip, and 'attach*3' would otherwise be an unknown step.
  if (when.starts_with("attach*"))
    return usage(fmt::format("'{}': the count must come before '@'", value),
                 fmt::format("write '{}{}@attach'", what, when.substr(kAttach.size())));
  if (!when.starts_with(kStep))
    return usage(fmt::format("'{}': '@' must be followed by 'attach' or 'step:NAME'", value));
  const std::string_view step = when.substr(kStep.size());
  trigger.arming = schema::TriggerArming::STEP;
  std::vector<std::string> names;
  for (auto candidate : scenario.getSteps()) {
    names.emplace_back(candidate.getName().cStr());
    if (names.back() != step) continue;
    trigger.step = static_cast<uint32_t>(names.size() - 1);
    return {};
  }
  return usage(fmt::format("'{}': the scenario has no step '{}'", value, step),
               did_you_mean(step, names));
}

Result<void> take_times(std::string_view value, std::string_view& what, FreezeTrigger& trigger) {
  const size_t star = what.find('*');
  if (star == std::string_view::npos) return {};
  const std::string_view times = what.substr(star + 1);
  const auto [end, error] =
      std::from_chars(times.data(), times.data() + times.size(), trigger.times);
  if (error != std::errc() || end != times.data() + times.size() || trigger.times == 0 ||
      trigger.times > kMaxTimes)
    return usage(
        fmt::format("'{}': '*' must be followed by a count from 1 to {}", value, kMaxTimes));
  what = what.substr(0, star);
  return {};
}

// One value of `--freeze-on` that is not "none".
Result<FreezeTrigger> read_trigger(std::string_view value, const KernelKnowledge& kernel,
                                   schema::Scenario::Reader scenario) {
  FreezeTrigger trigger;
  std::string_view what;
  KTAPE_TRY(take_arming(value, scenario, what, trigger));
  if (what == kScxErrorTrigger) {
    trigger.scx_error = true;
    return trigger;
  }
  if (!what.starts_with(kSymbol))
    return usage(fmt::format("'{}' is not a freeze trigger", value),
                 "use 'scx-error', 'symbol:NAME' or 'symbol:NAME*N', optionally with '@attach' or "
                 "'@step:NAME', or 'none'");
  KTAPE_TRY(take_times(value, what, trigger));
  trigger.name = what;
  trigger.function = what.substr(kSymbol.size());
  KTAPE_TRY(check_function(trigger.function, kernel));
  return trigger;
}

// The functions where the machine must stop so that the exit of an external scheduler is seen.
std::vector<BreakpointRequest> scheduler_breakpoints(const KernelKnowledge& kernel,
                                                     schema::Scenario::Reader scenario) {
  if (!scenario.getScheduler().isExternal() || !kernel.symbols.find(kSchedulerFreeFunction))
    return {};
  return {{BreakpointPriority::kSchedulers, "the exit of an external scheduler",
           kSchedulerFreeFunction}};
}

// Rejects duplicate triggers, and more triggers than breakpoints, regardless of when they are
// armed.
Result<void> check_triggers(const std::vector<FreezeTrigger>& triggers,
                            const KernelKnowledge& kernel, schema::Scenario::Reader scenario) {
  // The scheduler watch's own breakpoints are counted first: a run is wrong without them.
  std::vector<BreakpointRequest> requests = scheduler_breakpoints(kernel, scenario);
  for (size_t i = 0; i < triggers.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (triggers[i].name == triggers[j].name)
        return usage(fmt::format("'{}' is given twice", triggers[i].name));
    }
    const auto priority =
        triggers[i].scx_error ? BreakpointPriority::kScxError : BreakpointPriority::kUser;
    requests.push_back({priority, triggers[i].name, triggers[i].function});
  }
  return check_breakpoints(std::move(requests));
}

// The position of the first invalid value, or of the list if each value by itself is valid.
Place place_of_mistake(const std::vector<std::string>& on, const KernelKnowledge& kernel,
                       const LoadedScenario& scenario, const TextNode& parsed) {
  const TextNode& list = parsed.at("freezes").at("on");
  for (size_t i = 0; i < on.size(); ++i) {
    if (on[i] != kNone && !read_trigger(on[i], kernel, scenario.get()).ok())
      return list.at(i).place;
  }
  return list.place;
}

}  // namespace

Result<std::vector<FreezeTrigger>> plan_triggers(const std::vector<std::string>& freeze_on,
                                                 const KernelKnowledge& kernel,
                                                 schema::Scenario::Reader scenario) {
  bool wants_scx_error = true;
  std::optional<FreezeTrigger> scx_error;
  std::vector<FreezeTrigger> triggers;
  for (const std::string& value : freeze_on) {
    if (value == kNone) {
      wants_scx_error = false;
      continue;
    }
    KTAPE_ASSIGN(FreezeTrigger trigger, read_trigger(value, kernel, scenario));
    if (trigger.scx_error) {
      scx_error = std::move(trigger);
    } else {
      triggers.push_back(std::move(trigger));
    }
  }
  // Contradictory, whatever their order.
  if (scx_error && !wants_scx_error)
    return usage("'--freeze-on none' and '--freeze-on scx-error' contradict each other");
  const std::string_view exit =
      kernel.has_sched_ext() ? scx_exit_function(kernel) : std::string_view();
  if (scx_error && exit.empty())
    return usage(fmt::format(
        "kernel {} has no scheduler exit to freeze on: {}", kernel.release,
        kernel.has_sched_ext() ? "none of the functions that ktape knows" : "no sched_ext"));
  // The default: added without being asked for, unless the kernel has nothing to freeze on.
  if (wants_scx_error && !exit.empty()) {
    FreezeTrigger trigger = scx_error.value_or(FreezeTrigger{});
    trigger.name = kScxErrorTrigger;
    trigger.function = exit;
    trigger.times = kScxErrorTimes;
    trigger.scx_error = true;
    // First, so that its hits are reported first when several triggers meet in one stop.
    triggers.insert(triggers.begin(), std::move(trigger));
  }
  KTAPE_TRY(check_triggers(triggers, kernel, scenario));
  return triggers;
}

Result<FreezePlan> plan_freezes(const std::vector<std::string>& freeze_on,
                                std::chrono::milliseconds every, const KernelKnowledge& kernel,
                                const LoadedScenario& scenario) {
  FreezePlan plan;
  auto said = scenario.get().getFreezes();
  plan.every = every.count() > 0 ? every : std::chrono::milliseconds(said.getEveryMs());
  // A --freeze-on replaces the scenario's list as a whole; merging them would leave no way to take
  // one out.
  if (!freeze_on.empty() || said.getOn().size() == 0) {
    KTAPE_ASSIGN(plan.triggers, plan_triggers(freeze_on, kernel, scenario.get()));
    return plan;
  }
  std::vector<std::string> on;
  for (auto value : said.getOn()) on.emplace_back(value.cStr());
  Result<std::vector<FreezeTrigger>> triggers = plan_triggers(on, kernel, scenario.get());
  if (!triggers.ok()) {
    // Only for the error's position: the scenario was parsed before, without keeping places.
    KTAPE_ASSIGN(const TextNode parsed, parse_text(scenario.path(), scenario.text()));
    const Error& error = triggers.error();
    return error_at(scenario.path(), place_of_mistake(on, kernel, scenario, parsed), error.message,
                    error.hint);
  }
  plan.triggers = std::move(*triggers);
  return plan;
}

}  // namespace ktape
