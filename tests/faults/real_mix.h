// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "schema/record.capnp.h"
#include "schema/tape/writing/writer.h"

namespace ktape::test {

// Repeats the recording of a capture of a real kernel as often as needed: its records, blobs and
// pages, in groups that are committed where the recorder commits, and one record of each kind that
// the capture did not have. The same bytes each time, so that two tapes of it can be compared.
class RealMix {
 public:
  // `tape`: a golden tape's name.
  explicit RealMix(const std::string& tape);

  // Called after each commit, with the number of committed records; with 0 once the tape exists.
  using Committed = std::function<void(uint64_t records)>;

  // A whole recording: creates `path`, records everything once and then `rounds` times its requests
  // and freezes with other pages and a blob of 2 MiB, seals. Each round is 2.5 MB on the disk.
  Result<SealedTape> record(const std::string& path, int rounds, const Committed& committed) const;

 private:
  using Message = std::unique_ptr<capnp::MallocMessageBuilder>;

  Result<void> record_round(TapeWriter& writer, uint64_t round, const Committed& committed,
                            uint64_t& records) const;
  Result<void> append(TapeWriter& writer, schema::Record::Reader record, uint64_t round,
                      uint64_t& records) const;
  Result<PagesKept> add_pages(TapeWriter& writer, uint64_t freeze, uint64_t round) const;

  std::vector<Message> records_;
  std::map<std::string, std::vector<std::byte>> blobs_;
  std::map<uint64_t, std::vector<FreezePage>> freezes_;
  std::map<Digest, std::vector<std::byte>> pages_;
};

}  // namespace ktape::test
