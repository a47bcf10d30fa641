// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/new_scenario.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "schema/base/file.h"
#include "schema/base/text.h"
#include "schema/scenario/check.h"

namespace ktape {

namespace {

constexpr std::string_view kSuffix = ".scenario";
constexpr std::string_view kPlaceholder = "@NAME@";
constexpr size_t kMaxTemplateBytes = size_t{1} << 20;

Result<void> write_whole(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(ErrorCode::kHost, "cannot write '" + path + "'");
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view text) {
  // O_EXCL: not even a file that appears just now is overwritten.
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.valid() && errno == EEXIST) {
    return Error{ErrorCode::kUsage, "'" + path + "' already exists",
                 "give another name, or remove the file"};
  }
  if (!file.valid()) return system_error(ErrorCode::kHost, "cannot create '" + path + "'");
  Result<void> written = write_whole(file.get(), text, path);
  // A full disk may be reported by close() only.
  if (written.ok() && ::close(file.release()) != 0)
    written = system_error(ErrorCode::kHost, "cannot write '" + path + "'");
  if (!written.ok()) ::unlink(path.c_str());
  return written;
}

}  // namespace

std::string scenario_text(std::string_view text_of_template, std::string_view name) {
  const size_t first = text_of_template.find(kPlaceholder);
  // rfind gives npos if it is the first line, and npos + 1 is 0.
  const size_t line = first == std::string_view::npos ? 0 : text_of_template.rfind('\n', first) + 1;
  std::string text(text_of_template.substr(line));
  for (size_t at = text.find(kPlaceholder); at != std::string::npos;
       at = text.find(kPlaceholder, at + name.size())) {
    text.replace(at, kPlaceholder.size(), name);
  }
  return text;
}

Result<std::string> new_scenario_name(std::string asked) {
  if (asked.ends_with(kSuffix)) asked.erase(asked.size() - kSuffix.size());
  if (is_scenario_name(asked)) return asked;
  const bool folder = asked.find('/') != std::string::npos;
  return Error{ErrorCode::kUsage, "a scenario cannot be named " + in_quotes(asked),
               folder ? "give a name and not a path: the file is written to the current folder"
                      : kScenarioNameRule};
}

Result<std::string> write_new_scenario(const std::string& name) {
  KTAPE_ASSIGN(const std::string data, data_folder());
  KTAPE_ASSIGN(const std::string text,
               read_text_file(data + "/template.scenario.in", kMaxTemplateBytes));
  const std::string path = name + std::string(kSuffix);
  KTAPE_TRY(write_new_file(path, scenario_text(text, name)));
  return path;
}

}  // namespace ktape
