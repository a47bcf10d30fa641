// SPDX-License-Identifier: Apache-2.0
#include "schema/wire/frame.h"

#include <capnp/serialize.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace ktape {

namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kWordBytes = sizeof(capnp::word);
constexpr size_t kExcerptBytes = 32;

// Enough to read a frame several times, not enough for its pointers to lead the reader in circles.
constexpr uint64_t kTraversalWords = uint64_t{8} * kMaxFrameBytes / kWordBytes;
constexpr int kNesting = 32;

uint32_t load_length(const std::byte* at) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<uint32_t>(at[i]) << (8 * i);
  return length;
}

void store_length(uint32_t length, std::byte* at) {
  for (size_t i = 0; i < kLengthBytes; ++i) at[i] = static_cast<std::byte>(length >> (8 * i));
}

}  // namespace

Result<std::vector<std::byte>> encode_frame(capnp::MessageBuilder& message) {
  size_t payload_bytes = capnp::computeSerializedSizeInWords(message) * kWordBytes;
  if (payload_bytes > kMaxFrameBytes) {
    return Error{ErrorCode::kOutOfRange,
                 "a message of " + std::to_string(payload_bytes) +
                     " bytes does not fit in a frame of " + std::to_string(kMaxFrameBytes),
                 ""};
  }
  kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  std::vector<std::byte> frame(kLengthBytes + payload_bytes);
  store_length(static_cast<uint32_t>(payload_bytes), frame.data());
  std::memcpy(frame.data() + kLengthBytes, words.begin(), payload_bytes);
  return frame;
}

struct FrameMessage::Impl {
  std::vector<std::byte> payload;
  std::optional<capnp::FlatArrayMessageReader> reader;
};

// A vector's memory comes from operator new, so it is aligned for a word.
FrameMessage::FrameMessage(std::vector<std::byte> payload) : impl_(std::make_unique<Impl>()) {
  impl_->payload = std::move(payload);
}
FrameMessage::~FrameMessage() = default;
std::span<const std::byte> FrameMessage::payload() const { return impl_->payload; }
FrameMessage::FrameMessage(FrameMessage&&) noexcept = default;
FrameMessage& FrameMessage::operator=(FrameMessage&&) noexcept = default;

capnp::MessageReader& FrameMessage::reader() {
  if (!impl_->reader) {
    auto words = reinterpret_cast<const capnp::word*>(impl_->payload.data());
    capnp::ReaderOptions limits;
    limits.traversalLimitInWords = kTraversalWords;
    limits.nestingLimit = kNesting;
    impl_->reader.emplace(kj::arrayPtr(words, impl_->payload.size() / kWordBytes), limits);
  }
  return *impl_->reader;
}

std::string excerpt(std::span<const std::byte> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes.first(std::min(bytes.size(), kExcerptBytes))) {
    const auto value = std::to_integer<unsigned>(b);
    text += {kDigits[value >> 4], kDigits[value & 15], ' '};
  }
  if (bytes.size() > kExcerptBytes) return text + "...";
  if (!text.empty()) text.pop_back();
  return text;
}

void FrameDecoder::feed(std::span<const std::byte> bytes) {
  buffer_.erase(buffer_.begin(),
                buffer_.begin() + static_cast<ptrdiff_t>(std::exchange(begin_, 0)));
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<FrameMessage>> FrameDecoder::next() {
  size_t available = buffer_.size() - begin_;
  if (available < kLengthBytes) return std::optional<FrameMessage>();
  uint32_t length = load_length(buffer_.data() + begin_);
  if (length == 0 || length % kWordBytes != 0 || length > kMaxFrameBytes) {
    return Error{ErrorCode::kBadInput,
                 "got a frame of " + std::to_string(length) +
                     " bytes, expected a multiple of 8 up to " + std::to_string(kMaxFrameBytes) +
                     "; it begins " + excerpt(std::span(buffer_).subspan(begin_)),
                 ""};
  }
  if (available - kLengthBytes < length) return std::optional<FrameMessage>();
  auto first = buffer_.begin() + static_cast<ptrdiff_t>(begin_ + kLengthBytes);
  std::vector<std::byte> payload(first, first + length);
  begin_ += kLengthBytes + length;
  return std::optional<FrameMessage>(FrameMessage(std::move(payload)));
}

}  // namespace ktape
