// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "guest/kernel/image/banner.h"
#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/kernel.h"
#include "schema/base/little_endian.h"

namespace ktape {
namespace {

// The build's user, host and compiler are in it, which are about 200 bytes.
constexpr size_t kMaxBannerBytes = 1024;

// The text at a link address, up to its newline or end.
std::string line_at(const ElfImage& elf, uint64_t address) {
  std::string line;
  while (line.size() < kMaxBannerBytes) {
    auto byte = elf.at(address + line.size(), 1);
    if (!byte || byte->front() == std::byte{0} || byte->front() == std::byte{'\n'}) break;
    line += static_cast<char>(byte->front());
  }
  return line;
}

// INITIAL_JIFFIES (include/linux/jiffies.h) is (u32)(-300 * HZ), so that jiffies wraps five minutes
// after boot. In the image it is the initial value of jiffies_64.
uint32_t initial_hz(const ElfImage& elf, const SymbolTable& symbols) {
  constexpr uint64_t kSecondsToWrap = 300;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  auto address = symbols.find("jiffies_64");
  auto bytes = address ? elf.at(*address, sizeof(uint64_t)) : std::nullopt;
  uint64_t initial = bytes ? *load<uint64_t>(*bytes, 0) : 0;
  if (initial == 0 || initial >= kWrap || (kWrap - initial) % kSecondsToWrap != 0) return 0;
  return static_cast<uint32_t>((kWrap - initial) / kSecondsToWrap);
}

// Whether the section contains what is learned: symbols and banner, types, the build-id, initial
// values of variables.
bool is_read(const ElfSection& section) {
  return section.name == ".rodata" || section.name == ".BTF" || section.name == ".data" ||
         section.name.starts_with(".note");
}

// A vmlinux with debug info may be hundreds of megabytes, nearly all of it sections that nothing
// here reads. Contents change to zeros, sizes and addresses stay.
void release_unread(PageBuffer& vmlinux, const ElfImage& elf) {
  std::vector<std::pair<size_t, size_t>> read;  // first byte, and one past the last
  for (const ElfSection& section : elf.sections()) {
    if (section.bytes.empty() || !is_read(section)) continue;
    const auto first = static_cast<size_t>(section.bytes.data() - vmlinux.data());
    read.emplace_back(first, first + section.bytes.size());
  }
  // Sections need not be in the order of their offsets.
  std::sort(read.begin(), read.end());
  size_t at = 0;
  for (const auto& [first, end] : read) {
    if (first > at) vmlinux.release(at, first - at);
    at = std::max(at, end);
  }
  vmlinux.release(at, vmlinux.size() - at);
}

using Learnt = Result<std::shared_ptr<const KernelKnowledge>>;

Learnt learn(const ElfImage& elf) {
  auto knowledge = std::make_shared<KernelKnowledge>();
  // Without kallsyms nothing else can be found; which error is the better one depends on whether
  // this is a kernel at all.
  Result<SymbolTable> symbols = SymbolTable::from_kallsyms(elf);
  // Any ELF file gets this far.
  if (!symbols.ok() && elf.banner().empty()) {
    return Error{ErrorCode::kBadInput,
                 "it is not a kernel: it has no text that begins 'Linux version'",
                 "use an x86-64 bzImage (/boot/vmlinuz-*) or vmlinux"};
  }
  KTAPE_ASSIGN(knowledge->symbols, std::move(symbols));
  const ElfSection* btf = elf.section(".BTF");
  if (!btf || btf->bytes.empty()) {
    return Error{ErrorCode::kBadInput, "it has no type information: no section '.BTF'",
                 "use a kernel with CONFIG_DEBUG_INFO_BTF"};
  }
  KTAPE_ASSIGN(knowledge->btf, Btf::parse(btf->bytes));
  knowledge->btf_raw.assign(btf->bytes.begin(), btf->bytes.end());
  // Decoding kallsyms has proved that the banner is there.
  knowledge->banner = line_at(elf, knowledge->symbols.find("linux_banner").value_or(0));
  knowledge->release = release_in(knowledge->banner);
  knowledge->build_id = elf.build_id();
  knowledge->hz = initial_hz(elf, knowledge->symbols);
  return std::shared_ptr<const KernelKnowledge>(std::move(knowledge));
}

}  // namespace

bool KernelKnowledge::has_sched_ext() const {
  return btf->type("struct sched_ext_ops").ok() && btf->type("struct sched_ext_entity").ok();
}

Learnt learn_kernel(std::span<const std::byte> vmlinux) {
  KTAPE_ASSIGN(const ElfImage elf, ElfImage::parse(vmlinux));
  return learn(elf);
}

Learnt learn_kernel(PageBuffer&& vmlinux) {
  PageBuffer image = std::move(vmlinux);
  KTAPE_ASSIGN(const ElfImage elf, ElfImage::parse(image));
  release_unread(image, elf);
  return learn(elf);
}

}  // namespace ktape
