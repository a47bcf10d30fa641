// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "schema/base/result.h"

namespace ktape {

// The life of a tape as files: `PATH.partial` with its `-wal` while it is recorded, then PATH.

[[nodiscard]] std::string partial_name(const std::string& path);
[[nodiscard]] bool is_partial_name(const std::string& path);

// Makes the empty `PATH.partial`. kUsage, naming what is in the way, when it or PATH exists.
[[nodiscard]] Result<void> claim_partial(const std::string& path);

// Makes the whole tape that is named `from` durable and `path`, in the same folder; never replaces
// anything.
[[nodiscard]] Result<void> publish(const std::string& from, const std::string& path);

// Whether `path` names the file that is open as `fd`.
[[nodiscard]] bool is_name_of(const std::string& path, int fd);

// Copies what is in the file that is open as `fd` to a new file `to`. kHost when that cannot be
// written.
[[nodiscard]] Result<void> copy_open_file(int fd, const std::string& to);

// Removes `PATH.partial` and its `-wal`: for a recording with nothing worth keeping.
void remove_partial(const std::string& path);

[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// The process that holds the database in this file, if another one does.
[[nodiscard]] std::optional<pid_t> recorder_at_work(const std::string& partial);

}  // namespace ktape
