// SPDX-License-Identifier: Apache-2.0
#include "replay/read/read_output.h"

#include <fmt/format.h>

#include <optional>

#include "replay/tape/value_text.h"
#include "replay/text/csv_cell.h"
#include "replay/text/entry_text.h"
#include "replay/text/integrity_text.h"
#include "replay/text/json_lines.h"
#include "replay/text/record_text.h"
#include "replay/text/text_writer.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// "for request 7 in step 'write'"
std::string why_text(const Freeze& freeze) {
  const std::string cause = cause_text(freeze);
  return freeze.step.empty() ? cause : cause + " in step " + in_quotes(freeze.step);
}

std::string memory_text(const Freeze& freeze) {
  if (!freeze.pages_digest) return "no memory was kept";
  return count_text(freeze.pages, "page") + " kept";
}

// Each value as text. Without a type: as the reply has it.
std::vector<std::string> texts_of(const TargetRead& read) {
  const auto value = read.reply.get().getValue();
  if (!read.decoded.empty()) return read.decoded;
  if (!value.isList()) return {shown_value(value)};
  std::vector<std::string> texts;
  for (const auto one : value.getList()) texts.push_back(shown_value(one));
  return texts;
}

// "[3][0]": the place of a value among the entries of each walk.
std::string entry_text(const EntryNumbers& numbers) {
  std::string text;
  for (const uint32_t number : numbers) text += fmt::format("[{}]", number);
  return text;
}

bool has_several_walks(const TargetRead& read) {
  return !read.entries.empty() && read.entries.front().size() > 1;
}

// A line for each: in one line, nothing would tell which value belongs to which list.
std::string nested_list_text(const TargetRead& read, const std::vector<std::string>& texts) {
  std::string text = count_text(texts.size(), "entry", "entries");
  if (!read.broke_off.empty()) text += " and more";
  text += ":";
  for (size_t i = 0; i < texts.size() && i < read.entries.size(); ++i)
    text += fmt::format("\n{} {}", entry_text(read.entries[i]), texts[i]);
  return text;
}

std::string text_of_all(const TargetRead& read) {
  const std::vector<std::string> texts = texts_of(read);
  if (!read.reply.get().getValue().isList()) return texts.front();
  if (has_several_walks(read)) return nested_list_text(read, texts);
  return list_text(texts, !read.broke_off.empty(), texts.size());
}

// " = 5"; ": not captured"; ": failed: 'x->': the pointer is NULL"
std::string answer_text(const TargetRead& read) {
  const auto reply = read.reply.get();
  if (reply.getStatus() == schema::EntryStatus::DONE) return " = " + text_of_all(read);
  if (read.missing) return ": not captured";
  std::string_view reason = chars(reply.getReason());
  const std::string target = "target " + in_quotes(read.line) + ": ";
  if (reason.starts_with(target)) reason.remove_prefix(target.size());
  return fmt::format(": {}: {}", enum_words(reply.getStatus()), printable(reason));
}

// What was read, in a word: CSV has a column for it.
std::string status_text(const TargetRead& read) {
  const auto status = read.reply.get().getStatus();
  if (status != schema::EntryStatus::DONE)
    return read.missing ? "not captured" : enum_words(status);
  return read.broke_off.empty() ? "done" : "incomplete";
}

std::string csv_row(const Freeze& freeze, const TargetRead& read,
                    const std::vector<std::optional<std::string>>& values) {
  std::vector<std::optional<std::string>> cells = {std::to_string(freeze.id),
                                                   std::to_string(freeze.began.value),
                                                   std::to_string(freeze.at.value),
                                                   enum_words(freeze.cause),
                                                   printable(freeze.step),
                                                   printable(read.line),
                                                   status_text(read)};
  cells.insert(cells.end(), values.begin(), values.end());
  std::string row;
  for (const auto& cell : cells) row += (row.empty() ? "" : ",") + csv_cell(cell);
  return row + "\n";
}

// "3", "3/0"
std::string entry_cell(const EntryNumbers& numbers) {
  std::string text;
  for (const uint32_t number : numbers) text += (text.empty() ? "" : "/") + std::to_string(number);
  return text;
}

std::optional<std::string> if_any(std::string text) {
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

}  // namespace

std::string freeze_line(const Freeze& freeze) {
  TextWriter writer;
  writer.event(freeze.began, freeze.at,
               fmt::format("freeze:{}  {}, {}", freeze.id, why_text(freeze), memory_text(freeze)));
  return writer.take();
}

std::string freeze_json(const Freeze& freeze, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kFreeze)
      .field("freeze", JsonDigits{freeze.id})
      .field("seq", JsonDigits{freeze.began.value})
      .field("hostNs", JsonDigits{freeze.at.value})
      .field("cause", enum_words(freeze.cause))
      .field("op", JsonDigits{freeze.op})
      .field("trigger", freeze.hits.empty() ? "" : freeze.hits.front().trigger)
      .key("hits")
      .list();
  for (const FreezeHit& hit : freeze.hits)
    json.object().field("vcpu", hit.vcpu).field("trigger", hit.trigger).end();
  json.end()
      .field("step", freeze.step)
      .field("memoryKept", freeze.pages_digest.has_value())
      .field("pages", JsonDigits{freeze.pages});
  put_integrity(json, found);
  return json.end().newline().take();
}

std::string target_lines(const TargetRead& read) {
  const auto reply = read.reply.get();
  std::string text = printable(read.line) + answer_text(read) + "\n";
  if (!read.broke_off.empty()) text += "  incomplete: " + printable(read.broke_off) + "\n";
  if (read.missing && reply.getStatus() != schema::EntryStatus::DONE)
    text += "  " + printable(chars(reply.getReason())) + "\n";
  const std::string place = place_text(reply);
  // Without an address it is only a type.
  if (!place.empty() && reply.getVirtualAddress() != 0) text += "  " + place + "\n";
  if (reply.getNote().size() > 0) text += "  note: " + printable(chars(reply.getNote())) + "\n";
  // What a refusal or a failure says is enough: most gates were not even evaluated.
  if (read.gates.empty() || reply.getStatus() != schema::EntryStatus::DONE) return text;
  for (const std::string& line : gate_lines(read.gates)) text += "  " + line + "\n";
  return text;
}

std::string lines_in_series(const TargetRead& read) {
  const auto note = read.reply.get().getNote();
  TextWriter writer;
  writer.block(printable(read.line) + answer_text(read));
  if (!read.broke_off.empty()) writer.block("incomplete: " + printable(read.broke_off), 1);
  if (note.size() > 0) writer.block("note: " + printable(chars(note)), 1);
  return writer.take();
}

std::string target_json(const TargetRead& read, const Freeze& freeze, const Verification& found) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kTarget)
      .field("freeze", JsonDigits{freeze.id})
      .field("seq", JsonDigits{freeze.began.value})
      .field("hostNs", JsonDigits{freeze.at.value})
      .field("target", read.line)
      .key("notCaptured")
      .value_or_null(read.missing ? fmt::format("{:#x}", read.missing->value) : "")
      .key("notAll")
      .value_or_null(printable(read.broke_off))
      .field("reply", JsonText{json_text(read.reply.get())})
      .key("decoded")
      .values(read.decoded)
      .key("entries")
      .list();
  for (const EntryNumbers& numbers : read.entries) json.values(numbers);
  json.end().key("gates").list();
  for (const auto& gate : read.gates) json.value(JsonText{json_text(gate.get())});
  json.end();
  put_integrity(json, found);
  return json.end().newline().take();
}

std::string csv_header() {
  return "freeze,seq,host_ns,cause,step,target,status,entry,value,text,reason\n";
}

std::string csv_rows(const TargetRead& read, const Freeze& freeze) {
  const auto reply = read.reply.get();
  if (reply.getStatus() != schema::EntryStatus::DONE) {
    const std::string reason = printable(chars(reply.getReason()));
    return csv_row(freeze, read, {std::nullopt, std::nullopt, std::nullopt, reason});
  }
  const std::vector<std::string> texts = read.cells.empty() ? texts_of(read) : read.cells;
  const std::optional<std::string> why_no_more = if_any(printable(read.broke_off));
  if (texts.empty() && why_no_more)
    return csv_row(freeze, read, {std::nullopt, std::nullopt, std::nullopt, why_no_more});
  std::string rows;
  for (size_t i = 0; i < texts.size() && i < read.numbers.size(); ++i) {
    const auto entry =
        i < read.entries.size() ? std::optional(entry_cell(read.entries[i])) : std::nullopt;
    rows += csv_row(freeze, read, {entry, if_any(read.numbers[i]), texts[i], why_no_more});
  }
  return rows;
}

}  // namespace ktape
