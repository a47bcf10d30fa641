// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/record.capnp.h"

namespace ktape {

// A complaint that the kernel printed on its console, other than a panic.
struct KernelComplaint {
  schema::OopsKind kind = schema::OopsKind::NOT_SAID;
  std::string headline;  // its first line, without the time stamp
  std::string text;      // from the first line to the end, as printed
};

// Finds complaints among the console's lines: oopses, BUGs, warnings, lockups and stalls, each up
// to the line that ends it. Memory use is bounded; whatever is left out is counted.
class KernelComplaints {
 public:
  static constexpr size_t kMaxTextBytes = 16 << 10;
  static constexpr size_t kMaxComplaints = 64;

  // One line, including its line end.
  void line(const std::string& text);
  // No more lines will come: ends a complaint that is still open.
  void end();

  // Complaints completed since the last call, in order.
  [[nodiscard]] std::vector<KernelComplaint> take();
  // Complaints beyond the first kMaxComplaints and bytes of text beyond kMaxTextBytes, since the
  // last call.
  struct Losses {
    uint64_t complaints = 0;
    uint64_t text_bytes = 0;
  };
  [[nodiscard]] Losses take_losses();

 private:
  [[nodiscard]] bool is_next(std::string_view line, schema::OopsKind kind) const;
  void begin(schema::OopsKind kind, std::string_view headline);
  void add(const std::string& text);

  std::optional<KernelComplaint> open_;
  size_t lines_ = 0;  // of the open complaint, or of cut_here_
  // "[ cut here ]" and the lines after it, until the kind of complaint is known.
  std::string cut_here_;
  size_t complaints_ = 0;
  std::vector<KernelComplaint> complete_;
  Losses losses_;
};

}  // namespace ktape
