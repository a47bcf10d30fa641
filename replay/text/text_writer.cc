// SPDX-License-Identifier: Apache-2.0
#include "replay/text/text_writer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <utility>

namespace ktape {

namespace {

constexpr size_t kLabelColumns = 12;
constexpr size_t kEventColumns = 22;  // "12345 [  123.456789] "

}  // namespace

void TextWriter::section(std::string_view title) {
  text_ += "\n" + colors_.paint(Paint::kTitle, title) + "\n";
}

void TextWriter::line(std::string_view text, Paint paint) {
  text_ += colors_.paint(paint, text);
  text_ += '\n';
}

void TextWriter::led(std::string_view lead, std::string_view text, Paint paint, Paint lead_paint) {
  wrapped(std::string(lead), text, paint, lead_paint);
}

void TextWriter::field(std::string_view label, std::string_view value) {
  wrapped(padded(label, kLabelColumns), value, Paint::kPlain, Paint::kFaint);
}

void TextWriter::event(Seq seq, HostNs at, std::string_view text, Paint paint) {
  wrapped(fmt::format("{:>5} [{:>5}.{:06}]  ", seq.value, at.value / 1'000'000'000,
                      at.value % 1'000'000'000 / 1000),
          text, paint, Paint::kFaint);
}

void TextWriter::detail(std::string_view text, size_t depth) {
  wrapped(std::string(kEventColumns + 2 * depth + 2, ' '), text, Paint::kPlain, Paint::kPlain);
}

void TextWriter::block(std::string_view text, size_t depth) {
  std::string indent(kEventColumns + 2 * depth + 2, ' ');
  while (!text.empty()) {
    size_t end = text.find('\n');
    // An empty line needs no indent: a console may consist of nothing else.
    if (end != 0) text_.append(indent).append(text.substr(0, end));
    text_ += '\n';
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string TextWriter::take() { return std::exchange(text_, {}); }

void TextWriter::wrapped(const std::string& lead, std::string_view text, Paint paint,
                         Paint lead_paint) {
  std::string before = lead;  // what stands before the words of this line
  std::string words;
  bool empty = true;  // no word on this line yet
  const auto end_line = [&] {
    text_ += colors_.paint(lead_paint, before) + colors_.paint(paint, words) + "\n";
    before = std::string(columns_of(lead), ' ');
    lead_paint = Paint::kPlain;
    words.clear();
    empty = true;
  };
  while (!text.empty()) {
    size_t end = text.find(' ');
    std::string_view word = text.substr(0, end);
    if (!empty && columns_of(before) + columns_of(words) + 1 + columns_of(word) > columns_)
      end_line();
    if (!empty) words += ' ';
    words += word;
    empty = false;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  words.erase(words.find_last_not_of(' ') + 1);
  if (words.empty()) before.erase(before.find_last_not_of(' ') + 1);
  end_line();
}

size_t columns_of(std::string_view text) {
  size_t n = 0;
  for (char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}

std::string padded(std::string_view text, size_t columns) {
  const size_t used = columns_of(text);
  return std::string(text) + std::string(used < columns ? columns - used : 0, ' ');
}

std::string duration_text(uint64_t ns) {
  if (ns < 1'000) return fmt::format("{} ns", ns);
  auto in_unit = [ns](double unit, std::string_view name) {
    double value = static_cast<double>(ns) / unit;
    return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, name);
  };
  if (ns < 1'000'000) return in_unit(1e3, "us");
  if (ns < 1'000'000'000) return in_unit(1e6, "ms");
  return in_unit(1e9, "s");
}

std::string bytes_text(uint64_t bytes) {
  constexpr uint64_t kMib = uint64_t{1} << 20;
  if (bytes >= kMib && bytes % kMib == 0) return fmt::format("{} MiB", bytes / kMib);
  return count_text(bytes, "byte");
}

std::string count_text(uint64_t count, std::string_view singular, std::string_view plural) {
  if (count == 1) return fmt::format("1 {}", singular);
  return plural.empty() ? fmt::format("{} {}s", count, singular)
                        : fmt::format("{} {}", count, plural);
}

std::string wall_clock_text(uint64_t unix_ns) {
  auto seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(seconds));
}

}  // namespace ktape
