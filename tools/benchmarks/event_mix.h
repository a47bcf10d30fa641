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

// The events of a real run, as many as are asked for: first those of a golden tape before its end,
// then again and again those that a run may have any number of, each time with requests and freezes
// of new numbers. No memory is kept at their freezes.
class EventMix {
 public:
  // `tape`: a golden tape's path.
  explicit EventMix(const std::string& tape);

  // The next event; sequence number and times are left to who appends it.
  [[nodiscard]] std::unique_ptr<capnp::MallocMessageBuilder> next();

 private:
  std::vector<std::unique_ptr<capnp::MallocMessageBuilder>> events_;
  size_t at_ = 0;
  uint64_t round_ = 0;
};

// Makes a record of an event, but for sequence number and times.
void copy_event(schema::Record::Builder to, schema::Record::Reader event);

// Appends it as the recorder does: built in place.
[[nodiscard]] Result<Seq> append(TapeWriter& writer, uint64_t host_ns,
                                 schema::Record::Reader event);

}  // namespace ktape::bench
