// SPDX-License-Identifier: Apache-2.0
// The time from the file of a kernel to the first symbol that can be read in a guest. Ours is what
// a capture does: unpack the file, parse it, and adopt it in the memory of a machine; here that is
// the golden tape's memory of that kernel. The floor unpacks the payload and parses kallsyms and
// BTF once, with the same functions. `adoption-parts/NAME` are the separate parts.
#include <benchmark/benchmark.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/image/unpack.h"
#include "guest/kernel/kernel.h"
#include "schema/base/digest.h"
#include "schema/base/file.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tools/benchmarks/stopped_memory.h"

namespace ktape::test {
namespace {

constexpr const char* kVersion = "6.16";
constexpr size_t kFileLimitBytes = size_t{64} << 20;
constexpr size_t kVmlinuxLimitBytes = size_t{512} << 20;

std::vector<std::byte> file() { return must(read_file(cached_kernel(kVersion), kFileLimitBytes)); }

// The offset of the payload in the file, found once: looking it up costs nothing.
PageBuffer unpacked(const std::vector<std::byte>& file) {
  const auto load = [&](size_t at) { return *reinterpret_cast<const uint32_t*>(file.data() + at); };
  const size_t start = (std::to_integer<size_t>(file[0x1f1]) + 1) * 512 + load(0x248);  // boot.rst
  const auto payload = std::span(file).subspan(start, load(0x24c) - sizeof(uint32_t));
  return must(unpack(codec_of(payload), payload, kVmlinuxLimitBytes));
}

void parse_once(const PageBuffer& vmlinux) {
  const ElfImage elf = must(ElfImage::parse(vmlinux));
  const SymbolTable symbols = must(SymbolTable::from_kallsyms(elf));
  const std::unique_ptr<Btf> btf = must(Btf::parse(elf.section(".BTF")->bytes));
  benchmark::DoNotOptimize(symbols.symbols().data());
  benchmark::DoNotOptimize(btf.get());
}

void read_a_symbol(const Kernel& kernel, const GuestMemory& memory) {
  const GuestVirtual address = must(kernel.symbol("jiffies_64"));
  benchmark::DoNotOptimize(must(kernel.read_uint(memory, address, sizeof(uint64_t))));
}

void add(const std::string& name, const std::function<void()>& once) {
  benchmark::RegisterBenchmark(name.c_str(), [once](benchmark::State& state) {
    for (auto _ : state) once();
    state.SetItemsProcessed(state.iterations());
  });
}

}  // namespace
}  // namespace ktape::test

int main(int count, char** arguments) {
  using namespace ktape;
  using namespace ktape::test;
  benchmark::Initialize(&count, arguments);
  const RecordedKernel recorded(std::string("kernel-") + kVersion + ".ktape");
  const StoppedMemory machine(recorded);
  const PageBuffer vmlinux = unpacked(file());
  const auto knowledge = must(learn_kernel(vmlinux));
  const ElfImage elf = must(ElfImage::parse(vmlinux));
  const std::string text = knowledge->symbols.text();
  const auto btf = elf.section(".BTF")->bytes;

  add("adoption/floor", [] { parse_once(unpacked(file())); });
  add("adoption/ours", [&] {
    KernelImage image = must(load_kernel_image(cached_kernel(kVersion)));
    read_a_symbol(must(Kernel::adopt(must(learn_kernel(std::move(image.vmlinux))), machine.memory)),
                  machine.memory);
  });
  add("adoption-parts/unpack", [] { benchmark::DoNotOptimize(unpacked(file()).data()); });
  add("adoption-parts/digest", [file = file()] { benchmark::DoNotOptimize(sha256(file)); });
  add("adoption-parts/kallsyms",
      [&] { benchmark::DoNotOptimize(must(SymbolTable::from_kallsyms(elf))); });
  add("adoption-parts/btf", [&] { benchmark::DoNotOptimize(must(Btf::parse(btf))); });
  add("adoption-parts/adopt",
      [&] { read_a_symbol(must(Kernel::adopt(knowledge, machine.memory)), machine.memory); });
  // What a cache would do instead of unpacking and kallsyms, except for reading its file.
  add("adoption-parts/from-cache", [&] {
    benchmark::DoNotOptimize(must(SymbolTable::from_text(text)));
    benchmark::DoNotOptimize(must(Btf::parse(btf)));
  });
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
