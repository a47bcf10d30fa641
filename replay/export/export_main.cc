// SPDX-License-Identifier: Apache-2.0

// ktape-export: converts a tape for other tools.

#include <algorithm>
#include <cstdio>

#include "replay/export/core_verb.h"
#include "replay/export/csv_export.h"
#include "replay/export/new_folder.h"
#include "replay/export/perfetto_export.h"
#include "replay/export/symbols_verb.h"
#include "replay/text/json_lines.h"
#include "replay/text/output_file.h"
#include "schema/base/command/command_line.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

namespace {

constexpr char kProgram[] = "ktape export";

constexpr char kHelp[] =
    R"(Converts a tape for other tools. An altered tape is not converted, and nothing is
overwritten.

  --perfetto  a trace for ui.perfetto.dev: steps, requests, freezes by vCPU, workers, values by tag
  --jsonl     every record as a line of JSON, as printed by 'ktape show --json'
  --csv       the tables for SQL, one file each in the folder OUT; only one of them with --table
  --core      the memory of a freeze as an ELF core file of the kernel: PT_LOAD segments by physical
              address and by address in the direct map, a note for each vCPU with its general and
              segment registers, and the VMCOREINFO note. drgn, crash and gdb open it. The file is
              as long as the guest's memory, and sparse.
  --symbols   the kernel's symbols and types, in the new folder DIR: System.map, vmlinux.btf (raw
              BTF) and vmlinux, an ELF file with the symbols, .BTF and the same types as DWARF. It
              stands in for a debug package, but has no code, data or lines.

A folder is there complete or not at all: until then it is named DIR.partial.XXXXXX.)";

constexpr char kFooter[] =
    R"(64-bit numbers are strings in JSON. In CSV a value of the kernel has two columns: NAME in
decimal, and NAME_hex. Readers that guess types round decimal values above 2^53 if the column
also has empty cells, and DuckDB takes NAME_hex for a number, unless they are told not to guess:
  pandas   pandas.read_csv('kernel_op.csv', dtype={'value': 'string', 'before': 'string'})
  duckdb   SELECT tag, value::UBIGINT FROM read_csv('kernel_op.csv', all_varchar = true)
  sqlite3  .mode csv, then .import kernel_op.csv kernel_op: every column is text
The recipes for pandas and sqlite3 are tested with the versions in Debian 12, that for DuckDB
with 1.1.3, 1.4.5 and 1.5.6. Perfetto keeps counters as floating-point numbers;
the exact value is in the slice of its request. A trace has at most 1000 tracks of each sort:
what is left out is listed in it and on standard error. Traces are tested with Protocol Buffers'
own reader; Debian 12 does not have Perfetto's trace_processor.

drgn, crash and gdb take the vmlinux of --symbols, or that of a debug package. gdb has to be
told by how much the kernel was moved at boot, which --symbols prints.

Examples:
  ktape capture SCENARIO --memory full -o run.ktape
  ktape export run.ktape --core freeze:last -o core
  ktape export run.ktape --symbols symbols && drgn -c core -s symbols/vmlinux
  crash --kaslr=auto --no_kmem_cache symbols/vmlinux core
  gdb -ex 'symbol-file -o 0x13200000 symbols/vmlinux' -ex 'core-file core'
  ktape export run.ktape --perfetto -o run.pftrace
  ktape export run.ktape --csv -o tables
  ktape export run.ktape --csv --table kernel_op -o - | head

Exit status: 0 converted; 77 no memory of that freeze was kept, or no symbols; 2 usage, including an
output that exists; 3 the tape is altered or unusable; 4 the output cannot be written.)";

struct Options {
  std::string tape;
  bool perfetto = false;
  bool jsonl = false;
  bool csv = false;
  std::string table;
  std::string core;
  std::string symbols;
  std::string out;
};

Result<void> export_jsonl(const Options& options) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(OutputFile out, OutputFile::create(options.out));
  KTAPE_TRY(tape->for_each([&](const RecordView& view) { return out.write(json_line(view)); }));
  return out.finish();
}

Result<void> export_perfetto(const Options& options) {
  KTAPE_ASSIGN(auto tape, TapeReader::open(options.tape));
  KTAPE_ASSIGN(OutputFile out, OutputFile::create(options.out));
  TapeValues values(*tape);
  PerfettoExport exported([&](std::string_view bytes) { return out.write(bytes); }, &values);
  KTAPE_TRY(tape->for_each([&](const RecordView& view) { return exported.visit(view); }));
  KTAPE_TRY(exported.finish());
  KTAPE_TRY(out.finish());
  if (const std::string missing = exported.left_out(); !missing.empty())
    std::fprintf(stderr, "%s: %s\n", kProgram, missing.c_str());
  return {};
}

Result<void> export_table(const TableReader& tape, const std::string& table,
                          const std::string& path) {
  KTAPE_ASSIGN(OutputFile out, OutputFile::create(path));
  KTAPE_TRY(csv_table(tape, table, [&](std::string_view text) { return out.write(text); }));
  return out.finish();
}

Result<void> export_csv(const Options& options) {
  KTAPE_ASSIGN(TableReader tape, TableReader::open(options.tape));
  if (!options.table.empty()) {
    if (std::ranges::find(tape.tables(), options.table) != tape.tables().end()) {
      return export_table(tape, options.table, options.out);
    }
    std::string hint = did_you_mean(options.table, tape.tables());
    return Error{ErrorCode::kUsage, "there is no table " + in_quotes(options.table),
                 hint.empty() ? "see the list in schema/FORMAT.md" : hint};
  }
  KTAPE_ASSIGN(NewFolder folder, NewFolder::create(options.out));
  for (const auto& table : tape.tables())
    KTAPE_TRY(export_table(tape, table, folder.file(table + ".csv")));
  return folder.finish();
}

Result<ExitCode> run(const Options& options) {
  const bool core = !options.core.empty();
  const bool symbols = !options.symbols.empty();
  const int formats =
      int{options.perfetto} + int{options.jsonl} + int{options.csv} + int{core} + int{symbols};
  if (formats != 1) {
    return Error{ErrorCode::kUsage,
                 formats == 0 ? "no output format is given" : "several output formats are given",
                 "give one of --perfetto, --jsonl, --csv, --core and --symbols"};
  }
  if (symbols) return export_symbols(options.tape, options.symbols);
  if (options.out.empty())
    return Error{ErrorCode::kUsage, "--output is required", "see 'ktape export --help'"};
  if (core) return export_core(options.tape, options.core, options.out);
  if (options.out == "-" && options.csv && options.table.empty()) {
    return Error{ErrorCode::kUsage, "--csv writes a folder of files",
                 "name one table for standard output with --table"};
  }
  if (!options.table.empty() && !options.csv)
    return Error{ErrorCode::kUsage, "--table needs --csv", ""};
  KTAPE_ASSIGN(Verification found, verify(options.tape, std::nullopt));
  if (found.integrity == Integrity::kAltered) {
    return Error{ErrorCode::kBadInput,
                 in_quotes(options.tape) + " is altered: " + printable(found.finding), ""};
  }
  if (options.perfetto) KTAPE_TRY(export_perfetto(options));
  if (options.jsonl) KTAPE_TRY(export_jsonl(options));
  if (options.csv) KTAPE_TRY(export_csv(options));
  return ExitCode::kGood;
}

}  // namespace

}  // namespace ktape

int main(int argc, char** argv) {
  ktape::Program program(ktape::kProgram, ktape::kHelp, ktape::kFooter);
  ktape::Options options;
  program.add("TAPE", options.tape, "A tape, or the .partial left by a recorder").required();
  program.add_flag("--perfetto", options.perfetto, "Write a Perfetto trace");
  program.add_flag("--jsonl", options.jsonl, "Write JSON Lines");
  program.add_flag("--csv", options.csv, "Write CSV files");
  program
      .add("--core", options.core,
           "Write a core file of this freeze: freeze:N, freeze:last or freeze:error")
      .value_name("FREEZE");
  const ktape::Option symbols =
      program
          .add("--symbols", options.symbols,
               "Write System.map, vmlinux.btf and vmlinux into this folder")
          .value_name("DIR");
  program.add("--table", options.table, "Write only this table").value_name("NAME");
  program.add("-o,--output", options.out, "The file or folder to write; '-' is standard output")
      .value_name("OUT")
      .excludes(symbols);
  return program.run(argc, argv, [&] { return ktape::run(options); });
}
