// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <capnp/message.h>

#include <memory>

namespace ktape {

// A copy of a record's part that outlives the visit in which it was seen.
template <typename T>
class OwnedMessage {
 public:
  void keep(typename T::Reader part) {
    message_ = std::make_unique<capnp::MallocMessageBuilder>();
    message_->setRoot(part);
  }
  [[nodiscard]] bool present() const { return message_ != nullptr; }
  // The part; one with every field at its default when none was kept.
  [[nodiscard]] typename T::Reader get() const {
    return message_ ? message_->getRoot<T>().asReader() : typename T::Reader();
  }

 private:
  std::unique_ptr<capnp::MallocMessageBuilder> message_;
};

}  // namespace ktape
