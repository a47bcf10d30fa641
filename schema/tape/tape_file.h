// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

// The files of a tape: `PATH.partial` with its `-wal` during the recording, then PATH.

[[nodiscard]] std::string partial_name(const std::string& path);
[[nodiscard]] bool is_partial_name(const std::string& path);
// Whether anything has this name, also a dangling link.
[[nodiscard]] bool exists(const std::string& path);

// Creates the empty `PATH.partial`. kUsage, naming the file in the way, if it or PATH exists.
[[nodiscard]] Result<void> claim_partial(const std::string& path);

// Makes the complete tape `from` durable and renames it to `path`, in the same folder; never
// replaces a file. kHost if that fails: `from` is then still there, and complete.
[[nodiscard]] Result<void> publish(const std::string& from, const std::string& path);

// Whether `path` names the file open as `fd`.
[[nodiscard]] bool is_name_of(const std::string& path, int fd);

// Copies the file open as `fd` to a new file `to`. kHost if it cannot be written.
[[nodiscard]] Result<void> copy_open_file(int fd, const std::string& to);

// Removes `PATH.partial` and its `-wal`: for a recording with nothing worth keeping.
void remove_partial(const std::string& path);

// Makes durable that a file is in its folder: syncing the file alone does not.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// The process that has the database in this file open, if another process does: it holds one of
// SQLite's locks. A process that died holds none.
[[nodiscard]] std::optional<pid_t> recorder_at_work(const std::string& partial);

}  // namespace ktape
