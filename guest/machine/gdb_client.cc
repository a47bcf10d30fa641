// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_client.h"

#include <fmt/format.h>

#include "guest/machine/io.h"
#include "schema/base/digest.h"

namespace ktape {

namespace {

constexpr size_t kReadBytes = size_t{16} << 10;

Error lost(std::string message) { return Error{ErrorCode::kMachineLost, std::move(message), ""}; }

// Sent when the machine stops, unasked: QMP has told it already.
bool is_stop_reply(std::string_view payload) { return payload.starts_with('T') || payload.starts_with('S'); }

}  // namespace

Result<std::unique_ptr<GdbClient>> GdbClient::connect(UniqueFd socket, Clock::time_point deadline) {
  std::unique_ptr<GdbClient> client(new GdbClient(std::move(socket)));
  // Thread ids of the form pPID.TID are understood only after this. QEMU has no no-ack mode; it takes
  // the next packet as the acknowledgement of its last.
  KTAPE_TRY(client->ask("qSupported:multiprocess+", deadline));
  return client;
}

Result<std::vector<VcpuRegisters>> GdbClient::registers(uint32_t cpus, Clock::time_point deadline) {
  if (broken_) return *broken_;
  Result<std::vector<VcpuRegisters>> all = ask_registers(cpus, deadline);
  // A late answer would be taken for the next one's. The connection stays open: closing it lets the
  // guest run.
  if (!all.ok()) broken_ = all.error();
  return all;
}

Result<std::vector<VcpuRegisters>> GdbClient::ask_registers(uint32_t cpus, Clock::time_point deadline) {
  std::vector<VcpuRegisters> all;
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    // Threads count from 1.
    KTAPE_TRY(expect_ok(fmt::format("Hgp1.{:x}", cpu + 1), deadline));
    KTAPE_ASSIGN(std::string hex, ask("g", deadline));
    Result<VcpuRegisters> one = parse_gdb_registers(hex);
    if (!one.ok()) return lost(one.error().message);
    all.push_back(*one);
  }
  return all;
}

Result<std::string> GdbClient::ask(std::string_view payload, Clock::time_point deadline) {
  KTAPE_TRY(write_all(socket_.get(), as_bytes(encode_gdb_packet(payload)), deadline));
  return answer(deadline);
}

Result<void> GdbClient::expect_ok(std::string_view payload, Clock::time_point deadline) {
  KTAPE_ASSIGN(std::string got, ask(payload, deadline));
  if (got != "OK") return lost(fmt::format("the gdbstub answered '{}' to '{}'", got, payload));
  return {};
}

Result<std::string> GdbClient::answer(Clock::time_point deadline) {
  for (;;) {
    auto packet = decoder_.next();
    if (!packet.ok()) return lost(packet.error().message);
    if (packet->has_value()) {
      if (is_stop_reply(**packet)) continue;
      return std::move(**packet);
    }
    pollfd readable{socket_.get(), POLLIN, 0};
    KTAPE_ASSIGN(bool ready, poll_until({&readable, 1}, deadline));
    if (!ready) return lost("the gdbstub did not answer in time");
    KTAPE_ASSIGN(ReadResult got, read_some(socket_.get(), kReadBytes));
    if (got.ended) return lost("the gdbstub closed its channel");
    decoder_.feed(got.bytes);
  }
}

}  // namespace ktape
