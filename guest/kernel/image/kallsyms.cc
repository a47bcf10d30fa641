// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/kallsyms.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "schema/base/little_endian.h"

namespace ktape {
namespace {

using Bytes = std::span<const std::byte>;
using Symbol = SymbolTable::Symbol;

constexpr size_t kTokens = 256;
constexpr uint64_t kTokenIndexBytes = kTokens * 2;
constexpr uint64_t kSymbolsPerMarker = 256;
constexpr uint64_t kSmallestAlignment = 4;
constexpr uint64_t kLargestAlignment = 8;

// Limits for damaged input, besides kMaxSymbols. The kernel's own is KSYM_NAME_LEN = 512.
constexpr uint64_t kMaxSymbolBytes = 1024;
constexpr uint64_t kMaxTableBytes = uint64_t{256} << 20;
// False positives of the cheap test for a token index. A kernel has a few at most; each costs a
// search.
constexpr int kMaxCandidates = 64;

// The positions of the tables, as offsets into .rodata.
struct Layout {
  uint64_t names = 0;
  uint64_t count = 0;
  uint64_t markers = 0;
  uint64_t marker_count = 0;
  uint64_t token_table = 0;
  uint64_t token_index = 0;
  [[nodiscard]] uint64_t offsets() const { return token_index + kTokenIndexBytes; }
};

uint32_t u32_at(Bytes bytes, uint64_t offset) { return *load<uint32_t>(bytes, offset); }
uint16_t u16_at(Bytes bytes, uint64_t offset) { return *load<uint16_t>(bytes, offset); }

// The first token starts at 0 and each begins behind the one before. 512 bytes that rise like this
// hardly occur by chance, so this test comes first.
bool is_token_index(Bytes rodata, uint64_t at) {
  if (u16_at(rodata, at) != 0) return false;
  for (size_t i = 1; i < kTokens; ++i) {
    // A token is at least one character and its NUL.
    if (u16_at(rodata, at + 2 * i) < u16_at(rodata, at + 2 * (i - 1)) + 2) return false;
  }
  return true;
}

// Each token begins right behind the NUL of the one before it, which binds the two tables to each
// other.
bool is_token_table(Bytes rodata, uint64_t table, uint64_t index) {
  for (size_t i = 0; i < kTokens; ++i) {
    uint64_t token = table + u16_at(rodata, index + 2 * i);
    if (rodata[token] == std::byte{0}) return false;
    if (i > 0 && rodata[token - 1] != std::byte{0}) return false;
  }
  return true;
}

// The table ends right before its index, except for padding. The length of its last token must be
// tried.
std::optional<uint64_t> find_token_table(Bytes rodata, uint64_t index) {
  uint64_t last = u16_at(rodata, index + 2 * (kTokens - 1));
  for (uint64_t size = align_up(last + 2, kSmallestAlignment); size <= last + kMaxSymbolBytes;
       size += kSmallestAlignment) {
    if (size > index) return std::nullopt;
    if (is_token_table(rodata, index - size, index)) return index - size;
  }
  return std::nullopt;
}

// Markers end right before the token table. Backwards from there they descend to the first, which
// is 0.
bool find_markers(Bytes rodata, Layout& layout, uint64_t padding) {
  if (layout.token_table < padding) return false;
  uint64_t at = layout.token_table - padding;
  uint64_t limit = kMaxSymbols / kSymbolsPerMarker;
  // Strictly descending, as each group of 256 names takes bytes.
  uint64_t above = UINT64_MAX;
  for (layout.marker_count = 1; layout.marker_count <= limit && at >= 4; ++layout.marker_count) {
    at -= 4;
    uint64_t marker = u32_at(rodata, at);
    if (marker >= above) return false;
    above = marker;
    layout.markers = at;
    if (marker == 0) return true;
  }
  return false;
}

// Steps over the name at `at`; nothing if it reaches `end`.
std::optional<Bytes> next_name(Bytes rodata, uint64_t& at, uint64_t end) {
  if (at >= end) return std::nullopt;
  uint64_t length = std::to_integer<uint64_t>(rodata[at++]);
  // A second byte since commit 73bbb94466fd ("kallsyms: support "big" kernel symbols"): 7 low bits,
  // then the rest.
  if (length & 0x80) {
    if (at >= end) return std::nullopt;
    length = (length & 0x7f) | std::to_integer<uint64_t>(rodata[at++]) << 7;
  }
  if (length == 0 || length > end - at) return std::nullopt;
  Bytes name = rodata.subspan(at, length);
  at += length;
  return name;
}

// Whether `count` names from `names` on match all markers and end where the markers begin.
bool names_fit(Bytes rodata, const Layout& layout) {
  uint64_t at = layout.names;
  for (uint64_t i = 0; i < layout.count; ++i) {
    if (i % kSymbolsPerMarker == 0) {
      uint64_t marker = u32_at(rodata, layout.markers + i / kSymbolsPerMarker * 4);
      if (at - layout.names != marker) return false;
    }
    if (!next_name(rodata, at, layout.markers)) return false;
  }
  // What is left is padding to the alignment of the markers.
  return layout.markers - at < kLargestAlignment;
}

// The last marker gives the start of the names, except for the size of the last group, which must
// be tried.
bool find_names(Bytes rodata, Layout& layout) {
  uint64_t last = u32_at(rodata, layout.markers + (layout.marker_count - 1) * 4);
  if (last > layout.markers) return false;
  uint64_t latest = (layout.markers - last) / kSmallestAlignment * kSmallestAlignment;
  uint64_t tries = kSymbolsPerMarker * kMaxSymbolBytes / kSmallestAlignment;
  for (; tries > 0 && latest >= kLargestAlignment; --tries, latest -= kSmallestAlignment) {
    layout.names = latest;
    layout.count = u32_at(rodata, latest - 4);
    if (layout.count == 0) layout.count = u32_at(rodata, latest - 8);  // aligned to 8
    if (layout.count == 0) continue;
    // Cheap to compare, and it leaves few starts for names_fit(), which walks all names.
    if ((layout.count - 1) / kSymbolsPerMarker + 1 != layout.marker_count) continue;
    if (names_fit(rodata, layout)) return true;
  }
  return false;
}

std::optional<Layout> find_tables(Bytes rodata) {
  int candidates = 0;
  for (uint64_t at = 0; at + kTokenIndexBytes <= rodata.size(); at += kSmallestAlignment) {
    if (!is_token_index(rodata, at)) continue;
    Layout layout;
    layout.token_index = at;
    auto table = find_token_table(rodata, at);
    if (!table) continue;
    if (++candidates > kMaxCandidates) break;
    layout.token_table = *table;
    // The marker table may be followed by 4 bytes of padding, where tables are aligned to 8.
    for (uint64_t padding : {0, 4}) {
      if (find_markers(rodata, layout, padding) && find_names(rodata, layout)) return layout;
    }
  }
  return std::nullopt;
}

std::array<std::string_view, kTokens> read_tokens(Bytes rodata, const Layout& layout) {
  std::array<std::string_view, kTokens> tokens;
  std::string_view table(reinterpret_cast<const char*>(rodata.data()) + layout.token_table,
                         layout.token_index - layout.token_table);
  for (size_t i = 0; i < kTokens; ++i) {
    auto token = table.substr(u16_at(rodata, layout.token_index + 2 * i));
    tokens[i] = token.substr(0, token.find('\0'));
  }
  return tokens;
}

// Names and types; addresses are still 0. Nothing if a name is out of bounds.
std::optional<std::vector<Symbol>> expand_names(Bytes rodata, const Layout& layout) {
  auto tokens = read_tokens(rodata, layout);
  std::vector<Symbol> symbols(layout.count);
  uint64_t at = layout.names;
  uint64_t text_bytes = 0;
  std::string text;
  for (Symbol& symbol : symbols) {
    text.clear();
    // names_fit() has walked the same names, so none is missing here.
    Bytes name = next_name(rodata, at, layout.markers).value_or(Bytes());
    for (std::byte token : name) {
      text += tokens[std::to_integer<size_t>(token)];
      if (text.size() > kMaxSymbolBytes) return std::nullopt;
    }
    // A few hundred kilobytes of names can expand to gigabytes if each token is long: the sum is
    // bounded, not only each name.
    text_bytes += text.size();
    // At least the type letter and one character.
    if (text.size() < 2 || text_bytes > kMaxTableBytes) return std::nullopt;
    symbol.type = text[0];
    symbol.name.assign(text, 1);
  }
  return symbols;
}

enum class Encoding { kPlaceRelative, kBaseRelative, kAbsolutePerCpu };

class Addresses {
 public:
  Addresses(const ElfSection& rodata, const Layout& layout)
      : bytes_(rodata.bytes), start_(rodata.address), offsets_(layout.offsets()) {
    // relative_base is a u64 behind the offsets, aligned as an address, not as an offset into the
    // section.
    uint64_t end = align_up(start_ + offsets_ + layout.count * 4, kLargestAlignment) - start_;
    base_ = load<uint64_t>(bytes_, end);
  }

  [[nodiscard]] std::optional<uint64_t> at(Encoding encoding, uint64_t index) const {
    auto raw = load<int32_t>(bytes_, offsets_ + index * 4);
    if (!raw) return std::nullopt;
    auto extended = static_cast<uint64_t>(int64_t{*raw});
    if (encoding == Encoding::kPlaceRelative) return start_ + offsets_ + index * 4 + extended;
    if (!base_) return std::nullopt;
    // Without CONFIG_KALLSYMS_ABSOLUTE_PERCPU the offset is unsigned (kernel/kallsyms.c,
    // kallsyms_sym_address()).
    if (encoding == Encoding::kBaseRelative) return *base_ + static_cast<uint32_t>(*raw);
    // With it, negative offsets count down from the base - 1 and the others are absolute.
    return *raw >= 0 ? extended : *base_ - 1 - extended;
  }

 private:
  Bytes bytes_;
  uint64_t start_;
  uint64_t offsets_;
  std::optional<uint64_t> base_;
};

bool is_banner(const ElfImage& vmlinux, std::optional<uint64_t> address) {
  constexpr std::string_view kBanner = "Linux version ";
  if (!address) return false;
  auto bytes = vmlinux.at(*address, kBanner.size());
  return bytes &&
         std::equal(bytes->begin(), bytes->end(), std::as_bytes(std::span(kBanner)).begin());
}

}  // namespace

Result<std::vector<Symbol>> decode_kallsyms(const ElfImage& vmlinux) {
  auto bad = [](const char* message, const char* hint) {
    return Error{ErrorCode::kBadInput, message, hint};
  };
  const char* needed = "use a kernel with CONFIG_KALLSYMS and CONFIG_KALLSYMS_ALL";
  const ElfSection* rodata = vmlinux.section(".rodata");
  if (!rodata) return bad("no section '.rodata'", needed);
  auto layout = find_tables(rodata->bytes);
  if (!layout) return bad("no kallsyms tables found", needed);
  auto symbols = expand_names(rodata->bytes, *layout);
  if (!symbols) return bad("damaged kallsyms names", "");
  auto banner = std::find_if(symbols->begin(), symbols->end(),
                             [](const Symbol& s) { return s.name == "linux_banner"; });
  if (banner == symbols->end())
    return bad("kallsyms lists no data: it has no 'linux_banner'", needed);

  Addresses addresses(*rodata, *layout);
  auto banner_index = static_cast<uint64_t>(banner - symbols->begin());
  for (Encoding encoding :
       // From the newest kernels to the oldest. The wrong ones put the banner elsewhere, so the
       // order only saves time.
       {Encoding::kPlaceRelative, Encoding::kBaseRelative, Encoding::kAbsolutePerCpu}) {
    if (!is_banner(vmlinux, addresses.at(encoding, banner_index))) continue;
    for (uint64_t i = 0; i < symbols->size(); ++i) {
      auto address = addresses.at(encoding, i);
      if (!address) return bad("kallsyms is cut short", "");
      (*symbols)[i].address = *address;
    }
    auto by_address = [](const Symbol& a, const Symbol& b) { return a.address < b.address; };
    if (!std::is_sorted(symbols->begin(), symbols->end(), by_address)) {
      std::stable_sort(symbols->begin(), symbols->end(), by_address);
    }
    return std::move(*symbols);
  }
  return bad("kallsyms addresses have an unknown encoding", "");
}

}  // namespace ktape
