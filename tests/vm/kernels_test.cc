// SPDX-License-Identifier: Apache-2.0
// The kernels between those that every run of the tests boots.
#include <catch2/catch_test_macros.hpp>

#include "schema/journal/reader.h"
#include "schema/wire/data.h"
#include "tests/support/must.h"
#include "tests/vm/reference_check.h"

namespace ktape::test {

namespace {

std::string scheduler_output(const std::string& tape) {
  std::string output;
  must(must(JournalReader::open(tape))->for_each([&](const RecordView& view) -> Result<void> {
    if (view.record.isSchedulerOutput()) output += as_text(view.record.getSchedulerOutput().getText());
    return {};
  }));
  return output;
}

}  // namespace

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 6.17.13") {
  check_reference(capture("cold_path_roundtrip", "6.17.13"));
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 6.18.15") {
  check_reference(capture("cold_path_roundtrip", "6.18.15"));
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 7.0.13") {
  check_reference(capture("cold_path_roundtrip", "7.0.13"));
}

TEST_CASE_METHOD(
    CaptureFixture,
    "the reference scenario holds on 7.1.13, whose BTF lets nobody create a DSQ, and the tape says so") {
  const Captured captured = capture("cold_path_roundtrip", "7.1.13");
  check_reference(captured);
  CHECK(scheduler_output(captured.tape).find("tasks wait in SCX_DSQ_GLOBAL") != std::string::npos);
}

TEST_CASE_METHOD(CaptureFixture, "the reference scenario holds on 7.2.13") {
  const Captured captured = capture("cold_path_roundtrip", "7.2.13");
  check_reference(captured);
  CHECK(scheduler_output(captured.tape).empty());
}

}  // namespace ktape::test
