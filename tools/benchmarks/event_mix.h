// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schema/record.capnp.h"
#include "schema/tape/writing/writer.h"

namespace ktape::bench {

// Any number of events of a real run: first those of a golden tape before its end, then repeatedly
// those that a run may have any number of, each time with requests and freezes of new numbers. No
// memory is kept at their freezes.
class EventMix {
 public:
  // `tape`: a golden tape's path.
  explicit EventMix(const std::string& tape);

  // The next event; the caller sets sequence number and times when appending.
  [[nodiscard]] std::unique_ptr<capnp::MallocMessageBuilder> next();

 private:
  std::vector<std::unique_ptr<capnp::MallocMessageBuilder>> events_;
  size_t at_ = 0;
  uint64_t round_ = 0;
};

// Makes a record of an event, without sequence number and times.
void copy_event(schema::Record::Builder to, schema::Record::Reader event);

// Appends it as the recorder does: built in place.
[[nodiscard]] Result<Seq> append(TapeWriter& writer, uint64_t host_ns,
                                 schema::Record::Reader event);

}  // namespace ktape::bench
