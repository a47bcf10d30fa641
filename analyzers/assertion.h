// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/exit_code.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/tape/losses.h"
#include "schema/tape/reading/reader.h"

// How to write an assertion: one source file that derives a class from Assertion (or from
// OpAssertion in op_assertion.h, to judge what requests read and wrote) and defines
// make_assertion(); `ktape_add_assertion(NAME)` in analyzers/CMakeLists.txt builds it as the
// program ktape-assert-NAME. It sees the records of one tape in order, and nothing else: no kernel,
// no machine, no clock. Its memory may grow with the number of tasks, schedulers, distinct tags and
// unanswered requests, not with the number of records.

namespace ktape {

enum class Verdict { kPass, kFail, kInconclusive };

// A fact of the tape that supports or refutes an assertion, and the record that proves it.
struct Finding {
  Seq seq;           // 0: about the tape as a whole
  std::string text;  // one clause, safe to print
};

// Findings in the order in which they come. All are counted, the first kKept are kept, so a tape
// with a million of them takes no more memory than one with twenty.
class Findings {
 public:
  static constexpr size_t kKept = 20;

  void add(Seq seq, std::string text);
  void add(const Findings& more);

  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const std::vector<Finding>& first() const { return first_; }

 private:
  std::vector<Finding> first_;
  size_t count_ = 0;
};

// An argument of an assertion's command line, such as "--max-ns N".
struct Argument {
  std::string name;   // "--max-ns"
  std::string value;  // placeholder of its value in `--help`; empty: a flag, without a value
  std::string help;
  bool required = false;
  // Takes the value ("" for a flag). kUsage says what is wrong with it.
  std::function<Result<void>(const std::string&)> take;
};

class Assertion {
 public:
  virtual ~Assertion() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;  // "vtime-monotonic"
  // What it asserts, when it fails and when it is inconclusive: the text of `--help`.
  [[nodiscard]] virtual std::string_view help() const = 0;

  // Its arguments, in the order of `--help`. They are set before the first record.
  [[nodiscard]] virtual std::vector<Argument> arguments() { return {}; }

  // Called for each record, in the tape's order, except those of kinds that this build does not
  // know. Members of the record may be untrusted: reading one throws kj::Exception if it is bad,
  // which evaluate() turns into kBadInput.
  virtual void visit(const RecordView& record) = 0;
  // After the last record. Called once, and only if the whole tape could be read; confirmations and
  // the rest may still be added.
  virtual void finish(TapeState state) = 0;

  // Fail if anything was violated; else inconclusive if anything is undecided or nothing was
  // confirmed; else pass.
  [[nodiscard]] Verdict verdict() const;

  [[nodiscard]] const Findings& confirmed() const { return confirmed_; }
  [[nodiscard]] const Findings& violated() const { return violated_; }
  [[nodiscard]] const Findings& undecided() const { return undecided_; }
  [[nodiscard]] const Findings& notes() const { return notes_; }

 protected:
  void confirm(Seq seq, std::string text) { confirmed_.add(seq, std::move(text)); }
  void violate(Seq seq, std::string text) { violated_.add(seq, std::move(text)); }
  void violate(const Findings& all) { violated_.add(all); }
  // What keeps the assertion from being judged: a missing record, a machine that was lost.
  void leave_undecided(Seq seq, std::string text) { undecided_.add(seq, std::move(text)); }
  void leave_undecided(const Findings& all) { undecided_.add(all); }
  void note(Seq seq, std::string text) { notes_.add(seq, std::move(text)); }

 private:
  Findings confirmed_;
  Findings violated_;
  Findings undecided_;
  Findings notes_;
};

// Each assertion defines it once.
[[nodiscard]] std::unique_ptr<Assertion> make_assertion();

// Facts to print beside every verdict.
struct TapeFacts {
  std::string path;
  TapeState state = TapeState::kUnsealed;
  uint64_t records = 0;
  uint64_t unknown_records = 0;
  LossTally losses;
};

// Passes every record of the tape to the assertion, in order, checked against the chain. kBadInput
// names the record that cannot be read or was altered; the assertion's verdict is then meaningless.
[[nodiscard]] Result<TapeFacts> evaluate(const TapeReader& tape, Assertion& assertion);

// The verdict in KTAP: a plan of one test, the findings and losses as diagnostics, the result line.
// Safe to print. `ktape check` parses it, so its form is an interface (docs/assertions.md).
[[nodiscard]] std::string ktap(const TapeFacts& facts, const Assertion& assertion);

// The KTAP of an assertion that was not given the arguments that it needs: a skip that names them.
[[nodiscard]] std::string ktap_lacking(const Assertion& assertion,
                                       const std::vector<std::string>& missing);

[[nodiscard]] ExitCode exit_code(Verdict verdict);

// The value of an argument as a number: decimal, or hex after 0x, up to 2^64 - 1. kUsage names
// `argument`.
[[nodiscard]] Result<uint64_t> number_argument(std::string_view argument, std::string_view value);

}  // namespace ktape
