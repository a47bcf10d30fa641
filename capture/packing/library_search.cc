// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/library_search.h"

#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>
#include <set>

#include "capture/packing/elf_needs.h"
#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

constexpr char kCacheFile[] = "/etc/ld.so.cache";
constexpr size_t kMaxCacheBytes = size_t{64} << 20;
constexpr size_t kMaxFileBytes = size_t{1} << 30;
constexpr size_t kMaxLibraries = 1024;

// sysdeps/generic/dl-cache.h: struct cache_file_new and struct file_entry_new.
constexpr std::string_view kCacheMagic = "glibc-ld.so.cache1.1";
constexpr size_t kCacheCountAt = 20;
constexpr size_t kCacheHeaderBytes = 48;
constexpr size_t kCacheEntryBytes = 24;
// Entries for other ABIs of the same library (i386, x32) have other flags.
constexpr int32_t kX8664Libc6 = 0x0303;  // FLAG_X8664_LIB64 | FLAG_ELF_LIBC6

template <typename T>
T load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::string text_at(std::string_view bytes, size_t at) {
  if (at >= bytes.size()) return {};
  bytes.remove_prefix(at);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// "$ORIGIN/../lib" in a file in /opt/x means /opt/x/../lib.
std::string with_origin(std::string folder, const std::string& of_file) {
  const std::string origin = fs::path(of_file).parent_path();
  for (const std::string_view name : {std::string_view("${ORIGIN}"), std::string_view("$ORIGIN")}) {
    for (size_t at; (at = folder.find(name)) != std::string::npos;)
      folder.replace(at, name.size(), origin);
  }
  return folder;
}

struct Loaded {
  std::string path;
  ElfNeeds needs;
  const Loaded* loader = nullptr;  // the first file that needed it
};

class Search {
 public:
  explicit Search(const LibraryPlaces& places) : places_(places) {}

  Result<std::vector<std::string>> run(const std::string& program) {
    KTAPE_TRY(load(real_path(program), nullptr));
    const std::string interpreter = loaded_.front().needs.interpreter;
    if (!interpreter.empty()) {
      // The interpreter is named with its full path and is searched for nowhere.
      if (!is_there(interpreter)) return missing(interpreter, program);
      found_.push_back(interpreter);
      // libc and others list the dynamic linker among their libraries; it must not be searched for
      // a second time.
      names_.insert(fs::path(interpreter).filename());
    }
    // Breadth first, as the dynamic linker does: the first file of a name serves all that need it.
    for (size_t i = 0; i < loaded_.size(); ++i) {
      for (const std::string& name : loaded_[i].needs.needed) KTAPE_TRY(need(name, loaded_[i]));
    }
    return std::move(found_);
  }

 private:
  Result<void> load(const std::string& path, const Loaded* loader) {
    Result<ElfNeeds> needs = read_needs(path);
    if (!needs.ok()) {
      const Error& error = needs.error();
      if (error.code != ErrorCode::kBadInput) return error;
      // kBadInput does not name the file, as it may be in memory.
      return Error{error.code, "cannot use '" + path + "': " + error.message, error.hint};
    }
    loaded_.push_back(Loaded{path, std::move(needs).value(), loader});
    return {};
  }

  [[nodiscard]] Result<ElfNeeds> read_needs(const std::string& path) const {
    if (const auto given = given_content(path)) return read_elf_needs(*given);
    KTAPE_ASSIGN(const std::vector<std::byte> file, read_file(path, kMaxFileBytes));
    return read_elf_needs(file);
  }

  [[nodiscard]] std::optional<std::span<const std::byte>> given_content(
      const std::string& path) const {
    return places_.given == nullptr ? std::nullopt : places_.given->content(path);
  }

  // $ORIGIN is the folder of the file itself, not of a link to it.
  [[nodiscard]] std::string real_path(const std::string& path) const {
    if (given_content(path)) return places_.given->resolve(path);
    std::error_code ignored;
    const fs::path real = fs::canonical(path, ignored);
    return real.empty() ? path : real.string();
  }

  [[nodiscard]] bool is_there(const std::string& path) const {
    return given_content(path).has_value() || is_file(path);
  }

  Result<void> need(const std::string& name, const Loaded& by) {
    // By name, not path: so does the dynamic linker, for libraries without a '/'.
    if (!names_.insert(name).second) return {};
    const std::optional<std::string> path = find(name, by);
    if (!path) return missing(name, by.path);
    found_.push_back(*path);
    if (found_.size() > kMaxLibraries) {
      return Error{ErrorCode::kBadInput,
                   "'" + loaded_.front().path + "' needs more than 1024 libraries", ""};
    }
    return load(*path, &by);
  }

  [[nodiscard]] std::optional<std::string> find(const std::string& name, const Loaded& by) const {
    if (name.find('/') != std::string::npos)
      return is_there(name) ? std::optional(name) : std::nullopt;
    // ld.so(8): RPATH of the file and of its loaders, unless the file has a RUNPATH; then RUNPATH
    // of the file alone.
    if (by.needs.runpath.empty()) {
      for (const Loaded* from = &by; from != nullptr; from = from->loader) {
        if (auto path = in_folders(name, from->needs.rpath, from->path)) return path;
      }
    }
    if (auto path = in_folders(name, by.needs.runpath, by.path)) return path;
    const auto cached = places_.cache.find(name);
    // The cache may be stale.
    if (cached != places_.cache.end() && is_there(cached->second)) return cached->second;
    return in_folders(name, places_.folders, by.path);
  }

  [[nodiscard]] std::optional<std::string> in_folders(const std::string& name,
                                                      const std::vector<std::string>& folders,
                                                      const std::string& of_file) const {
    for (const std::string& folder : folders) {
      const std::string path = (fs::path(with_origin(folder, of_file)) / name).lexically_normal();
      if (is_there(path)) return path;
    }
    return std::nullopt;
  }

  static Error missing(const std::string& library, const std::string& by) {
    return Error{ErrorCode::kNotFound,
                 "cannot find the shared library '" + library + "' needed by '" + by + "'",
                 "install it on this host, add it with --overlay, or build the program without it"};
  }

  const LibraryPlaces& places_;
  std::deque<Loaded> loaded_;  // a deque, because references into it are held while it grows
  std::set<std::string> names_;
  std::vector<std::string> found_;
};

}  // namespace

std::map<std::string, std::string, std::less<>> parse_library_cache(std::string_view cache) {
  std::map<std::string, std::string, std::less<>> libraries;
  // A cache in an older format may precede it. Since glibc 2.32 only the new format is written.
  const size_t start = cache.find(kCacheMagic);
  if (start == std::string_view::npos) return libraries;
  cache.remove_prefix(start);
  if (cache.size() < kCacheHeaderBytes) return libraries;
  const size_t count = std::min<size_t>(load<uint32_t>(cache, kCacheCountAt),
                                        (cache.size() - kCacheHeaderBytes) / kCacheEntryBytes);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = kCacheHeaderBytes + i * kCacheEntryBytes;
    // Offsets in the entry: flags, key, value, OS version, hwcap. hwcap not 0: built for CPUs that
    // the guest may not have.
    if (load<int32_t>(cache, at) != kX8664Libc6 || load<uint64_t>(cache, at + 16) != 0) continue;
    // The first entry of a name is the preferred one.
    libraries.try_emplace(text_at(cache, load<uint32_t>(cache, at + 4)),
                          text_at(cache, load<uint32_t>(cache, at + 8)));
  }
  return libraries;
}

LibraryPlaces LibraryPlaces::of_host() {
  LibraryPlaces places;
  // Musl has no cache, and a host may not have one yet.
  if (const Result<std::string> cache = read_text_file(kCacheFile, kMaxCacheBytes); cache.ok()) {
    places.cache = parse_library_cache(*cache);
  }
  places.folders = {"/lib/x86_64-linux-gnu",
                    "/usr/lib/x86_64-linux-gnu",
                    "/lib64",
                    "/usr/lib64",
                    "/lib",
                    "/usr/lib"};
  return places;
}

LibraryPlaces LibraryPlaces::of_guest(const GuestFiles& files) {
  LibraryPlaces places = of_host();
  places.given = &files;
  if (const auto cache = files.content(kCacheFile)) {
    places.cache =
        parse_library_cache({reinterpret_cast<const char*>(cache->data()), cache->size()});
  }
  return places;
}

Result<std::vector<std::string>> needed_libraries(const std::string& program,
                                                  const LibraryPlaces& places) {
  return Search(places).run(program);
}

}  // namespace ktape
