// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel/synthetic_guest.h"

#include <fmt/format.h>

#include <algorithm>

#include "guest/kernel/image/elf_image.h"
#include "tests/support/kernel/btf_builder.h"

namespace ktape::synthetic {
namespace {

// Link addresses.
constexpr uint64_t kText = 0xffffffff81000000;
constexpr uint64_t kRodata = 0xffffffff81200000;
constexpr uint64_t kData = 0xffffffff81400000;
constexpr uint64_t kPerCpu = 0xffffffff81600000;
constexpr uint64_t kEnd = 0xffffffff81800000;
constexpr uint64_t kKernelMap = 0xffffffff80000000;

constexpr uint64_t kBannerOffset = 0x140;
constexpr uint64_t kKallsymsOffset = 0x1000;
constexpr uint64_t kRootOffset = 0x2000;  // init_top_pgt, in .data
constexpr uint64_t kSpareOffset = 0x4000;
constexpr uint64_t kDataBytes = 0x8000;
constexpr uint64_t kThisCpuOff = 0x28;
constexpr uint64_t kRunqueues = 0x100;
constexpr uint64_t kPerCpuBytes = 0x2000;

// Guest-physical addresses.
constexpr uint64_t kTables = 0x1000000;
constexpr uint64_t kCpuAreas = 0x1800000;
constexpr uint64_t kCpuAreaStride = 0x10000;
constexpr uint64_t kVmcoreinfo = 0x1900000;

constexpr uint64_t kHz = 250;
constexpr uint64_t kLargePage = 2 << 20;

uint64_t per_cpu_link(const GuestOptions& options) {
  return options.form == Kallsyms::kAbsolutePerCpu ? 0 : kPerCpu;
}

std::vector<SymbolTable::Symbol> make_symbols(const GuestOptions& options) {
  uint64_t per_cpu = per_cpu_link(options);
  std::vector<SymbolTable::Symbol> symbols = {
      {kText, 'T', "_text"},
      {kText + 0x40, 'T', "schedule"},
      {kRodata + kBannerOffset, 'D', "linux_banner"},
      {kData, 'D', "jiffies_64"},
      {kData + 0x10, 'D', "phys_base"},
      {kData + 0x18, 'D', "page_offset_base"},
      {kData + 0x20, 'D', "nr_cpu_ids"},
      {kData + 0x28, 'D', "preempt_dynamic_mode"},
      {kData + 0x30, 'D', "vmcoreinfo_data"},
      {kData + 0x38, 'D', "vmcoreinfo_size"},
      {kData + 0x80, 'D', "__per_cpu_offset"},
      {kData + kRootOffset, 'D', "init_top_pgt"},
      {kData + kSpareOffset, 'D', "spare"},
      {per_cpu, 'D', "__per_cpu_start"},
      {per_cpu + kThisCpuOff, 'D', "this_cpu_off"},
      {per_cpu + kRunqueues, 'D', "runqueues"},
      {per_cpu + kPerCpuBytes, 'D', "__per_cpu_end"},
      {kEnd, 'B', "_end"},
  };
  std::ranges::stable_sort(symbols, {}, &SymbolTable::Symbol::address);
  return symbols;
}

std::vector<std::byte> make_vmlinux(const GuestOptions& options) {
  std::vector<std::byte> rodata(kKallsymsOffset);
  std::ranges::copy(bytes_of(std::string(Guest::kBanner) + "\n"), rodata.begin() + kBannerOffset);
  auto tables = make_kallsyms(make_symbols(options), options.form, kRodata + kKallsymsOffset);
  rodata.insert(rodata.end(), tables.begin(), tables.end());
  std::vector<std::byte> data;
  append_u64(data, static_cast<uint32_t>(-300 * kHz));
  data.resize(kDataBytes);
  auto btf = options.btf;
  if (btf.empty()) {
    test::BtfBuilder builder;
    builder.integer("int", 4);
    btf = builder.bytes();
  }
  return make_elf({{".text", kText, std::vector<std::byte>(0x1000)},
                   {".rodata", kRodata, rodata},
                   {".BTF", 0, btf},
                   {".data", kData, data},
                   {".data..percpu", per_cpu_link(options), std::vector<std::byte>(kPerCpuBytes)}});
}

std::shared_ptr<const KernelKnowledge> must_learn(std::span<const std::byte> vmlinux) {
  auto knowledge = learn_kernel(vmlinux);
  if (!knowledge.ok()) fmt::print(stderr, "{}\n", knowledge.error().message);
  return std::move(knowledge).value();
}

}  // namespace

Guest::Guest(GuestOptions options)
    : options_(std::move(options)),
      vmlinux_(make_vmlinux(options_)),
      knowledge_(must_learn(vmlinux_)),
      ram_(kRamBytes),
      memory_(ram_, kRamBytes),
      tables_(memory_, {physical("init_top_pgt"), options_.levels}, kTables) {
  load_image();
  set_up_memory();
  set_up_cpus();
  set_up_vmcoreinfo();
}

GuestPhysical Guest::physical(std::string_view symbol) const {
  auto link = knowledge_->symbols.find(symbol);
  KTAPE_CHECK(link && *link >> 63);
  return GuestPhysical(options_.text_physical + *link - kText);
}

GuestPhysical Guest::cpu_area(uint32_t cpu) const {
  return GuestPhysical(kCpuAreas + cpu * kCpuAreaStride);
}

void Guest::put(GuestPhysical address, uint64_t value, size_t width) {
  KTAPE_CHECK(memory_.write(address, std::as_bytes(std::span(&value, 1)).first(width)).ok());
}

void Guest::put_text(GuestPhysical address, std::string_view text) {
  KTAPE_CHECK(memory_.write(address, bytes_of(text)).ok());
}

void Guest::load_image() {
  auto elf = ElfImage::parse(vmlinux_).value();
  for (const ElfSection& section : elf.sections()) {
    if (section.address < kText) continue;
    GuestPhysical at(options_.text_physical + section.address - kText);
    KTAPE_CHECK(memory_.write(at, section.bytes).ok());
  }
}

void Guest::set_up_memory() {
  put(physical("phys_base"), options_.text_physical + kKernelMap - kText - options_.slide);
  put(physical("page_offset_base"), direct_map());
  for (uint64_t link = kText; link < kEnd; link += kLargePage) {
    map(link + options_.slide, options_.text_physical + link - kText, 2);
  }
  for (uint64_t at = 0; at < kRamBytes; at += kLargePage) map(direct_map() + at, at, 2);
}

void Guest::set_up_cpus() {
  bool slides = per_cpu_link(options_) != 0;
  uint64_t start = per_cpu_link(options_) + (slides ? options_.slide : 0);
  put(physical("nr_cpu_ids"), kCpus, 4);
  put(physical("preempt_dynamic_mode"), 2, 4);
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    uint64_t offset = direct_map() + cpu_area(cpu).value - start;
    put(physical("__per_cpu_offset") + cpu * 8, offset);
    put(cpu_area(cpu) + kThisCpuOff, offset);
    put(cpu_area(cpu) + kRunqueues, 0x1000 + cpu);
  }
}

void Guest::set_up_vmcoreinfo() {
  std::string text =
      fmt::format("OSRELEASE=6.99.1-test\nKERNELOFFSET={:x}\nPAGESIZE=4096\n", options_.slide);
  put_text(GuestPhysical(kVmcoreinfo), text);
  put(physical("vmcoreinfo_data"), direct_map() + kVmcoreinfo);
  put(physical("vmcoreinfo_size"), text.size());
}

}  // namespace ktape::synthetic
