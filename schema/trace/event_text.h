// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schema/base/result.h"
#include "schema/trace/event_decode.h"
#include "schema/trace/known_events.h"

namespace ktape {

// What tasks are called in the lines of events. Keeps the names of 65,536 tasks at most, and the
// first 64 bytes of each: a kernel's have fewer.
class TaskNames {
 public:
  void set(Pid pid, std::string_view comm);
  // Takes both names of a sched_switch; does nothing with other events. The formats outlive this.
  void learn(const TraceEvent& event);
  // "<idle>" for 0; "<...>" for a task that is not known.
  [[nodiscard]] std::string_view of(Pid pid) const;

 private:
  std::unordered_map<int32_t, std::string> names_;
  const EventFormat* format_ = nullptr;               // of the last sched_switch
  std::optional<EventReader<SchedSwitch>> switches_;  // for it; nothing if it cannot be read
};

// Events as `trace-cmd report -N` prints them, and the kernel its file `trace`:
//
//      kworker/u8:1-28    [001]    24.808812: sched_waking:         comm=ktape pid=1 prio=120 ...
//
// The events of known_events.h and sched_ext_event look as their `print fmt` has it. All others are
// printed without it, "FIELD=VALUE FIELD=VALUE": integers in decimal, pointers and addresses in
// hex, texts as they are, other bytes as hex digits. An event without a format is "event-ID", with
// its bytes as hex digits. Texts are made printable() everywhere (schema/base/text.h).
class EventText {
 public:
  // The formats outlive it; those that are added later are not known to it.
  explicit EventText(const EventFormats& formats);

  // The whole line, without a line feed.
  [[nodiscard]] Result<std::string> line(const TraceEvent& event, const TaskNames& names) const;
  // What comes after the event's name.
  [[nodiscard]] Result<std::string> info(const TraceEvent& event) const;

 private:
  enum class Style { kPlain, kThreeDigits, kTaskState, kBool };
  // Text, and the field after it, if any.
  struct Piece {
    std::string before;
    const EventField* field = nullptr;
    Style style = Style::kPlain;
  };
  using Pieces = std::vector<Piece>;
  struct Layout {
    std::string name;  // with its colon; empty: there is no event of this id
    Pieces pieces;
  };

  [[nodiscard]] static Style style(std::string_view word);
  // Empty if the format lacks one of the fields.
  [[nodiscard]] static Pieces by_template(std::string_view text, const EventFormat& format);
  [[nodiscard]] static Pieces by_fields(const EventFormat& format);
  [[nodiscard]] static Pieces pieces(const EventFormat& format);
  [[nodiscard]] static Result<void> add(const TraceEvent& event, const Piece& piece,
                                        std::string& to);

  [[nodiscard]] const Layout* layout_of(const TraceEvent& event) const;
  [[nodiscard]] Result<void> add_info(const TraceEvent& event, std::string& to) const;

  std::vector<Layout> events_;  // by id
};

}  // namespace ktape
