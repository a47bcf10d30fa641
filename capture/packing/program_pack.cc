// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/program_pack.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <sstream>
#include <utility>

#include "capture/packing/elf_needs.h"
#include "capture/packing/library_search.h"
#include "schema/base/file.h"
#include "schema/terms/guest_paths.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

constexpr char kLibraryCache[] = "/etc/ld.so.cache";
// Where the guest's env finds programs whose folder is not on its PATH.
constexpr char kLinkFolder[] = "/usr/local/bin";
constexpr size_t kMaxNotes = 10;  // for programs in overlays
constexpr char kOwnPath[] = "write the path of the binary itself after '#!'";

// Packs one program and everything it needs.
class Packer {
 public:
  Packer(const std::string& search_path, GuestFiles& files, std::vector<std::string>& notes)
      : search_path_(search_path), files_(files), notes_(notes) {}

  Result<void> pack(const std::string& path) {
    KTAPE_ASSIGN(const auto script, script_at(path));
    if (!script) return pack_elf(path);
    // Scripts keep their path and are not resolved: $0 is the path that was called.
    if (!files_.content(path)) KTAPE_TRY(files_.add_missing_file(path, path));
    return pack_interpreters(path, *script);
  }

 private:
  // The words of a script's first line; nothing for other files.
  Result<std::optional<std::vector<std::string>>> script_at(const std::string& path) const {
    if (const auto given = files_.content(path)) return script_interpreter(*given);
    KTAPE_ASSIGN(const std::vector<std::byte> file, read_file(path, kMaxProgramBytes));
    return script_interpreter(file);
  }

  // Executable in the guest: a file it was given takes precedence over the host's.
  [[nodiscard]] bool is_there(const std::string& path) const {
    return files_.content(path) ? files_.is_executable(path) : is_program(path);
  }

  // $ORIGIN is the folder of the file itself, not of a link to it.
  [[nodiscard]] std::string real_path(const std::string& path) const {
    if (files_.content(path)) return files_.resolve(path);
    std::error_code ignored;
    return fs::canonical(path, ignored).string();
  }

  Result<void> pack_elf(const std::string& path) {
    // Before anything is added: an error leaves `files` as they were.
    KTAPE_ASSIGN(const auto libraries, needed_libraries(path, LibraryPlaces::of_guest(files_)));
    const std::string real = real_path(path);
    if (!files_.content(path)) {
      KTAPE_TRY(files_.add_missing_file(real, path));
      // A link in the guest as on the host, since the file is at its real path.
      if (real != path && !files_.content(path)) KTAPE_TRY(files_.add_link(path, real));
    }
    for (const std::string& library : libraries) {
      if (!files_.content(library)) KTAPE_TRY(files_.add_missing_file(library, library));
    }
    // With the cache, the guest's dynamic linker finds the same libraries as were found here.
    if (!libraries.empty() && fs::exists(kLibraryCache)) {
      KTAPE_TRY(files_.add_missing_file(kLibraryCache, kLibraryCache));
    }
    return {};
  }

  Result<void> pack_interpreters(const std::string& script, const std::vector<std::string>& words) {
    // The kernel would look for "/bin/sh\r", and report "not found" for a file that is there.
    if (!words.empty() && words.back().ends_with('\r')) {
      return cannot_run(
          script,
          "its first line ends in CR (a DOS text file), which becomes part of the interpreter's "
          "name",
          "sed -i 's/\\r$//' " + script);
    }
    if (words.empty() || words.front().front() != '/') {
      return cannot_run(script, "its first line does not name an interpreter with an absolute path",
                        kOwnPath);
    }
    const std::string& interpreter = words.front();
    if (!is_there(interpreter)) {
      return Error{ErrorCode::kNotFound,
                   "cannot find the interpreter '" + interpreter + "' of script '" + script + "'",
                   ""};
    }
    KTAPE_TRY(pack_interpreter(script, interpreter));
    if (fs::path(interpreter).filename() != "env" || words.size() < 2) return {};
    KTAPE_ASSIGN(const std::string named, find_for_env(script, words[1]));
    return pack_interpreter(script, named);
  }

  Result<void> pack_interpreter(const std::string& script, const std::string& interpreter) {
    // A kernel accepts a script as interpreter (fs/binfmt_script.c, a few levels); what it runs is
    // unknown here.
    KTAPE_ASSIGN(const auto shim, script_at(interpreter));
    if (shim) {
      return cannot_run(script,
                        "its interpreter '" + interpreter +
                            "' is also a script, and ktape cannot tell what it runs",
                        kOwnPath);
    }
    KTAPE_TRY(pack_elf(interpreter));
    note_libraries(script, real_path(interpreter));
    return check_python(script, real_path(interpreter));
  }

  // Resolves "env NAME" and "env -S NAME ..." as in the guest.
  Result<std::string> find_for_env(const std::string& script, const std::string& argument) {
    const std::string name = env_name(argument);
    if (name.find('/') != std::string::npos && is_there(name)) return name;
    // The guest's PATH is not the host's: /opt/x/bin may have the program only here.
    std::optional<std::string> here;  // as found on this host
    for (const std::string& folder : folders_of(search_path_)) {
      if (!here && is_program(fs::path(folder) / name)) here = fs::path(folder) / name;
    }
    for (const std::string& folder : folders_of(kGuestSearchPath)) {
      const std::string path = fs::path(folder) / name;
      if (!is_there(path)) continue;
      if (here && real_path(*here) != real_path(path)) {
        std::string note =
            fmt::format("'env {}' is '{}' in the guest, not '{}'", name, path, *here);
        if (std::find(notes_.begin(), notes_.end(), note) == notes_.end())
          notes_.push_back(std::move(note));
      }
      return path;
    }
    if (!here) {
      return Error{ErrorCode::kNotFound,
                   "cannot find '" + name + "' on PATH, needed by script '" + script + "'", ""};
    }
    // The guest's PATH has no folder with it, so it gets a link in one that it has.
    KTAPE_TRY(files_.add_link(files_.resolve(fs::path(kLinkFolder) / name), real_path(*here)));
    return *here;
  }

  // env(1): -S splits the rest of the line into words; NAME=VALUE comes before the program.
  static std::string env_name(const std::string& argument) {
    if (!argument.starts_with("-S")) return argument;
    std::istringstream words(argument.substr(2));
    for (std::string word; words >> word;) {
      if (word.front() != '-' && word.find('=') == std::string::npos) return word;
    }
    return argument;
  }

  // These interpreters start without their libraries until a script loads one.
  void note_libraries(const std::string& script, const std::string& interpreter) {
    constexpr std::array<std::string_view, 6> kNames = {"perl", "ruby", "lua",
                                                        "node", "php",  "tclsh"};
    const std::string name = fs::path(interpreter).filename();
    const std::string_view plain =
        std::string_view(name).substr(0, name.find_first_of("0123456789."));
    if (std::find(kNames.begin(), kNames.end(), plain) == kNames.end()) return;
    notes_.push_back(fmt::format(
        "script '{}': libraries of '{}' are not packed; add those it loads with --overlay", script,
        name));
  }

  // Python loads its standard library before the first line of a script. It is too large to pack
  // without being asked.
  Result<void> check_python(const std::string& script, const std::string& interpreter) const {
    const std::string name = fs::path(interpreter).filename();
    const bool versioned =
        name.find_first_not_of("0123456789.", std::string_view("python").size()) ==
        std::string::npos;
    if (!name.starts_with("python") || !versioned) return {};
    const fs::path libraries = fs::path(interpreter).parent_path().parent_path() / "lib";
    const std::string start = (libraries / "python").string();
    for (const std::string& path : files_.paths()) {
      if (path.starts_with(start) && (path.ends_with("/os.py") || path.ends_with(".zip")))
        return {};
    }
    const std::string folder = (libraries / name).string();
    const std::string into = "OVERLAY" + libraries.string();
    return cannot_run(
        script,
        "'" + interpreter + "' needs Python's standard library, which is not packed by default",
        "mkdir -p " + into + " && cp -a " + folder + " " + into + ", then add --overlay OVERLAY");
  }

  static Error cannot_run(const std::string& script, const std::string& why,
                          const std::string& hint) {
    return Error{ErrorCode::kBadInput, "script '" + script + "' cannot run in the guest: " + why,
                 hint};
  }

  const std::string& search_path_;
  GuestFiles& files_;
  std::vector<std::string>& notes_;
};

}  // namespace

std::vector<std::string> folders_of(std::string_view search_path) {
  std::vector<std::string> folders;
  while (!search_path.empty()) {
    const size_t end = std::min(search_path.find(':'), search_path.size());
    // An empty part means the current folder to a shell; not here.
    if (end > 0) folders.emplace_back(search_path.substr(0, end));
    search_path.remove_prefix(std::min(end + 1, search_path.size()));
  }
  return folders;
}

bool is_program(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

Result<void> pack_program(const std::string& path, const std::string& search_path,
                          GuestFiles& files, std::vector<std::string>& notes) {
  return Packer(search_path, files, notes).pack(path);
}

Result<void> pack_needs_of_all(const std::string& search_path, GuestFiles& files,
                               std::vector<std::string>& notes) {
  size_t unmet = 0;
  for (const std::string& path : files.paths()) {
    const std::span<const std::byte> content = *files.content(path);
    // Object files, modules and programs for other machines are ELF files, too, and are no mistake.
    const bool program = is_elf(content) ? read_elf_needs(content).ok()
                                         : files.is_executable(path) && script_interpreter(content);
    if (!program) continue;
    const Result<void> packed = pack_program(path, search_path, files, notes);
    if (packed.ok()) continue;
    // A host that fails and files that do not fit are not the program's fault.
    if (packed.error().code == ErrorCode::kHost || packed.error().code == ErrorCode::kUsage)
      return packed.error();
    if (++unmet > kMaxNotes) continue;
    notes.push_back("overlay file '" + path +
                    "' may not run in the guest: " + packed.error().message);
  }
  if (unmet > kMaxNotes)
    notes.push_back(std::to_string(unmet - kMaxNotes) + " more may not run in the guest");
  return {};
}

}  // namespace ktape
