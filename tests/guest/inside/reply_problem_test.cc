// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/reply_problem.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>

namespace ktape {
namespace {

using schema::EntryStatus;

// A request for two entries, 'a' and 'b', and its reply.
class Batch {
 public:
  Batch() {
    auto entries = request_.initRoot<schema::OpRequest>().initEntries(2);
    entries[0].setTag("a");
    entries[1].setTag("b");
    reply_.initRoot<schema::OpReplied>().initEntries(2);
  }

  void comes(unsigned entry, EntryStatus status, const char* reason) {
    auto to = reply().getEntries()[entry];
    to.setStatus(status);
    to.setReason(reason);
  }
  schema::OpReplied::Builder reply() { return reply_.getRoot<schema::OpReplied>(); }
  schema::OpRequest::Builder request() { return request_.getRoot<schema::OpRequest>(); }
  std::string problem() { return reply_problem(reply().asReader(), request().asReader()); }

 private:
  capnp::MallocMessageBuilder request_;
  capnp::MallocMessageBuilder reply_;
};

TEST_CASE_METHOD(
    Batch, "a batch fails for the reason of the entry that was refused, not of one before it") {
  comes(0, EntryStatus::NOT_REACHED,
        "a later write of the batch was refused, so nothing was written");
  comes(1, EntryStatus::REFUSED, "gate 11 (unlocked) refuses: pi_lock is held");
  reply().setTries(11);
  reply().setWaitedNs(1'000'300'000);
  CHECK(problem() ==
        "'b': gate 11 (unlocked) refuses: pi_lock is held; tried 11 times over 1000 ms of "
        "guest time");
}

TEST_CASE_METHOD(Batch,
                 "the first of several failed entries is reported, and an unreached write last") {
  comes(0, EntryStatus::FAILED, "it is not mapped");
  comes(1, EntryStatus::REFUSED, "gate 2 (identity) refuses");
  CHECK(problem() == "'a': it is not mapped");
  comes(0, EntryStatus::DONE, "");
  comes(1, EntryStatus::NOT_REACHED, "an earlier write failed");
  CHECK(problem() == "'b': an earlier write failed");
}

TEST_CASE_METHOD(Batch,
                 "a reply as expected is not a problem, and a refusal without a reason says so") {
  comes(0, EntryStatus::DONE, "");
  comes(1, EntryStatus::DONE, "");
  CHECK(problem() == "the host gave no reason");
  reply().setOk(true);
  CHECK(problem().empty());
}

TEST_CASE_METHOD(
    Batch,
    "an op that was done or refused by another gate instead of the expected one is a problem") {
  request().initExpect().setRefused(schema::Gate::UNLOCKED);
  comes(0, EntryStatus::DONE, "");
  reply().setOk(true);
  CHECK(problem() == "'a' was done; expected a refusal by gate 11 (unlocked)");
  reply().setOk(false);
  comes(0, EntryStatus::REFUSED, "gate 2 (identity) refuses");
  CHECK(problem() == "'a': gate 2 (identity) refuses; expected a refusal by gate 11 (unlocked)");
  reply().setAsExpected(true);
  CHECK(problem().empty());
}

}  // namespace
}  // namespace ktape
