// SPDX-License-Identifier: Apache-2.0
#include "capture/io/console_log.h"

namespace ktape {

namespace {

constexpr size_t kMaxLineBytes = 4096;
constexpr size_t kMaxPanicBytes = 64 << 10;

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

std::string ConsoleLog::feed(std::span<const std::byte> bytes) {
  std::string whole;
  for (std::byte b : bytes) {
    partial_ += static_cast<char>(b);
    // A line without an end is cut, so that a guest cannot make the host hold it all.
    if (b == std::byte{'\n'} || partial_.size() >= kMaxLineBytes) {
      line(partial_);
      whole += partial_;
      partial_.clear();
    }
  }
  return whole;
}

std::string ConsoleLog::rest() {
  std::string text = std::move(partial_);
  partial_.clear();
  if (!text.empty()) line(text);
  // A complaint that the guest did not finish is as complete as it will be.
  complaints_.end();
  return text;
}

void ConsoleLog::line(const std::string& text) {
  // First: a panic ends an open complaint.
  complaints_.line(text);
  std::string plain = without_line_end(text);
  if (!plain.empty()) last_line_ = plain;
  size_t at = plain.find(kPanic);
  if (!panicked_ && at != std::string::npos) {
    panicked_ = true;
    panic_line_ = plain.substr(at);
  }
  // What exceeds the limit is still in the Console records.
  if (panicked_ && panic_text_.size() + text.size() <= kMaxPanicBytes) panic_text_ += text;
}

}  // namespace ktape
