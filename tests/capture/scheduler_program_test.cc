// SPDX-License-Identifier: Apache-2.0
#include "capture/scheduler_program.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "capture/elf_needs.h"
#include "schema/base/file.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace fs = std::filesystem;

namespace {

const std::string kProgram = KTAPE_FIXTURE "/fixture_program";

class Host {
 public:
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0755) {
    const std::string path = folder.file(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }

  TempDir folder;
};

// The names of the libraries, in no order.
std::set<std::string> names(const std::vector<std::string>& paths) {
  std::set<std::string> all;
  for (const std::string& path : paths) all.insert(fs::path(path).filename());
  return all;
}

std::set<std::string> paths_in(const GuestFiles& files) {
  std::set<std::string> all;
  for (const PackedFile& file : files.files()) all.insert(file.path);
  return all;
}

std::string bytes_of(const std::string& path) {
  const auto bytes = must(read_file(path, size_t{64} << 20));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE(
    "the libraries of a program are found with those that they need, by $ORIGIN and by the host's folders") {
  const auto libraries = must(needed_libraries(kProgram, LibraryPlaces::of_host()));
  const std::set<std::string> found = names(libraries);
  CHECK(found == std::set<std::string>{"ld-linux-x86-64.so.2", "libfixture_outer.so", "libfixture_inner.so",
                                       "libc.so.6"});
  for (const std::string& library : libraries) CHECK(fs::exists(library));
}

TEST_CASE_METHOD(Host, "a missing library is named, with what needs it") {
  fs::create_directories(folder.file("lib"));
  fs::copy_file(kProgram, folder.file("program"));
  fs::copy_file(KTAPE_FIXTURE "/lib/libfixture_outer.so", folder.file("lib/libfixture_outer.so"));
  const auto libraries = needed_libraries(folder.file("program"), LibraryPlaces::of_host());
  REQUIRE_FALSE(libraries.ok());
  CHECK(libraries.error().code == ErrorCode::kNotFound);
  CHECK(libraries.error().message == "cannot find the shared library 'libfixture_inner.so' that '" +
                                         fs::canonical(folder.path()).string() +
                                         "/lib/libfixture_outer.so' needs");
}

TEST_CASE("the cache of the dynamic linker leads to libraries in folders of its own") {
  const auto cache = parse_library_cache(must(read_text_file("/etc/ld.so.cache", size_t{64} << 20)));
  REQUIRE(cache.contains("libc.so.6"));
  CHECK(fs::exists(cache.at("libc.so.6")));

  LibraryPlaces places = LibraryPlaces::of_host();
  places.folders.clear();  // only the cache knows libc then
  CHECK(names(must(needed_libraries(kProgram, places))).contains("libc.so.6"));
  places.cache.clear();
  CHECK_FALSE(needed_libraries(kProgram, places).ok());
}

TEST_CASE("a damaged cache of the dynamic linker is an empty one, or a shorter one") {
  std::string cache = bytes_of("/etc/ld.so.cache");
  const size_t whole = parse_library_cache(cache).size();
  CHECK(parse_library_cache("").empty());
  CHECK(parse_library_cache("glibc-ld.so.cache1.1").empty());
  CHECK(parse_library_cache(std::string_view(cache).substr(0, cache.size() / 3)).size() <= whole);
  std::memset(cache.data() + 20, 0xff, 4);  // more entries than there are bytes
  CHECK(parse_library_cache(cache).size() >= whole);
}

TEST_CASE("damaged programs are refused, whatever is damaged") {
  const std::string good = bytes_of(kProgram);
  CHECK(read_elf_needs(as_bytes(good), "x").ok());
  for (size_t size : {size_t{0}, size_t{3}, size_t{40}, size_t{64}, size_t{900}}) {
    INFO(size);
    CHECK_FALSE(read_elf_needs(as_bytes(good.substr(0, size)), "x").ok());
  }
  // Every byte of the headers and of the dynamic section's neighbourhood, one after another: no crash.
  for (size_t at = 0; at < good.size(); at += at < 1024 ? 1 : 509) {
    std::string bad = good;
    bad[at] = static_cast<char>(~bad[at]);
    (void)read_elf_needs(as_bytes(bad), "x");
  }
}

TEST_CASE("a program for another machine is refused") {
  std::string other = bytes_of(kProgram);
  other[18] = static_cast<char>(0xb7);  // e_machine: AArch64
  CHECK(read_elf_needs(as_bytes(other), "x").error().message == "'x' is not for x86-64, and the guest is");
}

TEST_CASE_METHOD(Host, "a scheduler is looked for beside the scenario, then in the folders, then on PATH") {
  SchedulerPlaces places{
      folder.file("beside"), {folder.file("one"), folder.file("two")}, "/x:" + folder.file("path")};
  const auto found = [&] {
    return fs::path(must(find_scheduler("s", places)).path).parent_path().filename();
  };
  write("path/s", "#!/bin/sh\n");
  CHECK(found() == "path");
  write("two/s", "#!/bin/sh\n");
  CHECK(found() == "two");
  write("one/s", "#!/bin/sh\n");
  CHECK(found() == "one");
  write("beside/s", "#!/bin/sh\n");
  CHECK(found() == "beside");
  write("beside/s", "#!/bin/sh\n", 0644);  // not executable: not the scheduler
  CHECK(found() == "one");
}

TEST_CASE_METHOD(Host, "a scheduler that is nowhere is refused with where was looked") {
  const SchedulerPlaces places{"/beside", {"/one"}, ""};
  const Error error = find_scheduler("scx_nothing", places).error();
  CHECK(error.code == ErrorCode::kUsage);
  CHECK(error.message == "cannot find scheduler 'scx_nothing': looked in '/beside', '/one', and on PATH");
  CHECK(find_scheduler("./x", places).error().message ==
        "cannot find scheduler '/beside/./x': there is no such file");
}

TEST_CASE_METHOD(Host, "what is neither a program for x86-64 nor a script is refused before boot") {
  write("text", "hello\n");
  write("plain", "#!/bin/sh\n", 0644);
  const SchedulerPlaces places{folder.path(), {}, ""};
  const Error error = find_scheduler("./text", places).error();
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK(error.message.ends_with("/text' is not an ELF file"));
  for (const char* plain : {"./plain", "plain"}) {
    const Error refused = find_scheduler(plain, places).error();
    CHECK(refused.code == ErrorCode::kBadInput);
    CHECK(refused.message.ends_with("plain': it is not executable"));
    CHECK(refused.hint.starts_with("chmod +x "));
  }
}

TEST_CASE_METHOD(Host, "a program is packed at its own path with its libraries, and a link to it as a link") {
  fs::create_symlink(kProgram, folder.file("link"));
  GuestFiles files;
  const SchedulerProgram program = must(find_scheduler(folder.file("link"), {}));
  CHECK(program.digest == sha256(as_bytes(bytes_of(kProgram))));
  must(pack_scheduler(program, LibraryPlaces::of_host(), "", files));
  const std::set<std::string> paths = paths_in(files);
  CHECK(paths.contains(fs::canonical(kProgram)));
  CHECK_FALSE(paths.contains(folder.file("link")));  // it is no file of its own
  CHECK(paths.contains(fs::canonical(KTAPE_FIXTURE).string() + "/lib/libfixture_inner.so"));
  CHECK(paths.contains("/lib64/ld-linux-x86-64.so.2"));
}

TEST_CASE_METHOD(Host, "a script is packed with its interpreter, also one that env finds") {
  fs::copy_file(kProgram, folder.file("interpreter"));
  fs::create_directory(folder.file("lib"));
  for (const char* name : {"lib/libfixture_outer.so", "lib/libfixture_inner.so"}) {
    fs::copy_file(std::string(KTAPE_FIXTURE "/") + name, folder.file(name));
  }
  write("direct", "#! " + folder.file("interpreter") + " -x\n");
  write("by_env", "#!/usr/bin/env interpreter\n");
  for (const char* name : {"direct", "by_env"}) {
    INFO(name);
    GuestFiles files;
    must(pack_scheduler(must(find_scheduler(folder.file(name), {})), LibraryPlaces::of_host(), folder.path(),
                        files));
    CHECK(paths_in(files).contains(folder.file(name)));
    CHECK(paths_in(files).contains(fs::canonical(folder.file("interpreter"))));
  }
  write("lost", "#!/no/such/interpreter\n");
  GuestFiles files;
  const auto packed =
      pack_scheduler(must(find_scheduler(folder.file("lost"), {})), LibraryPlaces::of_host(), "", files);
  CHECK(packed.error().message.starts_with("cannot find the interpreter '/no/such/interpreter' of script"));
}

}  // namespace ktape::test
