// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "guest/kernel/types/sizes.h"
#include "guest/kernel/types/type_text.h"
#include "replay/text/text_writer.h"

namespace ktape {

namespace {

constexpr size_t kMaxTextBytes = 256;

// Types do not distinguish a per-CPU pointer (__percpu) from others. It is relative to the per-CPU
// section of the image (mm/percpu.c, __addr_to_pcpu_ptr), so what was allocated has the address of
// some variable behind that section. There only the very address of a symbol is believed.
std::string pointer_name(const Kernel& kernel, uint64_t address) {
  std::string name = kernel.describe(GuestVirtual(address));
  if (name.starts_with(kLeftOutSymbol)) return "";
  const SymbolTable& symbols = kernel.knowledge().symbols;
  const auto text = symbols.find("_text");
  const auto begin = symbols.find("__per_cpu_start");
  const auto end = symbols.find("__per_cpu_end");
  const uint64_t link = address - kernel.facts().slide;
  if (name.empty() || !text || !begin || !end || *begin < *text || link < *begin) return name;
  if (link < *end) return "per-CPU " + name;
  return name.find('+') == std::string::npos ? name : "";
}

// Nothing if the bytes up to the NUL were not captured.
std::optional<std::string> text_at(const Kernel& kernel, const GuestMemory& memory,
                                   uint64_t address) {
  std::string text;
  while (text.size() < kMaxTextBytes) {
    const GuestVirtual at(address + text.size());
    char bytes[kMaxTextBytes];
    const size_t count = std::min<uint64_t>(kMaxTextBytes - text.size(),
                                            kSmallPageBytes - at.value % kSmallPageBytes);
    const auto out = std::as_writable_bytes(std::span(bytes)).first(count);
    if (!kernel.read(memory, at, out).ok()) return std::nullopt;
    text.append(bytes, count);
    if (text.find('\0') != std::string::npos) return text.substr(0, text.find('\0'));
  }
  return text + "...";
}

}  // namespace

std::string value_text(const Btf& types, const TypeInfo& type, std::span<const std::byte> bytes,
                       const ValueContext& context) {
  TypeTextOptions options;
  if (context.kernel == nullptr) return type_text(types, type, bytes, options);
  options.cpus = context.kernel->facts().cpus;
  options.symbol = [&](uint64_t address) { return pointer_name(*context.kernel, address); };
  options.text = [&](uint64_t address) {
    const GuestMemory* memory = context.memory ? context.memory() : nullptr;
    return memory == nullptr ? std::nullopt : text_at(*context.kernel, *memory, address);
  };
  return type_text(types, type, bytes, options);
}

std::string list_text(const std::vector<std::string>& values, bool goes_on, size_t limit) {
  const bool is_short = std::ranges::all_of(
      values, [](const std::string& text) { return text.find('\n') == text.npos; });
  std::string text = count_text(values.size(), "entry", "entries");
  if (goes_on) text += " and more";
  if (!values.empty()) text += ":";
  for (size_t i = 0; i < values.size() && i < limit; ++i) {
    text += is_short ? (i == 0 ? " " : ", ") : fmt::format("\n[{}] ", i);
    text += values[i];
  }
  if (values.size() > limit)
    text += fmt::format("{}and {} more", is_short ? " " : "\n", values.size() - limit);
  return text;
}

}  // namespace ktape
