// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/gdb_packet.h"

#include <fmt/format.h>

#include <algorithm>

namespace ktape {

namespace {

// The registers we keep from an answer to 'g': 17 of 8 bytes, 7 of 4, 7 of 8. gdb_packet.h has
// their order.
constexpr size_t kNeededBytes = 17 * 8 + 7 * 4 + 7 * 8;

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
    // Fewer than 3 would be shorter written out, so no stub sends that.
    int run = raw[i] - kRunBase;
    if (out.empty() || run < 3 || run > kMaxRun) return bad_packet("an impossible run length");
    out.append(static_cast<size_t>(run), out.back());
  }
  return out;
}

// Reads one register after another from hex digits, low byte first.
class RegisterReader {
 public:
  explicit RegisterReader(std::string_view hex) : hex_(hex) {}

  void wide(uint64_t& to) { to = take(8); }
  void narrow(uint64_t& to) { to = take(4); }
  void selector(uint16_t& to) { to = static_cast<uint16_t>(take(4)); }

 private:
  uint64_t take(size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) {
      value = value << 8 | static_cast<uint64_t>(digit(hex_[2 * i]) << 4 | digit(hex_[2 * i + 1]));
    }
    hex_.remove_prefix(2 * bytes);
    return value;
  }

  std::string_view hex_;
};

}  // namespace

std::string encode_gdb_packet(std::string_view payload) {
  return fmt::format("${}#{:02x}", payload, checksum(payload));
}

void GdbPacketDecoder::feed(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// '+' acknowledges our packets; it may stand before any packet, several times.
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
  // The checksum covers the bytes as sent, before escapes and runs are expanded.
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
    return bad_packet(fmt::format("registers of {} hex digits, expected at least {}", hex.size(),
                                  2 * kNeededBytes));
  }
  std::string_view needed = hex.substr(0, 2 * kNeededBytes);
  if (std::any_of(needed.begin(), needed.end(), [](char c) { return digit(c) < 0; })) {
    return bad_packet("registers that are not hex");
  }
  VcpuRegisters to;
  RegisterReader from(needed);
  for (uint64_t* wide :
       {&to.rax, &to.rbx, &to.rcx, &to.rdx, &to.rsi, &to.rdi, &to.rbp, &to.rsp, &to.r8, &to.r9,
        &to.r10, &to.r11, &to.r12, &to.r13, &to.r14, &to.r15, &to.rip}) {
    from.wide(*wide);
  }
  from.narrow(to.rflags);
  for (uint16_t* selector : {&to.cs, &to.ss, &to.ds, &to.es, &to.fs, &to.gs})
    from.selector(*selector);
  for (uint64_t* wide :
       {&to.fs_base, &to.gs_base, &to.kernel_gs_base, &to.cr0, &to.cr2, &to.cr3, &to.cr4}) {
    from.wide(*wide);
  }
  return to;
}

}  // namespace ktape
