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

// Makes a whole `PATH.partial` durable and PATH; never replaces anything.
[[nodiscard]] Result<void> publish(const std::string& path);

// Removes `PATH.partial` and its `-wal`: for a recording with nothing worth keeping.
void remove_partial(const std::string& path);

[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// The process that holds the database in this file, if another one does.
[[nodiscard]] std::optional<pid_t> recorder_at_work(const std::string& partial);

}  // namespace ktape
