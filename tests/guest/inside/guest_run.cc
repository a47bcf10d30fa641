// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/inside/guest_run.h"

#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "guest/machine/qemu_machine.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

constexpr auto kLimit = std::chrono::seconds(180);  // a run takes 10 to 30 s under TCG

MachineConfig config_for(const std::string& kernel_path) {
  MachineConfig config;
  config.accelerator = Accelerator::kTcg;
  config.kernel_path = kernel_path;
  config.initramfs_path = KTAPE_INITRAMFS;
  config.command_line = "console=ttyS0 panic=-1 quiet";
  return config;
}

// The host's answer to a message, if the message needs one.
Result<void> answer(schema::FromAgent::Reader message, Machine& machine,
                    const std::function<void(schema::Scenario::Builder)>& scenario) {
  capnp::MallocMessageBuilder answer;
  auto host = answer.initRoot<schema::FromHost>();
  if (message.isHello()) {
    scenario(host.initScenario());
  } else if (message.isStepStarted()) {
    host.setStepReady(message.getStepStarted().getStep());
  } else if (message.isRequest()) {
    auto reply = host.initReply();
    reply.setRequest(message.getRequest().getId());
    reply.initResult().setOk(true);
  } else if (message.isDone()) {
    host.setDoneHeard();
  } else {
    return {};
  }
  KTAPE_ASSIGN(std::vector<std::byte> frame, encode_frame(answer));
  return machine.send_to_agent(frame);
}

}  // namespace

Result<GuestRun> GuestRun::of(const std::string& kernel_path,
                              const std::function<void(schema::Scenario::Builder)>& scenario) {
  KTAPE_ASSIGN(std::unique_ptr<QemuMachine> machine, QemuMachine::start(config_for(kernel_path)));
  const auto deadline = Machine::Clock::now() + kLimit;
  GuestRun run;
  FrameDecoder decoder;
  while (!run.ended_) {
    KTAPE_ASSIGN(MachineEvent event, machine->wait(deadline, -1));
    switch (event.kind) {
      case MachineEventKind::kAgentBytes: decoder.feed(event.bytes); break;
      case MachineEventKind::kConsoleBytes:
        run.console_.append(reinterpret_cast<const char*>(event.bytes.data()), event.bytes.size());
        break;
      case MachineEventKind::kEnded: run.ended_ = true; break;
      default:
        return Error{ErrorCode::kHost, "the guest did not end: " + event.text + "\n" + run.console_,
                     ""};
    }
    for (;;) {
      KTAPE_ASSIGN(std::optional<FrameMessage> message, decoder.next());
      if (!message) break;
      KTAPE_TRY(answer(message->reader().getRoot<schema::FromAgent>(), *machine, scenario));
      run.messages_.push_back(std::move(*message));
    }
  }
  return run;
}

std::vector<schema::FromAgent::Reader> GuestRun::messages(schema::FromAgent::Which kind) {
  std::vector<schema::FromAgent::Reader> found;
  for (FrameMessage& frame : messages_) {
    auto message = frame.reader().getRoot<schema::FromAgent>();
    if (message.which() == kind) found.push_back(message);
  }
  return found;
}

schema::FromAgent::Reader GuestRun::only(schema::FromAgent::Which kind) {
  auto found = messages(kind);
  if (found.size() != 1) {
    throw std::runtime_error(std::to_string(found.size()) + " messages of kind " +
                             std::to_string(static_cast<int>(kind)) + ", expected one\n" +
                             console_);
  }
  return found[0];
}

bool GuestRun::ended_well() {
  return ended_ && !messages_.empty() &&
         messages_.back().reader().getRoot<schema::FromAgent>().isDone();
}

}  // namespace ktape::test
