// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/image/symbol_table.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <random>

#include "tests/support/kernel/synthetic_kernel.h"

namespace ktape {
namespace {

using Bytes = std::vector<std::byte>;
using Catch::Matchers::ContainsSubstring;
using Symbol = SymbolTable::Symbol;
using synthetic::bytes_of;
using synthetic::Kallsyms;

constexpr uint64_t kTextStart = 0xffffffff81000000;
constexpr uint64_t kRodata = 0xffffffff82000000;
constexpr uint64_t kBanner = kRodata + 0x40;
constexpr uint64_t kTables = kRodata + 0x1000;

// More symbols than one marker covers, one of them with a long name; per-CPU ones start at 0 in the
// formats that do so.
std::vector<Symbol> make_symbols(Kallsyms form, size_t functions = 600) {
  std::vector<Symbol> symbols;
  if (form == Kallsyms::kAbsolutePerCpu)
    symbols = {{0, 'A', "__per_cpu_start"}, {0x35e80, 'A', "runqueues"}};
  for (size_t i = 0; i < functions; ++i)
    symbols.push_back({kTextStart + 16 * i, 't', "function_" + std::to_string(i)});
  symbols.push_back({kTextStart + 0x100000, 'T', std::string(200, 'n')});
  symbols.push_back({kBanner, 'D', "linux_banner"});
  return symbols;
}

Bytes make_vmlinux(const std::vector<Symbol>& symbols, Kallsyms form) {
  Bytes rodata(kTables - kRodata);
  std::ranges::copy(bytes_of("Linux version 6.1 (x) #1 SMP\n"),
                    rodata.begin() + (kBanner - kRodata));
  Bytes tables = synthetic::make_kallsyms(symbols, form, kTables);
  rodata.insert(rodata.end(), tables.begin(), tables.end());
  rodata.resize(rodata.size() + 100, std::byte{0xee});
  return synthetic::make_elf({{".text", kTextStart, Bytes(64)}, {".rodata", kRodata, rodata}});
}

Result<SymbolTable> decode(const Bytes& vmlinux) {
  auto elf = ElfImage::parse(vmlinux);
  if (!elf.ok()) return elf.error();
  return SymbolTable::from_kallsyms(*elf);
}

Kallsyms any_form() {
  return GENERATE(Kallsyms::kAbsolutePerCpu, Kallsyms::kBaseRelative, Kallsyms::kPlaceRelative);
}

SymbolTable table_of(std::string_view text) {
  auto table = SymbolTable::from_text(text);
  REQUIRE(table.ok());
  return std::move(table).value();
}

std::string error_of(const Result<SymbolTable>& table) {
  REQUIRE_FALSE(table.ok());
  CHECK(table.error().code == ErrorCode::kBadInput);
  return table.error().message;
}

}  // namespace

TEST_CASE("kallsyms of each known encoding decode to the symbols that went in") {
  Kallsyms form = any_form();
  // Group sizes around the distance of markers, odd and even numbers of them.
  size_t functions = GENERATE(1, 253, 254, 255, 256, 257, 600, 1100);
  auto symbols = make_symbols(form, functions);
  auto table = decode(make_vmlinux(symbols, form));
  REQUIRE(table.ok());
  REQUIRE(table->symbols().size() == symbols.size());
  for (size_t i = 0; i < symbols.size(); ++i) {
    CHECK(table->symbols()[i].address == symbols[i].address);
    CHECK(table->symbols()[i].type == symbols[i].type);
    CHECK(table->symbols()[i].name == symbols[i].name);
  }
}

TEST_CASE("kallsyms without data symbols are refused with the option that is missing") {
  auto symbols = make_symbols(Kallsyms::kBaseRelative);
  symbols.pop_back();
  auto table = decode(make_vmlinux(symbols, Kallsyms::kBaseRelative));
  CHECK_THAT(error_of(table), ContainsSubstring("linux_banner"));
  CHECK_THAT(table.error().hint, ContainsSubstring("CONFIG_KALLSYMS_ALL"));
}

TEST_CASE("kallsyms whose addresses do not lead to the banner are refused") {
  auto symbols = make_symbols(Kallsyms::kBaseRelative);
  symbols.back().address += 8;
  CHECK_THAT(error_of(decode(make_vmlinux(symbols, Kallsyms::kBaseRelative))),
             ContainsSubstring("encoding"));
}

TEST_CASE("an image without tables is refused") {
  CHECK_THAT(error_of(decode(synthetic::make_elf({{".rodata", kRodata, Bytes(100000)}}))),
             ContainsSubstring("no kallsyms"));
  CHECK_THAT(error_of(decode(synthetic::make_elf({{".text", kTextStart, Bytes(10)}}))),
             ContainsSubstring(".rodata"));
}

TEST_CASE("tables that are cut short are refused") {
  Kallsyms form = any_form();
  Bytes tables = synthetic::make_kallsyms(make_symbols(form), form, kTables);
  for (size_t size = 0; size + 16 < tables.size(); size += 97) {
    Bytes rodata(kTables - kRodata);
    rodata.insert(rodata.end(), tables.begin(), tables.begin() + static_cast<ptrdiff_t>(size));
    error_of(decode(synthetic::make_elf({{".rodata", kRodata, rodata}})));
  }
}

TEST_CASE("damaged tables give an error or as many symbols as the tables say") {
  Kallsyms form = any_form();
  auto symbols = make_symbols(form);
  Bytes whole = make_vmlinux(symbols, form);
  std::mt19937 random(11);
  size_t refused = 0;
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = whole;
    for (int i = 0; i < 4; ++i)
      damaged[0x1100 + random() % (damaged.size() - 0x1200)] = static_cast<std::byte>(random());
    auto table = decode(damaged);
    if (!table.ok()) ++refused;
    if (table.ok()) CHECK(table->symbols().size() == symbols.size());
  }
  CHECK(refused > 0);
}

TEST_CASE("a symbol is found by its name, and the first of several with one name") {
  SymbolTable table =
      table_of("0000000000000010 t same\n0000000000000020 T other\n0000000000000030 t same\n");
  CHECK(table.find("same") == 0x10);
  CHECK(table.find("other") == 0x20);
  CHECK_FALSE(table.find("oth"));
  CHECK_FALSE(table.find(""));
}

TEST_CASE("an address is described by the symbol at or below it") {
  SymbolTable table =
      table_of("0000000000000010 T one\n0000000000000020 T two\n0000000000000020 T alias\n");
  CHECK(table.describe(0x10) == "one");
  CHECK(table.describe(0x1f) == "one+0xf");
  CHECK(table.describe(0x20) == "two");
  CHECK(table.describe(0x21) == "two+0x1");
  CHECK(table.describe(0xf).empty());
}

TEST_CASE("a table without symbols finds nothing") {
  SymbolTable table = table_of("");
  CHECK_FALSE(table.find("x"));
  CHECK(table.describe(5).empty());
  CHECK(table.text().empty());
}

TEST_CASE("the text form gives the same table again") {
  std::string text =
      "0000000000000000 A __per_cpu_start\nffffffff81000000 T _text\nffffffff81000000 T a name\n";
  SymbolTable table = table_of(text);
  CHECK(table.text() == text);
  CHECK(table.symbols()[2].name == "a name");
}

TEST_CASE("text that is not a symbol table is refused with the line") {
  const char* good = "ffffffff81000000 T _text\n";
  CHECK_THAT(error_of(SymbolTable::from_text(std::string(good) + "ffffffff80000000 T below\n")),
             ContainsSubstring("line 2"));
  for (const char* line : {"x", "ffffffff8100000 T _text", "ffffffff81000000 T ",
                           "ffffffff81000000 TT x", "fffffffg81000000 T x", "\n"}) {
    CHECK_THAT(error_of(SymbolTable::from_text(std::string(good) + line)),
               ContainsSubstring("line 2"));
  }
}

TEST_CASE("names that were chosen to make lookups slow are refused") {
  constexpr size_t kNames = 2000;
  std::string text;
  size_t found = 0;
  for (size_t i = 0; found < kNames; ++i) {
    const std::string name = "n" + std::to_string(i);
    if ((std::hash<std::string_view>()(name) & 4095) != 0) continue;
    text += "ffffffff81000000 T " + name + "\n";
    ++found;
  }
  const auto table = SymbolTable::from_text(text);
  REQUIRE_FALSE(table.ok());
  CHECK(table.error().code == ErrorCode::kBadInput);
  CHECK_THAT(table.error().message, ContainsSubstring("chosen to collide"));
}

}  // namespace ktape
