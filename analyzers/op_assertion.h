// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "analyzers/assertion.h"
#include "schema/wire/value_number.h"

namespace ktape {

// A gate that failed for an entry.
struct FailedGate {
  Seq seq;
  uint64_t freeze = 0;  // 0: an older recorder, which tried only once, did not record it
  schema::Gate gate = schema::Gate::NOT_SAID;
  std::string observed;  // safe to print
};

// One entry of a request with its result. Valid during the call that passes it in.
struct AnsweredEntry {
  Seq request;
  Seq reply;
  uint64_t freeze = 0;  // in which it was served; 0: none
  schema::OpEntry::Reader asked;
  schema::EntryReply::Reader got;  // status notSaid when the reply has no such entry
  std::string error;               // why the request as a whole could not be served; usually empty
  // Enforced or not; gates that were not evaluated are missing.
  std::vector<FailedGate> failed_gates;
  bool as_expected = false;  // it was refused, as the scenario expects

  [[nodiscard]] bool done() const { return got.getStatus() == schema::EntryStatus::DONE; }
  // "read as 'verify_dsq_vtime' was refused: ..."
  [[nodiscard]] std::string failure() const;
};

// A request kept beyond the visit that passes it in, in only as much memory as it needs.
[[nodiscard]] std::unique_ptr<capnp::MallocMessageBuilder> copy_of(
    schema::OpRequested::Reader request);

// An assertion about what requests read and wrote: pairs requests with their replies, and passes in
// the entries that concern it in the order of the replies. Requests without a reply, and a tape
// without any entry that concerns it, are undecided.
class OpAssertion : public Assertion {
 public:
  void visit(const RecordView& view) final;
  void finish(TapeState state) final;

 protected:
  [[nodiscard]] virtual bool concerns(schema::OpEntry::Reader asked) const = 0;
  // What it judges, for messages: "read of jiffies_64".
  [[nodiscard]] virtual std::string subject() const = 0;
  // Called for each entry that concerns it, in the order of the replies. The request may be of any
  // mode.
  virtual void answered(const AnsweredEntry& entry) = 0;
  // Records that are not requests, replies or gates.
  virtual void other(const RecordView&) {}
  // After the last entry, if there was one.
  virtual void concluded() {}

  [[nodiscard]] bool machine_lost() const { return machine_lost_; }

 private:
  struct Pending {
    Seq seq;
    std::unique_ptr<capnp::MallocMessageBuilder> request;
    std::map<uint32_t, std::vector<FailedGate>> failed_gates;  // by entry
  };

  void take_request(const RecordView& view);
  void take_gate(const RecordView& view);
  void take_reply(const RecordView& view);
  [[nodiscard]] std::string tags_found() const;

  std::map<uint64_t, Pending> pending_;  // by op id
  std::set<std::string> tags_;
  bool any_ = false;
  bool machine_lost_ = false;
};

// The value's bytes; nothing for a list or no value.
[[nodiscard]] std::optional<uint64_t> width_bytes(schema::Value::Reader value);

// Whether the target's path consists of exactly these members.
[[nodiscard]] bool path_is(schema::Target::Reader target,
                           std::initializer_list<std::string_view> members);

}  // namespace ktape
