// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guest/kernel/kernel.h"
#include "guest/memory/flat_memory.h"
#include "tests/support/kernel/synthetic_kernel.h"

namespace ktape::synthetic {

struct GuestOptions {
  Kallsyms form = Kallsyms::kBaseRelative;  // also decides whether per-CPU symbols are linked at 0
  int levels = 4;
  uint64_t slide = 0x1e000000;
  uint64_t text_physical = 0x600000;
  std::vector<std::byte> btf;  // empty: an integer type and nothing else
};

// A small "kernel" that runs: an image with the symbols that adoption needs, loaded in RAM with its
// page tables, direct map, two CPUs' areas and VMCOREINFO. `runqueues` is its only notable per-CPU
// variable, `spare` 16 KiB of data for the test's own use.
class Guest {
 public:
  static constexpr uint32_t kCpus = 2;
  static constexpr uint64_t kRamBytes = 32 << 20;
  static constexpr uint64_t kDirectMap4 = 0xffff9a0000000000;
  static constexpr uint64_t kDirectMap5 = 0xff22000000000000;
  static constexpr uint64_t kFreePhysical = 0x1a00000;  // from here to the end of RAM nothing is
  static constexpr std::string_view kBanner =
      "Linux version 6.99.1-test (a@b) (gcc) #1 SMP PREEMPT_DYNAMIC today";

  explicit Guest(GuestOptions options = {});
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  [[nodiscard]] const std::vector<std::byte>& vmlinux() const { return vmlinux_; }
  [[nodiscard]] FlatMemory& memory() { return memory_; }
  [[nodiscard]] std::shared_ptr<const KernelKnowledge> knowledge() const { return knowledge_; }
  [[nodiscard]] Result<Kernel> adopt() const { return Kernel::adopt(knowledge_, memory_); }
  [[nodiscard]] uint64_t direct_map() const {
    return options_.levels == 5 ? kDirectMap5 : kDirectMap4;
  }

  // The RAM address of a symbol's image address.
  [[nodiscard]] GuestPhysical physical(std::string_view symbol) const;
  // Start of a CPU's area; the variables are at the same offsets as in the image.
  [[nodiscard]] GuestPhysical cpu_area(uint32_t cpu) const;
  void put(GuestPhysical address, uint64_t value, size_t width = 8);
  void put_text(GuestPhysical address, std::string_view text);
  // Adds a page to the kernel's tables: `level` as in PageTableBuilder.
  void map(uint64_t virtual_address, uint64_t physical, int level) {
    tables_.map(virtual_address, physical, level);
  }

 private:
  void load_image();
  void set_up_memory();
  void set_up_cpus();
  void set_up_vmcoreinfo();

  GuestOptions options_;
  std::vector<std::byte> vmlinux_;
  std::shared_ptr<const KernelKnowledge> knowledge_;
  std::vector<std::byte> ram_;
  FlatMemory memory_;
  PageTableBuilder tables_;
};

}  // namespace ktape::synthetic
