// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/scheduler_program.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "capture/packing/elf_needs.h"
#include "capture/packing/program_pack.h"
#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

// Some editors put U+FEFF at the start of a text file.
bool begins_with_mark(std::span<const std::byte> file) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.starts_with(kMark);
}

// The name is right, but the file is not a program.
Error not_a_program(const fs::path& path) {
  std::error_code ignored;
  const bool file = fs::is_regular_file(path, ignored);
  return Error{
      ErrorCode::kBadInput,
      "cannot use scheduler '" + path.string() + "': it is not " + (file ? "executable" : "a file"),
      file ? "chmod +x " + path.string() : ""};
}

// The programs of that name in these folders, each once.
std::vector<std::string> programs_in(const std::string& name,
                                     const std::vector<std::string>& folders) {
  std::vector<std::string> found;
  std::set<std::string> real_paths;
  for (const std::string& folder : folders) {
    const std::string path = fs::path(folder) / name;
    std::error_code ignored;
    // /bin and /usr/bin are one folder on most hosts: the same file must not be reported as
    // ignored.
    if (is_program(path) && real_paths.insert(fs::canonical(path, ignored)).second)
      found.push_back(path);
  }
  return found;
}

// The program found for a name, and others of that name.
struct Found {
  std::string path;
  std::vector<std::string> passed_over;  // for people
};

Result<Found> find(const std::string& name, const SchedulerPlaces& places) {
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::path(places.beside) / name;
    if (is_program(path)) return Found{path.string(), {}};
    std::error_code ignored;
    if (fs::exists(path, ignored)) return not_a_program(path);
    return Error{ErrorCode::kUsage, "cannot find scheduler '" + path.string() + "': no such file",
                 ""};
  }
  std::vector<std::string> folders = places.folders;
  // `beside` is the scenario's folder.
  folders.push_back(places.beside.empty() ? "." : places.beside);
  std::vector<std::string> all = folders;
  for (std::string& folder : folders_of(places.search_path)) all.push_back(std::move(folder));
  const std::vector<std::string> programs = programs_in(name, all);
  Found found;
  for (const std::string& path : programs) {
    if (found.path.empty()) {
      found.path = path;
    } else {
      found.passed_over.push_back("'" + path + "'");
    }
  }
  // Named as ignored: a file without the x bit is a likely mistake.
  for (const std::string& folder : folders) {
    const fs::path path = fs::path(folder) / name;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored) || is_program(path)) continue;
    if (programs.empty()) return not_a_program(path);
    found.passed_over.push_back("'" + path.string() + "', which is not executable");
  }
  if (!programs.empty()) return found;
  std::string looked;
  for (const std::string& folder : folders) looked += "'" + folder + "', ";
  return Error{ErrorCode::kUsage,
               "cannot find scheduler '" + name + "' in " + looked + "or on PATH",
               "name its folder with --scheduler-dir, or give its path"};
}

std::string note_of(const std::string& name, const Found& found) {
  if (found.passed_over.empty()) return "";
  std::string text = "scheduler '" + name + "' is '" + found.path + "'; ignored: ";
  for (const std::string& other : found.passed_over)
    text += (&other == &found.passed_over.front() ? "" : ", ") + other;
  return text;
}

}  // namespace

Result<SchedulerProgram> find_scheduler(const std::string& name, const SchedulerPlaces& places) {
  KTAPE_ASSIGN(const Found found, find(name, places));
  std::error_code error;
  const fs::path path = fs::absolute(found.path, error).lexically_normal();
  if (error)
    return Error{ErrorCode::kHost, "cannot resolve '" + found.path + "': " + error.message(), ""};
  KTAPE_ASSIGN(const std::vector<std::byte> file, read_file(path, kMaxProgramBytes));
  SchedulerProgram program{.path = path, .digest = sha256(file), .note = note_of(name, found)};
  // A script has no build-id; its interpreter is not the scheduler.
  if (script_interpreter(file)) return program;
  Result<ElfNeeds> needs = read_elf_needs(file);
  if (!needs.ok()) {
    const std::string why =
        begins_with_mark(file)
            ? "it begins with a byte order mark, but a script must begin with '#!'"
            : needs.error().message;
    return Error{ErrorCode::kBadInput, "cannot use scheduler '" + path.string() + "': " + why,
                 "use a program for x86-64, or a script with '#!'"};
  }
  program.build_id = std::move(needs->build_id);
  return program;
}

}  // namespace ktape
