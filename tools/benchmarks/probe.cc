// SPDX-License-Identifier: Apache-2.0
#include "tools/benchmarks/probe.h"

#include <capnp/message.h>

#include <cstring>
#include <string>

namespace ktape::bench {

namespace {

uint64_t ns_between(Machine::Clock::time_point from, Machine::Clock::time_point to) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(to - from).count());
}

uint64_t ns_since(Machine::Clock::time_point start) {
  return ns_between(start, Machine::Clock::now());
}

MachineEvent as_event(std::span<const std::byte> payload) {
  MachineEvent event{MachineEventKind::kAgentBytes, {}, ""};
  const auto size = static_cast<uint32_t>(payload.size());
  event.bytes.resize(sizeof(size) + payload.size());
  std::memcpy(event.bytes.data(), &size, sizeof(size));
  std::memcpy(event.bytes.data() + sizeof(size), payload.data(), payload.size());
  return event;
}

}  // namespace

Probe::Probe(QemuMachine& machine, uint32_t cpus, uint32_t warm_up)
    : machine_(machine), bare_(channels_of_qemu(), cpus), warm_up_(warm_up) {}

void Probe::on_step(std::string name, std::function<void()> act) {
  step_ = std::move(name);
  act_ = std::move(act);
}

Result<MachineEvent> Probe::wait(Clock::time_point deadline, int wake_fd) {
  for (;;) {
    if (!events_.empty()) {
      MachineEvent event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    KTAPE_ASSIGN(MachineEvent event, machine_.wait(deadline, wake_fd));
    if (event.kind != MachineEventKind::kAgentBytes) return event;
    KTAPE_TRY(take(event.bytes));
  }
}

Result<void> Probe::take(std::span<const std::byte> bytes) {
  const Clock::time_point came = Clock::now();
  decoder_.feed(bytes);
  for (;;) {
    KTAPE_ASSIGN(std::optional<FrameMessage> frame, decoder_.next());
    if (!frame) return {};
    const auto message = frame->reader().getRoot<schema::FromAgent>();
    if (message.isWorkerStarted()) {
      worker_ = {message.getWorkerStarted().getPid(),
                 message.getWorkerStarted().getStartBoottimeNs()};
    }
    if (message.isStepStarted() && act_ && step_ == message.getStepStarted().getName().cStr())
      act_();
    if (!message.isRequest() || on_request(message.getRequest().getId(), came))
      events_.push_back(as_event(frame->payload()));
  }
}

Result<void> Probe::send_to_agent(std::span<const std::byte> bytes) {
  to_agent_.feed(bytes);
  KTAPE_ASSIGN(std::optional<FrameMessage> frame, to_agent_.next());
  if (frame && frame->reader().getRoot<schema::FromHost>().isReply())
    last_reply_.emplace(std::move(*frame));
  return machine_.send_to_agent(bytes);
}

bool Probe::on_request(uint64_t id, Clock::time_point came) {
  if (requests_seen_ > warm_up_) {
    const auto cycle =
        std::chrono::duration_cast<std::chrono::nanoseconds>(came - last_came_).count();
    (by_floor_ ? requests_.floor : requests_.ours).push_back(static_cast<uint64_t>(cycle));
  }
  last_came_ = came;
  // One of each two is the floor's, alternating the first and the second.
  by_floor_ = ((requests_seen_ + 1) / 2) % 2 == 0;
  ++requests_seen_;
  if (by_floor_) serve(id);
  return !by_floor_;
}

void Probe::serve(uint64_t id) {
  capnp::MallocMessageBuilder message;
  if (last_reply_) {
    message.setRoot(last_reply_->reader().getRoot<schema::FromHost>());
  } else {
    message.initRoot<schema::FromHost>().initReply().initResult().setOk(true);
  }
  message.getRoot<schema::FromHost>().getReply().setRequest(id);
  const std::vector<std::byte> frame = std::move(encode_frame(message)).value();
  const Clock::time_point began = Clock::now();
  bare_.stop();
  bare_.registers();
  bare_.go_on();
  if (requests_seen_ > warm_up_) freezes_.floor.push_back(ns_since(began));
  bare_.to_agent(frame);
}

Result<Frozen> Probe::freeze() {
  froze_ = Clock::now();
  KTAPE_ASSIGN(Frozen frozen, machine_.freeze());
  frozen_.emplace(std::move(frozen));
  if (requests_seen_ > warm_up_) parts_.stop.push_back(ns_since(froze_));
  stood_ = Clock::now();
  return Frozen(this, frozen_->stop_latency());
}

Result<void> Probe::thaw() {
  const Clock::time_point asked = Clock::now();
  Result<void> thawed = frozen_->thaw();
  if (requests_seen_ > warm_up_) {
    parts_.still.push_back(ns_between(stood_, asked));
    parts_.go_on.push_back(ns_since(asked));
    freezes_.ours.push_back(ns_since(froze_));
  }
  frozen_.reset();
  return thawed;
}

}  // namespace ktape::bench
