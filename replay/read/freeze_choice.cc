// SPDX-License-Identifier: Apache-2.0
#include "replay/read/freeze_choice.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr std::string_view kPrefix = "freeze:";

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// "3-7"
std::optional<std::pair<uint64_t, uint64_t>> range(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return std::pair(*first, *last);
}

template <typename Takes>
Result<FreezeChoice> series(const TapeIndex& index, std::string_view text, const Takes& takes) {
  FreezeChoice choice;
  choice.is_series = true;
  for (const Freeze& freeze : index.freezes()) {
    if (takes(freeze)) choice.freezes.push_back(&freeze);
  }
  if (!choice.freezes.empty()) return choice;
  if (index.freezes().empty())
    return Error{ErrorCode::kNotApplicable, "the machine was never frozen in this run", ""};
  return Error{ErrorCode::kNotApplicable,
               fmt::format("--at {}: the tape has no such freeze", in_quotes(text)),
               "list the freezes with 'ktape read TAPE'"};
}

Result<FreezeChoice> one(const TapeIndex& index, std::string_view text) {
  const Result<const Freeze*> found = index.freeze_at(text);
  if (found.ok()) return FreezeChoice{{*found}, false};
  Error error = found.error();
  if (error.code == ErrorCode::kUsage)
    error.hint = "several freezes are 'all', 'trigger' or a range as 1-50";
  return error;
}

}  // namespace

Result<FreezeChoice> choose_freezes(const TapeIndex& index, std::string_view text) {
  std::string_view which = text;
  if (which.starts_with(kPrefix)) which.remove_prefix(kPrefix.size());
  if (which == "all") return series(index, text, [](const Freeze&) { return true; });
  if (which == "trigger") {
    return series(index, text, [](const Freeze& freeze) {
      return freeze.cause == schema::FreezeCause::TRIGGER;
    });
  }
  if (const auto ids = range(which)) {
    if (ids->first > ids->second) {
      return Error{ErrorCode::kUsage,
                   fmt::format("--at {}: the range ends before it begins", in_quotes(text)),
                   fmt::format("--at {}-{}", ids->second, ids->first)};
    }
    return series(index, text, [&](const Freeze& freeze) {
      return freeze.id >= ids->first && freeze.id <= ids->second;
    });
  }
  return one(index, text);
}

}  // namespace ktape
