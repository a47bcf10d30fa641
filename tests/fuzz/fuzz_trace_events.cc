// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/trace/event_merge.h"
#include "schema/trace/event_text.h"
#include "schema/trace/known_events.h"

// Formats and sub-buffers of two CPUs: a byte, the size of a sub-buffer in units of 64 bytes; the
// formats up to the first byte 1; then sub-buffers, of one CPU and the other in turn.
namespace {

using namespace ktape;

using Bytes = std::span<const std::byte>;

class Every final : public RingPages {
 public:
  Every(Bytes bytes, size_t page_bytes, size_t first)
      : bytes_(bytes), page_bytes_(page_bytes), at_(first * page_bytes) {}

  Result<std::optional<SubBuffer>> next() override {
    if (at_ >= bytes_.size()) return std::optional<SubBuffer>();
    const Bytes page = bytes_.subspan(at_, std::min(page_bytes_, bytes_.size() - at_));
    at_ += 2 * page_bytes_;
    return std::optional(SubBuffer{page, 0});
  }

 private:
  Bytes bytes_;
  size_t page_bytes_, at_;
};

void add_formats(std::string_view text, EventFormats& formats) {
  while (!text.empty()) {
    const size_t next = std::min(text.find("\nname: "), text.size() - 1) + 1;
    (void)formats.add(text.substr(0, next));
    text.remove_prefix(next);
  }
}

template <typename Event>
void read_as(const TraceEvent& event) {
  const auto reader = EventReader<Event>::bind(*event.format);
  KTAPE_CHECK(!reader.ok() || event.name() == Event::kName);
  if (reader.ok()) (void)reader->read(event);
}

template <typename... Events>
void read_as_each(const TraceEvent& event) {
  (read_as<Events>(event), ...);
}

void read_event(const TraceEvent& event, const EventText& text, TaskNames& names) {
  (void)text.line(event, names);
  names.learn(event);
  if (event.format == nullptr) return;
  for (const EventField& field : event.format->fields) {
    const auto bytes = field_bytes(event, field);
    if (!bytes.ok()) continue;
    KTAPE_CHECK(bytes->data() >= event.data.data());
    KTAPE_CHECK(bytes->data() + bytes->size() <= event.data.data() + event.data.size());
  }
  read_as_each<SchedSwitch, SchedWaking, SchedWakeup, SchedWakeupNew, SchedMigrateTask,
               SchedProcessFork, SchedProcessExec, SchedProcessExit, SchedStatRuntime, SchedExtDump,
               SchedExtExit, SchedExtBypassLb>(event);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t page_bytes = size_t{64} * std::max<size_t>(data[0], 1);
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t end = std::min(rest.find('\1'), rest.size());
  EventFormats formats;
  add_formats(rest.substr(0, end), formats);
  const Bytes pages = std::as_bytes(std::span(rest.substr(std::min(end + 1, rest.size()))));

  std::vector<EventMerge::Stream> streams;
  for (uint32_t cpu = 0; cpu < 2; ++cpu)
    streams.push_back({CpuId(cpu), std::make_unique<Every>(pages, page_bytes, cpu)});
  EventMerge merged(std::move(streams));
  const EventText text(formats);
  TaskNames names;
  // At most an event in four bytes, and an error for each CPU.
  for (size_t steps = 0;; ++steps) {
    KTAPE_CHECK(steps <= pages.size() / 4 + 4);
    const auto more = merged.next();
    if (!more.ok()) continue;
    if (!*more) return 0;
    const Bytes event = merged.event().data;
    KTAPE_CHECK(event.data() >= pages.data() &&
                event.data() + event.size() <= pages.data() + pages.size());
    const auto decoded = decode_event(formats, merged.cpu(), merged.event());
    if (decoded.ok()) read_event(*decoded, text, names);
  }
}
