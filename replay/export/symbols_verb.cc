// SPDX-License-Identifier: Apache-2.0
#include "replay/export/symbols_verb.h"

#include <fmt/format.h>

#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "replay/export/new_folder.h"
#include "replay/export/sparse_file.h"
#include "replay/export/symbol_elf.h"
#include "replay/tape/tape_index.h"
#include "replay/tape/tape_kernel.h"
#include "replay/text/output_file.h"
#include "replay/text/text_writer.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

namespace {

Result<void> write_file(const std::string& path, std::string_view content) {
  KTAPE_ASSIGN(OutputFile out, OutputFile::create(path));
  KTAPE_TRY(out.write(content));
  return out.finish();
}

Result<void> write_elf(const std::string& path, const SymbolElf& elf) {
  KTAPE_ASSIGN(SparseFile file, SparseFile::create(path));
  KTAPE_TRY(file.write(0, std::as_bytes(std::span(elf.file))));
  return file.finish(elf.bytes);
}

bool is_slim(const TapeReader& tape) {
  bool slim = false;
  const Result<void> read = tape.for_each([&](const RecordView& view) -> Result<void> {
    slim |= view.known && view.record.isSlimmed();
    return {};
  });
  return read.ok() && slim;
}

std::string system_map(const SymbolTable& symbols) {
  std::string text;
  for (const SymbolTable::Symbol& symbol : symbols.symbols()) {
    if (symbol.name == kLeftOutSymbol) continue;
    fmt::format_to(std::back_inserter(text), "{:016x} {} {}\n", symbol.address, symbol.type,
                   symbol.name);
  }
  return text;
}

}  // namespace

Result<ExitCode> export_symbols(const std::string& path, const std::string& folder) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(path));
  KTAPE_ASSIGN(const TapeIndex index, TapeIndex::make(*tape));
  KTAPE_ASSIGN(const Kernel kernel, restore_kernel(*tape, index));
  const KernelKnowledge& knowledge = kernel.knowledge();
  KTAPE_ASSIGN(const SymbolElf elf, make_symbol_elf(knowledge));
  const std::string_view btf(reinterpret_cast<const char*>(knowledge.btf_raw.data()),
                             knowledge.btf_raw.size());
  KTAPE_ASSIGN(NewFolder made, NewFolder::create(folder));
  KTAPE_TRY(write_file(made.file("System.map"), system_map(knowledge.symbols)));
  KTAPE_TRY(write_file(made.file("vmlinux.btf"), btf));
  KTAPE_TRY(write_elf(made.file("vmlinux"), elf));
  KTAPE_TRY(made.finish());
  fmt::print("{}: {}, {}, {} with a type\n", printable(folder), count_text(elf.symbols, "symbol"),
             count_text(elf.types, "type"), count_text(elf.variables, "variable"));
  fmt::print("slide of the kernel in this run: {:#x}\n", kernel.facts().slide);
  if (is_slim(*tape)) {
    fmt::print(stderr,
               "ktape export: the tape is slim, and has only the symbols and types that its run "
               "used\n");
  }
  return ExitCode::kGood;
}

}  // namespace ktape
