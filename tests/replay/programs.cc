// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/programs.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/replay/sample_run.h"
#include "tests/support/must.h"

namespace ktape::test {

ChildResult run_program(const std::string& name, const std::vector<std::string>& arguments) {
  return must(run_child(std::string(KTAPE_BIN "/") + name, arguments, 1 << 24));
}

std::string errors_of(const std::string& name, const std::string& arguments) {
  std::string line = std::string(KTAPE_BIN "/") + name + " " + arguments + " 2>&1 >/dev/null";
  return must(run_child("/bin/sh", {"-c", line}, 1 << 20)).output;
}

std::string python(const std::string& script, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"-c", script};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ChildResult child = must(run_child("/usr/bin/python3", all, 1 << 24));
  if (child.exit_status != 0) throw std::runtime_error("python: " + child.output);
  return child.output;
}

SealedTape make_tape(const std::string& path) {
  TapeBuilder builder(path);
  record_sample_run(builder);
  return builder.seal();
}

std::string make_partial(const std::string& path) {
  TapeBuilder builder(path);
  record_sample_run(builder);
  must(builder.writer().commit());
  return builder.writer().partial_path();
}

void damage(const std::string& path, const std::string& text) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  size_t at = bytes.find(text);
  if (at == std::string::npos) throw std::runtime_error("there is no " + text);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(bytes[at] ^ 1));
}

void make_analyzer(const std::string& path, const std::string& script) {
  std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

std::string make_wide_tape(const std::string& path) {
  TapeBuilder builder(path);
  builder.run_started("wide");
  auto value = [](const std::string& tag, uint64_t is) {
    return TapeEntry{.tag = tag, .target = symbol_target("jiffies_64"), .value = is};
  };
  TapeEntry failed = value("failed, \"not\" mapped", 0);
  failed.status = schema::EntryStatus::FAILED;
  builder.op({value("largest", 18446744073709551615U), value("odd", 9007199254740993U), failed});
  return builder.seal().path;
}

}  // namespace ktape::test
