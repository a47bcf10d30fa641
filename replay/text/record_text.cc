// SPDX-License-Identifier: Apache-2.0
#include "replay/text/record_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "replay/text/text_writer.h"
#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/target/target_path.h"
#include "schema/terms/freeze_counts.h"

namespace ktape {

namespace {

constexpr size_t kBytesShown = 32;
constexpr size_t kEntriesShown = 16;

// Kernel addresses, DSQ ids with flags and "infinite" read better in hex.
std::string number_text(uint64_t value) {
  if (value < uint64_t{1} << 63) return std::to_string(value);
  return fmt::format("{} ({:#x})", value, value);
}

// Appended to a shortened list.
std::string and_more(size_t count) { return fmt::format(" and {} more", count); }

std::string data_text(capnp::Data::Reader data) {
  auto bytes = std::as_bytes(std::span(data.begin(), data.size()));
  std::string hex = to_hex(bytes.first(std::min(bytes.size(), kBytesShown)));
  return fmt::format("{}: {}{}", count_text(data.size(), "byte"), hex,
                     data.size() > kBytesShown ? and_more(data.size() - kBytesShown) : "");
}

std::string bits_text(std::string_view verb, schema::Bits::Reader bits) {
  return fmt::format("{} bits {:#x} of {}", verb, bits.getMask(),
                     count_text(bits.getWidth(), "byte"));
}

std::string value_list_text(capnp::List<schema::Value>::Reader list) {
  std::string text = count_text(list.size(), "entry", "entries");
  for (unsigned i = 0; i < list.size() && i < kEntriesShown; ++i) {
    text += (i == 0 ? ": " : ", ") + shown_value(list[i]);
  }
  return list.size() > kEntriesShown ? text + and_more(list.size() - kEntriesShown) : text;
}

}  // namespace

std::string safe_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out += printable(line) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string shortened(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string words(std::string_view camel_case) {
  std::string text;
  for (char c : camel_case) {
    bool upper = c >= 'A' && c <= 'Z';
    if (upper) text += ' ';
    text += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

std::string shown_value(schema::Value::Reader value) {
  switch (value.which()) {
    case schema::Value::NONE: return "no value";
    case schema::Value::U8: return number_text(value.getU8());
    case schema::Value::U16: return number_text(value.getU16());
    case schema::Value::U32: return number_text(value.getU32());
    case schema::Value::U64: return number_text(value.getU64());
    case schema::Value::BYTES: return data_text(value.getBytes());
    case schema::Value::SET_BITS: return bits_text("set", value.getSetBits());
    case schema::Value::CLEAR_BITS: return bits_text("clear", value.getClearBits());
    case schema::Value::LIST: return value_list_text(value.getList());
  }
  return "a value of unknown kind";
}

std::string safe_target_text(schema::Target::Reader target) {
  return printable(target_text(target));
}

std::string outcome_text(schema::Sealed::Reader sealed) {
  std::string text = enum_words(sealed.getOutcome());
  text += sealed.getExitCode() == -1 ? ", the agent gave no exit code"
                                     : fmt::format(", exit code {}", sealed.getExitCode());
  return sealed.getDetail().size() == 0 ? text : text + ": " + printable(chars(sealed.getDetail()));
}

std::string trigger_text(schema::TriggerCount::Reader trigger) {
  std::string text = printable(chars(trigger.getName())) + ": ";
  text += hits_text(trigger.getFreezes(), trigger.getHits());
  return trigger.getFreezes() > 0 || trigger.getArmed() ? text : text + ", it was not set up";
}

std::string intervals_text(schema::IntervalCounts::Reader intervals) {
  return intervals_text(IntervalCounts{.froze = intervals.getFroze(),
                                       .skipped_busy = intervals.getSkippedBusy(),
                                       .skipped_late = intervals.getSkippedLate()});
}

std::string host_text(schema::HostProcessor::Reader host) {
  if (!host.getKnown()) return "";
  std::string text = host.getCpus() == 0 ? "" : count_text(host.getCpus(), "CPU") + " of ";
  if (!host.getHypervisor()) return text + "a host that is not a guest";
  text += "a host that is itself a guest";
  if (host.getHypervisorName().size() > 0)
    text += ", of " + in_quotes(chars(host.getHypervisorName()));
  return text;
}

bool is_of_the_boot(schema::ClocksourceSeen::Reader change) {
  const std::string_view before = chars(change.getBefore());
  const std::string_view now = chars(change.getName());
  if (before == "jiffies" || before == "refined-jiffies") return true;
  return before == "tsc-early" && now == "tsc";
}

std::string reply_text(schema::OpReplied::Reader reply) {
  std::string text = reply.getOk()           ? "done"
                     : reply.getAsExpected() ? "refused, as expected"
                                             : "NOT DONE";
  if (reply.getTries() < 2) return text;
  return text + fmt::format(" after {} tries; the guest ran {} in between", reply.getTries(),
                            duration_text(reply.getWaitedNs()));
}

std::string loss_text(schema::LossCounter::Reader loss) {
  return fmt::format("{} {}: {}", loss.getCount(), printable(chars(loss.getName())),
                     printable(chars(loss.getDescription())));
}

}  // namespace ktape
