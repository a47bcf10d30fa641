// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/host_times.h"

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>

#include "guest/machine/host_processor.h"
#include "tests/support/must.h"

namespace ktape {
namespace {

using test::must;

bool is_refused(std::string_view text) { return !parse_schedstat(text).ok(); }

TEST_CASE("a thread's schedstat has the time it ran, the time it waited, and its timeslices") {
  const ThreadTimes times = must(parse_schedstat("4711 53309 17\n"));
  CHECK(times.known);
  CHECK(times.ran_ns == 4711);
  CHECK(times.waited_ns == 53309);
  CHECK(times.timeslices == 17);
  CHECK(must(parse_schedstat("18446744073709551615 0 1\n")).ran_ns == UINT64_MAX);
}

TEST_CASE("text that is not a schedstat is refused") {
  for (const char* text : {"", "\n", "1 2\n", "1 2 3", "1 2 3 4\n", "1 2 -3\n", "a b c\n",
                           "18446744073709551616 0 1\n", "1 2 3\n\n", "0x1 2 3\n"}) {
    INFO(text);
    CHECK(is_refused(text));
  }
}

TEST_CASE("steal time is the eighth number of the first line of /proc/stat") {
  constexpr char kStat[] = "cpu  13 9 3 32 7 0 2 5262 1 1\ncpu0 1 1 1 1 1 1 1 9 0 0\n";
  CHECK(parse_stolen(kStat, 100) == uint64_t{52'620'000'000});
  CHECK(parse_stolen("cpu  1 2 3 4 5 6 7 8", 100) == uint64_t{80'000'000});
}

TEST_CASE("a /proc/stat without steal time yields none") {
  CHECK_FALSE(parse_stolen("", 100));
  CHECK_FALSE(parse_stolen("cpu  1 2 3 4\n5 6 7 8\n", 100));
  CHECK_FALSE(parse_stolen("cpu0 1 2 3 4 5 6 7 8\n", 100));
  CHECK_FALSE(parse_stolen("cpu  1 2 3 4 5 6 7 18446744073709551615\n", 100));
  CHECK_FALSE(parse_stolen("cpu  1 2 3 4 5 6 7 8\n", 0));
}

TEST_CASE("the times of a thread grow as it runs, and are those of that thread") {
  std::atomic<pid_t> id = 0;
  std::atomic<bool> stop = false;
  std::thread spinner([&] {
    id = ::gettid();
    while (!stop) {
    }
  });
  while (id == 0) std::this_thread::yield();
  const ThreadWatch watch(::getpid(), id);
  const ThreadTimes before = watch.read();
  if (!before.known && !ThreadWatch(::getpid(), ::gettid()).read().known) {
    stop = true;
    spinner.join();
    SKIP("this host does not count what its threads wait");
  }
  ThreadTimes after = before;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (after.ran_ns < before.ran_ns + 20'000'000 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    after = watch.read();
  }
  stop = true;
  spinner.join();
  CHECK(after.thread == id);
  CHECK(after.ran_ns >= before.ran_ns + 20'000'000);
  CHECK(after.waited_ns >= before.waited_ns);
  CHECK_FALSE(watch.read().known);  // it has ended
}

TEST_CASE("a thread that does not exist has no times") {
  CHECK_FALSE(ThreadWatch().read().known);
  CHECK_FALSE(ThreadWatch(::getpid(), 0).read().known);
  const HostTimes none = HostWatch().read();
  CHECK(none.vcpus.empty());
  CHECK_FALSE(none.own.known);
}

TEST_CASE("the host's CPU reports its vendor, and the hypervisor below the host") {
  const HostProcessor host = host_processor();
  CHECK(host.cpus > 0);
  if (!host.known) SKIP("no processor of x86");
  CHECK(host.vendor.size() == 12);
  CHECK((host.hypervisor || host.hypervisor_name.empty()));
}

}  // namespace
}  // namespace ktape
