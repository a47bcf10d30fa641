// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/units.h"

namespace ktape {

// A run of guest-physical memory that exists, in bytes.
struct PhysicalRange {
  GuestPhysical start;
  uint64_t bytes = 0;
};

class Translations;

// The guest's physical memory, for reading. Live machines map it; recorded memory serves the pages
// that a tape kept. Everything that understands a kernel knows this interface only.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;

  // Copies `out.size()` bytes that begin at `address`; the range may cross pages. Errors:
  // kOutOfRange where no RAM is, kNotApplicable where recorded memory did not keep the page.
  // On an error `out` is unspecified.
  virtual Result<void> read(GuestPhysical address, std::span<std::byte> out) const = 0;

  // The bytes themselves, where they can be had without a copy; empty where not. As long as the
  // memory lives.
  virtual std::span<const std::byte> view(GuestPhysical /*address*/, uint64_t /*bytes*/) const {
    return {};
  }

  // Where RAM is, ascending, without the parts known to be all zero where that is cheap to tell.
  // For searches.
  virtual Result<std::vector<PhysicalRange>> populated() const = 0;

  // What is remembered of the kernel's page tables while nothing can change them; nullptr: nothing
  // is.
  virtual Translations* translations() const { return nullptr; }
};

// The same, for writing: only a freeze hands it out.
class WritableGuestMemory : public GuestMemory {
 public:
  // All or nothing where the range is RAM; kOutOfRange, and nothing written, where it is not.
  virtual Result<void> write(GuestPhysical address, std::span<const std::byte> bytes) = 0;

  // Where RAM is, ascending, all that is known of: what of it is not populated is zero.
  virtual Result<std::vector<PhysicalRange>> ram() const { return populated(); }
};

}  // namespace ktape
