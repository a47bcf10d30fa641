// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/known_events.h"

#include "schema/base/text.h"

namespace ktape {

namespace known_events {

Result<const EventField*> field_for(const EventFormat& format, std::string_view name,
                                    FieldKind kind, bool optional) {
  const EventField* field = format.field(name);
  if (field == nullptr && !optional) {
    return Error{ErrorCode::kNotFound,
                 "event " + in_quotes(format.name) + " has no field " + in_quotes(name), ""};
  }
  if (field != nullptr && field->kind != kind) {
    return Error{ErrorCode::kBadInput,
                 "event " + in_quotes(format.name) + ", field " + in_quotes(name) + ": got " +
                     in_quotes(field->type) + ", expected " +
                     (kind == FieldKind::kText ? "text" : "an integer"),
                 ""};
  }
  return field;
}

Result<void> read(const TraceEvent& event, const EventField& field, std::string_view& to) {
  KTAPE_ASSIGN(to, field_text(event, field));
  return {};
}

Result<void> read(const TraceEvent& event, const EventField& field, Pid& to) {
  KTAPE_ASSIGN(const uint64_t value, field_integer(event, field));
  to = Pid(static_cast<int32_t>(value));
  return {};
}

Result<void> read(const TraceEvent& event, const EventField& field, std::optional<bool>& to) {
  KTAPE_ASSIGN(const uint64_t value, field_integer(event, field));
  to = value != 0;
  return {};
}

}  // namespace known_events

std::string prev_state_text(int64_t prev_state) {
  // TASK_REPORT and TASK_REPORT_IDLE, include/linux/sched.h; the letters of sched_switch,
  // include/trace/events/sched.h.
  constexpr std::string_view kLetters = "SDTtXZPI";
  constexpr int64_t kReported = (1 << kLetters.size()) - 1, kPreempted = 1 << kLetters.size();
  std::string text;
  for (size_t bit = 0; bit < kLetters.size(); ++bit) {
    if ((prev_state >> bit & 1) == 0) continue;
    if (!text.empty()) text += '|';
    text += kLetters[bit];
  }
  if ((prev_state & kReported) == 0) text = "R";
  if ((prev_state & kPreempted) != 0) text += '+';
  return text;
}

}  // namespace ktape
