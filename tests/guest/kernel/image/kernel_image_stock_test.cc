// SPDX-License-Identifier: Apache-2.0
// What ktape reads from stock Debian kernels, for those in the cache.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <utility>

#include "guest/kernel/image/elf_image.h"
#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "schema/base/little_endian.h"
#include "tests/support/kernel/stock_kernel.h"

namespace ktape {
namespace {

constexpr char kWithoutSchedExt[] = "6.12";  // as Debian builds it

using NamedAddress = std::pair<std::string, uint64_t>;

// A stock kernel in the cache, and the facts read from it.
struct Stock {
  explicit Stock(const std::string& version) {
    std::string path = test::cached_kernel(version);
    auto loaded = load_kernel_image(path);
    if (!loaded.ok()) FAIL(loaded.error().message);
    image = std::move(loaded).value();
    auto learnt = learn_kernel(image.vmlinux);
    if (!learnt.ok()) FAIL(learnt.error().message);
    knowledge = std::move(learnt).value();
  }
  [[nodiscard]] const SymbolTable& symbols() const { return knowledge->symbols; }

  KernelImage image;
  std::shared_ptr<const KernelKnowledge> knowledge;
};

// An export (struct kernel_symbol, CONFIG_HAVE_ARCH_PREL32_RELOCATIONS) has address and name of a
// symbol independently of kallsyms: offsets from themselves to the symbol, its name and its
// namespace.
std::vector<NamedAddress> exports_of(const ElfImage& elf) {
  constexpr uint64_t kEntryBytes = 12;
  std::vector<NamedAddress> exports;
  const ElfSection* strings = elf.section("__ksymtab_strings");
  for (const char* name : {"__ksymtab", "__ksymtab_gpl"}) {
    const ElfSection* table = elf.section(name);
    if (!table || !strings) continue;
    for (uint64_t at = 0; at + kEntryBytes <= table->bytes.size(); at += kEntryBytes) {
      auto target = [&](uint64_t field) {
        return table->address + field +
               static_cast<uint64_t>(int64_t{*load<int32_t>(table->bytes, field)});
      };
      uint64_t text = target(at + 4) - strings->address;
      REQUIRE(text < strings->bytes.size());
      exports.emplace_back(reinterpret_cast<const char*>(strings->bytes.data() + text), target(at));
    }
  }
  return exports;
}

// One run per kernel in the cache; skips the test if there is none.
std::string each_version() {
  std::vector<std::string> versions = test::versions_with_sched_ext();
  if (test::is_cached(kWithoutSchedExt)) versions.push_back(test::version_for(kWithoutSchedExt));
  if (versions.empty()) SKIP("no kernel is cached: tools/kernel tests");
  return GENERATE_COPY(from_range(versions));
}

}  // namespace

TEST_CASE("a stock kernel's image is unpacked and parsed") {
  std::string version = each_version();
  Stock kernel(version);
  INFO(version);
  CHECK(kernel.image.is_bzimage);
  CHECK(kernel.image.codec == "zstd");
  CHECK(kernel.knowledge->release.starts_with(version.substr(0, version.find('-')) + "+deb"));
  CHECK(kernel.knowledge->banner.starts_with("Linux version " + kernel.knowledge->release + " ("));
  CHECK(kernel.knowledge->build_id.size() == 20);
  CHECK(kernel.knowledge->hz == 250);
  const bool sched_ext = version != test::version_for(kWithoutSchedExt);
  CHECK(kernel.knowledge->has_sched_ext() == sched_ext);
  CHECK(kernel.symbols().find("ext_sched_class").has_value() == sched_ext);
}

TEST_CASE("a stock kernel's symbols are plausible") {
  std::string version = each_version();
  Stock kernel(version);
  INFO(version);
  const auto& symbols = kernel.symbols().symbols();
  CHECK(symbols.size() > 100'000);
  CHECK(symbols.size() < 400'000);
  CHECK(std::ranges::is_sorted(symbols, {}, &SymbolTable::Symbol::address));
  CHECK(kernel.symbols().find("_text") == 0xffffffff81000000);
  CHECK(kernel.symbols().find("_stext") == 0xffffffff81000000);
  for (const char* name :
       {"init_task", "runqueues", "jiffies_64", "phys_base", "init_top_pgt", "__per_cpu_offset"}) {
    INFO(name);
    CHECK(kernel.symbols().find(name));
  }
}

TEST_CASE("every symbol that a stock kernel exports has the address of its export") {
  std::string version = each_version();
  Stock kernel(version);
  INFO(version);
  auto elf = ElfImage::parse(kernel.image.vmlinux);
  REQUIRE(elf.ok());
  std::vector<NamedAddress> known;
  for (const auto& symbol : kernel.symbols().symbols())
    known.emplace_back(symbol.name, symbol.address);
  std::ranges::sort(known);
  auto exports = exports_of(*elf);
  CHECK(exports.size() > 9'000);
  size_t missing = 0;
  for (const NamedAddress& entry : exports) {
    if (std::ranges::binary_search(known, entry)) continue;
    ++missing;
    UNSCOPED_INFO(entry.first << " at " << std::hex << entry.second);
  }
  CHECK(missing == 0);
}

TEST_CASE("a stock kernel's symbol table is the same after its text form") {
  Stock kernel(each_version());
  std::string text = kernel.symbols().text();
  auto again = SymbolTable::from_text(text);
  REQUIRE(again.ok());
  CHECK(again->symbols().size() == kernel.symbols().symbols().size());
  CHECK(again->text() == text);
}

}  // namespace ktape
