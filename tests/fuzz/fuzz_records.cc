// SPDX-License-Identifier: Apache-2.0
#include <kj/exception.h>

#include <cstring>
#include <vector>

#include "replay/export/perfetto_export.h"
#include "replay/rerun/run_state.h"
#include "replay/show/run_header.h"
#include "replay/show/timeline.h"
#include "replay/text/json_lines.h"
#include "replay/text/text_writer.h"
#include "schema/tape/losses.h"
#include "schema/tape/message.h"
#include "schema/tape/projection/projection.h"
#include "tests/fuzz/no_stack_traces.h"
#include "tests/fuzz/read_everything.h"

// The records of a tape, one after another: two bytes with the number of words, and the segment of
// one message. They pass through all code that reads records: the projection, show, info, the
// exports.
namespace {

using namespace ktape;

constexpr size_t kWordBytes = 8;
constexpr size_t kMaxRecords = 64;

struct Readers {
  TextWriter writer;
  Timeline timeline = Timeline(writer, TimelineOptions{true, nullptr});
  RunHeader header;
  RunState state;
  LossTally losses;
  PerfettoExport trace = PerfettoExport([](std::string_view) { return Result<void>(); });
};

// Calls `read`; a message with a bad content ends it, as it would end a reader.
template <typename Read>
void until_bad(const Read& read) {
  try {
    read();
  } catch (const kj::Exception&) {
    // The boundary where a hostile record stops.
  }
}

std::vector<std::byte> framed(std::span<const std::byte> segment) {
  const auto words = static_cast<uint32_t>(segment.size() / kWordBytes);
  std::vector<std::byte> message(kWordBytes + segment.size());
  std::memcpy(message.data() + sizeof words, &words, sizeof words);
  std::ranges::copy(segment, message.begin() + kWordBytes);
  return message;
}

void read_record(std::span<const std::byte> message, Readers& readers) {
  RecordDecoder decoder;
  const auto record = decoder.decode(message);
  if (!record.ok()) return;
  RecordView view{Seq(1), 0, false, *record};
  until_bad([&] {
    view.seq = Seq(record->getSeq());
    view.kind = kind_of(*record);
    view.known = is_known_kind(view.kind);
  });
  if (view.kind == 0) return;
  until_bad([&] { (void)project(*record); });
  until_bad([&] { readers.losses.visit(*record); });
  until_bad([&] { fuzz::read_everything(capnp::toDynamic(*record)); });
  until_bad([&] { (void)json_line(view); });
  until_bad([&] { readers.header.visit(view); });
  until_bad([&] { readers.timeline.visit(view); });
  until_bad([&] { (void)readers.state.visit(view); });
  until_bad([&] { (void)readers.trace.visit(view); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::NoStackTraces quick;
  Readers readers;
  auto rest = std::as_bytes(std::span(data, size));
  for (size_t i = 0; i < kMaxRecords && rest.size() >= 2 + kWordBytes; ++i) {
    uint16_t words = 0;
    std::memcpy(&words, rest.data(), sizeof words);
    rest = rest.subspan(sizeof words);
    const size_t bytes = std::min(size_t{words}, rest.size() / kWordBytes) * kWordBytes;
    read_record(framed(rest.first(bytes)), readers);
    rest = rest.subspan(bytes);
  }
  until_bad([&] { readers.state.show(readers.writer); });
  until_bad([&] { (void)readers.state.json(); });
  until_bad([&] { readers.header.show_end({}, readers.writer); });
  until_bad([&] { (void)readers.trace.finish(); });
  return 0;
}
