// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/guest_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "capture/packing/cpio.h"
#include "schema/base/file.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
constexpr size_t kMaxEntries = 100'000;
constexpr uint32_t kFolderPermissions = 0755;
constexpr int kMaxLinks = 40;  // MAXSYMLINKS, include/linux/namei.h

Error not_packed(const std::string& guest_path, const std::string& why) {
  return Error{ErrorCode::kUsage, "cannot add file '" + guest_path + "' to the guest: " + why, ""};
}

}  // namespace

Result<void> GuestFiles::add(const std::string& guest_path, Entry entry) {
  const fs::path path = fs::path(guest_path).lexically_normal();
  // A trailing '/' has no file name.
  if (!path.is_absolute() || !path.has_filename())
    return not_packed(guest_path, "it is not an absolute path");
  if (path == "/init") return not_packed(guest_path, "that is the agent");
  fs::path above;
  // Parent folders are added as needed, so that the archive has each before its contents.
  for (const fs::path& part : path.parent_path()) {
    above /= part;
    if (above == "/") continue;
    const auto [at, added] =
        entries_.try_emplace(above.string(), Entry{Kind::kFolder, kFolderPermissions, {}});
    if (at->second.kind != Kind::kFolder)
      return not_packed(guest_path, "'" + above.string() + "' is not a folder");
  }
  const std::string key = path.string();
  const auto old = entries_.find(key);
  if (old != entries_.end()) {
    const auto below = entries_.lower_bound(key + "/");
    const bool has_content = below != entries_.end() && below->first.starts_with(key + "/");
    if (entry.kind != Kind::kFolder && has_content)
      return not_packed(guest_path, "it is a folder already");
    bytes_ -= old->second.content.size();
  }
  bytes_ += entry.content.size();
  entries_[key] = std::move(entry);
  if (bytes_ <= kMaxBytes && entries_.size() <= kMaxEntries) return {};
  return not_packed(guest_path, "the guest's files would exceed " +
                                    std::to_string(kMaxBytes >> 20) + " MiB or " +
                                    std::to_string(kMaxEntries) + " files");
}

Result<void> GuestFiles::add_file(const std::string& guest_path, const std::string& host_path) {
  // stat(), not lstat(): the host's links do not exist in the guest.
  struct stat status {};
  if (::stat(host_path.c_str(), &status) != 0) {
    return system_error(ErrorCode::kNotFound, "cannot open '" + host_path + "'");
  }
  KTAPE_ASSIGN(std::vector<std::byte> content, read_file(host_path, kMaxBytes));
  return add(guest_path,
             Entry{Kind::kFile, static_cast<uint32_t>(status.st_mode), std::move(content)});
}

Result<void> GuestFiles::add_content(const std::string& guest_path,
                                     std::span<const std::byte> content) {
  return add(guest_path, Entry{Kind::kFile, S_IFREG | 0644, {content.begin(), content.end()}});
}

Result<void> GuestFiles::add_link(const std::string& guest_path, const std::string& target) {
  const auto bytes = as_bytes(target);
  return add(guest_path, Entry{Kind::kLink, 0777, {bytes.begin(), bytes.end()}});
}

// Resolved first, because /bin/sh may be given through a link from /bin to /usr/bin.
Result<void> GuestFiles::add_missing_file(const std::string& guest_path,
                                          const std::string& host_path) {
  const std::string path = resolve(guest_path);
  return entries_.contains(path) ? Result<void>() : add_file(path, host_path);
}

std::string GuestFiles::resolve(const std::string& guest_path) const {
  // As the kernel walks a path: the first link in it is replaced by its target, then from the
  // start.
  fs::path path = fs::path(guest_path).lexically_normal();
  for (int links = 0; links < kMaxLinks; ++links) {
    // The first link in the path, and the rest of the path after it.
    fs::path walked;
    auto part = path.begin();
    const Entry* link = nullptr;
    for (; part != path.end() && link == nullptr; ++part) {
      walked /= *part;
      const auto at = entries_.find(walked.string());
      if (at != entries_.end() && at->second.kind == Kind::kLink) link = &at->second;
    }
    if (link == nullptr) return path.string();
    // An absolute target replaces the path: operator/ of std::filesystem does that.
    fs::path led =
        walked.parent_path() /
        std::string(reinterpret_cast<const char*>(link->content.data()), link->content.size());
    for (; part != path.end(); ++part) led /= *part;
    path = led.lexically_normal();
  }
  return guest_path;
}

std::optional<std::span<const std::byte>> GuestFiles::content(const std::string& guest_path) const {
  const auto at = entries_.find(resolve(guest_path));
  if (at == entries_.end() || at->second.kind != Kind::kFile) return std::nullopt;
  return std::span<const std::byte>(at->second.content);
}

std::vector<std::string> GuestFiles::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, entry] : entries_) {
    if (entry.kind == Kind::kFile) paths.push_back(path);
  }
  return paths;
}

bool GuestFiles::is_executable(const std::string& guest_path) const {
  const auto at = entries_.find(resolve(guest_path));
  return at != entries_.end() && at->second.kind == Kind::kFile &&
         (at->second.permissions & 0111) != 0;
}

Result<void> GuestFiles::add_overlay(const std::string& host_folder) {
  std::error_code error;
  fs::recursive_directory_iterator at(host_folder, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string host = at->path().string();
    const std::string guest = "/" + at->path().lexically_relative(host_folder).string();
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (fs::is_symlink(status)) {
      const fs::path target = fs::read_symlink(at->path(), error);
      if (error) break;
      KTAPE_TRY(add_link(guest, target.string()));
    } else if (fs::is_directory(status)) {
      const auto old = entries_.find(guest);
      if (old != entries_.end() && old->second.kind == Kind::kFolder) continue;
      // A folder that an earlier overlay added keeps its permissions.
      KTAPE_TRY(add(guest, Entry{Kind::kFolder, static_cast<uint32_t>(status.permissions()), {}}));
    } else if (fs::is_regular_file(status)) {
      KTAPE_TRY(add_file(guest, host));
    } else {
      return Error{
          ErrorCode::kUsage,
          fmt::format("cannot pack overlay '{}': '{}' is not a file, folder or symbolic link",
                      host_folder, host),
          ""};
    }
  }
  if (!error) return {};
  return Error{ErrorCode::kUsage, "cannot read overlay '" + host_folder + "': " + error.message(),
               ""};
}

std::vector<PackedFile> GuestFiles::files() const {
  std::vector<PackedFile> files;
  for (const auto& [path, entry] : entries_) {
    if (entry.kind == Kind::kFile)
      files.push_back({path, entry.content.size(), sha256(entry.content)});
  }
  return files;
}

std::vector<std::byte> GuestFiles::archive() const {
  CpioWriter writer;
  for (const auto& [path, entry] : entries_) {
    // Without the leading '/': the kernel unpacks relative to the root.
    const std::string_view name = std::string_view(path).substr(1);
    switch (entry.kind) {
      case Kind::kFolder: writer.folder(name, entry.permissions); break;
      case Kind::kFile: writer.file(name, entry.permissions, entry.content); break;
      case Kind::kLink:
        writer.link(name,
                    {reinterpret_cast<const char*>(entry.content.data()), entry.content.size()});
        break;
    }
  }
  return writer.finish();
}

}  // namespace ktape
