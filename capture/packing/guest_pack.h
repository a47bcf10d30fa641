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

// What the command line says of the guest's files and its scheduler.
struct GuestPackOptions {
  std::string scheduler;  // a command; it takes the place of the scenario's scheduler. Empty: as
                          // the scenario says
  std::vector<std::string> scheduler_folders;
  std::vector<std::string> overlays;
  bool operator==(const GuestPackOptions&) const = default;
};

// What a guest gets besides the agent.
struct GuestPack {
  std::optional<SchedulerProgram> scheduler;
  std::vector<std::string> notes;  // what people should know of how it came about
  std::vector<PackedFile> files;
  std::vector<std::byte> archive;  // of all the files, for the kernel; empty: there are none
  Digest archive_digest{};         // where there is an archive
};

// Finds and packs the scheduler that the command line or the scenario names, and the overlays, and
// fills in what the scenario has to say to the guest. Errors are those of find_scheduler,
// pack_program and GuestFiles, and kUsage for files that the guest's memory would not hold.
[[nodiscard]] Result<GuestPack> pack_guest(LoadedScenario& scenario,
                                           const GuestPackOptions& options);

// Gives a guest that runs a scheduler's program the kernel's configuration as
// '/boot/config-RELEASE', where libbpf looks for what a BPF program declares as __kconfig. One of
// an overlay stays. Nothing where `config` is empty.
[[nodiscard]] Result<void> add_kernel_config(GuestPack& pack, const std::string& release,
                                             std::span<const std::byte> config);

// A file in memory with `initramfs` and, behind it, the pack's archive, as one initrd: the kernel
// unpacks both.
[[nodiscard]] Result<UniqueFd> make_initrd(std::span<const std::byte> initramfs,
                                           const GuestPack& pack);

// A file in memory, which lives as long as its descriptor. `name` is for people.
[[nodiscard]] Result<UniqueFd> memory_file(const std::string& name,
                                           const std::vector<std::span<const std::byte>>& parts);

}  // namespace ktape
