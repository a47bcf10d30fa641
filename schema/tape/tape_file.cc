// SPDX-License-Identifier: Apache-2.0
#include "schema/tape/tape_file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "schema/base/file.h"

namespace ktape {

namespace {

// Where SQLite keeps its locks in a database file: PENDING_BYTE and the 511 bytes after it.
constexpr off_t kSqliteLocks = 0x40000000;
constexpr off_t kSqliteLockBytes = 512;
constexpr char kPartialSuffix[] = ".partial";

Error in_the_way(const std::string& obstacle, const std::string& hint) {
  return Error{ErrorCode::kUsage, "'" + obstacle + "' already exists", hint};
}

Error partial_in_the_way(const std::string& path) {
  std::string partial = partial_name(path);
  if (auto pid = recorder_at_work(partial)) {
    return in_the_way(partial, "process " + std::to_string(*pid) + " is recording to it");
  }
  return in_the_way(partial, "a recorder left it; use 'ktape verify " + partial +
                                 " --salvage OUT' to keep what is in it");
}

Result<void> sync_path(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) return system_error(ErrorCode::kHost, "cannot open '" + path + "'");
  if (::fsync(fd.get()) != 0) return system_error(ErrorCode::kHost, "cannot sync '" + path + "'");
  if (::close(fd.release()) != 0)
    return system_error(ErrorCode::kHost, "cannot close '" + path + "'");
  return {};
}

// Some network file systems cannot rename without replacing, but can link without replacing.
int link_instead(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) return -1;
  return ::unlink(from.c_str());
}

}  // namespace

bool exists(const std::string& path) {
  // lstat(): a dangling link is in the way, too.
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

std::string partial_name(const std::string& path) { return path + kPartialSuffix; }
bool is_partial_name(const std::string& path) { return path.ends_with(kPartialSuffix); }

Result<void> claim_partial(const std::string& path) {
  std::string partial = partial_name(path);
  if (exists(path)) return in_the_way(path, "give another name, or move it away");
  if (exists(partial)) return partial_in_the_way(path);
  if (exists(partial + "-wal"))
    return in_the_way(partial + "-wal", "a recorder left it; move it away");
  // O_EXCL decides between two recorders that start at once; the checks before it only make better
  // errors.
  UniqueFd fd(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (fd.valid()) return {};
  if (errno == EEXIST) return partial_in_the_way(path);  // created since we checked
  Error error = system_error(ErrorCode::kHost, "cannot create '" + partial + "'");
  error.hint = "record to a writable folder that exists";
  return error;
}

Result<void> publish(const std::string& from, const std::string& path) {
  // Before the rename: after a power cut the name must not lead to a file without its content.
  KTAPE_TRY(sync_path(from, O_RDWR));
  // RENAME_NOREPLACE: a tape of that name that appeared meanwhile is kept.
  int failed = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
  // What file systems say that do not know the flag.
  if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) failed = link_instead(from, path);
  if (failed != 0) {
    Error error = system_error(ErrorCode::kHost, "cannot rename '" + from + "' to '" + path + "'");
    error.hint = "the tape is complete as '" + from + "'";
    return error;
  }
  // Makes the new name durable.
  return sync_folder_of(path);
}

bool is_name_of(const std::string& path, int fd) {
  struct stat named, opened;
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

Result<void> copy_open_file(int fd, const std::string& to) {
  const auto failure = [&] { return system_error(ErrorCode::kHost, "cannot write '" + to + "'"); };
  UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!out.valid()) return failure();
  constexpr size_t kAtOnce = size_t{1} << 30;
  off_t offset = 0;
  ssize_t copied = 0;
  do {
    // sendfile() copies within the kernel, from a file without a name as well.
    copied = ::sendfile(out.get(), fd, &offset, kAtOnce);
  } while (copied > 0 || (copied < 0 && errno == EINTR));
  if (copied < 0) return failure();
  if (::close(out.release()) != 0) return failure();
  return {};
}

void remove_partial(const std::string& path) {
  // The log first: a database without its log is an older state, a log without its database is
  // nothing.
  for (const char* suffix : {"-wal", ""}) ::unlink((partial_name(path) + suffix).c_str());
}

Result<void> sync_folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

std::optional<pid_t> recorder_at_work(const std::string& partial) {
  UniqueFd fd(::open(partial.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  struct flock lock = {};
  // A shared lock is in the way of a write lock as well, so readers of the recording are found,
  // too.
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kSqliteLocks;
  lock.l_len = kSqliteLockBytes;
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

}  // namespace ktape
