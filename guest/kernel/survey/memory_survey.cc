// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/survey/memory_survey.h"

#include <algorithm>
#include <array>

#include "guest/kernel/types/sizes.h"

namespace ktape {

namespace {

constexpr uint64_t kFrameBytes = RecordingMemory::kFrameBytes;

}  // namespace

bool MemorySurvey::over_budget() {
  // Frames bound the memory, steps the time: a hostile list can make a survey read one frame for
  // ever.
  if (memory_.recorded() - first_ < kMaxFrames && ++steps_ < kMaxSteps) return false;
  // Once per freeze, whatever came after it: the counter says in how many freezes memory is
  // missing.
  if (!spent_) ++losses_["budget"];
  spent_ = true;
  return true;
}

bool MemorySurvey::keep(GuestVirtual address, uint64_t bytes) {
  bool all = true;
  while (bytes > 0) {
    if (over_budget()) return false;
    const uint64_t here = std::min(bytes, kFrameBytes - address.value % kFrameBytes);
    const Result<GuestPhysical> physical = kernel_.translate(memory_, address);
    // The translation reads page tables through the same memory, which records them, too.
    all = all && physical.ok() && memory_.record(*physical, here).ok();
    address = address + here;
    bytes -= here;
  }
  if (!all) lose();
  return all;
}

bool MemorySurvey::read(GuestVirtual address, std::span<std::byte> out) {
  if (over_budget()) return false;
  // Reading is what records; the caller does not have to keep it as well.
  if (kernel_.read(memory_, address, out).ok()) return true;
  lose();
  return false;
}

std::optional<uint64_t> MemorySurvey::number(GuestVirtual address, size_t width) {
  uint64_t value = 0;
  if (!read(address, std::as_writable_bytes(std::span(&value, 1)).first(width)))
    return std::nullopt;
  return value;
}

std::optional<GuestVirtual> MemorySurvey::pointer(GuestVirtual address) {
  const std::optional<uint64_t> value = number(address, kPointerBytes);
  if (!value || *value == 0) return std::nullopt;
  return GuestVirtual(*value);
}

void MemorySurvey::keep_text(GuestVirtual address, uint64_t limit) {
  std::array<char, kFrameBytes> part;
  while (limit > 0) {
    const uint64_t here = std::min(limit, kFrameBytes - address.value % kFrameBytes);
    if (!read(address, std::as_writable_bytes(std::span(part).first(here)))) return;
    if (std::find(part.begin(), part.begin() + here, '\0') != part.begin() + here) return;
    address = address + here;
    limit -= here;
  }
  lose();
}

void MemorySurvey::list(GuestVirtual head, const std::function<bool(GuestVirtual)>& visit) {
  GuestVirtual at = head;
  for (size_t entries = 0; entries <= kMaxChain; ++entries) {
    const std::optional<GuestVirtual> next = pointer(at);
    // The head itself is in the object that holds it, so it was recorded with that.
    if (!next || *next == head) return;
    at = *next;
    if (!visit(at)) return;
  }
  lose();
}

std::optional<GuestVirtual> MemorySurvey::symbol(std::string_view name) const {
  const Result<GuestVirtual> found = kernel_.symbol(name);
  return found.ok() ? std::optional(*found) : std::nullopt;
}

std::vector<MemoryLoss> MemorySurvey::losses() const {
  std::vector<MemoryLoss> losses;
  for (const auto& [subject, count] : losses_) {
    const std::string what =
        subject == "budget"
            ? "freezes in which the scheduler's memory was too large to keep in full"
            : "parts of the scheduler's memory that could not be read in a freeze: " + subject;
    losses.push_back({"pages_" + subject, what, count});
  }
  return losses;
}

}  // namespace ktape
