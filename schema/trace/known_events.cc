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
