// SPDX-License-Identifier: Apache-2.0
#include "replay/check/assertions.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/shell_words.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace {

using Words = std::vector<std::string>;

void make_program(const std::string& path, bool executable = true) {
  std::ofstream(path) << "#!/bin/sh\n";
  using std::filesystem::perms;
  std::filesystem::permissions(path, executable ? perms::owner_all : perms::owner_read);
}

const FoundAssertions kAll = {
    .assertions = {{"run-completed", "/x"}, {"value", "/v"}, {"vtime-monotonic", "/y"}},
    .hidden = {},
    .not_programs = {{"mine", "/m/ktape-assert-mine"}}};

std::string labels(const AssertionChoice& choice) {
  std::string text;
  for (const auto& run : must(choose_runs(kAll, choice)))
    text += run.label() + (run.required ? "!" : "") + "\n";
  return text;
}

}  // namespace

TEST_CASE("assertions are the executable files of that prefix, by name, the earlier folder first") {
  TempDir first, second;
  make_program(first.file("ktape-assert-b"));
  make_program(first.file("ktape-assert-plain-file"), false);
  make_program(second.file("ktape-assert-a"));
  make_program(second.file("ktape-assert-b"));
  make_program(second.file("ktape-show"));
  FoundAssertions found = must(find_assertions({first.path(), second.path()}));
  CHECK(found.assertions ==
        Assertions{{"a", second.file("ktape-assert-a")}, {"b", first.file("ktape-assert-b")}});
  CHECK(found.not_programs == Assertions{{"plain-file", first.file("ktape-assert-plain-file")}});
  REQUIRE(found.hidden.size() == 1);
  CHECK(found.hidden.front() ==
        std::pair<std::string, std::string>("b", second.file("ktape-assert-b")));
}

TEST_CASE("a missing folder is an error, unless it is on PATH") {
  TempDir folder;
  make_program(folder.file("ktape-assert-a"));
  CHECK(find_assertions({"/nonexistent"}).error().code == ErrorCode::kUsage);
  CHECK(must(find_assertions({}, {"/nonexistent", folder.path()})).assertions.size() == 1);
}

TEST_CASE("all assertions run, each once, when none is chosen") {
  CHECK(labels({}) == "run-completed\nvalue\nvtime-monotonic\n");
}

TEST_CASE("assertions are chosen by name, by file name, or by pattern") {
  CHECK(labels({.only = {"ktape-assert-run-completed"}}) == "run-completed\n");
  CHECK(labels({.only = {"v*"}}) == "value\nvtime-monotonic\n");
}

TEST_CASE("required analyzers run, whatever else is chosen") {
  CHECK(labels({.only = {"value"}, .require = {"vtime-monotonic"}}) == "value\nvtime-monotonic!\n");
  CHECK(labels({.require = {"run-completed"}}) == "run-completed!\nvalue\nvtime-monotonic\n");
}

TEST_CASE("each set of arguments is a run, instead of the one without arguments") {
  CHECK(labels({.with = {"value --tag b", "value --tag 'a b'"}}) ==
        "run-completed\nvalue --tag b\nvalue --tag a b\nvtime-monotonic\n");
  CHECK(labels({.only = {"run-completed"}, .with = {"value --to 1"}}) ==
        "run-completed\nvalue --to 1\n");
}

TEST_CASE("a missing analyzer is a mistake, wherever it is named") {
  for (const AssertionChoice& choice :
       {AssertionChoice{.only = {"run-complete"}}, AssertionChoice{.require = {"run-complete"}},
        AssertionChoice{.with = {"run-complete --x"}}}) {
    auto wrong = choose_runs(kAll, choice);
    REQUIRE_FALSE(wrong.ok());
    CHECK(wrong.error().code == ErrorCode::kUsage);
    CHECK(wrong.error().message == "there is no assertion 'run-complete'");
    CHECK(wrong.error().hint == "did you mean 'run-completed'?");
  }
  CHECK(choose_runs(kAll, {.only = {"mine"}}).error().message ==
        "cannot run assertion 'mine': it is not executable");
  CHECK(choose_runs(kAll, {.only = {"mine"}}).error().hint == "chmod +x /m/ktape-assert-mine");
  CHECK(choose_runs(kAll, {.with = {" "}}).error().message == "--with does not name an assertion");
}

TEST_CASE("words are split at blanks outside of quotes") {
  CHECK(must(shell_words(" a  b\t")) == Words{"a", "b"});
  // In double quotes a backslash escapes only what is special there, as in a POSIX shell.
  CHECK(must(shell_words(R"("a\.b" "\"")")) == Words{R"(a\.b)", "\""});
  CHECK(must(shell_words("--op \">=\" 'a b'c \"\"")) == Words{"--op", ">=", "a bc", ""});
  for (const std::string& word :
       Words{"plain-1.5", "", "a b", "it's", "\"$x\" `y`", "back\\slash", "'"})
    CHECK(must(shell_words("a " + shell_quoted(word) + " b")) == Words{"a", word, "b"});
  CHECK(shell_quoted("./x=1,2") == "./x=1,2");
  CHECK(must(shell_words(R"(a\ b 'c\' "\"")")) == Words{"a b", "c\\", "\""});
  CHECK(must(shell_words("")).empty());
}

TEST_CASE("a quote that is not closed is a mistake") {
  CHECK(shell_words("a 'b").error().code == ErrorCode::kUsage);
  CHECK(shell_words("a \"b").error().message == "a quote is not closed in 'a \"b'");
}

}  // namespace ktape::test
