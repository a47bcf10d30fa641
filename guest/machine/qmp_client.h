// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "guest/machine/qmp_message.h"
#include "schema/base/file.h"
#include "schema/base/result.h"

namespace ktape {

// QEMU's control channel (QEMU Machine Protocol) over a connected socket. Requests carry ids and
// wait for their reply; events are queued meanwhile, in order, and never dropped. Once the other
// side is gone or has sent something that is not QMP, every call fails with kMachineLost.
class QmpClient {
 public:
  using Clock = std::chrono::steady_clock;

  // Waits for the greeting and ends the negotiation.
  [[nodiscard]] static Result<std::unique_ptr<QmpClient>> connect(UniqueFd socket,
                                                                  Clock::time_point deadline);

  [[nodiscard]] const QemuVersion& version() const { return version_; }
  [[nodiscard]] int fd() const { return socket_.get(); }

  // The reply's value. kRefused when QEMU answered with an error (its words are the message);
  // kMachineLost when the channel broke or no reply came before `deadline`. A reply that comes
  // later than that is dropped.
  [[nodiscard]] Result<QmpFields> execute(std::string_view command, const QmpArguments& arguments,
                                          Clock::time_point deadline);

  // Takes what has arrived, without blocking. False once QEMU has closed the channel.
  [[nodiscard]] Result<bool> receive();

  [[nodiscard]] std::optional<QmpEvent> next_event();
  // The next one; waits for it. kMachineLost when none comes before `deadline`.
  [[nodiscard]] Result<QmpEvent> wait_for_event(Clock::time_point deadline);

 private:
  explicit QmpClient(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<void> take(QmpMessage message);
  // `came` tells whether what is waited for is there: the last bytes of a QEMU that ends may have
  // brought it.
  Result<void> wait_for_more(std::string_view what, const std::function<bool()>& came,
                             Clock::time_point deadline);

  UniqueFd socket_;
  QmpLines lines_;
  QemuVersion version_;
  bool greeted_ = false;
  uint64_t last_id_ = 0;
  std::optional<QmpReply> reply_;
  std::deque<QmpEvent> events_;
};

}  // namespace ktape
