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
// wait for their reply; meanwhile events are queued in order, and never dropped. Once the other
// side has closed the channel or sent something that is not QMP, every call fails with
// kMachineLost.
class QmpClient {
 public:
  using Clock = std::chrono::steady_clock;

  // Waits for the greeting and completes the negotiation.
  [[nodiscard]] static Result<std::unique_ptr<QmpClient>> connect(UniqueFd socket,
                                                                  Clock::time_point deadline);

  // From the greeting; known since `connect`.
  [[nodiscard]] const QemuVersion& version() const { return version_; }
  [[nodiscard]] int fd() const { return socket_.get(); }

  // The reply's value. kRefused if QEMU answered with an error (the message quotes it);
  // kMachineLost if the channel broke or no reply came before `deadline`. A later reply is dropped.
  [[nodiscard]] Result<QmpFields> execute(std::string_view command, const QmpArguments& arguments,
                                          Clock::time_point deadline);

  // Reads pending input without blocking. False once QEMU has closed the channel.
  [[nodiscard]] Result<bool> receive();

  // The oldest event that was not taken yet; nothing if there is none. Reads nothing.
  [[nodiscard]] std::optional<QmpEvent> next_event();
  // Waits for the next event. kMachineLost if none comes before `deadline`.
  [[nodiscard]] Result<QmpEvent> wait_for_event(Clock::time_point deadline);

 private:
  explicit QmpClient(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<void> take(QmpMessage message);
  // `came` returns whether the awaited message is there: it may be among the last bytes of a QEMU
  // that exits.
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
