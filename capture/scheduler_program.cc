// SPDX-License-Identifier: Apache-2.0
#include "capture/scheduler_program.h"

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string_view>

#include "capture/elf_needs.h"
#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxProgramBytes = size_t{1} << 30;
constexpr char kLibraryCache[] = "/etc/ld.so.cache";

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::vector<std::string> folders_of(std::string_view search_path) {
  std::vector<std::string> folders;
  while (!search_path.empty()) {
    const size_t end = std::min(search_path.find(':'), search_path.size());
    if (end > 0) folders.emplace_back(search_path.substr(0, end));
    search_path.remove_prefix(std::min(end + 1, search_path.size()));
  }
  return folders;
}

// The name leads to a file, so the name is right and the file is not.
Error not_a_program(const fs::path& path) {
  std::error_code ignored;
  const bool file = fs::is_regular_file(path, ignored);
  return Error{ErrorCode::kBadInput,
               "cannot use scheduler '" + path.string() + "': it is not " + (file ? "executable" : "a file"),
               file ? "chmod +x " + path.string() : ""};
}

std::optional<std::string> in_folders(const std::string& name, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    if (is_program(fs::path(folder) / name)) return fs::path(folder) / name;
  }
  return std::nullopt;
}

Result<std::string> find(const std::string& name, const SchedulerPlaces& places) {
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::path(places.beside) / name;
    if (is_program(path)) return path.string();
    std::error_code ignored;
    if (fs::exists(path, ignored)) return not_a_program(path);
    return Error{ErrorCode::kUsage, "cannot find scheduler '" + path.string() + "': there is no such file",
                 ""};
  }
  std::vector<std::string> folders = {places.beside.empty() ? "." : places.beside};
  folders.insert(folders.end(), places.folders.begin(), places.folders.end());
  if (auto path = in_folders(name, folders)) return *path;
  if (auto path = in_folders(name, folders_of(places.search_path))) return *path;
  for (const std::string& folder : folders) {
    std::error_code ignored;
    if (fs::is_regular_file(fs::path(folder) / name, ignored)) return not_a_program(fs::path(folder) / name);
  }
  std::string looked;
  for (const std::string& folder : folders) looked += "'" + folder + "', ";
  return Error{ErrorCode::kUsage, "cannot find scheduler '" + name + "': looked in " + looked + "and on PATH",
               "name its folder with --scheduler-dir, or give its path"};
}

Result<void> pack_elf(const std::string& path, const LibraryPlaces& places, GuestFiles& files) {
  KTAPE_ASSIGN(const std::vector<std::string> libraries, needed_libraries(path, places));
  // $ORIGIN is the folder of the file itself, not that of a link to it.
  std::error_code ignored;
  const std::string real = fs::canonical(path, ignored).string();
  KTAPE_TRY(files.add_file(real, path));
  if (real != path) KTAPE_TRY(files.add_link(path, real));
  for (const std::string& library : libraries) KTAPE_TRY(files.add_file(library, library));
  // With it the dynamic linker finds in the guest what it found on the host.
  if (!libraries.empty() && fs::exists(kLibraryCache, ignored)) {
    KTAPE_TRY(files.add_file(kLibraryCache, kLibraryCache));
  }
  return {};
}

}  // namespace

Result<SchedulerProgram> find_scheduler(const std::string& name, const SchedulerPlaces& places) {
  KTAPE_ASSIGN(const std::string found, find(name, places));
  std::error_code error;
  const fs::path path = fs::absolute(found, error).lexically_normal();
  if (error) return Error{ErrorCode::kHost, "cannot resolve '" + found + "': " + error.message(), ""};
  KTAPE_ASSIGN(const std::vector<std::byte> file, read_file(path, kMaxProgramBytes));
  if (!script_interpreter(file)) {
    const Result<ElfNeeds> needs = read_elf_needs(file, path.string());
    if (!needs.ok()) {
      return Error{ErrorCode::kBadInput, "cannot use scheduler " + needs.error().message,
                   "a scheduler is a program for x86-64, or a script with '#!'"};
    }
  }
  return SchedulerProgram{path, sha256(file)};
}

Result<void> pack_scheduler(const SchedulerProgram& program, const LibraryPlaces& libraries,
                            const std::string& search_path, GuestFiles& files) {
  KTAPE_ASSIGN(const std::vector<std::byte> file, read_file(program.path, kMaxProgramBytes));
  const auto script = script_interpreter(file);
  if (!script) return pack_elf(program.path, libraries, files);
  KTAPE_TRY(files.add_file(program.path, program.path));
  if (script->empty() || !is_program(script->front())) {
    return Error{ErrorCode::kNotFound,
                 "cannot find the interpreter '" + (script->empty() ? "" : script->front()) +
                     "' of script '" + program.path + "'",
                 ""};
  }
  KTAPE_TRY(pack_elf(script->front(), libraries, files));
  if (fs::path(script->front()).filename() != "env" || script->size() < 2) return {};
  const auto named = in_folders((*script)[1], folders_of(search_path));
  if (!named) {
    return Error{ErrorCode::kNotFound,
                 "cannot find '" + (*script)[1] + "', which script '" + program.path + "' asks for, on PATH",
                 ""};
  }
  return pack_elf(*named, libraries, files);
}

}  // namespace ktape
