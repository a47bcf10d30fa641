// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/checkout.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "schema/base/child.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace fs = std::filesystem;
using schema::CheckoutState;

namespace {

class Repository {
 public:
  Repository() {
    if (std::system("git --version > /dev/null 2>&1") != 0) SKIP("there is no git on this host");
    git("init -q . && echo one > file && echo built > .gitignore && git add . && " + kCommit +
        " -m first");
  }
  // Prints nothing, or what went wrong.
  std::string git(const std::string& arguments) {
    const ChildResult result = must(run_child(
        "/bin/sh", {"-c", "cd " + folder.path() + " && git " + arguments + " 2>&1"}, 1 << 16));
    INFO(result.output);
    REQUIRE(result.exit_status == 0);
    return result.output.substr(0, result.output.find('\n'));
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder.file(name)) << text;
  }
  std::string sub_folder() {
    fs::create_directories(folder.file("built"));
    return folder.file("built");
  }

  const std::string kCommit = "git -c user.name=a -c user.email=a@b commit -q";
  TempDir folder;
};

}  // namespace

TEST_CASE_METHOD(Repository, "a folder of a checkout has its commit, and whether it is clean") {
  const Checkout clean = checkout_of(sub_folder());
  CHECK(clean.state == CheckoutState::CLEAN);
  CHECK(clean.commit == git("rev-parse HEAD"));
  CHECK(fs::equivalent(clean.folder, folder.path()));
  CHECK(clean.untracked == 0);
  write("untracked", "x");  // what was built need not be ignored
  const Checkout beside = checkout_of(sub_folder());
  CHECK(beside.state == CheckoutState::CLEAN);
  CHECK(beside.untracked == 1);
  write("file", "two");
  const Checkout changed = checkout_of(sub_folder());
  CHECK(changed.state == CheckoutState::CHANGED);
  CHECK(changed.untracked == 1);
  CHECK(changed.commit == clean.commit);
  git("add file");
  CHECK(checkout_of(sub_folder()).state == CheckoutState::CHANGED);
}

TEST_CASE_METHOD(Repository, "a change is not hidden by thousands of untracked files") {
  write("file", "two");
  // Over 64 KiB of output, which a pipe does not hold.
  for (int i = 0; i < 3000; ++i) write("untracked-with-a-long-name-" + std::to_string(i), "");
  const Checkout changed = checkout_of(folder.path());
  CHECK(changed.state == CheckoutState::CHANGED);
  CHECK(changed.untracked == 3000);
}

TEST_CASE("a folder in no checkout has none, whatever the environment says") {
  TempDir folder;
  ::setenv("GIT_DIR", KTAPE_SOURCE_DIR "/.git", 1);
  const Checkout none = checkout_of(folder.path());
  ::unsetenv("GIT_DIR");
  CHECK(none.state == CheckoutState::NONE);
  CHECK(none.commit.empty());
}

TEST_CASE_METHOD(Repository,
                 "reading the state of a checkout runs none of its code and changes nothing") {
  write("monitor", "#!/bin/sh\ntouch " + folder.file("ran") + "\n");
  fs::permissions(folder.file("monitor"), fs::perms::owner_all);
  git("config core.fsmonitor " + folder.file("monitor"));
  for (const char* hook : {"post-index-change", "post-checkout"})
    fs::copy_file(folder.file("monitor"), folder.file(std::string(".git/hooks/") + hook));
  // git would refresh an index with old times.
  write("file", "one\n");
  const auto before = fs::last_write_time(folder.file(".git/index"));
  CHECK(checkout_of(folder.path()).state == CheckoutState::CLEAN);
  CHECK(fs::last_write_time(folder.file(".git/index")) == before);
  CHECK_FALSE(fs::exists(folder.file("ran")));
  CHECK_FALSE(fs::exists(folder.file(".git/index.lock")));
}

TEST_CASE_METHOD(
    Repository, "a checkout without a commit, a broken one, and a host without git are not known") {
  TempDir empty;
  must(run_child("/bin/sh", {"-c", "git init -q " + empty.path()}, 4096));
  const Checkout unborn = checkout_of(empty.path());
  CHECK(unborn.state == CheckoutState::NOT_KNOWN);
  CHECK_FALSE(unborn.reason.empty());

  const std::string path = std::getenv("PATH");
  ::setenv("PATH", empty.path().c_str(), 1);
  const Checkout no_git = checkout_of(folder.path());
  ::setenv("PATH", path.c_str(), 1);
  CHECK(no_git.state == CheckoutState::NOT_KNOWN);
  CHECK(no_git.reason.find("git") != std::string::npos);

  write(".git/HEAD", "nonsense");
  CHECK(checkout_of(folder.path()).state == CheckoutState::NOT_KNOWN);
}

}  // namespace ktape::test
