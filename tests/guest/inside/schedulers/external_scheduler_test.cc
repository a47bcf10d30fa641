// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "guest/inside/schedulers/output_limit.h"
#include "guest/inside/schedulers/output_tail.h"
#include "guest/inside/schedulers/sched_ext_sysfs.h"
#include "guest/inside/schedulers/scheduler_process.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

// Everything that a program prints until it closes its output; then it is reaped.
std::string run_to_its_end(SchedulerProcess& process) {
  std::string all;
  while (process.output_fd() >= 0) {
    pollfd ready{process.output_fd(), POLLIN, 0};
    ::poll(&ready, 1, 10'000);
    all += process.read_output();
  }
  int status = 0;
  REQUIRE(::waitpid(process.pid(), &status, 0) == process.pid());
  process.ended(status);
  return all;
}

}  // namespace

TEST_CASE("the end of a log that is too long is kept, and the rest is counted") {
  OutputTail tail(5);
  tail.add("abc");
  CHECK(tail.text() == "abc");
  CHECK(tail.lost() == 0);
  tail.add("defgh");
  CHECK(tail.text() == "defgh");
  CHECK(tail.lost() == 3);
  tail.add("0123456789");
  CHECK(tail.text() == "56789");
  CHECK(tail.lost() == 13);
}

TEST_CASE(
    "output passes up to the limit; the end of what comes after is kept, and the rest is counted") {
  OutputLimit limit(5, 4);
  CHECK(limit.pass("abc") == "abc");
  CHECK(limit.take_lost() == 0);
  CHECK(limit.take_last().empty());
  CHECK(limit.pass("defgh") == "de");
  CHECK(limit.take_lost() == 0);
  CHECK(limit.pass("ijkl").empty());
  CHECK(limit.take_lost() == 3);  // "fgh"
  CHECK(limit.take_lost() == 0);
  CHECK(limit.take_last() == "ijkl");
  CHECK(limit.pass("m").empty());
  CHECK(limit.take_last() == "m");
  CHECK(limit.take_lost() == 0);
}

TEST_CASE("sysfs is read with its schedulers, the root's first") {
  TempDir folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder.file(name)).parent_path());
    std::ofstream(folder.file(name)) << text;
  };
  CHECK(read_sched_ext(folder.path()) == SchedExtView{});
  write("state", "enabled\n");
  write("enable_seq", "3\n");
  write("root/ops", "qmap\n");
  write("root/sub/sub-1/ops", "child\n");
  CHECK(read_sched_ext(folder.path()) == SchedExtView{"enabled", "3", {"qmap", "child"}});
}

TEST_CASE(
    "a program gets its arguments, an environment of its own, and both of its outputs are read") {
  ::setenv("KTAPE_TEST_SECRET", "x", 1);
  auto process = must(SchedulerProcess::start(
      "/bin/sh",
      {"-c", "echo \"$1\"; echo err >&2; echo $KTAPE_TEST_SECRET.; exit 3", "sh", "a b"}));
  CHECK(run_to_its_end(*process) == "a b\nerr\n.\n");
  CHECK(process->status() == 3);
  CHECK(process->how_it_ended() == "exited with status 3");
}

TEST_CASE("a program that cannot be run is an error with the kernel's reason") {
  CHECK(SchedulerProcess::start("/no/such/program", {}).error().message ==
        "cannot run the scheduler's program '/no/such/program': No such file or directory");
}

TEST_CASE("a signal reaches the whole group of a program") {
  auto process = must(SchedulerProcess::start("/bin/sh", {"-c", "sleep 60 & echo up; wait"}));
  pollfd ready{process->output_fd(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, 10'000) == 1);
  CHECK(process->read_output() == "up\n");
  process->signal(SIGKILL);  // the sleep holds the output open as long as it lives
  CHECK(run_to_its_end(*process).empty());
  CHECK(process->was_killed());
  CHECK(process->how_it_ended() == "was killed by signal 9");
}

}  // namespace ktape::test
