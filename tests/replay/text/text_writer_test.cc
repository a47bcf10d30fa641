// SPDX-License-Identifier: Apache-2.0
#include "replay/text/text_writer.h"

#include <catch2/catch_test_macros.hpp>

namespace ktape {

TEST_CASE("words wrap at 100 columns, aligned with the first line") {
  TextWriter writer;
  std::string word(40, 'x');
  writer.field("label", word + " " + word + " " + word);
  CHECK(writer.take() == "label       " + word + " " + word + "\n            " + word + "\n");
}

TEST_CASE("a word that is too long for a line gets its own line") {
  TextWriter writer;
  std::string digest(120, 'd');
  writer.field("head", "a " + digest);
  CHECK(writer.take() == "head        a\n            " + digest + "\n");
}

TEST_CASE("an event begins with its sequence number and the time in seconds") {
  TextWriter writer;
  writer.event(Seq(12), HostNs(3'204'518'999), "frozen");
  CHECK(writer.take() == "   12 [    3.204518]  frozen\n");
}

TEST_CASE("an empty line of a block takes one byte") {
  TextWriter writer;
  writer.block("a\n\n\nb\n");
  CHECK(writer.take().find("a\n\n\n ") != std::string::npos);
}

TEST_CASE("text is padded to columns, not to bytes") {
  CHECK(columns_of("aö…") == 3);
  CHECK(padded("ö", 3) == "ö  ");
  CHECK(padded("abcd", 3) == "abcd");
}

TEST_CASE("durations keep three significant digits") {
  CHECK(duration_text(0) == "0 ns");
  CHECK(duration_text(999) == "999 ns");
  CHECK(duration_text(3'210) == "3.21 us");
  CHECK(duration_text(45'600'000) == "45.6 ms");
  CHECK(duration_text(912'000) == "912 us");
  CHECK(duration_text(61'000'000'000) == "61.0 s");
}

TEST_CASE("counts and sizes are in words") {
  CHECK(count_text(1, "page") == "1 page");
  CHECK(count_text(2, "entry", "entries") == "2 entries");
  CHECK(bytes_text(uint64_t{512} << 20) == "512 MiB");
  CHECK(bytes_text(1) == "1 byte");
}

TEST_CASE("the wall clock is shown in UTC") {
  CHECK(wall_clock_text(uint64_t{1'795'340'531} * 1'000'000'000) == "2026-11-22 09:42:11 UTC");
}

}  // namespace ktape
