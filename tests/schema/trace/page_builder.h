// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace ktape::test {

// Makes a sub-buffer of a trace ring, event by event, also ones that no kernel makes.
class PageBuilder {
 public:
  explicit PageBuilder(uint64_t time_ns = 0) : time_ns_(time_ns) {}

  PageBuilder& word(uint32_t value) { return number(value); }
  PageBuilder& header(uint32_t type, uint32_t delta) { return word(delta << 5 | type); }

  // An event of up to 112 bytes of data, which are padded to a multiple of four.
  PageBuilder& event(uint32_t delta, std::string_view data) {
    return header(static_cast<uint32_t>((data.size() + 3) / 4), delta).text(data);
  }
  PageBuilder& long_event(uint32_t delta, std::string_view data) {
    const auto padded = static_cast<uint32_t>((data.size() + 3) / 4 * 4);
    return header(0, delta).word(padded + 4).text(data);
  }
  PageBuilder& discarded(uint32_t delta, std::string_view data) {
    const auto padded = static_cast<uint32_t>((data.size() + 3) / 4 * 4);
    return header(29, delta).word(padded + 4).text(data);
  }
  PageBuilder& extend(uint64_t delta) { return wide(30, delta); }
  PageBuilder& stamp(uint64_t time) { return wide(31, time); }
  PageBuilder& rest_is_empty() { return header(29, 0).word(0); }

  [[nodiscard]] size_t bytes_of_data() const { return data_.size(); }

  // `flags` are added to the commit; `after` comes behind the committed data.
  [[nodiscard]] std::vector<std::byte> finish(size_t page_bytes = 4096, uint64_t flags = 0,
                                              std::string_view after = {}) const {
    return finish_with(data_.size() | flags, page_bytes, after);
  }
  [[nodiscard]] std::vector<std::byte> finish_with(uint64_t commit, size_t page_bytes = 4096,
                                                   std::string_view after = {}) const {
    PageBuilder page;
    page.number(time_ns_).number(commit);
    page.data_.insert(page.data_.end(), data_.begin(), data_.end());
    page.text(after);
    page.data_.resize(page_bytes);
    return page.data_;
  }

 private:
  template <typename Number>
  PageBuilder& number(Number value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    data_.insert(data_.end(), bytes, bytes + sizeof(value));
    return *this;
  }
  PageBuilder& wide(uint32_t type, uint64_t value) {
    constexpr uint32_t kLow = (1u << 27) - 1;
    return header(type, static_cast<uint32_t>(value) & kLow)
        .word(static_cast<uint32_t>(value >> 27));
  }
  PageBuilder& text(std::string_view data) {
    for (char c : data) data_.push_back(static_cast<std::byte>(c));
    data_.resize((data_.size() + 3) / 4 * 4);
    return *this;
  }

  uint64_t time_ns_;
  std::vector<std::byte> data_;
};

}  // namespace ktape::test
