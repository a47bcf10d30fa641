// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capture/packing/guest_files.h"
#include "capture/packing/scheduler_program.h"
#include "schema/base/file.h"
#include "schema/base/result.h"
#include "schema/scenario/load.h"

namespace ktape {

// The command line's options for the guest's files and scheduler.
struct GuestPackOptions {
  std::string scheduler;  // a command, overrides the scenario's scheduler; empty: do not override
  std::vector<std::string> scheduler_folders;
  std::vector<std::string> overlays;
  bool operator==(const GuestPackOptions&) const = default;
};

// What a guest gets besides the agent.
struct GuestPack {
  std::optional<SchedulerProgram> scheduler;
  std::vector<std::string> notes;  // messages for the user
  std::vector<PackedFile> files;
  std::vector<std::byte> archive;  // of all the files, for the kernel; empty: no files
  Digest archive_digest{};         // if there is an archive
};

// Finds and packs the overlays and the scheduler named by the command line or the scenario, and
// sets the scheduler's guest path in the scenario. Errors are those of find_scheduler, pack_program
// and GuestFiles, and kUsage if the files do not fit into the guest's memory.
[[nodiscard]] Result<GuestPack> pack_guest(LoadedScenario& scenario,
                                           const GuestPackOptions& options);

// Gives a guest that runs a scheduler's program the kernel's configuration as
// '/boot/config-RELEASE', where libbpf looks up the __kconfig variables of a BPF program. A file
// from an overlay is not replaced. Does nothing if `config` is empty.
[[nodiscard]] Result<void> add_kernel_config(GuestPack& pack, const std::string& release,
                                             std::span<const std::byte> config);

// An in-memory file with `initramfs` followed by the pack's archive, as one initrd. The kernel
// unpacks both.
[[nodiscard]] Result<UniqueFd> make_initrd(std::span<const std::byte> initramfs,
                                           const GuestPack& pack);

// An in-memory file that lives as long as its descriptor. `name` is used in errors.
[[nodiscard]] Result<UniqueFd> memory_file(const std::string& name,
                                           const std::vector<std::span<const std::byte>>& parts);

}  // namespace ktape
