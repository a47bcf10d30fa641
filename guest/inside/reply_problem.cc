// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/reply_problem.h"

#include <capnp/schema.h>

#include <optional>

namespace ktape {

namespace {

std::string gate_text(schema::Gate gate) {
  const auto number = static_cast<unsigned>(gate);
  for (auto known : capnp::Schema::from<schema::Gate>().getEnumerants()) {
    if (known.getOrdinal() == number)
      return "gate " + std::to_string(number) + " (" + known.getProto().getName().cStr() + ")";
  }
  return "gate " + std::to_string(number);
}

// For a request that took more than one try.
std::string tries_text(schema::OpReplied::Reader reply) {
  if (reply.getTries() < 2) return "";
  return "; tried " + std::to_string(reply.getTries()) + " times over " +
         std::to_string(reply.getWaitedNs() / 1'000'000) + " ms of guest time";
}

// The entry that made the request fail. An entry that was not reached is not the cause.
std::optional<unsigned> first_at_fault(capnp::List<schema::EntryReply>::Reader entries) {
  std::optional<unsigned> unreached;
  for (unsigned i = 0; i < entries.size(); ++i) {
    // The first that was refused or failed; entries before it may be unreached because of it
    // (kStoppedAfter).
    const schema::EntryStatus status = entries[i].getStatus();
    if (status == schema::EntryStatus::DONE) continue;
    if (status != schema::EntryStatus::NOT_REACHED) return i;
    if (!unreached) unreached = i;
  }
  return unreached;
}

std::string failure_of(schema::OpReplied::Reader reply, schema::OpRequest::Reader request) {
  if (reply.getError().size() != 0) return reply.getError().cStr();
  const std::optional<unsigned> entry = first_at_fault(reply.getEntries());
  if (!entry) return "the host gave no reason";
  // A host that answers with more entries than were asked for must not crash PID 1.
  const std::string tag =
      *entry < request.getEntries().size() ? request.getEntries()[*entry].getTag().cStr() : "";
  return "'" + tag + "': " + reply.getEntries()[*entry].getReason().cStr() + tries_text(reply);
}

}  // namespace

std::string reply_problem(schema::OpReplied::Reader reply, schema::OpRequest::Reader request) {
  if (!request.getExpect().isRefused()) return reply.getOk() ? "" : failure_of(reply, request);
  if (reply.getAsExpected()) return "";
  // An expected refusal has exactly one entry; the host refuses others.
  const std::string tag = request.getEntries()[0].getTag().cStr();
  const std::string came = reply.getOk() ? "'" + tag + "' was done" : failure_of(reply, request);
  return came + "; expected a refusal by " + gate_text(request.getExpect().getRefused());
}

}  // namespace ktape
