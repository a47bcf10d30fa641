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
    message_ = std::make_unique<capnp::MallocMessageBuilder>();
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
