// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/memory_costs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <functional>
#include <vector>

#include "capture/freeze/freezer.h"
#include "guest/machine/qemu_arguments.h"
#include "schema/base/json_writer.h"
#include "schema/tape/writing/writer.h"
#include "tests/support/only_child.h"
#include "tools/benchmarks/at_rest.h"

namespace ktape::bench {

namespace {

using namespace std::chrono_literals;

constexpr size_t kPageBytes = 4096;
constexpr auto kBetween = 20ms;

// Time in ns of a freeze by this freezer.
Result<uint64_t> time_frozen(Freezer& freezer, Recorder& recorder) {
  const auto before = freezer.frozen_time();
  KTAPE_TRY(freezer.freeze({.cause = schema::FreezeCause::USER}));
  KTAPE_TRY(recorder.commit());
  return static_cast<uint64_t>((freezer.frozen_time() - before).count());
}

// A freezer with its own tape.
struct TapedFreezer {
  static Result<TapedFreezer> create(const GuestOptions& options, Guest& guest,
                                     const Kernel& kernel, schema::MemoryMode mode,
                                     const char* name) {
    TapedFreezer made;
    KTAPE_ASSIGN(made.writer, TapeWriter::create(options.scratch + "/" + name + ".ktape"));
    made.recorder = std::make_unique<Recorder>(*made.writer);
    made.freezer = std::make_unique<Freezer>(guest.machine, *made.recorder, mode);
    KTAPE_TRY(made.freezer->adopted(kernel));
    return made;
  }
  Result<uint64_t> time() { return time_frozen(*freezer, *recorder); }

  std::unique_ptr<TapeWriter> writer;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Freezer> freezer;
};

// A copy of the guest's RAM, and what a program needs to track its changes.
class PageCopies {
 public:
  PageCopies(pid_t emulator, size_t bytes) : bytes_(bytes) {
    fd_ = ::open(fmt::format("/proc/{}/fd/{}", emulator, int{QemuDescriptors::kRam}).c_str(),
                 O_RDONLY | O_CLOEXEC);
    ram_ = static_cast<const char*>(::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd_, 0));
    copies_ = static_cast<char*>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    hashes_.resize(bytes / kPageBytes);
    KTAPE_CHECK(fd_ >= 0 && ram_ != MAP_FAILED && copies_ != MAP_FAILED);
  }
  PageCopies(const PageCopies&) = delete;
  PageCopies& operator=(const PageCopies&) = delete;
  ~PageCopies() {
    ::munmap(const_cast<char*>(ram_), bytes_);
    ::munmap(copies_, bytes_);
    ::close(fd_);
  }

  void keep_up() {
    for (off_t end = 0, begin = 0; (begin = ::lseek(fd_, end, SEEK_DATA)) >= 0;) {
      end = ::lseek(fd_, begin, SEEK_HOLE);
      for (off_t at = begin; at < end; at += kPageBytes) {
        const uint64_t hash = XXH3_64bits(ram_ + at, kPageBytes);
        if (hashes_[at / kPageBytes] == hash) continue;
        hashes_[at / kPageBytes] = hash;
        std::memcpy(copies_ + at, ram_ + at, kPageBytes);
      }
    }
  }

 private:
  size_t bytes_;
  int fd_;
  const char* ram_;
  char* copies_;
  std::vector<uint64_t> hashes_;
};

Result<uint64_t> time_floor(Machine& machine, PageCopies& copies) {
  KTAPE_ASSIGN(Frozen frozen, machine.freeze());
  const auto began = Machine::Clock::now();
  copies.keep_up();
  const auto took = Machine::Clock::now() - began;
  KTAPE_TRY(frozen.thaw());
  return static_cast<uint64_t>(std::chrono::nanoseconds(took).count());
}

using Measure = std::function<Result<uint64_t>()>;

// Each once without counting, then `pairs` times in turns, with the guest running in between.
Result<std::vector<std::vector<uint64_t>>> in_turns(Machine& machine, uint32_t pairs,
                                                    const std::vector<Measure>& measures) {
  std::vector<std::vector<uint64_t>> samples(measures.size());
  for (uint32_t pair = 0; pair <= pairs; ++pair) {
    for (size_t i = 0; i < measures.size(); ++i) {
      const size_t which = (i + pair) % measures.size();
      KTAPE_TRY(run_on(machine, kBetween));
      KTAPE_ASSIGN(const uint64_t ns, measures[which]());
      if (pair > 0) samples[which].push_back(ns);
    }
  }
  return samples;
}

// Begins the object of a measurement.
template <typename Samples>
void put_turns(JsonWriter& json, const Samples& samples) {
  json.object()
      .field("floor", JsonText{fmt::format("{}", samples[0])})
      .field("ours", JsonText{fmt::format("{}", samples[1])});
}

}  // namespace

Result<std::string> measure_full_memory(const GuestOptions& options, uint32_t pairs) {
  std::string result;
  KTAPE_TRY(measure_at_rest(options, [&](Guest& guest, const Kernel& kernel) -> Result<void> {
    KTAPE_ASSIGN(TapedFreezer full,
                 TapedFreezer::create(options, guest, kernel, schema::MemoryMode::FULL, "full"));
    KTAPE_ASSIGN(TapedFreezer none,
                 TapedFreezer::create(options, guest, kernel, schema::MemoryMode::NONE, "none"));
    PageCopies copies(ktape::test::only_child(), size_t{options.memory_mb} << 20);
    KTAPE_ASSIGN(const auto samples,
                 in_turns(guest.machine, pairs,
                          {[&] { return time_floor(guest.machine, copies); },
                           [&] { return full.time(); }, [&] { return none.time(); }}));
    JsonWriter json;
    put_turns(json, samples);
    json.field("way", JsonText{fmt::format("{}", samples[2])});
    result = json.end().take();
    full.writer->discard();
    none.writer->discard();
    return {};
  }));
  return result;
}

Result<std::string> measure_sched_memory(const GuestOptions& options, uint32_t pairs) {
  std::string result;
  KTAPE_TRY(measure_at_rest(options, [&](Guest& guest, const Kernel& kernel) -> Result<void> {
    KTAPE_ASSIGN(TapedFreezer none,
                 TapedFreezer::create(options, guest, kernel, schema::MemoryMode::NONE, "none"));
    KTAPE_ASSIGN(TapedFreezer sched,
                 TapedFreezer::create(options, guest, kernel, schema::MemoryMode::SCHED, "sched"));
    KTAPE_ASSIGN(const auto samples,
                 in_turns(guest.machine, pairs,
                          {[&] { return none.time(); }, [&] { return sched.time(); }}));
    JsonWriter json;
    put_turns(json, samples);
    result = json.end().take();
    none.writer->discard();
    const auto sealed = sched.recorder->seal(schema::Outcome::COMPLETED, 0, "");
    return sealed.ok() ? Result<void>() : Result<void>(sealed.error());
  }));
  return result;
}

}  // namespace ktape::bench
