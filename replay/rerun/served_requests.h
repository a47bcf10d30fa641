// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/record.capnp.h"
#include "schema/tape/reading/reader.h"
#include "schema/wire/owned_message.h"

namespace ktape {

struct RecordedGate {
  Seq seq;
  OwnedMessage<schema::GateChecked> gate;
};

// A request with all its records.
struct ServedRequest {
  Seq requested;
  OwnedMessage<schema::OpRequested> request;
  std::optional<Seq> deferred;
  std::vector<RecordedGate> gates;
  Seq replied;
  schema::OpReplied::Reader reply;  // valid only inside the callback
};

// Matches the records of each request. Requests that wait for their reply are kept; memory is
// bounded.
class ServedRequests {
 public:
  using Served = std::function<Result<void>(const ServedRequest&)>;

  explicit ServedRequests(Served served) : served_(std::move(served)) {}

  // Takes a record; calls `served` if it is a reply. kOutOfRange if more waits for replies than a
  // run can have; kBadInput for a reply without a request.
  Result<void> visit(const RecordView& view);

  // Requests without a reply so far.
  [[nodiscard]] const std::map<uint64_t, ServedRequest>& waiting() const { return waiting_; }

 private:
  Result<void> grow(uint64_t words);
  Result<void> requested(Seq seq, schema::OpRequested::Reader request);
  Result<void> checked(Seq seq, schema::GateChecked::Reader gate);
  Result<void> replied(Seq seq, schema::OpReplied::Reader reply);

  Served served_;
  std::map<uint64_t, ServedRequest> waiting_;  // by op
  uint64_t kept_words_ = 0;
};

}  // namespace ktape
