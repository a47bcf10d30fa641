// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_packet.h"

#include <fmt/format.h>

#include <algorithm>

namespace ktape {

namespace {

// Byte offsets in the answer to 'g'.
constexpr size_t kRdi = size_t{5} * 8;
constexpr size_t kRsp = size_t{7} * 8;
constexpr size_t kRip = size_t{16} * 8;
constexpr size_t kEflags = kRip + 8;
constexpr size_t kCs = kEflags + 4;
constexpr size_t kFsBase = kCs + size_t{6} * 4;
constexpr size_t kGsBase = kFsBase + 8;
constexpr size_t kKernelGsBase = kGsBase + 8;
constexpr size_t kNeededBytes = kKernelGsBase + 8;

// A run length is a printable character, 29 above the number of repetitions.
constexpr int kRunBase = 29;
constexpr int kMaxRun = 126 - kRunBase;

Error bad_packet(std::string_view why) {
  return Error{ErrorCode::kBadInput, fmt::format("cannot read the gdbstub's answer: {}", why), ""};
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

unsigned checksum(std::string_view payload) {
  unsigned sum = 0;
  for (char c : payload) sum += static_cast<unsigned char>(c);
  return sum & 0xff;
}

Result<std::string> unescape(std::string_view raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '}' && raw[i] != '*') {
      out.push_back(raw[i]);
      continue;
    }
    if (++i == raw.size()) return bad_packet("an escape at its end");
    if (raw[i - 1] == '}') {
      out.push_back(static_cast<char>(raw[i] ^ 0x20));
      continue;
    }
    int run = raw[i] - kRunBase;
    if (out.empty() || run < 3 || run > kMaxRun) return bad_packet("an impossible run length");
    out.append(static_cast<size_t>(run), out.back());
  }
  return out;
}

uint64_t little_endian(std::string_view hex, size_t offset, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) {
    const char* pair = &hex[2 * (offset + i)];
    value = value << 8 | static_cast<uint64_t>(digit(pair[0]) << 4 | digit(pair[1]));
  }
  return value;
}

}  // namespace

std::string encode_gdb_packet(std::string_view payload) {
  return fmt::format("${}#{:02x}", payload, checksum(payload));
}

void GdbPacketDecoder::feed(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::optional<std::string>> GdbPacketDecoder::next() {
  size_t begin = std::min(buffer_.find_first_not_of('+'), buffer_.size());
  buffer_.erase(0, begin);
  if (buffer_.empty()) return std::optional<std::string>();
  if (buffer_[0] == '-') return bad_packet("it refused a packet");
  if (buffer_[0] != '$') return bad_packet("bytes between packets");
  size_t hash = buffer_.find('#');
  if (std::min(hash, buffer_.size()) > kMaxPacketBytes) {
    return bad_packet(fmt::format("a packet of more than {} bytes", kMaxPacketBytes));
  }
  if (hash == std::string::npos || buffer_.size() < hash + 3) return std::optional<std::string>();
  std::string raw = buffer_.substr(1, hash - 1);
  int high = digit(buffer_[hash + 1]);
  int low = digit(buffer_[hash + 2]);
  buffer_.erase(0, hash + 3);
  if (high < 0 || low < 0 || static_cast<unsigned>(high << 4 | low) != checksum(raw)) {
    return bad_packet("a wrong checksum");
  }
  KTAPE_ASSIGN(std::string payload, unescape(raw));
  return std::optional(std::move(payload));
}

Result<VcpuRegisters> parse_gdb_registers(std::string_view hex) {
  if (hex.size() == 3 && hex[0] == 'E') return bad_packet(fmt::format("error '{}'", hex));
  if (hex.size() < 2 * kNeededBytes) {
    return bad_packet(fmt::format("registers of {} hex digits, {} are needed", hex.size(), 2 * kNeededBytes));
  }
  std::string_view needed = hex.substr(0, 2 * kNeededBytes);
  if (std::any_of(needed.begin(), needed.end(), [](char c) { return digit(c) < 0; })) {
    return bad_packet("registers that are not hex");
  }
  return VcpuRegisters{.rip = little_endian(needed, kRip, 8),
                       .rsp = little_endian(needed, kRsp, 8),
                       .rdi = little_endian(needed, kRdi, 8),
                       .rflags = little_endian(needed, kEflags, 4),
                       .cs = static_cast<uint16_t>(little_endian(needed, kCs, 4)),
                       .gs_base = little_endian(needed, kGsBase, 8),
                       .kernel_gs_base = little_endian(needed, kKernelGsBase, 8)};
}

}  // namespace ktape
