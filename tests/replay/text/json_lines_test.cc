// SPDX-License-Identifier: Apache-2.0
#include "replay/text/json_lines.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "schema/wire/data.h"
#include "tests/replay/sample_run.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

using Catch::Matchers::ContainsSubstring;

namespace {

std::string line_of(const std::function<void(schema::Record::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Record>();
  record.setSeq(7);
  record.setHostNs(uint64_t{1} << 60);
  fill(record);
  auto reader = record.asReader();
  return json_line({Seq(7), static_cast<uint16_t>(reader.which()), true, reader});
}

}  // namespace

TEST_CASE("a record is one line with its numbers as strings and its kind") {
  CHECK(line_of([](schema::Record::Builder record) {
          auto step = record.initStepStarted();
          step.setStep(3);
          step.setName("write");
        }) ==
        "{\"format\":1,\"seq\":\"7\",\"hostNs\":\"1152921504606846976\",\"guestNs\":\"0\","
        "\"kind\":\"stepStarted\",\"stepStarted\":{\"step\":3,\"name\":\"write\"}}\n");
}

TEST_CASE("kernel text is a string, and in hex where it is not UTF-8") {
  CHECK_THAT(
      line_of([](schema::Record::Builder r) { r.initConsole().setText(as_data("a\"\\\n\x01")); }),
      ContainsSubstring("{\"text\":\"a\\\"\\\\\\u000a\\u0001\"}"));
  CHECK_THAT(line_of([](schema::Record::Builder r) { r.initConsole().setText(as_data("a\xff")); }),
             ContainsSubstring("{\"text\":{\"hex\":\"61ff\"}}"));
}

TEST_CASE("digests and memory are hex, also where their bytes happen to be text") {
  CHECK_THAT(
      line_of([](schema::Record::Builder r) { r.initThawed().setPagesDigest(as_data("abc")); }),
      ContainsSubstring("\"pagesDigest\":\"616263\""));
  CHECK_THAT(line_of([](schema::Record::Builder r) {
               r.initSample().initValue().setBytes(as_data("abc"));
             }),
             ContainsSubstring("\"value\":{\"bytes\":\"616263\"}"));
}

TEST_CASE("an enumerant of a later format is a number") {
  CHECK_THAT(line_of([](schema::Record::Builder r) {
               r.initSealed().setOutcome(static_cast<schema::Outcome>(999));
             }),
             ContainsSubstring("\"outcome\":999"));
}

TEST_CASE("a record of an unknown kind keeps its number") {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Record>();
  record.setHostNs(5);
  CHECK(json_line({Seq(9), 77, false, record.asReader()}) ==
        "{\"format\":1,\"seq\":\"9\",\"hostNs\":\"5\",\"guestNs\":\"0\",\"kind\":\"unknown\","
        "\"kindNumber\":77}"
        "\n");
}

TEST_CASE("every record of a run is one object of JSON") {
  TempDir folder;
  TapeBuilder builder(folder.file("run.ktape"));
  record_sample_run(builder);
  auto tape = must(TapeReader::open(builder.seal().path));
  capnp::JsonCodec codec;
  size_t lines = 0;
  must(tape->for_each([&](const RecordView& view) -> Result<void> {
    std::string line = json_line(view);
    capnp::MallocMessageBuilder message;
    auto json = message.initRoot<capnp::json::Value>();
    codec.decodeRaw(kj::ArrayPtr<const char>(line.data(), line.size()), json);
    CHECK(json.isObject());
    CHECK(json.getObject()[0].getName() == "format");
    CHECK(json.getObject()[1].getName() == "seq");
    CHECK(json.getObject()[1].getValue().getString() == std::to_string(++lines).c_str());
    return {};
  }));
  CHECK(lines == 64);
}

}  // namespace ktape::test
