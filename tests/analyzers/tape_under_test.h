// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyzers/assertion.h"
#include "tests/support/tape/tape_builder.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

// A tape in its own folder, to be filled and then judged by the assertion under test.
class TapeUnderTest {
 public:
  TapeUnderTest() : builder_(std::make_unique<TapeBuilder>(folder_.file("run.ktape"))) {}

  // Sets an argument of the assertion's command line. False: the value was rejected.
  bool give(const std::string& name, const std::string& value = "");

  TapeBuilder* operator->() { return builder_.get(); }

  // Seals the tape and judges it.
  void evaluate(schema::Outcome outcome = schema::Outcome::COMPLETED, int32_t exit_code = 0);
  // Judges the tape that a dead recorder left.
  void evaluate_unsealed();
  // Judges what salvage made of that tape.
  void evaluate_salvaged();
  void evaluate_file(const std::string& path);

  [[nodiscard]] Verdict verdict() const { return assertion_->verdict(); }
  [[nodiscard]] const Assertion& assertion() const { return *assertion_; }
  // "seq 7: text", one per line; the first of them.
  [[nodiscard]] std::string violated() const;
  [[nodiscard]] std::string undecided() const;
  [[nodiscard]] std::string confirmed() const;
  [[nodiscard]] std::string notes() const;
  // With "run.ktape" for the tape's path.
  [[nodiscard]] std::string ktap() const;

 private:
  TempDir folder_;
  std::unique_ptr<TapeBuilder> builder_;
  std::unique_ptr<Assertion> assertion_ = make_assertion();
  TapeFacts facts_;
};

}  // namespace ktape::test
