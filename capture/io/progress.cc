// SPDX-License-Identifier: Apache-2.0
#include "capture/io/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr char kEraseLine[] = "\r\033[K";
constexpr size_t kMaxLoggedLineBytes = 1000;
constexpr size_t kMaxLoggedLines = 10000;

// Write errors are ignored: a closed terminal must not end a run.
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
  // The limit is on lines, too: a guest that complains without end must not scroll everything away.
  if (++lines_ > kMaxLoggedLines) return;
  const std::string text = lines_ < kMaxLoggedLines ? printable(line.substr(0, kMaxLoggedLineBytes))
                                                    : "further lines are only on the tape";
  // The live line is erased first; now() writes it again.
  put(fd_, (live_line_ ? kEraseLine : "") + stamp() + text + "\n");
  live_line_ = false;
}

void TextProgress::now(const std::string& line) {
  // In a file or a pipe a line that is overwritten would be many.
  if (!terminal_) return;
  put(fd_, kEraseLine + stamp() + printable(line.substr(0, kMaxLoggedLineBytes)));
  live_line_ = true;
}

}  // namespace ktape
