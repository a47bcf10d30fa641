// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff_sides.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "replay/check/check.h"
#include "schema/base/text.h"
#include "schema/tape/reading/reader.h"

namespace ktape {

namespace {

constexpr size_t kMaxRepeats = 1000;

Result<std::vector<std::string>> repeats_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (auto it = std::filesystem::directory_iterator(folder, error);
       !error && it != std::filesystem::end(it); it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.ends_with(".ktape")) names.push_back(std::move(name));
  }
  const std::string quoted = in_quotes(folder);
  if (error)
    return Error{ErrorCode::kBadInput,
                 fmt::format("cannot read the folder {}: {}", quoted, error.message()), ""};
  if (names.empty())
    return Error{ErrorCode::kBadInput, fmt::format("no tape (*.ktape) in {}", quoted), ""};
  if (names.size() > kMaxRepeats) {
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} has {} tapes, and at most {} can be compared", quoted,
                             names.size(), kMaxRepeats),
                 ""};
  }
  // The order in a folder is arbitrary, and that of a report must not be.
  std::ranges::sort(names);
  return names;
}

Result<DiffTape> load_tape(const std::string& path, const std::string& name,
                           const AskedAssertions& asked) {
  KTAPE_ASSIGN(CheckedTape checked, inspect_readable(path));
  KTAPE_ASSIGN(auto tape, TapeReader::open(path));
  DiffTape loaded;
  loaded.path = name;
  loaded.integrity = checked.integrity == "intact" ? checked.integrity
                                                   : checked.integrity + ": " + checked.finding;
  loaded.head = checked.head;
  TapeValues values(*tape);
  KTAPE_ASSIGN(loaded.run, gather_run_facts(*tape, &values));
  Result<FieldNames> fields = asked_fields(*tape);
  // Without readable types, every layout counts.
  if (!fields.ok() && fields.error().code == ErrorCode::kHost) return fields.error();
  if (fields.ok()) loaded.asked = std::move(*fields);
  for (auto& [assertion, verdict] : run_assertions(checked, asked)) {
    loaded.verdicts[assertion] = verdict.result;
    if (verdict.result.kind == CheckResult::Kind::kViolated && !verdict.findings.empty()) {
      loaded.evidence[assertion] = verdict.findings.front();
    }
  }
  return loaded;
}

// What keeps a tape from being a repeat of another; empty: nothing.
std::string what_differs(const RunFacts& one, const RunFacts& other) {
  if (one.scenario != other.scenario || one.scenario_text != other.scenario_text) return "scenario";
  // A run that ended early does not know its kernel's release.
  const bool same_kernel = one.image_digest.empty() ? one.kernel == other.kernel
                                                    : one.image_digest == other.image_digest;
  if (!same_kernel) return "kernel";
  return one.machine != other.machine ? "machine" : "";
}

}  // namespace

Result<DiffSide> load_side(const std::string& path, const AskedAssertions& asked) {
  DiffSide side;
  side.path = path;
  std::error_code ignored;
  // Also false if nothing is there: load_tape() then says why.
  if (!std::filesystem::is_directory(path, ignored)) {
    KTAPE_ASSIGN(DiffTape tape, load_tape(path, path, asked));
    side.tapes.push_back(std::move(tape));
    return side;
  }
  KTAPE_ASSIGN(const std::vector<std::string> names, repeats_in(path));
  for (const std::string& name : names) {
    KTAPE_ASSIGN(DiffTape tape,
                 load_tape((std::filesystem::path(path) / name).string(), name, asked));
    side.tapes.push_back(std::move(tape));
    const std::string differs = what_differs(side.run(), side.tapes.back().run);
    if (differs.empty()) continue;
    return Error{ErrorCode::kBadInput,
                 fmt::format("{} is not a repeat of {} in {}: its {} differs", in_quotes(name),
                             in_quotes(names.front()), in_quotes(path), differs),
                 "put the tapes of each side in a separate folder"};
  }
  return side;
}

}  // namespace ktape
