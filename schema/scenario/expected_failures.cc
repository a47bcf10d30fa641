// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/expected_failures.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "schema/base/file.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

// Whether `ktape check` would find such a program without --analyzers.
bool is_program(const std::string& assertion) {
  std::vector<std::string> folders = path_folders();
  const Result<std::string> own = executable_folder();
  if (own.ok()) folders.push_back(*own);
  return std::ranges::any_of(folders, [&](const std::string& folder) {
    return ::access((folder + "/ktape-assert-" + assertion).c_str(), X_OK) == 0;
  });
}

Result<void> check_assertion(std::string_view file, const TextNode& where,
                             const std::string& name) {
  const TextNode& place = where.at("assertion");
  if (name.empty()) {
    return error_at(file, where.place, "'assertion' is missing: name the assertion that fails",
                    "list them with 'ktape check --list'");
  }
  const std::span<const std::string> shipped = shipped_assertions();
  if (std::ranges::find(shipped, name) != shipped.end()) return {};
  const bool is_file_name = name.size() <= kMaxExpectedBytes && name.find('/') == name.npos;
  if (is_file_name && is_program(name)) return {};
  const std::string near = did_you_mean(name, shipped);
  return error_at(
      file, place.place, "there is no assertion " + in_quotes(name),
      !near.empty() ? near : "put the program ktape-assert-NAME of your own assertion on PATH");
}

Result<void> check_match(std::string_view file, const TextNode& where, std::string_view match) {
  const Place place = where.at("match").place;
  if (match.size() > kMaxExpectedBytes) {
    return error_at(
        file, place,
        fmt::format("'match' has {} bytes; the limit is {}", match.size(), kMaxExpectedBytes),
        "a part of the failure's text is enough");
  }
  if (is_utf8(match) && std::ranges::none_of(match, is_control)) return {};
  return error_at(file, place, "no failure has the text " + in_quotes(match),
                  "a failure's text is one line without control characters");
}

}  // namespace

std::span<const std::string> shipped_assertions() {
  static const std::vector<std::string> kNames = {
      "freeze-bound",   "freeze-consistent", "freeze-order",
      "gates-complete", "jiffies-nonzero",   "no-scheduler-error",
      "op-pairing",     "percpu-typed",      "run-completed",
      "value",          "vtime-monotonic",   "worker-progress"};
  return kNames;
}

Result<void> check_expected_failures(std::string_view file, const TextNode& parsed,
                                     schema::Scenario::Reader scenario) {
  const auto expected = scenario.getExpect();
  const TextNode& list = parsed.at("expect");
  if (expected.size() > kMaxExpectedFailures) {
    return error_at(file, list.place,
                    fmt::format("'expect' lists {} failures; the limit is {}", expected.size(),
                                kMaxExpectedFailures));
  }
  for (unsigned i = 0; i < expected.size(); ++i) {
    const TextNode& where = list.at(i);
    KTAPE_TRY(check_assertion(file, where, expected[i].getAssertion().cStr()));
    KTAPE_TRY(check_match(file, where, expected[i].getMatch().cStr()));
  }
  return {};
}

}  // namespace ktape
