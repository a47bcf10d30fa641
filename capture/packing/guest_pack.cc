// SPDX-License-Identifier: Apache-2.0
#include "capture/packing/guest_pack.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "capture/packing/command_words.h"
#include "capture/packing/program_pack.h"

namespace ktape {

namespace fs = std::filesystem;

namespace {

// The kernel looks for the next archive at a multiple of 4 (init/initramfs.c). Page alignment works
// with every loader.
constexpr size_t kPackAlignment = 4096;
constexpr uint32_t kAttachDeadlineMs = 30'000;
// For a while the guest's memory holds the files twice, packed and unpacked.
constexpr uint64_t kShareOfMemory = 4;

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path == nullptr ? "" : path;
}

Result<void> override_scheduler(LoadedScenario& scenario, const std::string& command) {
  KTAPE_ASSIGN(const std::vector<std::string> words, split_command(command));
  // A scenario's own deadline stays, even if its program is replaced.
  const auto before = scenario.get().getScheduler();
  const uint32_t deadline_ms =
      before.isExternal() ? before.getExternal().getAttachDeadlineMs() : kAttachDeadlineMs;
  auto external = scenario.edit().getScheduler().initExternal();
  external.setProgram(words.front());
  auto arguments = external.initArguments(static_cast<unsigned>(words.size() - 1));
  for (unsigned i = 0; i < arguments.size(); ++i) arguments.set(i, words[i + 1]);
  external.setAttachDeadlineMs(deadline_ms);
  return {};
}

// Call it after --scheduler was applied.
Result<void> check_program_waits(schema::Scenario::Reader scenario) {
  if (scenario.getScheduler().isExternal()) return {};
  for (auto step : scenario.getSteps()) {
    for (auto action : step.getActions()) {
      if (!action.isWaitProgram()) continue;
      return Error{
          ErrorCode::kUsage,
          fmt::format(
              "step '{}' of scenario '{}' waits for an external scheduler's program to end, but "
              "the run has none",
              step.getName().cStr(), scenario.getName().cStr()),
          "name one with --scheduler PROGRAM"};
    }
  }
  return {};
}

Result<SchedulerProgram> add_scheduler(LoadedScenario& scenario, const GuestPackOptions& options,
                                       GuestFiles& files, std::vector<std::string>& notes) {
  const std::string name = scenario.get().getScheduler().getExternal().getProgram().cStr();
  SchedulerPlaces places{fs::path(scenario.path()).parent_path(), options.scheduler_folders,
                         search_path()};
  // A path on the command line is relative to the current folder. "--scheduler ./x" is relative to
  // where the user types, the scenario's program to the scenario.
  if (!options.scheduler.empty() && name.find('/') != std::string::npos) places.beside = "";
  KTAPE_ASSIGN(SchedulerProgram program, find_scheduler(name, places));
  if (!program.note.empty()) notes.push_back(program.note);
  KTAPE_TRY(pack_program(program.path, search_path(), files, notes));
  scenario.edit().getScheduler().getExternal().setGuestPath(program.path);
  return program;
}

}  // namespace

Result<GuestPack> pack_guest(LoadedScenario& scenario, const GuestPackOptions& options) {
  // Checked although another folder may have the program: a typo would pick an unexpected one.
  for (const std::string& folder : options.scheduler_folders) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
      return Error{ErrorCode::kUsage, "--scheduler-dir '" + folder + "': no such folder", ""};
  }
  if (!options.scheduler.empty()) KTAPE_TRY(override_scheduler(scenario, options.scheduler));
  KTAPE_TRY(check_program_waits(scenario.get()));
  GuestPack pack;
  // A file from an overlay takes precedence over the host's file with the same path.
  GuestFiles files;
  // Overlays first: programs and libraries in them are used instead of the host's.
  for (const std::string& overlay : options.overlays) KTAPE_TRY(files.add_overlay(overlay));
  KTAPE_TRY(pack_needs_of_all(search_path(), files, pack.notes));
  if (scenario.get().getScheduler().isExternal()) {
    KTAPE_ASSIGN(pack.scheduler, add_scheduler(scenario, options, files, pack.notes));
  }
  if (files.empty()) return pack;
  // Before the boot: a guest without memory for its initramfs panics with a message that says
  // nothing of files.
  const uint64_t memory_bytes = uint64_t{scenario.get().getMachine().getMemoryMb()} << 20;
  if (files.bytes() > memory_bytes / kShareOfMemory) {
    return Error{ErrorCode::kUsage,
                 fmt::format("the guest's files are {} MiB, too much for its {} MiB of memory",
                             files.bytes() >> 20, memory_bytes >> 20),
                 "raise memoryMb in the scenario's machine, or use --memory-mb"};
  }
  // Digest and list go onto the tape, so that a run says which files it had.
  pack.files = files.files();
  pack.archive = files.archive();
  pack.archive_digest = sha256(pack.archive);
  return pack;
}

Result<void> add_kernel_config(GuestPack& pack, const std::string& release,
                               std::span<const std::byte> config) {
  if (!pack.scheduler || config.empty()) return {};
  const std::string path = "/boot/config-" + release;
  const auto is_it = [&](const PackedFile& file) { return file.path == path; };
  // The user's own file is better than what the image says.
  if (std::any_of(pack.files.begin(), pack.files.end(), is_it)) return {};
  GuestFiles more;
  KTAPE_TRY(more.add_content(path, config));
  // The kernel unpacks the archives one after another.
  const std::vector<std::byte> archive = more.archive();
  pack.archive.resize((pack.archive.size() + kPackAlignment - 1) / kPackAlignment * kPackAlignment);
  pack.archive.insert(pack.archive.end(), archive.begin(), archive.end());
  pack.archive_digest = sha256(pack.archive);
  for (PackedFile& file : more.files()) pack.files.push_back(std::move(file));
  return {};
}

Result<UniqueFd> memory_file(const std::string& name,
                             const std::vector<std::span<const std::byte>>& parts) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC));
  if (!fd.valid()) return system_error(ErrorCode::kHost, "cannot create a memfd for the " + name);
  for (std::span<const std::byte> part : parts) {
    // write() takes at most 2 GiB at a time.
    while (!part.empty()) {
      const ssize_t n = ::write(fd.get(), part.data(), part.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(ErrorCode::kHost, "cannot write the " + name + " to a memfd");
      part = part.subspan(static_cast<size_t>(n));
    }
  }
  return fd;
}

Result<UniqueFd> make_initrd(std::span<const std::byte> initramfs, const GuestPack& pack) {
  const auto padding = [](size_t bytes) {
    return std::vector<std::byte>((kPackAlignment - bytes % kPackAlignment) % kPackAlignment);
  };
  const std::vector<std::byte> between = padding(initramfs.size());
  const std::vector<std::byte> behind = padding(pack.archive.size());
  return memory_file("initrd", {initramfs, between, pack.archive, behind});
}

}  // namespace ktape
