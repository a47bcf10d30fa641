// SPDX-License-Identifier: Apache-2.0

// percpu-typed: per-CPU reads succeed and have the requested width.

#include <fmt/format.h>

#include "analyzers/op_assertion.h"
#include "schema/base/text.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

constexpr char kHelp[] =
    R"(Asserts that every per-CPU read succeeded and has the requested width: a read as u8 to u64
returned a value of that width, checked against BTF; a read of N bytes returned N bytes;
any other read returned as many bytes as BTF says.

Inconclusive if the tape has no per-CPU read, or if the machine was lost before one was
served.)";

class PercpuTyped final : public OpAssertion {
 public:
  std::string_view name() const override { return "percpu-typed"; }
  std::string_view help() const override { return kHelp; }

 protected:
  std::string subject() const override { return "per-CPU read"; }

  bool concerns(schema::OpEntry::Reader asked) const override {
    return asked.isRead() && asked.getTarget().isPerCpu();
  }

  void answered(const AnsweredEntry& entry) override {
    if (entry.as_expected) return note(entry.reply, entry.failure() + "; as the scenario expects");
    if (!entry.done()) {
      // A refusal is a fact; a failure may be due to the loss of the machine.
      bool refused = entry.got.getStatus() == schema::EntryStatus::REFUSED;
      if (refused) return violate(entry.reply, entry.failure());
      failed_.add(entry.reply, entry.failure());
      return failed_with_machine_.add(entry.reply, entry.failure() + " (the machine was lost)");
    }
    std::string where = place(entry.asked);
    // Widths of lists are checked element by element.
    std::string wrong = wrong_width(entry.asked, entry.got, entry.got.getValue());
    if (!wrong.empty()) return violate(entry.reply, where + wrong);
    confirm(entry.reply, fmt::format("{} is {} bytes wide{}", where, entry.got.getWidthBytes(),
                                     type_text(entry.got)));
  }

  void concluded() override {
    if (machine_lost()) return leave_undecided(failed_with_machine_);
    violate(failed_);
  }

 private:
  static std::string place(schema::OpEntry::Reader asked) {
    return in_quotes(chars(asked.getTag())) + ": " + printable(target_text(asked.getTarget()));
  }

  static std::string type_text(schema::EntryReply::Reader got) {
    return got.getType().size() == 0 ? "" : ", " + printable(chars(got.getType()));
  }

  // What is wrong with the width of a value; empty if it is the requested one.
  static std::string wrong_width(schema::OpEntry::Reader asked, schema::EntryReply::Reader got,
                                 schema::Value::Reader value) {
    if (value.isList()) {
      for (auto element : value.getList()) {
        std::string wrong = wrong_width(asked, got, element);
        if (!wrong.empty()) return wrong;
      }
      return "";
    }
    std::optional<uint64_t> width = width_bytes(value);
    if (!width) return " has no value";
    // `auto` and `whole` mean BTF's width, which is the reply's.
    uint64_t wanted = got.getWidthBytes();
    switch (asked.getRead()) {
      case schema::ValueKind::U8: wanted = 1; break;
      case schema::ValueKind::U16: wanted = 2; break;
      case schema::ValueKind::U32: wanted = 4; break;
      case schema::ValueKind::U64: wanted = 8; break;
      case schema::ValueKind::BYTES: wanted = asked.getLength(); break;
      case schema::ValueKind::AUTO:
      case schema::ValueKind::WHOLE: break;
    }
    if (*width != wanted) return fmt::format(" has {} bytes, {} were requested", *width, wanted);
    // Bytes may ask for less than the object has.
    if (asked.getRead() == schema::ValueKind::BYTES) return "";
    if (got.getWidthBytes() != wanted) {
      return fmt::format(" is {} bytes wide, {} were requested", got.getWidthBytes(), wanted);
    }
    // A number without BTF's word for its width proves nothing.
    return got.getWidthChecked() ? "" : ": its width was not checked against BTF";
  }

  // Whether the machine was lost is not known before the end.
  Findings failed_;
  Findings failed_with_machine_;
};

}  // namespace

std::unique_ptr<Assertion> make_assertion() { return std::make_unique<PercpuTyped>(); }

}  // namespace ktape
