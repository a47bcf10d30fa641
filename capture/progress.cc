// SPDX-License-Identifier: Apache-2.0
#include "capture/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kEraseLine[] = "\r\033[K";

// Progress is a courtesy: a closed terminal must not end a run.
void put(int fd, const std::string& text) {
  ssize_t written = ::write(fd, text.data(), text.size());
  (void)written;
}

}  // namespace

TextProgress::TextProgress(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) {}

TextProgress::~TextProgress() {
  if (live_line_) put(fd_, kEraseLine);
}

std::string TextProgress::stamp() const {
  std::chrono::duration<double> since = std::chrono::steady_clock::now() - began_;
  return fmt::format("{:7.1f} s  ", since.count());
}

void TextProgress::say(const std::string& line) {
  put(fd_, (live_line_ ? kEraseLine : "") + stamp() + printable(line) + "\n");
  live_line_ = false;
}

void TextProgress::now(const std::string& line) {
  if (!terminal_) return;
  put(fd_, kEraseLine + stamp() + printable(line));
  live_line_ = true;
}

}  // namespace ktape
