// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/message_shape.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

namespace ktape {

namespace {

// The encoding of pointers: https://capnproto.org/encoding.html.
enum Kind : uint64_t { kStruct = 0, kList = 1, kFar = 2, kOther = 3 };
enum ElementSize : uint64_t { kVoid = 0, kBit = 1, kPointer = 6, kComposite = 7 };
constexpr uint64_t kBitsOf[] = {0, 1, 8, 16, 32, 64};  // of the element sizes before kPointer
constexpr uint64_t kWordBits = 64;

static_assert(std::endian::native == std::endian::little, "words are read as stored");

// Bits of a word, from the lowest.
uint64_t bits(uint64_t word, int from, int count) {
  return word >> from & ((uint64_t{1} << count) - 1);
}

class ShapeCheck {
 public:
  explicit ShapeCheck(std::span<const uint64_t> words) : words_(words), left_(words.size()) {}

  Result<void> run() {
    // The root pointer is the first word.
    reach({0, 1}, 1);
    // Iterative: a chain of pointers must not use up our stack.
    while (!pending_.empty() && !far_ && !too_much_) {
      const Pointers part = pending_.back();
      pending_.pop_back();
      for (uint64_t at = part.at; at < part.at + part.count && !far_ && !too_much_; ++at)
        follow(at);
    }
    if (far_) return Error{ErrorCode::kBadInput, "it has a pointer to another segment", ""};
    if (too_much_) {
      return Error{ErrorCode::kBadInput,
                   "its pointers reach more than its " + std::to_string(words_.size()) + " words",
                   ""};
    }
    return {};
  }

 private:
  // Consecutive pointers.
  struct Pointers {
    uint64_t at = 0;
    uint64_t count = 0;
  };

  [[nodiscard]] bool inside(uint64_t at, uint64_t size) const {
    return at <= words_.size() && size <= words_.size() - at;
  }

  // An object of `cost` words, with these pointers in it.
  void reach(Pointers pointers, uint64_t cost) {
    too_much_ = too_much_ || cost > left_;
    left_ -= std::min(cost, left_);
    if (pointers.count > 0 && !too_much_) pending_.push_back(pointers);
  }

  void follow(uint64_t at) {
    const uint64_t pointer = words_[at];
    if (pointer == 0) return;
    const uint64_t kind = bits(pointer, 0, 2);
    far_ = far_ || kind == kFar;
    if (kind != kStruct && kind != kList) return;
    // Two's complement: an offset before the segment becomes larger than the segment.
    // Sign-extended: bits 2 to 31 are a signed offset in words.
    const uint64_t offset =
        static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(pointer)) >> 2);
    const uint64_t target = at + 1 + offset;
    if (kind == kStruct) {
      reach_struct(target, bits(pointer, 32, 16), bits(pointer, 48, 16));
    } else {
      reach_list(target, bits(pointer, 32, 3), bits(pointer, 35, 29));
    }
  }

  void reach_struct(uint64_t at, uint64_t data, uint64_t pointers) {
    if (inside(at, data + pointers)) reach({at + data, pointers}, data + pointers);
  }

  void reach_list(uint64_t at, uint64_t size, uint64_t count) {
    if (size == kComposite) return reach_structs(at, count);
    // Elements without size cost nothing in bytes; counted as a word each, they cannot be many.
    if (size == kVoid) return reach({}, count);
    if (size == kPointer) {
      if (inside(at, count)) reach({at, count}, count);
      return;
    }
    const uint64_t total = (count * kBitsOf[size] + kWordBits - 1) / kWordBits;
    if (inside(at, total)) reach({}, total);
  }

  // A list of structs: a word with their number and size, then `total` words of them.
  void reach_structs(uint64_t at, uint64_t total) {
    if (!inside(at, total + 1)) return;
    const uint64_t count = bits(words_[at], 2, 30);
    const uint64_t data = bits(words_[at], 32, 16), pointers = bits(words_[at], 48, 16);
    // An inconsistent list is left to the reader, which refuses it.
    if (count * (data + pointers) > total) return;
    // At least one word for each struct, also for those of size 0.
    reach({}, std::max(total + 1, count));
    if (pointers == 0) return;
    for (uint64_t i = 0; i < count && !too_much_; ++i)
      reach({at + 1 + i * (data + pointers) + data, pointers}, 0);
  }

  std::span<const uint64_t> words_;
  // Words that may still be reached. Every word of an honest message is reached once.
  uint64_t left_;
  bool far_ = false;
  bool too_much_ = false;
  std::vector<Pointers> pending_;
};

}  // namespace

Result<void> check_shape(std::span<const uint64_t> words) { return ShapeCheck(words).run(); }

}  // namespace ktape
