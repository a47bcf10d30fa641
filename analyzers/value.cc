// SPDX-License-Identifier: Apache-2.0

// value: the values read under a tag compare as requested.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that every value under a tag, read or found after a write, is ==, !=, <, <=, > or >=
a number. Values are unsigned, of 8 to 64 bits; each value of a list or a series is compared.

Inconclusive if the tape has no such tag, if a read did not succeed, or if a value is not
a number of at most 64 bits.

Example: ktape-assert-value run.ktape --tag nr_running --op '<=' --to 8)";

struct Comparison {
  std::string_view sign;
  bool (*holds)(uint64_t, uint64_t);
};
constexpr std::array<Comparison, 6> kComparisons = {{
    {"==", [](uint64_t a, uint64_t b) { return a == b; }},
    {"!=", [](uint64_t a, uint64_t b) { return a != b; }},
    {"<", [](uint64_t a, uint64_t b) { return a < b; }},
    {"<=", [](uint64_t a, uint64_t b) { return a <= b; }},
    {">", [](uint64_t a, uint64_t b) { return a > b; }},
    {">=", [](uint64_t a, uint64_t b) { return a >= b; }},
}};

class ValueAssertion final : public OpAssertion {
 public:
  std::string_view name() const override { return "value"; }
  std::string_view help() const override { return kHelp; }

  std::vector<Argument> arguments() override {
    return {{"--tag", "TAG", "The tag of the values", true,
             [this](const std::string& value) -> Result<void> {
               tag_ = value;
               return {};
             }},
            {"--op", "OP", "The comparison: ==, !=, <, <=, > or >=", true,
             [this](const std::string& value) { return take_comparison(value); }},
            {"--to", "N", "The number to compare with: decimal, or hex after 0x", true,
             [this](const std::string& value) -> Result<void> {
               KTAPE_ASSIGN(to_, number_argument("--to", value));
               return {};
             }}};
  }

 protected:
  std::string subject() const override { return "value with the tag " + in_quotes(tag_); }

  bool concerns(schema::OpEntry::Reader asked) const override {
    return chars(asked.getTag()) == tag_;
  }

  void answered(const AnsweredEntry& entry) override {
    if (entry.as_expected) return note(entry.reply, entry.failure() + "; as the scenario expects");
    ++entries_;
    if (!entry.done()) return leave_undecided(entry.reply, entry.failure() + place());
    auto value = entry.got.getValue();
    if (!value.isList()) return compare(entry.reply, value);
    for (auto element : value.getList()) compare(entry.reply, element);
    // No value contradicts the comparison, and none confirms it.
    if (value.getList().size() == 0) note(entry.reply, "the list was empty");
  }

  // Not all findings are printed.
  void concluded() override {
    if (entries_ > 1 && failed_ > 0)
      note(Seq(0), fmt::format("of {} values of {}, {} not {} {}", compared_, in_quotes(tag_),
                               failed_ == 1 ? "1 is" : fmt::format("{} are", failed_),
                               comparison_->sign, to_));
  }

 private:
  Result<void> take_comparison(const std::string& sign) {
    auto it = std::ranges::find(kComparisons, std::string_view(sign), &Comparison::sign);
    if (it == kComparisons.end()) {
      return Error{ErrorCode::kUsage, "--op takes ==, !=, <, <=, > or >=, not " + in_quotes(sign),
                   ""};
    }
    comparison_ = &*it;
    return {};
  }

  // Which of the values with this tag it is; nothing for the first, which may be the only one.
  [[nodiscard]] std::string place() const {
    return entries_ > 1 ? fmt::format(" (no. {})", entries_) : "";
  }

  void compare(Seq seq, schema::Value::Reader value) {
    const std::string name = in_quotes(tag_) + place();
    std::optional<uint64_t> is = number_of(value);
    if (!is) return leave_undecided(seq, name + " is not a number of at most 64 bits");
    ++compared_;
    if (comparison_->holds(*is, to_)) return confirm(seq, fmt::format("{} is {}", name, *is));
    ++failed_;
    violate(seq, fmt::format("{} is {}, not {} {}", name, *is, comparison_->sign, to_));
  }

  std::string tag_;
  const Comparison* comparison_ = &kComparisons[0];
  uint64_t to_ = 0;
  uint64_t entries_ = 0;   // so far
  uint64_t compared_ = 0;  // values; an entry may have a list
  uint64_t failed_ = 0;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<ValueAssertion>(); }

}  // namespace ktape
