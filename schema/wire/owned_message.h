// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <memory>

namespace ktape {

// A copy of a part of a record that outlives the visit of the record.
template <typename T>
class OwnedMessage {
 public:
  // Replaces what was kept before, and ends the validity of its reader.
  void keep(typename T::Reader part) {
    // The default first segment is 8 KiB: a stranger's tape of many small records would cost much
    // more memory than its size. The pointer to the root is a word more.
    const auto words = static_cast<unsigned>(part.totalSize().wordCount + 1);
    message_ = std::make_unique<capnp::MallocMessageBuilder>(words);
    message_->setRoot(part);
  }
  [[nodiscard]] bool present() const { return message_ != nullptr; }
  // The part; all of its fields have their defaults if none was kept.
  [[nodiscard]] typename T::Reader get() const {
    return message_ ? message_->getRoot<T>().asReader() : typename T::Reader();
  }

 private:
  std::unique_ptr<capnp::MallocMessageBuilder> message_;
};

}  // namespace ktape
