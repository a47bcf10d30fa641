// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "schema/tape/verify/verify.h"
#include "schema/wire/data.h"
#include "tests/capture/run/engine_fixture.h"
#include "tests/support/must.h"

// A guest that sends what no agent would. Whatever it sends, the run ends with a sealed tape that
// says what it was.
namespace ktape::test {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;

// Whether resident_bytes() measures what a test took: not under the address sanitizer, which keeps
// freed memory for a while.
#if defined(__SANITIZE_ADDRESS__)
#define KTAPE_MEMORY_TELLS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KTAPE_MEMORY_TELLS false
#endif
#endif
#ifndef KTAPE_MEMORY_TELLS
#define KTAPE_MEMORY_TELLS true
#endif
inline constexpr bool kMemoryTells = KTAPE_MEMORY_TELLS;

// Of this process, now.
inline uint64_t resident_bytes() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

inline std::string bytes_of(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

inline std::string frame_of(const std::function<void(schema::FromAgent::Builder)>& fill) {
  capnp::MallocMessageBuilder message(kMaxFrameBytes / sizeof(capnp::word));  // all in one segment
  fill(message.initRoot<schema::FromAgent>());
  return bytes_of(must(encode_frame(message)));
}

inline std::string length_of(uint32_t bytes) {
  std::string text(sizeof bytes, '\0');
  std::memcpy(text.data(), &bytes, sizeof bytes);
  return text;
}

// The fixture, with the checks that hold for every hostile guest.
class HostileGuest : public EngineFixture {
 public:
  // Runs; the tape is intact, whatever the guest sent.
  RunEnd suffer() {
    RunEnd end = run();
    CHECK(machine().ended());
    CHECK(kinds().back() == schema::Record::SEALED);
    CHECK(must(verify(tape(), std::nullopt)).integrity == Integrity::kIntact);
    return end;
  }

  void check_protocol_violation(std::string_view how) {
    const RunEnd end = suffer();
    CHECK(end.outcome == schema::Outcome::PROTOCOL_BROKEN);
    CHECK_THAT(end.detail, Catch::Matchers::ContainsSubstring(std::string(how)));
  }

  // Sends this repeatedly, until the run ends or this many times.
  void flood(std::string bytes, uint64_t times = ~uint64_t{0},
             MachineEventKind kind = MachineEventKind::kAgentBytes) {
    machine().on_idle([this, bytes = std::move(bytes), left = times, kind]() mutable {
      if (left == 0) return;
      --left;
      const auto span = as_bytes(bytes);
      machine().push({kind, {span.begin(), span.end()}, ""});
      if (left == 0) done();
      if (left == 0) ended();
    });
  }
};

inline std::string report(uint64_t phases) {
  return frame_of([&](schema::FromAgent::Builder message) {
    auto report = message.initWorkerReport();
    report.setName("worker");
    report.setPhasesDone(phases);
  });
}

}  // namespace ktape::test
