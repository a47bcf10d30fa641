// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/kernel_config.h"

#include <fmt/format.h>

#include <string_view>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/unpack.h"

namespace ktape {

namespace {

constexpr std::string_view kBegin = "IKCFG_ST", kEnd = "IKCFG_ED";
constexpr size_t kMaxConfigBytes = size_t{4} << 20;

// A symbol that a kernel has if and only if the option is set; a function, because every kernel
// lists those.
struct OptionSymbol {
  const char* option;
  const char* symbol;
};
constexpr OptionSymbol kOptionSymbols[] = {{"BPF_SYSCALL", "__x64_sys_bpf"},
                                           {"CGROUPS", "cgroup_init"}};

}  // namespace

std::optional<std::vector<std::byte>> config_in(std::span<const std::byte> vmlinux) {
  const Result<ElfImage> elf = ElfImage::parse(vmlinux);
  const ElfSection* section = elf.ok() ? elf->section(".rodata") : nullptr;
  if (section == nullptr) return std::nullopt;
  const std::string_view bytes(reinterpret_cast<const char*>(section->bytes.data()),
                               section->bytes.size());
  // The string that names the mark may be elsewhere, too: only a match that unpacks counts.
  for (size_t at = bytes.find(kBegin); at != std::string_view::npos;
       at = bytes.find(kBegin, at + 1)) {
    const size_t begin = at + kBegin.size();
    const size_t end = bytes.find(kEnd, begin);
    // The marks always come in pairs; a beginning without an end is not the config.
    if (end == std::string_view::npos) return std::nullopt;
    const Result<PageBuffer> text =
        unpack("gzip", section->bytes.subspan(begin, end - begin), kMaxConfigBytes);
    if (text.ok()) return std::vector<std::byte>(text->data(), text->data() + text->size());
  }
  return std::nullopt;
}

std::string known_config(const KernelKnowledge& kernel) {
  std::string text =
      "# Written by ktape, which does not have the kernel's configuration. These options were "
      "derived from its image; others may be set, too.\n";
  if (kernel.hz > 0) text += fmt::format("CONFIG_HZ={0}\nCONFIG_HZ_{0}=y\n", kernel.hz);
  if (kernel.has_sched_ext()) text += "CONFIG_SCHED_CLASS_EXT=y\n";
  for (const OptionSymbol& known : kOptionSymbols) {
    if (kernel.symbols.find(known.symbol)) text += fmt::format("CONFIG_{}=y\n", known.option);
  }
  return text;
}

}  // namespace ktape
