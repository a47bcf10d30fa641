// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/output_excerpt.h"

#include <catch2/catch_test_macros.hpp>

using namespace ktape;

namespace {

std::string words_of(std::string_view output) {
  OutputExcerpt words;
  words.add(output);
  return words.text();
}

}  // namespace

TEST_CASE("a program that prints little is quoted whole, without blank lines") {
  CHECK(words_of("").empty());
  CHECK(words_of(" \n\n").empty());
  CHECK(words_of("usage: scx_mine\r\n\n  -s  slice\nwithout end") ==
        "usage: scx_mine | -s  slice | without end");
}

TEST_CASE("messages of the verifier and libbpf above the last line are quoted") {
  const std::string text = words_of(
      "libbpf: prog 'mine_enqueue': BPF program load failed: Invalid argument\n"
      "libbpf: prog 'mine_enqueue': -- BEGIN PROG LOAD LOG --\n"
      "0: R1=ctx() R10=fp0\n1: (79) r6 = *(u64 *)(r1 +0)\n2: (85) call unknown#12\n3: x\n4: y\n"
      "R1 type=scalar expected=fp\nprocessed 5 insns (limit 1000000)\n-- END PROG LOAD LOG --\n"
      "libbpf: prog 'mine_enqueue': failed to load: -22\nlibbpf: failed to load object 'mine_bpf'\n"
      "scx_mine.c:93 [scx panic]: Failed to load skel\n");
  // The cause comes first, and the lines from it to the end are not left out.
  CHECK(text.starts_with(
      "libbpf: prog 'mine_enqueue': BPF program load failed: Invalid argument | ... | "));
  CHECK(text.find(" | R1 type=scalar expected=fp | ") != std::string::npos);
  CHECK(text.ends_with(" | scx_mine.c:93 [scx panic]: Failed to load skel"));
}

TEST_CASE("a failed load is reported in one line with libbpf's message") {
  CHECK(with_excerpt("cannot load the scheduler: Invalid argument",
                     "libbpf: extern (func ksym) 'scx_bpf_error_bstr': func_proto [31] "
                     "incompatible with vmlinux [9]\n"
                     "libbpf: failed to load object 'ktape_vtime'\n") ==
        "cannot load the scheduler: Invalid argument: libbpf: extern (func ksym) "
        "'scx_bpf_error_bstr': "
        "func_proto "
        "[31] incompatible with vmlinux [9] | libbpf: failed to load object 'ktape_vtime'");
  CHECK(with_excerpt("cannot open the scheduler", "") == "cannot open the scheduler");
}

TEST_CASE("an error that is among the last lines is quoted once") {
  CHECK(words_of("one\nan error\nthree\n") == "one | an error | three");
  CHECK(words_of("error\n1\n2\n3\n4\n5\n6\n7\n8\n") == "error | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8");
  CHECK(words_of("a\nb\nerror\n1\n2\n3\n4\n5\n6\n7\n") ==
        "... | error | 1 | 2 | 3 | 4 | 5 | 6 | 7");
}

TEST_CASE("output in pieces makes the same lines, and neither many nor long lines get through") {
  OutputExcerpt words;
  for (const char c : std::string("cannot open\nthe map\n")) words.add(std::string(1, c));
  CHECK(words.text() == "cannot open | the map");
  OutputExcerpt flood;
  for (int i = 0; i < 1000; ++i) flood.add(std::string(100'000, 'x') + "\n");
  CHECK(flood.text().size() <= (OutputExcerpt::kLines + 1) * (OutputExcerpt::kLineBytes + 6));
}
