// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ktape {

using Digest = std::array<std::byte, 32>;  // SHA-256

// Digests identify content and detect damage; see SECURITY.md for what they do not prove.
[[nodiscard]] Digest sha256(std::span<const std::byte> bytes);

// SHA-256 over parts that are added one after another.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);
  // Finishes the digest; the object can then be used for a new one.
  [[nodiscard]] Digest finish();

 private:
  alignas(8) std::array<std::byte, 112> context_;  // SHA256_CTX; OpenSSL's header stays out of ours
};

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
// Lower or upper case hex to a digest; nothing if it is not 64 hex digits.
[[nodiscard]] std::optional<Digest> digest_from_hex(std::string_view text);

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace ktape
