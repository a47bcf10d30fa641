// SPDX-License-Identifier: Apache-2.0
#include "tests/analyzers/tape_under_test.h"

#include <stdexcept>

#include "schema/tape/copy/salvage.h"
#include "schema/tape/verify/verify.h"
#include "tests/support/must.h"

namespace ktape::test {

namespace {

std::string lines(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings.first()) {
    text += "seq " + std::to_string(finding.seq.value) + ": " + finding.text + "\n";
  }
  return text;
}

}  // namespace

bool TapeUnderTest::give(const std::string& name, const std::string& value) {
  for (const Argument& argument : assertion_->arguments()) {
    if (argument.name == name) return argument.take(value).ok();
  }
  throw std::runtime_error("there is no argument " + name);
}

void TapeUnderTest::evaluate(schema::Outcome outcome, int32_t exit_code) {
  evaluate_file(builder_->seal(outcome, exit_code).path);
}

void TapeUnderTest::evaluate_unsealed() {
  must(builder_->writer().commit());
  std::string path = builder_->writer().partial_path();
  builder_.reset();
  evaluate_file(path);
}

void TapeUnderTest::evaluate_salvaged() {
  must(builder_->writer().commit());
  builder_.reset();
  must(salvage(folder_.file("run.ktape"), folder_.file("saved.ktape")));
  evaluate_file(folder_.file("saved.ktape"));
}

void TapeUnderTest::evaluate_file(const std::string& path) {
  auto tape = must(TapeReader::open(path));
  facts_ = must(ktape::evaluate(*tape, *assertion_));
}

std::string TapeUnderTest::violated() const { return lines(assertion_->violated()); }
std::string TapeUnderTest::undecided() const { return lines(assertion_->undecided()); }
std::string TapeUnderTest::confirmed() const { return lines(assertion_->confirmed()); }
std::string TapeUnderTest::notes() const { return lines(assertion_->notes()); }

std::string TapeUnderTest::ktap() const {
  TapeFacts facts = facts_;
  facts.path = "run.ktape";
  return ktape::ktap(facts, *assertion_);
}

}  // namespace ktape::test
