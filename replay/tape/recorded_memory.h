// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "guest/memory/guest_memory.h"
#include "schema/base/digest.h"
#include "schema/base/result.h"
#include "schema/tape/page_list.h"

namespace ktape {

// The guest's memory at one freeze, as far as the tape kept it, before the freeze's own writes.
// Pages are loaded when they are read, and a bounded number of them is cached. Writes go to copies
// of pages, never to the tape. For one thread at a time.
class RecordedMemory final : public WritableGuestMemory {
 public:
  // The 4096 bytes of a page, by hash.
  using LoadPage = std::function<Result<std::vector<std::byte>>(const Digest&)>;

  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kCachedPages = 4096;

  // `rows` are the rows of one freeze, by frame. kBadInput if they are not well formed
  // (PageListOrder).
  [[nodiscard]] static Result<RecordedMemory> make(std::vector<FreezePage> rows, LoadPage load);

  // Frames that are known to be zero read as zeroes. kNotApplicable, with the address, if a frame
  // was not captured: it looks the same as an address without RAM.
  Result<void> read(GuestPhysical address, std::span<std::byte> out) const override;
  // All or nothing; kNotApplicable if a frame was not captured.
  Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) override;
  // The frames whose pages were kept, or written since.
  Result<std::vector<PhysicalRange>> populated() const override;

  // Pages that were kept, without zero pages.
  [[nodiscard]] uint64_t pages() const;

  // The first address since the last call that was read and not captured: with it, the reads after
  // it might have been different.
  [[nodiscard]] std::optional<GuestPhysical> take_missing() const;

  // The first error of `load` so far: the tape is damaged, and everything read since is worthless.
  [[nodiscard]] Result<void> intact() const { return intact_; }

 private:
  using Page = std::vector<std::byte>;

  RecordedMemory(std::vector<FreezePage> rows, LoadPage load)
      : rows_(std::move(rows)), load_(std::move(load)) {}
  [[nodiscard]] Result<Page> load(const FreezePage& row) const;
  [[nodiscard]] const FreezePage* row_of(uint64_t frame) const;
  // The page of a frame, valid until the next call; nullptr for zeroes.
  [[nodiscard]] Result<const Page*> page(uint64_t frame) const;
  [[nodiscard]] Result<Page*> own_page(uint64_t frame);

  std::vector<FreezePage> rows_;
  LoadPage load_;
  std::map<uint64_t, Page> written_;  // by frame
  mutable std::map<Digest, Page> cache_;
  mutable std::optional<GuestPhysical> missing_;
  mutable Result<void> intact_;
};

}  // namespace ktape
