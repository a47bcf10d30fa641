// SPDX-License-Identifier: Apache-2.0

// jiffies-nonzero: the kernel's tick counter advances.

#include <fmt/format.h>

#include <optional>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that every read of jiffies_64 is above 0 and not below the read before it, in the
order of the replies. (The kernel starts jiffies_64 at (u32)(-300 * HZ), so it is large
right after boot.)

Inconclusive if the tape has no such read, if one did not succeed, or if one did not read
a u64.)";

class JiffiesNonzero final : public OpAssertion {
 public:
  std::string_view name() const override { return "jiffies-nonzero"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::string subject() const override { return "read of jiffies_64"; }

  bool concerns(schema::OpEntry::Reader asked) const override {
    auto target = asked.getTarget();
    return asked.isRead() && target.isSymbol() && chars(target.getSymbol()) == "jiffies_64" &&
           path_is(target, {});
  }

  void answered(const AnsweredEntry& entry) override {
    if (entry.as_expected) return note(entry.reply, entry.failure() + "; as the scenario expects");
    if (!entry.done()) return leave_undecided(entry.reply, entry.failure());
    std::string tag = in_quotes(chars(entry.asked.getTag()));
    auto value = entry.got.getValue();
    // A narrower read returns only the low bits, and those do wrap around.
    if (!value.isU64()) return leave_undecided(entry.reply, tag + " was not read as u64");
    uint64_t now = value.getU64();
    if (now == 0) {
      violate(entry.reply, tag + " is 0");
    } else if (last_ && now < last_->value) {
      violate(entry.reply, fmt::format("{} is {}, it was {} before (seq {})", tag, now,
                                       last_->value, last_->seq.value));
    } else {
      confirm(entry.reply, fmt::format("{} is {}", tag, now));
    }
    // Also after a violation, or one bad value would make all later ones look wrong.
    last_ = Read{now, entry.reply};
  }

 private:
  struct Read {
    uint64_t value = 0;
    Seq seq;
  };
  std::optional<Read> last_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<JiffiesNonzero>(); }

}  // namespace ktape
