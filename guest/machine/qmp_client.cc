// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qmp_client.h"

#include <fmt/format.h>

#include <utility>

#include "guest/machine/io.h"
#include "schema/base/digest.h"

namespace ktape {

namespace {

constexpr size_t kQmpReadBytes = size_t{64} << 10;

}  // namespace

Result<std::unique_ptr<QmpClient>> QmpClient::connect(UniqueFd socket, Clock::time_point deadline) {
  std::unique_ptr<QmpClient> client(new QmpClient(std::move(socket)));
  const auto greeted = [&client] { return client->greeted_; };
  while (!greeted()) KTAPE_TRY(client->wait_for_more("a greeting", greeted, deadline));
  // In negotiation mode QEMU answers no other command (QEMU, docs/interop/qmp-spec).
  KTAPE_TRY(client->execute("qmp_capabilities", {}, deadline));
  return client;
}

Result<QmpFields> QmpClient::execute(std::string_view command, const QmpArguments& arguments,
                                     Clock::time_point deadline) {
  // A reply that came after its request had timed out must not answer this one.
  reply_.reset();
  std::string request = qmp_request(++last_id_, command, arguments);
  KTAPE_TRY(write_all(socket_.get(), as_bytes(request), deadline));
  const auto came = [this] { return reply_.has_value(); };
  while (!came())
    KTAPE_TRY(wait_for_more(fmt::format("an answer to '{}'", command), came, deadline));
  QmpReply reply = std::move(*reply_);
  reply_.reset();
  if (reply.ok) return std::move(reply.value);
  return Error{ErrorCode::kRefused, fmt::format("QEMU refused '{}': {}", command, reply.error), ""};
}

Result<bool> QmpClient::receive() {
  KTAPE_ASSIGN(ReadResult got, read_some(socket_.get(), kQmpReadBytes));
  lines_.feed(got.bytes);
  for (;;) {
    auto line = lines_.next();
    if (!line.ok()) return machine_lost(line.error().message);
    // An end with complete lines before it: those are still delivered, and the end is reported by
    // the return value.
    if (!line->has_value()) return !got.ended;
    Result<QmpMessage> message = parse_qmp_line(**line);
    if (!message.ok()) return machine_lost(message.error().message);
    KTAPE_TRY(take(std::move(message).value()));
  }
}

std::optional<QmpEvent> QmpClient::next_event() {
  if (events_.empty()) return std::nullopt;
  QmpEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Result<QmpEvent> QmpClient::wait_for_event(Clock::time_point deadline) {
  for (;;) {
    if (auto event = next_event()) return std::move(*event);
    KTAPE_TRY(wait_for_more(
        "an event", [this] { return !events_.empty(); }, deadline));
  }
}

Result<void> QmpClient::take(QmpMessage message) {
  if (auto* event = std::get_if<QmpEvent>(&message)) {
    events_.push_back(std::move(*event));
  } else if (auto* version = std::get_if<QemuVersion>(&message)) {
    if (std::exchange(greeted_, true)) return machine_lost("QEMU greeted twice");
    version_ = std::move(*version);
  } else {
    auto& reply = std::get<QmpReply>(message);
    // A reply to nothing means that the stream is out of step; nothing after it can be matched.
    if (reply.id == 0 || reply.id > last_id_) {
      return machine_lost(fmt::format("QEMU answered request {}, which was never sent", reply.id));
    }
    // Ignore older ids: their requests timed out.
    if (reply.id == last_id_) reply_ = std::move(reply);
  }
  return {};
}

Result<void> QmpClient::wait_for_more(std::string_view what, const std::function<bool()>& came,
                                      Clock::time_point deadline) {
  pollfd readable{socket_.get(), POLLIN, 0};
  KTAPE_ASSIGN(bool ready, poll_until({&readable, 1}, deadline));
  if (!ready) return machine_lost(fmt::format("QEMU did not send {} in time", what));
  KTAPE_ASSIGN(bool open, receive());
  if (!open && !came())
    return machine_lost(fmt::format("QEMU closed its control channel instead of sending {}", what));
  return {};
}

}  // namespace ktape
