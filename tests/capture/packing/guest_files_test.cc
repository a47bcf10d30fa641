// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/guest_files.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "schema/base/child.h"
#include "tests/support/must.h"
#include "tests/support/temp_dir.h"

namespace ktape::test {

namespace fs = std::filesystem;

namespace {

class Files {
 public:
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder.file(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  // Unpacks the archive with the cpio program into a new folder.
  std::string unpacked() {
    const std::vector<std::byte> archive = files.archive();
    std::ofstream(folder.file("archive"), std::ios::binary)
        .write(reinterpret_cast<const char*>(archive.data()),
               static_cast<std::streamsize>(archive.size()));
    const std::string out = folder.file("unpacked");
    fs::create_directories(out);
    const ChildResult result = must(
        run_child("/bin/sh", {"-c", "cd \"$1\" && cpio -i --quiet < ../archive", "sh", out}, 4096));
    INFO(result.output);
    REQUIRE(result.exit_status == 0);
    return out;
  }

  TempDir folder;
  GuestFiles files;
};

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE_METHOD(Files,
                 "the cpio program unpacks what was packed: content, mode, folders and links") {
  const std::string program = write("program", "first");
  ::chmod(program.c_str(), 0755);
  must(files.add_file("/opt/x/program", program));
  must(files.add_file("/opt/x/empty", write("empty", "")));
  must(files.add_link("/opt/link", "x/program"));

  const std::string root = unpacked();
  CHECK(text_of(root + "/opt/x/program") == "first");
  CHECK(fs::file_size(root + "/opt/x/empty") == 0);
  CHECK(fs::read_symlink(root + "/opt/link") == "x/program");
  struct stat status {};
  REQUIRE(::stat((root + "/opt/x/program").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0755);
}

TEST_CASE_METHOD(Files,
                 "the same files make the same archive, wherever and whenever they are read") {
  must(files.add_file("/a", write("one", "same")));
  GuestFiles other;
  must(other.add_file("/a", write("two", "same")));
  CHECK(files.archive() == other.archive());
}

TEST_CASE_METHOD(Files, "an overlay is added unchanged, and replaces existing files") {
  must(files.add_file("/etc/config", write("before", "before")));
  write("overlay/etc/config", "after");
  write("overlay/deep/er/file", "x");
  fs::create_symlink("config", folder.file("overlay/etc/link"));
  fs::create_directory(folder.file("overlay/var"));
  must(files.add_overlay(folder.file("overlay")));

  const std::string root = unpacked();
  CHECK(text_of(root + "/etc/config") == "after");
  CHECK(text_of(root + "/deep/er/file") == "x");
  CHECK(fs::read_symlink(root + "/etc/link") == "config");
  CHECK(fs::is_directory(root + "/var"));
  CHECK(files.bytes() == std::string("after"
                                     "x"
                                     "config")
                             .size());
}

TEST_CASE_METHOD(
    Files, "an overlay cannot replace the agent, nor a folder that holds files, nor hold a pipe") {
  write("agent/init", "x");
  CHECK(files.add_overlay(folder.file("agent")).error().message ==
        "cannot add file '/init' to the guest: that is the agent");

  must(files.add_file("/lib/x.so", write("x.so", "x")));
  fs::create_directory(folder.file("links"));
  fs::create_symlink("usr/lib", folder.file("links/lib"));
  CHECK(files.add_overlay(folder.file("links")).error().message ==
        "cannot add file '/lib' to the guest: it is a folder already");

  fs::create_directory(folder.file("pipes"));
  REQUIRE(::mkfifo(folder.file("pipes/p").c_str(), 0600) == 0);
  CHECK(files.add_overlay(folder.file("pipes"))
            .error()
            .message.find("is not a file, folder or symbolic link") != std::string::npos);
  CHECK(files.add_overlay(folder.file("nowhere")).error().code == ErrorCode::kUsage);
}

TEST_CASE_METHOD(Files, "a path that leads through a file is refused") {
  must(files.add_file("/a", write("a", "x")));
  CHECK(files.add_file("/a/b", write("b", "x")).error().message ==
        "cannot add file '/a/b' to the guest: '/a' is not a folder");
}

TEST_CASE_METHOD(Files, "the files given to the guest are listed with size and digest") {
  must(files.add_file("/b/file", write("f", "text")));
  const std::vector<PackedFile> listed = files.files();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].path == "/b/file");
  CHECK(listed[0].bytes == 4);
  CHECK(listed[0].digest == sha256(as_bytes("text")));
}

}  // namespace ktape::test
