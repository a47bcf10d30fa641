// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "guest/kernel/ops/op_executor.h"
#include "schema/record.capnp.h"
#include "tests/support/kernel/fake_kernel.h"
#include "tests/support/tape/tape_builder.h"

namespace ktape::test {

using FillEntry = std::function<void(schema::OpEntry::Builder)>;
// A read as typed on a command line; tag and target are the same text.
FillEntry read_line(std::string line);
FillEntry write_u64(std::string tag, std::string line, uint64_t value);

// A tape of a fake kernel, made as a capture makes it: the ops are executed, and the memory before
// them is kept. It has a worker 'sleeper' and a scheduler. Errors are thrown.
class FakeTape {
 public:
  static constexpr int32_t kPid = 77;
  static constexpr uint64_t kStartNs = 5'230'000'000;

  // `edit_kernel` changes the tape's facts of its kernel.
  using EditKernel = std::function<void(schema::KernelIdentified::Builder, TapeWriter&)>;
  explicit FakeTape(const std::string& path, const EditKernel& edit_kernel = {});

  [[nodiscard]] FakeKernel& kernel() { return kernel_; }
  [[nodiscard]] GuestVirtual task() const { return task_; }
  [[nodiscard]] TapeBuilder& builder() { return builder_; }

  // Changes what is about to be recorded: a recorder with a bug.
  void set_edit(std::function<void(schema::Record::Builder)> edit) { edit_ = std::move(edit); }
  // The frames that are kept; all of them unless set. Nothing: no memory at all.
  void keep_frames(std::function<bool(uint64_t)> keep) { keep_ = std::move(keep); }
  void keep_no_memory() { keep_memory_ = false; }

  // A cold request in a freeze of its own. Returns the sequence number of the reply.
  Seq serve(const std::vector<FillEntry>& entries);
  // The same in several freezes, with a change before each. All but the last have to be refused.
  Seq serve_in_tries(const std::vector<FillEntry>& entries,
                     const std::vector<std::function<void()>>& before);
  // The same, deferred first.
  Seq defer(const std::vector<FillEntry>& entries);
  // A request without a reply.
  Seq ask(const std::vector<FillEntry>& entries);
  // A hot request, and one that was refused before a freeze.
  Seq serve_hot(const FillEntry& entry);
  Seq refuse(const FillEntry& entry, const std::string& error);

  SealedTape seal() { return builder_.seal(); }

 private:
  Seq add(const std::function<void(schema::Record::Builder)>& fill);
  Seq serve_now(const std::vector<Op>& ops);
  std::vector<OpResult> attempt(const std::vector<Op>& ops);
  std::vector<Op> request(const std::vector<FillEntry>& entries, schema::OpMode mode);
  PagesKept keep_memory(uint64_t freeze);
  Seq reply(uint64_t freeze, const std::vector<OpResult>& results);

  TapeBuilder builder_;
  FakeKernel kernel_;
  GuestVirtual task_;
  OpExecutor executor_;
  std::function<void(schema::Record::Builder)> edit_;
  std::function<bool(uint64_t)> keep_;
  bool keep_memory_ = true;
  uint64_t ops_ = 0;
  uint64_t freezes_ = 0;
  uint32_t tries_ = 0;  // of the request
};

}  // namespace ktape::test
