// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/doctor/doctor_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "schema/base/file.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxOsReleaseBytes = 65536;

std::string installer_of_host() {
  constexpr std::pair<const char*, const char*> kInstallers[] = {
      {"apt", "apt install"}, {"dnf", "dnf install"}, {"pacman", "pacman -S"}};
  for (const auto& [program, command] : kInstallers) {
    for (const std::string& folder : path_folders()) {
      if (::access((folder + "/" + program).c_str(), X_OK) == 0) return command;
    }
  }
  return "";
}

std::string install_command(const std::vector<HostFact>& facts, const HostSystem& system) {
  std::string packages;
  for (const HostFact& fact : facts) {
    if (!fact.package.empty()) packages += " " + fact.package;
  }
  if (packages.empty() || system.installer.empty()) return "";
  // Debian 12's own QEMU is too old for TCG. -t applies to all packages of the command; apt takes
  // those that backports lacks from the release.
  const bool backports =
      system.codename == "bookworm" && packages.find("qemu") != std::string::npos;
  return "sudo " + system.installer + (backports ? " -t bookworm-backports" : "") + packages;
}

std::string without_sudo(std::string command) {
  constexpr std::string_view kSudo = "sudo ";
  return command.starts_with(kSudo) ? command.substr(kSudo.size()) : command;
}

const char* verdict(const HostFact& fact) {
  return fact.ok ? "ok" : fact.needed ? "MISSING" : "lacking";
}

}  // namespace

HostSystem this_system() {
  HostSystem system{.installer = installer_of_host(), .root = ::geteuid() == 0};
  const Result<std::string> text = read_text_file("/etc/os-release", kMaxOsReleaseBytes);
  if (!text.ok()) return system;
  constexpr std::string_view kCodename = "VERSION_CODENAME=";
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    // os-release(5) allows quotes; Debian's codenames have none.
    if (line.starts_with(kCodename)) system.codename = line.substr(kCodename.size());
  }
  return system;
}

bool fit_for_capture(const std::vector<HostFact>& facts) {
  return std::ranges::all_of(facts, [](const HostFact& fact) { return fact.ok || !fact.needed; });
}

std::string fixing_command(const std::vector<HostFact>& facts, const HostSystem& system) {
  // Packages first: other fixes may need their programs.
  std::vector<std::string> commands = {install_command(facts, system)};
  for (const HostFact& fact : facts) commands.push_back(fact.fix);
  std::string line;
  for (const std::string& command : commands) {
    if (command.empty()) continue;
    line += (line.empty() ? "" : " && ") + (system.root ? without_sudo(command) : command);
  }
  return line;
}

std::string doctor_text(const std::vector<HostFact>& facts, const std::string& fix) {
  std::string text;
  for (const HostFact& fact : facts) {
    text += fmt::format("{:<10} {:<8} {}\n", fact.name, verdict(fact), printable(fact.detail));
    if (!fact.ok && !fact.hint.empty()) text += fmt::format("{:<19} hint: {}\n", "", fact.hint);
  }
  text += fit_for_capture(facts) ? "a capture can run here\n" : "a capture cannot run here yet\n";
  if (!fix.empty()) text += fmt::format("fix it with: {}\n", fix);
  return text;
}

std::string doctor_json(const std::vector<HostFact>& facts, const std::string& fix) {
  JsonWriter json;
  json.object().field("format", JsonFormat::kDoctor).field("canCapture", fit_for_capture(facts));
  json.key("checks").list();
  for (const HostFact& fact : facts) {
    json.object()
        .field("name", fact.name)
        .field("ok", fact.ok)
        .field("needed", fact.needed)
        .field("detail", fact.detail)
        .key("hint")
        .value_or_null(fact.hint)
        .end();
  }
  return json.end().key("fix").value_or_null(fix).end().newline().take();
}

}  // namespace ktape
