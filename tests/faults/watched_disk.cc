// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/watched_disk.h"

#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <set>
#include <stdexcept>
#include <utility>

extern "C" {
int __real_fsync(int fd);
int __real_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned flags);
int __wrap_fsync(int fd);
int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned flags);
}

namespace ktape::test {

namespace {

using Kind = DiskOp::Kind;

// SQLite and the linker need plain functions.
struct Watched {
  std::string folder;
  WatchedDisk::Watcher watcher;
  std::set<std::string> names;  // of files that were told to be created
};
Watched* watched = nullptr;
sqlite3_vfs* real_vfs = nullptr;

int report(Kind kind, const std::string& name, uint64_t offset = 0,
           std::vector<std::byte> bytes = {}, const std::string& to = "") {
  return watched->watcher({kind, name, offset, std::move(bytes), to});
}

// The name within the watched folder; empty for files outside.
std::string name_of(const char* path) {
  if (watched == nullptr || path == nullptr) return "";
  const std::filesystem::path file(path);
  return file.parent_path() == watched->folder ? file.filename().string() : "";
}

// A file of SQLite; the real one follows it in memory.
struct WatchedFile {
  sqlite3_file base;
  std::string* name;       // empty: not watched
  bool folder_needs_sync;  // as SQLite's own does it: with the first sync of a log or a journal
                           // that it made
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *real()->pMethods; }
};

WatchedFile* from(sqlite3_file* file) { return reinterpret_cast<WatchedFile*>(file); }

int x_close(sqlite3_file* file) {
  const int code = from(file)->methods().xClose(from(file)->real());
  delete from(file)->name;
  return code;
}
int x_read(sqlite3_file* file, void* out, int bytes, sqlite3_int64 offset) {
  return from(file)->methods().xRead(from(file)->real(), out, bytes, offset);
}
int x_write(sqlite3_file* file, const void* data, int bytes, sqlite3_int64 offset) {
  WatchedFile* self = from(file);
  const auto* begin = static_cast<const std::byte*>(data);
  const int failure = self->name->empty()
                          ? 0
                          : report(Kind::kWrite, *self->name, static_cast<uint64_t>(offset),
                                   {begin, begin + bytes});
  if (failure == 0) return self->methods().xWrite(self->real(), data, bytes, offset);
  (void)self->methods().xWrite(self->real(), data, bytes / 2, offset);
  errno = failure;
  return failure == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  WatchedFile* self = from(file);
  if (!self->name->empty() &&
      report(Kind::kTruncate, *self->name, static_cast<uint64_t>(size)) != 0)
    return SQLITE_IOERR_TRUNCATE;
  return self->methods().xTruncate(self->real(), size);
}
int x_sync(sqlite3_file* file, int flags) {
  WatchedFile* self = from(file);
  if (!self->name->empty()) {
    if (report(Kind::kSync, *self->name) != 0) return SQLITE_IOERR_FSYNC;
    if (std::exchange(self->folder_needs_sync, false) && report(Kind::kSyncFolder, "") != 0)
      return SQLITE_IOERR_DIR_FSYNC;
  }
  return self->methods().xSync(self->real(), flags);
}
int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
  return from(file)->methods().xFileSize(from(file)->real(), size);
}
int x_lock(sqlite3_file* file, int lock) {
  return from(file)->methods().xLock(from(file)->real(), lock);
}
int x_unlock(sqlite3_file* file, int lock) {
  return from(file)->methods().xUnlock(from(file)->real(), lock);
}
int x_check_reserved_lock(sqlite3_file* file, int* out) {
  return from(file)->methods().xCheckReservedLock(from(file)->real(), out);
}
int x_file_control(sqlite3_file* file, int op, void* argument) {
  return from(file)->methods().xFileControl(from(file)->real(), op, argument);
}
int x_sector_size(sqlite3_file* file) {
  return from(file)->methods().xSectorSize(from(file)->real());
}
int x_device_characteristics(sqlite3_file* file) {
  return from(file)->methods().xDeviceCharacteristics(from(file)->real());
}

// Version 1: without shared memory, which a database that is locked exclusively does not need.
const sqlite3_io_methods kMethods = {1,
                                     x_close,
                                     x_read,
                                     x_write,
                                     x_truncate,
                                     x_sync,
                                     x_file_size,
                                     x_lock,
                                     x_unlock,
                                     x_check_reserved_lock,
                                     x_file_control,
                                     x_sector_size,
                                     x_device_characteristics,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

int x_open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* self = from(file);
  self->base.pMethods = nullptr;
  const std::string name = name_of(path);
  // The recorder creates the tape's file itself, just before.
  if (!name.empty() && watched->names.insert(name).second && report(Kind::kCreate, name) != 0)
    return SQLITE_CANTOPEN;
  const int code = real_vfs->xOpen(real_vfs, path, self->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  self->name = new std::string(name);
  self->folder_needs_sync = (flags & SQLITE_OPEN_CREATE) != 0 &&
                            (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
  self->base.pMethods = &kMethods;
  return code;
}

int x_delete(sqlite3_vfs*, const char* path, int sync_folder) {
  const std::string name = name_of(path);
  if (!name.empty()) {
    if (report(Kind::kDelete, name) != 0) return SQLITE_IOERR_DELETE;
    watched->names.erase(name);
    if (sync_folder != 0 && report(Kind::kSyncFolder, "") != 0) return SQLITE_IOERR_DIR_FSYNC;
  }
  return real_vfs->xDelete(real_vfs, path, sync_folder);
}

sqlite3_vfs& watching_vfs() {
  static sqlite3_vfs vfs = [] {
    real_vfs = sqlite3_vfs_find("unix");
    sqlite3_vfs made = *real_vfs;
    made.zName = "watched";
    made.szOsFile = static_cast<int>(sizeof(WatchedFile)) + real_vfs->szOsFile;
    made.xOpen = x_open;
    made.xDelete = x_delete;
    return made;
  }();
  return vfs;
}

}  // namespace

WatchedDisk::WatchedDisk(std::string folder, Watcher watcher) {
  if (watched != nullptr) throw std::runtime_error("another disk is watched");
  watched = new Watched{std::move(folder), std::move(watcher), {}};
  sqlite3_vfs_register(&watching_vfs(), 1);
}

WatchedDisk::~WatchedDisk() {
  sqlite3_vfs_register(real_vfs, 1);
  sqlite3_vfs_unregister(&watching_vfs());
  delete std::exchange(watched, nullptr);
}

}  // namespace ktape::test

using ktape::test::DiskOp;

int __wrap_fsync(int fd) {
  using namespace ktape::test;
  std::string path(4096, '\0');
  const ssize_t size =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<size_t>(size) : 0);
  int failure = 0;
  if (watched != nullptr && path == watched->folder)
    failure = report(DiskOp::Kind::kSyncFolder, "");
  if (const std::string name = name_of(path.c_str()); !name.empty())
    failure = report(DiskOp::Kind::kSync, name);
  errno = failure;
  return failure == 0 ? __real_fsync(fd) : -1;
}

int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned flags) {
  using namespace ktape::test;
  const std::string name = name_of(from);
  const int failure = name.empty() ? 0 : report(DiskOp::Kind::kRename, name, 0, {}, name_of(to));
  errno = failure;
  return failure == 0 ? __real_renameat2(from_folder, from, to_folder, to, flags) : -1;
}
