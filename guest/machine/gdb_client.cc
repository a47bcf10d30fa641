// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_client.h"

#include <fmt/format.h>

#include "guest/machine/io.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr size_t kGdbReadBytes = size_t{16} << 10;

// Sent whenever the machine stops. QMP is asked for the reason.
bool is_stop_reply(std::string_view payload) {
  return payload.starts_with('T') || payload.starts_with('S');
}

}  // namespace

Result<std::unique_ptr<GdbClient>> GdbClient::connect(UniqueFd socket, Clock::time_point deadline) {
  std::unique_ptr<GdbClient> client(new GdbClient(std::move(socket)));
  // The stub accepts thread ids of the form pPID.TID only after this. QEMU has no no-ack mode, but
  // takes the next packet as the acknowledgement of the previous one.
  std::string question = encode_gdb_packet("qSupported:multiprocess+");
  KTAPE_TRY(write_all(client->socket_.get(), as_bytes(question), deadline));
  KTAPE_TRY(client->answer(deadline));
  return client;
}

Result<std::vector<VcpuRegisters>> GdbClient::registers(uint32_t cpus, Clock::time_point deadline) {
  return ask_registers("", cpus, deadline);
}

Result<std::vector<VcpuRegisters>> GdbClient::stop(uint32_t cpus, Clock::time_point deadline) {
  // QEMU handles an interrupt only if its last packet was acknowledged (gdbstub/gdbstub.c,
  // gdb_read_byte()). It stops every vCPU before it reads the requests that follow.
  return ask_registers("+\x03", cpus, deadline);
}

// A broken client must not resume the guest: nobody could stop it any more.
Result<void> GdbClient::go_on(Clock::time_point deadline) {
  if (broken_) return *broken_;
  return write_all(socket_.get(), as_bytes(encode_gdb_packet("c")), deadline);
}

Result<std::vector<VcpuRegisters>> GdbClient::ask_registers(std::string before, uint32_t cpus,
                                                            Clock::time_point deadline) {
  if (broken_) return *broken_;
  Result<std::vector<VcpuRegisters>> all = exchange_registers(std::move(before), cpus, deadline);
  // A late answer would be taken for the answer to the next request. The connection stays open:
  // closing it resumes the guest.
  if (!all.ok()) broken_ = all.error();
  return all;
}

Result<std::vector<VcpuRegisters>> GdbClient::exchange_registers(std::string questions,
                                                                 uint32_t cpus,
                                                                 Clock::time_point deadline) {
  // Sends all requests at once: on a busy host each round trip has to wake up QEMU while the guest
  // is stopped.
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    // Thread ids start at 1.
    questions += encode_gdb_packet(fmt::format("Hgp1.{:x}", cpu + 1)) + encode_gdb_packet("g");
  }
  KTAPE_TRY(write_all(socket_.get(), as_bytes(questions), deadline));
  std::vector<VcpuRegisters> all;
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    // The answers come in the order of the questions: "OK" to Hg, then the registers.
    KTAPE_ASSIGN(std::string chosen, answer(deadline));
    if (chosen != "OK")
      return machine_lost(
          fmt::format("the gdbstub answered '{}' when vCPU {} was selected", chosen, cpu));
    KTAPE_ASSIGN(std::string hex, answer(deadline));
    Result<VcpuRegisters> one = parse_gdb_registers(hex);
    if (!one.ok()) return machine_lost(one.error().message);
    all.push_back(*one);
  }
  return all;
}

Result<std::string> GdbClient::ask(const std::string& question, Clock::time_point deadline) {
  if (broken_) return *broken_;
  // An answer to Z or z that fails to come makes the connection unusable, as in ask_registers().
  Result<void> asked = write_all(socket_.get(), as_bytes(encode_gdb_packet(question)), deadline);
  Result<std::string> got = asked.ok() ? answer(deadline) : asked.error();
  if (!got.ok()) broken_ = got.error();
  return got;
}

Result<void> GdbClient::change_breakpoint(char verb, GuestVirtual address,
                                          Clock::time_point deadline) {
  // Type 1 is a hardware breakpoint; its kind is the instruction length, 1 on x86 (GDB manual,
  // Packets).
  KTAPE_ASSIGN(const std::string got,
               ask(fmt::format("{}1,{:x},1", verb, address.value), deadline));
  if (got == "OK") return {};
  return Error{
      ErrorCode::kHost,
      fmt::format("QEMU answered '{}' to {} a breakpoint at {:#x}", printable(got.substr(0, 32)),
                  verb == 'Z' ? "setting" : "clearing", address.value),
      ""};
}

Result<void> GdbClient::set_breakpoint(GuestVirtual address, Clock::time_point deadline) {
  return change_breakpoint('Z', address, deadline);
}

Result<void> GdbClient::clear_breakpoint(GuestVirtual address, Clock::time_point deadline) {
  return change_breakpoint('z', address, deadline);
}

Result<void> GdbClient::step(uint32_t cpu, Clock::time_point deadline) {
  if (broken_) return *broken_;
  const std::string order = encode_gdb_packet(fmt::format("vCont;s:p1.{:x}", cpu + 1));
  Result<void> asked = write_all(socket_.get(), as_bytes(order), deadline);
  Result<std::string> got = asked.ok() ? answer(deadline, StopReplies::kWanted) : asked.error();
  // Not "OK": vCont is answered by the stop that ends the step.
  if (got.ok() && !is_stop_reply(*got)) {
    got = machine_lost(fmt::format("the gdbstub answered '{}' when vCPU {} was stepped",
                                   printable(got->substr(0, 32)), cpu));
  }
  if (got.ok()) return {};
  broken_ = got.error();
  return got.error();
}

Result<std::string> GdbClient::answer(Clock::time_point deadline, StopReplies stops) {
  for (;;) {
    auto packet = decoder_.next();
    if (!packet.ok()) return machine_lost(packet.error().message);
    if (packet->has_value()) {
      if (is_stop_reply(**packet) && stops == StopReplies::kSkipped) continue;
      return std::move(**packet);
    }
    pollfd readable{socket_.get(), POLLIN, 0};
    KTAPE_ASSIGN(bool ready, poll_until({&readable, 1}, deadline));
    if (!ready) return machine_lost("the gdbstub did not answer in time");
    KTAPE_ASSIGN(ReadResult got, read_some(socket_.get(), kGdbReadBytes));
    if (got.ended) return machine_lost("the gdbstub closed its channel");
    decoder_.feed(got.bytes);
  }
}

}  // namespace ktape
