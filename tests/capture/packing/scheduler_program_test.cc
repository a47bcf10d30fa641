// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/scheduler_program.h"

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "capture/packing/elf_needs.h"
#include "capture/packing/library_search.h"
#include "capture/packing/program_pack.h"
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

  Result<void> pack(const std::string& path) {
    return pack_program(path, search_path, files, notes);
  }

  TempDir folder;
  std::string search_path = folder.path();
  GuestFiles files;
  std::vector<std::string> notes;
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
    "the libraries of a program are found with those that they need, by $ORIGIN and by the host's "
    "folders") {
  const auto libraries = must(needed_libraries(kProgram, LibraryPlaces::of_host()));
  const std::set<std::string> found = names(libraries);
  CHECK(found == std::set<std::string>{"ld-linux-x86-64.so.2", "libfixture_outer.so",
                                       "libfixture_inner.so", "libc.so.6"});
  for (const std::string& library : libraries) CHECK(fs::exists(library));
}

TEST_CASE_METHOD(Host, "a missing library is named, with what needs it") {
  fs::create_directories(folder.file("lib"));
  fs::copy_file(kProgram, folder.file("program"));
  fs::copy_file(KTAPE_FIXTURE "/lib/libfixture_outer.so", folder.file("lib/libfixture_outer.so"));
  const auto libraries = needed_libraries(folder.file("program"), LibraryPlaces::of_host());
  REQUIRE_FALSE(libraries.ok());
  CHECK(libraries.error().code == ErrorCode::kNotFound);
  CHECK(libraries.error().message ==
        "cannot find the shared library 'libfixture_inner.so' needed by '" +
            fs::canonical(folder.path()).string() + "/lib/libfixture_outer.so'");
}

TEST_CASE("the cache of the dynamic linker leads to libraries in folders of its own") {
  const auto cache =
      parse_library_cache(must(read_text_file("/etc/ld.so.cache", size_t{64} << 20)));
  REQUIRE(cache.contains("libc.so.6"));
  CHECK(fs::exists(cache.at("libc.so.6")));

  LibraryPlaces places = LibraryPlaces::of_host();
  places.folders.clear();  // only the cache knows libc then
  CHECK(names(must(needed_libraries(kProgram, places))).contains("libc.so.6"));
  places.cache.clear();
  CHECK_FALSE(needed_libraries(kProgram, places).ok());
}

TEST_CASE("a damaged cache of the dynamic linker counts as empty, or as shorter") {
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
  CHECK(read_elf_needs(as_bytes(good)).ok());
  for (size_t size : {size_t{0}, size_t{3}, size_t{40}, size_t{64}, size_t{900}}) {
    INFO(size);
    CHECK_FALSE(read_elf_needs(as_bytes(good.substr(0, size))).ok());
  }
  // Every byte of the headers and of the dynamic section's neighbourhood, one after another: no
  // crash.
  for (size_t at = 0; at < good.size(); at += at < 1024 ? 1 : 509) {
    std::string bad = good;
    bad[at] = static_cast<char>(~bad[at]);
    (void)read_elf_needs(as_bytes(bad));
  }
}

TEST_CASE("a program for another machine is refused") {
  std::string other = bytes_of(kProgram);
  other[18] = static_cast<char>(0xb7);  // e_machine: AArch64
  CHECK(read_elf_needs(as_bytes(other)).error().message ==
        "it is not for x86-64, unlike the guest");
}

TEST_CASE_METHOD(Host,
                 "a scheduler is searched in the folders, then beside the scenario, then on PATH") {
  SchedulerPlaces places{
      folder.file("beside"), {folder.file("one"), folder.file("two")}, "/x:" + folder.file("path")};
  const auto found = [&] {
    return fs::path(must(find_scheduler("s", places)).path).parent_path().filename();
  };
  write("path/s", "#!/bin/sh\n");
  CHECK(found() == "path");
  CHECK(must(find_scheduler("s", places)).note.empty());
  write("beside/s", "#!/bin/sh\n");
  CHECK(found() == "beside");
  write("two/s", "#!/bin/sh\n");
  CHECK(found() == "two");
  write("one/s", "#!/bin/sh\n");
  CHECK(found() == "one");
  write("one/s", "#!/bin/sh\n", 0644);  // not executable: not the scheduler
  CHECK(found() == "two");
}

TEST_CASE_METHOD(
    Host, "if several programs have a scheduler's name, the one used and the others are named") {
  const std::string beside = write("beside/s", "#!/bin/sh\n");
  const std::string taken = write("asked/s", "#!/bin/sh\n");
  const std::string on_path = write("path/s", "#!/bin/sh\n");
  const std::string plain = write("plain/s", "#!/bin/sh\n", 0644);
  fs::create_directory(folder.file("again"));
  fs::create_symlink(taken, folder.file("again/s"));  // the same one
  const SchedulerPlaces places{folder.file("beside"),
                               {folder.file("plain"), folder.file("asked"), folder.file("again")},
                               folder.file("path")};
  CHECK(must(find_scheduler("s", places)).note == "scheduler 's' is '" + taken + "'; ignored: '" +
                                                      beside + "', '" + on_path + "', '" + plain +
                                                      "', which is not executable");
}

TEST_CASE("a program has its GNU build-id, a script and a damaged note have none") {
  const std::string good = bytes_of(kProgram);
  const auto build_id = must(read_elf_needs(as_bytes(good))).build_id;
  CHECK(build_id.size() == 20);
  CHECK(must(find_scheduler(kProgram, {})).build_id == build_id);
  const size_t name = good.find(std::string("GNU\0", 4));
  REQUIRE(name != std::string::npos);
  for (size_t at = name - 12; at < name; ++at) {  // the sizes of a note, and its type
    std::string bad = good;
    bad[at] = static_cast<char>(0xff);
    (void)read_elf_needs(as_bytes(bad));
  }
}

TEST_CASE_METHOD(Host,
                 "a scheduler that is not found is refused with the places that were searched") {
  const SchedulerPlaces places{"/beside", {"/one"}, ""};
  const Error error = find_scheduler("scx_nothing", places).error();
  CHECK(error.code == ErrorCode::kUsage);
  CHECK(error.message == "cannot find scheduler 'scx_nothing' in '/one', '/beside', or on PATH");
  CHECK(find_scheduler("./x", places).error().message ==
        "cannot find scheduler '/beside/./x': no such file");
}

TEST_CASE_METHOD(
    Host, "a file that is neither a program for x86-64 nor a script is refused before the boot") {
  write("text", "hello\n");
  write("plain", "#!/bin/sh\n", 0644);
  const SchedulerPlaces places{folder.path(), {}, ""};
  const Error error = find_scheduler("./text", places).error();
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK(error.message ==
        "cannot use scheduler '" + folder.path() + "/text': it is not an ELF file");
  write("marked", "\xef\xbb\xbf#!/bin/sh\n");
  CHECK(find_scheduler("./marked", places)
            .error()
            .message.ends_with("': it begins with a byte order mark, but a "
                               "script must begin with '#!'"));
  for (const char* plain : {"./plain", "plain"}) {
    const Error refused = find_scheduler(plain, places).error();
    CHECK(refused.code == ErrorCode::kBadInput);
    CHECK(refused.message.ends_with("plain': it is not executable"));
    CHECK(refused.hint.starts_with("chmod +x "));
  }
}

TEST_CASE_METHOD(
    Host, "a program is packed at its own path with its libraries, and a link to it as a link") {
  fs::create_symlink(kProgram, folder.file("link"));
  const SchedulerProgram program = must(find_scheduler(folder.file("link"), {}));
  CHECK(program.digest == sha256(as_bytes(bytes_of(kProgram))));
  must(pack(program.path));
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
    files = {};
    must(pack(folder.file(name)));
    CHECK(paths_in(files).contains(folder.file(name)));
    CHECK(paths_in(files).contains(fs::canonical(folder.file("interpreter"))));
  }
  write("lost", "#!/no/such/interpreter\n");
  CHECK(pack(folder.file("lost")).error().message ==
        "cannot find the interpreter '/no/such/interpreter' of script '" + folder.file("lost") +
            "'");
  // A file that is in no folder of the guest's PATH is linked into one: env has to find it there.
  CHECK(files.resolve("/usr/local/bin/interpreter") == fs::canonical(folder.file("interpreter")));
}

TEST_CASE_METHOD(Host, "a script with DOS line ends is refused as such") {
  const std::string script = write("dos", "#!/bin/sh\r\necho\r\n");
  const Error error = pack(script).error();
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK(error.message ==
        "script '" + script +
            "' cannot run in the guest: its first line ends in CR (a DOS text file), which "
            "becomes part of the interpreter's name");
  CHECK(error.hint == "sed -i 's/\\r$//' " + script);
  CHECK_FALSE(pack(write("by_env", "#!/usr/bin/env sh\r\n")).ok());
  CHECK_FALSE(pack(write("relative", "#!sh\n")).ok());
  CHECK_FALSE(pack(write("none", "#!\n")).ok());
}

TEST_CASE_METHOD(
    Host, "a shim in place of an interpreter is refused, and the one on the guest's PATH is used") {
  write("shims/tool", "#!/bin/sh\nexec tool-of-today\n");
  const std::string script = write("script", "#!/usr/bin/env tool\n");
  search_path = folder.file("shims");
  const Error error = pack(script).error();
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK(error.message.find("its interpreter '" + folder.file("shims/tool") +
                           "' is also a script") != std::string::npos);
  CHECK(error.hint == "write the path of the binary itself after '#!'");

  fs::create_directories(folder.file("overlay/usr/bin"));
  fs::copy_file("/bin/true", folder.file("overlay/usr/bin/tool"));
  must(files.add_overlay(folder.file("overlay")));
  must(pack(script));
  must(pack(script));  // told once
  CHECK(notes == std::vector<std::string>{"'env tool' is '/usr/bin/tool' in the guest, not '" +
                                          folder.file("shims/tool") + "'"});
}

TEST_CASE_METHOD(Host, "'env -S' leads to the program behind its options and assignments") {
  write("bin/tool", bytes_of("/bin/true"));
  search_path = folder.file("bin");
  must(pack(write("script", "#!/usr/bin/env -S -i NAME=value tool -x\n")));
  CHECK(paths_in(files).contains(folder.file("bin/tool")));
}

TEST_CASE_METHOD(Host, "Python without its standard library is refused, with what packs it") {
  const std::string python = write("usr/bin/python3.99", bytes_of("/bin/true"));
  const std::string script = write("script", "#!" + python + "\n");
  const Error error = pack(script).error();
  CHECK(error.code == ErrorCode::kBadInput);
  CHECK(error.message.find("needs Python's standard library") != std::string::npos);
  const std::string lib = folder.file("usr/lib");
  CHECK(error.hint == "mkdir -p OVERLAY" + lib + " && cp -a " + lib + "/python3.99 OVERLAY" + lib +
                          ", then add --overlay OVERLAY");
  write("overlay" + lib + "/python3.99/os.py", "");
  must(files.add_overlay(folder.file("overlay")));
  CHECK(pack(script).ok());
  // Other programs whose names begin like that are not Python.
  CHECK(pack(write("other", "#!" + write("usr/bin/pythonic", bytes_of("/bin/true")) + "\n")).ok());
}

TEST_CASE_METHOD(Host,
                 "an interpreter that may need its libraries runs, and their absence is reported") {
  const std::string perl = write("usr/bin/perl5.36", bytes_of("/bin/true"));
  must(pack(write("script", "#!" + perl + "\n")));
  CHECK(notes ==
        std::vector<std::string>{
            "script '" + folder.file("script") +
            "': libraries of 'perl5.36' are not packed; add those it loads with --overlay"});
}

TEST_CASE_METHOD(
    Host, "programs of an overlay get the files that they need, unless the overlay has them") {
  // Reached through a link, with one of its libraries beside it and the other from this host.
  write("overlay/opt/real/program", bytes_of(kProgram));
  fs::create_symlink("real", folder.file("overlay/opt/link"));
  write("overlay/opt/real/lib/libfixture_outer.so",
        bytes_of(KTAPE_FIXTURE "/lib/libfixture_outer.so"), 0644);
  write("overlay/opt/real/lib/libfixture_inner.so",
        bytes_of(KTAPE_FIXTURE "/lib/libfixture_inner.so"), 0644);
  write("overlay/opt/script", "#!/bin/sh\n");
  write("overlay/opt/text", "hello\n");
  fs::create_directories(folder.file("overlay/usr/lib64"));
  fs::create_symlink("usr/lib64", folder.file("overlay/lib64"));
  must(files.add_overlay(folder.file("overlay")));
  must(pack_needs_of_all("", files, notes));
  const std::set<std::string> paths = paths_in(files);
  CHECK(notes.empty());
  CHECK(paths.contains("/usr/lib64/ld-linux-x86-64.so.2"));  // where the overlay's link leads
  CHECK(files.content("/bin/sh"));
  const auto libc =
      std::ranges::count_if(paths, [](const auto& path) { return path.ends_with("/libc.so.6"); });
  CHECK(libc == 1);
  CHECK_FALSE(paths.contains(fs::canonical(KTAPE_FIXTURE).string() + "/lib/libfixture_inner.so"));
}

TEST_CASE_METHOD(
    Host,
    "a file that a program of an overlay needs and that is missing is reported, and ends nothing") {
  write("overlay/opt/program", bytes_of(kProgram));
  write("overlay/opt/dos", "#!/bin/sh\r\n");
  must(files.add_overlay(folder.file("overlay")));
  must(pack_needs_of_all("", files, notes));
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].starts_with("overlay file '/opt/dos' may not run in the guest: "));
  CHECK(notes[1] ==
        "overlay file '/opt/program' may not run in the guest: cannot find the shared library "
        "'libfixture_outer.so' needed by '/opt/program'");
}

TEST_CASE_METHOD(
    Host, "if many programs of an overlay may not run, some are named and the others counted") {
  for (int i = 0; i < 25; ++i) write("overlay/opt/" + std::to_string(i), "#!/nosuch\n");
  must(files.add_overlay(folder.file("overlay")));
  must(pack_needs_of_all("", files, notes));
  REQUIRE(notes.size() == 11);
  CHECK(notes.back() == "15 more may not run in the guest");
}

TEST_CASE_METHOD(Host, "an overlay has what this host lacks of a scheduler") {
  const std::string program = write("program", bytes_of(kProgram));
  CHECK_FALSE(pack(program).ok());
  for (const char* name : {"/libfixture_outer.so", "/libfixture_inner.so"}) {
    write("overlay/usr/lib" + std::string(name), bytes_of(KTAPE_FIXTURE "/lib" + std::string(name)),
          0644);
  }
  must(files.add_overlay(folder.file("overlay")));
  CHECK(pack(program).ok());
}

}  // namespace ktape::test
