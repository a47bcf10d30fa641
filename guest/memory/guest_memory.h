// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// A range of existing guest-physical memory, in bytes.
struct PhysicalRange {
  GuestPhysical start;
  uint64_t bytes = 0;
};

class Translations;

// Read access to guest-physical memory. Live machines map it; recorded memory serves the pages kept
// on a tape. Code that interprets a kernel uses only this interface.
class GuestMemory {
 public:
  // Not thread-safe, unless an implementation says so: reading may record or cache.
  virtual ~GuestMemory() = default;

  // Copies `out.size()` bytes from `address`; the range may cross pages. Errors: kOutOfRange if the
  // range is not RAM, kNotApplicable if recorded memory did not keep the page. On error the
  // contents of `out` are unspecified.
  virtual Result<void> read(GuestPhysical address, std::span<std::byte> out) const = 0;

  // The bytes themselves, if available without a copy; otherwise empty. Valid as long as the
  // memory.
  virtual std::span<const std::byte> view(GuestPhysical /*address*/, uint64_t /*bytes*/) const {
    return {};
  }

  // The ranges of RAM, ascending, without parts known to be all zero if that is cheap to find out.
  // For searches.
  virtual Result<std::vector<PhysicalRange>> populated() const = 0;

  // Cached page-table translations, while nothing can change them; nullptr: none.
  virtual Translations* translations() const { return nullptr; }
};

// Adds write access. Only a freeze provides it.
class WritableGuestMemory : public GuestMemory {
 public:
  // Writes all of the range if it is RAM; otherwise writes nothing and returns kOutOfRange.
  virtual Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) = 0;

  // All known ranges of RAM, ascending. Those not populated are zero.
  virtual Result<std::vector<PhysicalRange>> ram() const { return populated(); }
};

}  // namespace ktape
