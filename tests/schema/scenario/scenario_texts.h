// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "schema/scenario/load.h"

// Texts of scenarios that are good except for what a test inserts, and what loading says about
// them.
namespace ktape::test {

inline constexpr char kWorker[] = "(name = \"sleeper\", phases = [(sleepMs = 1000)])";
inline constexpr char kStep[] = "(name = \"s\", actions = [(sleepMs = 1)])";
inline constexpr char kTask[] = "task = (worker = \"sleeper\"), path = \"scx.dsq_vtime\"";

inline std::string scenario(std::string_view extra, std::string_view workers = kWorker,
                            std::string_view steps = kStep) {
  return fmt::format("(\nname = \"t\",\n{}\nworkers = [{}],\nsteps = [{}],\n)", extra, workers,
                     steps);
}

inline std::string with_worker(std::string_view fields) {
  return scenario("", fmt::format("(name = \"w\", phases = [(sleepMs = 1)], {})", fields));
}

inline std::string with_action(std::string_view action) {
  return scenario("", kWorker, fmt::format("(actions = [\n({})])", action));
}

inline std::string with_op(std::string_view target, std::string_view value,
                           std::string_view mode = "cold") {
  return with_action(fmt::format("op = (mode = {}, entry = (tag = \"t\", target = ({}), {}))", mode,
                                 target, value));
}

// The error for text "x" that must not load: message, then "; " and the hint.
inline std::string complaint(std::string text) {
  auto loaded = parse_scenario("x", std::move(text));
  if (loaded.ok()) return "no error";
  CHECK(loaded.error().code == ErrorCode::kUsage);
  return loaded.error().message + "; " + loaded.error().hint;
}

}  // namespace ktape::test
