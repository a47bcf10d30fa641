// SPDX-License-Identifier: Apache-2.0
#include "tests/support/terminal_run.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "schema/base/file.h"
#include "schema/base/pipe.h"

namespace ktape::test {

namespace {

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const TerminalSetting& setting) {
  for (const char* name : {"COLUMNS", "LINES", "NO_COLOR", "PAGER", "KTAPE_PAGER", "LESS", "LV"})
    ::unsetenv(name);
  ::setenv("TERM", "xterm", 1);
  for (const auto& [name, value] : setting.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (!setting.folder.empty() && ::chdir(setting.folder.c_str()) != 0) ::_exit(126);
  std::vector<char*> words = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  ::_exit(126);
}

// A terminal whose other end is closed fails with EIO.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read_through_signals(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  for (size_t at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at))
    text.erase(at, 1);
  return text;
}

}  // namespace

TerminalRun run_on_terminal(const std::string& program, const std::vector<std::string>& arguments,
                            const TerminalSetting& setting) {
  winsize size = {};
  size.ws_col = setting.columns;
  size.ws_row = setting.rows;
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (pid < 0) throw std::runtime_error("there is no terminal");
  if (pid == 0) become(program, arguments, setting);
  const UniqueFd ours(terminal);
  TerminalRun run;
  run.output = read_all(ours.get());
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) throw std::runtime_error("cannot wait for the program");
  if (WIFEXITED(status)) run.exit_status = WEXITSTATUS(status);
  return run;
}

}  // namespace ktape::test
