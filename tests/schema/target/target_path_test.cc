// SPDX-License-Identifier: Apache-2.0
#include "schema/target/target_path.h"

#include <capnp/message.h>

#include <catch2/catch_test_macros.hpp>

using namespace ktape;

namespace {

std::string round_trip(std::string_view text) {
  const auto steps = parse_target_path(text);
  return steps.ok() ? target_path_text(*steps) : steps.error().message;
}

std::string path_error(std::string_view text) {
  const auto steps = parse_target_path(text);
  REQUIRE_FALSE(steps.ok());
  CHECK(steps.error().code == ErrorCode::kUsage);
  return steps.error().message;
}

}  // namespace

TEST_CASE("a path parses into the steps that C would take") {
  const auto steps = parse_target_path("scx.dsq->nodes[2].next");
  REQUIRE(steps.ok());
  CHECK(*steps == std::vector<PathStep>{MemberStep{"scx"}, MemberStep{"dsq"}, DerefStep{},
                                        MemberStep{"nodes"}, IndexStep{2}, MemberStep{"next"}});
}

TEST_CASE("per-CPU and list steps are in braces") {
  const auto steps = parse_target_path(
      "a{cpu 3}.runnable_list{list struct task_struct scx.runnable_node 100}.pid");
  REQUIRE(steps.ok());
  CHECK(*steps == std::vector<PathStep>{MemberStep{"a"}, CpuStep{3}, MemberStep{"runnable_list"},
                                        ListStep{"struct task_struct", "scx.runnable_node", 100},
                                        MemberStep{"pid"}});
}

TEST_CASE("the empty path is the root itself") {
  const auto steps = parse_target_path("");
  REQUIRE(steps.ok());
  CHECK(steps->empty());
  CHECK(target_path_text({}).empty());
}

TEST_CASE("path text and steps are inverses") {
  for (std::string_view text :
       {"scx.dsq_vtime", "scx.dsq->id", "->next", "a->->b", "p->", "p->[3].x", "[0][1]",
        "x{cpu 1}->y", "l{list foo node 8}", "l{hlist struct foo a.node[2] 8}.x",
        "l{llist foo node 8}", "t{rbtree struct foo a.node 8}->y"}) {
    CHECK(round_trip(text) == text);
  }
  CHECK(round_trip("a[0x10]") == "a[16]");
}

TEST_CASE("a bad path is refused with its column") {
  CHECK(path_error(".a") == "target path '.a': column 1: got '.', expected a member's name");
  CHECK(path_error("a..b") == "target path 'a..b': column 3: got '.', expected a member's name");
  CHECK(path_error("a.") == "target path 'a.': column 3: got the end, expected a member's name");
  CHECK(path_error("a b") ==
        "target path 'a b': column 2: got ' ', expected '.', '->', '[' or '{'");
  CHECK(path_error("a[x]") == "target path 'a[x]': column 3: got 'x', expected an index and ']'");
  CHECK(path_error("a[1") == "target path 'a[1': column 3: got '1', expected an index and ']'");
  CHECK(path_error("a{cpu}") ==
        "target path 'a{cpu}': column 3: got 'c', expected 'cpu' and a CPU's number");
  CHECK(path_error("a{list foo node 0}") ==
        "target path 'a{list foo node 0}': column 17: got '0', expected a limit of at least 1");
  CHECK(path_error("a{list struct 9 node 1}").find("column 8: got 's', expected a type") !=
        std::string::npos);
  CHECK(path_error("a{list foo 9 1}").find("column 12: got '9', expected a link") !=
        std::string::npos);
  CHECK(path_error("a{cpu x}").find("column 7: got 'x', expected 'cpu'") != std::string::npos);
  CHECK(path_error("a{xarray foo link x 9}")
            .ends_with("expected 'xarray', the type of an entry, and a limit"));
  CHECK(path_error("a{xarray struct foo 0}").ends_with("expected a limit of at least 1"));
  CHECK(path_error("a{rbtree foo}")
            .ends_with("expected 'rbtree', the type of an entry, its link member, and a limit"));
  for (const char* link : {"a[", "a[]", "a[x]", "[1]", "a[1]b", "a[1][", "a]"})
    CHECK(
        path_error("a{hlist foo " + std::string(link) + " 8}").ends_with("expected a link member"));
  CHECK(path_error("a{walk}").ends_with("expected 'cpu N}', or a walk: 'list TYPE LINK LIMIT}'"));
  CHECK(parse_target_path("a{xaray foo 9}").error().hint == "did you mean 'xarray'?");
  CHECK(path_error("9a").ends_with("expected a member's name"));
}

TEST_CASE("an endless path is refused") {
  std::string text = "a";
  for (int i = 0; i < 100; ++i) text += ".a";
  CHECK(path_error(text).ends_with("expected a path of at most 64 steps"));
}

TEST_CASE("steps survive a record") {
  const auto steps = parse_target_path(
      "a->b[2]{cpu 1}{rbtree struct t l.n 5}.c{xarray struct u 7}{rhashtable v w 8}");
  REQUIRE(steps.ok());
  capnp::MallocMessageBuilder message;
  auto target = message.initRoot<schema::Target>();
  write_steps(*steps, target);
  const auto back = read_steps(target.asReader());
  REQUIRE(back.ok());
  CHECK(*back == *steps);
  CHECK(parse_target_path(target_path_text(*steps)).value() == *steps);
}

TEST_CASE("a recorded walk has a link, except that of an xarray") {
  capnp::MallocMessageBuilder message;
  auto target = message.initRoot<schema::Target>();
  auto walk = target.initSteps(1)[0].initList();
  walk.setContainer("struct t");
  walk.setLimit(1);
  CHECK_FALSE(read_steps(target.asReader()).ok());
  walk.setKind(schema::WalkKind::XARRAY);
  CHECK(read_steps(target.asReader()).ok());
  walk.setLink("l");
  CHECK_FALSE(read_steps(target.asReader()).ok());
  walk.setKind(static_cast<schema::WalkKind>(6));
  CHECK(read_steps(target.asReader())
            .error()
            .message.ends_with("its walk is not known to this build"));
}

TEST_CASE("a recorded member that is not a name is refused") {
  capnp::MallocMessageBuilder message;
  auto target = message.initRoot<schema::Target>();
  target.initSteps(1)[0].setMember("a->b");
  const auto back = read_steps(target.asReader());
  REQUIRE_FALSE(back.ok());
  CHECK(back.error().code == ErrorCode::kBadInput);
  CHECK(back.error().message == "step 1 of the target path: 'a->b' is not a member's name");
}

TEST_CASE("a target is printed as one line for people") {
  capnp::MallocMessageBuilder message;
  auto target = message.initRoot<schema::Target>();
  target.setSymbol("jiffies_64");
  CHECK(target_text(target.asReader()) == "jiffies_64");
  target.setPath("->next");
  CHECK(target_text(target.asReader()) == "jiffies_64->next");

  target.initPerCpu().setSymbol("runqueues");
  target.setPath("nr_running");
  CHECK(target_text(target.asReader()) == "runqueues[cpu 0].nr_running");

  target.initTask().setWorker("sleeper");
  target.setPath("scx.dsq_vtime");
  CHECK(target_text(target.asReader()) == "task 'sleeper' scx.dsq_vtime");
  target.initTask().setPid(42);
  CHECK(target_text(target.asReader()) == "task 42 scx.dsq_vtime");

  auto place = target.initVirtual();
  place.setAddress(0xffff888000000000);
  place.setType("struct rq");
  target.setPath("");
  write_steps({MemberStep{"clock"}}, target);
  CHECK(target_text(target.asReader()) == "(struct rq)0xffff888000000000.clock");
}
