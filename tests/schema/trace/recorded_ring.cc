// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/trace/recorded_ring.h"

#include <sstream>

#include "schema/base/file.h"
#include "schema/tape/codec.h"
#include "tests/schema/trace/page_list.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kLimitBytes = size_t{16} << 20;

std::vector<std::vector<std::byte>> pages_of(const std::string& bytes) {
  const auto* from = reinterpret_cast<const std::byte*>(bytes.data());
  std::vector<std::vector<std::byte>> pages;
  for (size_t at = 0; at < bytes.size(); at += kPageBytes)
    pages.emplace_back(from + at, from + at + kPageBytes);
  return pages;
}

// Each begins with "name: ".
std::vector<std::string> formats_of(const std::string& text) {
  std::vector<std::string> formats;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find("\nname: ", at), text.size() - 1) + 1;
    formats.push_back(text.substr(at, next - at));
    at = next;
  }
  return formats;
}

}  // namespace

EventFormats RecordedRing::event_formats() const {
  EventFormats all;
  for (const std::string& text : formats) must(all.add(text));
  return all;
}

EventMerge RecordedRing::merged() const {
  std::vector<EventMerge::Stream> streams;
  for (uint32_t cpu = 0; cpu < cpus.size(); ++cpu)
    streams.push_back({CpuId(cpu), std::make_unique<PageList>(cpus[cpu])});
  return EventMerge(std::move(streams));
}

std::string RecordedRing::unpacked(const std::string& file) const {
  const auto packed = must(read_file(folder + "/" + file, kLimitBytes));
  const auto bytes = must(unpack(static_cast<int64_t>(Codec::kZstd), packed, kLimitBytes));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

RecordedRing recorded_ring(const std::string& release) {
  RecordedRing ring;
  ring.folder = std::string(KTAPE_TRACE_DATA) + "/" + release;
  for (const char* file : {"cpu0.zst", "cpu1.zst"})
    ring.cpus.push_back(pages_of(ring.unpacked(file)));
  ring.formats = formats_of(must(read_text_file(ring.folder + "/formats", kLimitBytes)));
  for (const std::string& line :
       lines_of(must(read_text_file(ring.folder + "/tasks", kLimitBytes)))) {
    const size_t blank = line.find(' ');
    ring.tasks.emplace_back(std::stoi(line.substr(0, blank)), line.substr(blank + 1));
  }
  return ring;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace ktape::test
