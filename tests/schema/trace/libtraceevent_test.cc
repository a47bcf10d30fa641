// SPDX-License-Identifier: Apache-2.0
// What libtraceevent makes of the recorded sub-buffers is what is stored beside them.
// KTAPE_RENEW_GOLDEN=1 stores it.
#include <event-parse.h>
extern "C" {
#include <kbuffer.h>  // forgets C++
}
#include <trace-seq.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "schema/base/digest.h"
#include "schema/tape/codec.h"
#include "tests/schema/trace/recorded_ring.h"
#include "tests/support/must.h"

namespace ktape::test {
namespace {

constexpr std::string_view kHeaderPage =
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";

using Handle = std::unique_ptr<tep_handle, decltype(&tep_free)>;

Handle handle_of(const RecordedRing& ring) {
  Handle tep(tep_alloc(), tep_free);
  tep_set_long_size(tep.get(), 8);
  tep_set_page_size(tep.get(), 4096);
  tep_set_file_bigendian(tep.get(), TEP_LITTLE_ENDIAN);
  tep_set_local_bigendian(tep.get(), TEP_LITTLE_ENDIAN);
  std::string header(kHeaderPage);
  REQUIRE(tep_parse_header_page(tep.get(), header.data(), header.size(), 8) == 0);
  for (const std::string& format : ring.formats)
    REQUIRE(tep_parse_event(tep.get(), format.c_str(), format.size(), "sched") == 0);
  for (const auto& [pid, comm] : ring.tasks) tep_register_comm(tep.get(), comm.c_str(), pid);
  return tep;
}

// One CPU's events.
class Stream {
 public:
  explicit Stream(std::vector<std::vector<std::byte>> pages)
      : pages_(std::move(pages)),
        buffer_(kbuffer_alloc(KBUFFER_LSIZE_8, KBUFFER_ENDIAN_LITTLE), kbuffer_free) {
    settle();
  }
  void advance() {
    data_ = kbuffer_next_event(buffer_.get(), &time_ns_);
    settle();
  }
  [[nodiscard]] bool has_event() const { return data_ != nullptr; }
  [[nodiscard]] unsigned long long time_ns() const { return time_ns_; }
  [[nodiscard]] tep_record record(int cpu) const {
    tep_record record = {};
    record.ts = time_ns_;
    record.cpu = cpu;
    record.data = data_;
    record.size = kbuffer_event_size(buffer_.get());
    return record;
  }

 private:
  void settle() {
    while (data_ == nullptr && next_ < pages_.size()) {
      kbuffer_load_subbuffer(buffer_.get(), pages_[next_++].data());
      data_ = kbuffer_read_event(buffer_.get(), &time_ns_);
    }
  }

  std::vector<std::vector<std::byte>> pages_;
  std::unique_ptr<kbuffer, decltype(&kbuffer_free)> buffer_;
  size_t next_ = 0;
  void* data_ = nullptr;
  unsigned long long time_ns_ = 0;
};

std::string integer(const tep_format_field& field, tep_record& record) {
  unsigned long long value = 0;
  REQUIRE(tep_read_number_field(const_cast<tep_format_field*>(&field), record.data, &value) == 0);
  if ((field.flags & TEP_FIELD_IS_SIGNED) == 0) return std::to_string(value);
  switch (field.size) {
    case 1: return std::to_string(static_cast<int8_t>(value));
    case 2: return std::to_string(static_cast<int16_t>(value));
    case 4: return std::to_string(static_cast<int32_t>(value));
    default: return std::to_string(static_cast<int64_t>(value));
  }
}

std::string value_of(tep_event* event, const tep_format_field& field, tep_record& record) {
  if ((field.flags & (TEP_FIELD_IS_STRING | TEP_FIELD_IS_ARRAY)) == 0)
    return integer(field, record);
  int bytes = 0;
  const auto* data =
      static_cast<const char*>(tep_get_field_raw(nullptr, event, field.name, &record, &bytes, 0));
  REQUIRE(data != nullptr);
  const std::string raw(data, static_cast<size_t>(bytes));
  return (field.flags & TEP_FIELD_IS_STRING) != 0 ? raw.substr(0, raw.find('\0'))
                                                  : to_hex(as_bytes(raw));
}

std::string fields_line(tep_event* event, tep_record& record) {
  std::string line =
      std::to_string(record.ts) + " " + std::to_string(record.cpu) + " " + event->name;
  for (const tep_format_field* first : {event->format.common_fields, event->format.fields}) {
    for (; first != nullptr; first = first->next)
      line += std::string(" ") + first->name + "=" + value_of(event, *first, record);
  }
  return line + "\n";
}

// As trace-cmd calls it for a line of its report.
std::string report_line(tep_handle* tep, tep_record& record) {
  trace_seq text;
  trace_seq_init(&text);
  tep_print_event(tep, &text, &record, "%16s-%-5d [%03d] %6.1000d: ", TEP_PRINT_COMM, TEP_PRINT_PID,
                  TEP_PRINT_CPU, TEP_PRINT_TIME);
  const size_t begin = text.len;
  tep_print_event(tep, &text, &record, "%s: ", TEP_PRINT_NAME);
  const size_t width = text.len - begin;
  for (size_t i = width; i < 22; ++i) trace_seq_putc(&text, ' ');
  tep_print_event(tep, &text, &record, "%s", TEP_PRINT_INFO);
  trace_seq_terminate(&text);
  std::string line = text.buffer;
  trace_seq_destroy(&text);
  return line + "\n";
}

void check_stored(const RecordedRing& ring, const std::string& file, const std::string& text) {
  if (std::getenv("KTAPE_RENEW_GOLDEN") != nullptr) {
    const Packed packed = must(pack(as_bytes(text)));
    std::ofstream(ring.folder + "/" + file)
        .write(reinterpret_cast<const char*>(packed.data.data()),
               static_cast<std::streamsize>(packed.data.size()));
  }
  CHECK(lines_of(ring.unpacked(file)) == lines_of(text));
}

TEST_CASE("What is stored of the recorded events is what libtraceevent reads and prints") {
  const RecordedRing ring = recorded_ring(GENERATE(as<std::string>{}, "6.16.12", "7.3.4"));
  CAPTURE(ring.folder);
  const Handle tep = handle_of(ring);
  std::vector<Stream> streams;
  for (const auto& pages : ring.cpus) streams.emplace_back(pages);
  std::string fields, report;
  for (;;) {
    size_t first = streams.size();
    for (size_t cpu = 0; cpu < streams.size(); ++cpu) {
      const bool earlier =
          first == streams.size() ||
          (streams[cpu].has_event() && streams[cpu].time_ns() < streams[first].time_ns());
      if (streams[cpu].has_event() && earlier) first = cpu;
    }
    if (first == streams.size()) break;
    tep_record record = streams[first].record(static_cast<int>(first));
    tep_event* event = tep_find_event_by_record(tep.get(), &record);
    REQUIRE(event != nullptr);
    fields += fields_line(event, record);
    report += report_line(tep.get(), record);
    streams[first].advance();
  }
  check_stored(ring, "fields.zst", fields);
  check_stored(ring, "report.zst", report);
}

}  // namespace
}  // namespace ktape::test
