// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "schema/base/child.h"
#include "tests/replay/fake_tape.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

// `ktape read` and the tapes that its tests read.

inline ChildResult read(const std::vector<std::string>& arguments) {
  return must(run_child(KTAPE_BIN "/ktape-read", arguments, 1 << 24));
}

// Standard output and error of a command that fails.
inline ChildResult all_of(const std::string& arguments) {
  return must(run_child(
      "/bin/sh", {"-c", std::string(KTAPE_BIN "/ktape-read ") + arguments + " 2>&1"}, 1 << 20));
}

// A run in which only a jiffies value was read; everything else has to be read from its memory.
struct ReadFixture {
  ReadFixture() : ReadFixture(FakeTape::EditKernel()) {}
  explicit ReadFixture(const FakeTape::EditKernel& edit) : tape(folder.file("run.ktape"), edit) {
    FakeKernel& kernel = tape.kernel();
    kernel.set_task(tape.task(), "scx.dsq_vtime", 4711);
    kernel.set_rq(1, "nr_running", 3);
    const GuestVirtual second = kernel.add_task(78, "other", FakeTape::kStartNs);
    const GuestVirtual list =
        kernel.field(kernel.per_cpu("runqueues", 0), "struct rq", "scx.runnable_list");
    for (const GuestVirtual task : {tape.task(), second}) {
      kernel.link(list, kernel.field(task, "struct task_struct", "scx.runnable_node"));
    }
    kernel.set_task(tape.task(), "parent", second.value);
  }

  std::string path() {
    if (path_.empty()) {
      tape.serve({read_line("jiffies_64:u64")});
      path_ = tape.seal().path;
    }
    return path_;
  }
  ChildResult at_last(const std::string& target) {
    return read({path(), "--at", "freeze:last", target});
  }

  std::string file_of(const std::string& text) {
    std::ofstream(folder.file("targets")) << text;
    return folder.file("targets");
  }

  TempDir folder;
  FakeTape tape;
  std::string path_;
};

// Reads views.
struct ViewFixture : ReadFixture {
  using ReadFixture::ReadFixture;
  ChildResult view(const std::string& name, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {path(), "--at", "1", name});
    return read(more);
  }
};

// Freezes 1 to 3, the second by a trigger, each with one more task on CPU 1; then one without
// memory.
struct SeriesFixture : ReadFixture {
  SeriesFixture() {
    for (uint64_t freeze = 1; freeze <= 3; ++freeze) {
      tape.set_edit([freeze](schema::Record::Builder record) {
        if (!record.isFreezeBegan() || freeze != 2) return;
        record.getFreezeBegan().setCause(schema::FreezeCause::TRIGGER);
        record.getFreezeBegan().setTrigger("scx-error");
        record.getFreezeBegan().setVcpu(1);
      });
      tape.kernel().set_rq(1, "nr_running", freeze);
      tape.serve({read_line("jiffies_64:u64")});
    }
    tape.keep_no_memory();
    tape.serve({read_line("jiffies_64:u64")});
    path_ = tape.seal().path;
  }
  ChildResult at(const std::string& freezes, std::vector<std::string> more) {
    more.insert(more.begin(), {path_, "--at", freezes});
    return read(more);
  }
};

}  // namespace ktape::test
