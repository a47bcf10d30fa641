// SPDX-License-Identifier: Apache-2.0

// no-complaint: the kernel did not complain on its console. An example of an assertion outside
// of the tree.

#include "analyzers/assertion.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that the kernel neither complained (an oops, a bug, a warning, a lockup) nor panicked.

Inconclusive if the tape was never sealed: what happened after its end is not known.)";

class NoComplaint final : public Assertion {
 public:
  std::string_view name() const override { return "no-complaint"; }
  std::string_view help() const override { return kHelp; }

  void visit(const RecordView& view) override {
    if (view.record.isGuestOops()) complain(view.seq, chars(view.record.getGuestOops().getText()));
    if (view.record.isGuestPanicked())
      complain(view.seq, chars(view.record.getGuestPanicked().getText()));
    last_ = view.seq;
  }

  void finish(TapeState state) override {
    if (state != TapeState::kSealed)
      return leave_undecided(Seq(0), "the tape was never sealed by its recorder");
    if (violated().empty())
      confirm(last_, "the kernel did not complain before the tape was sealed");
  }

 private:
  void complain(Seq seq, std::string_view text) {
    violate(seq, printable(text.substr(0, text.find('\n'))));
  }

  Seq last_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<NoComplaint>(); }

}  // namespace ktape
