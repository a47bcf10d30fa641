// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_format.h"

#include <charconv>
#include <optional>

#include "schema/base/text.h"

namespace ktape {

namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr size_t kMaxFields = 1024;
constexpr uint32_t kMaxEventBytes = 1u << 16;
constexpr std::string_view kCommon = "common_";
constexpr std::string_view kDataLoc = "__data_loc ";
constexpr std::string_view kRelLoc = "__rel_loc ";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<uint32_t> to_number(std::string_view text, uint32_t limit) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value > limit) return std::nullopt;
  return value;
}

bool is_name(std::string_view text) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos &&
         (text[0] < '0' || text[0] > '9');
}

Error bad(const std::string& why) { return Error{ErrorCode::kBadInput, why, ""}; }

// "int prio", "char comm[16]", "__data_loc char[] name": the name and, without it, the type.
Result<void> declare(std::string_view text, EventField& field) {
  std::string_view array;
  if (text.ends_with(']')) {
    const size_t open = text.find_last_of('[');
    if (open == std::string_view::npos) return bad("its declaration has no '['");
    array = text.substr(open);
    text = text.substr(0, open);
  }
  const size_t blank = text.find_last_of(" \t*");
  if (blank == std::string_view::npos) return bad("its declaration has no type");
  field.name = text.substr(blank + 1);
  if (!is_name(field.name)) return bad(in_quotes(field.name) + " is not a name");
  field.type = trimmed(text.substr(0, blank + 1));
  if (field.type.empty()) return bad("its declaration has no type");
  field.type += array;
  return {};
}

// What the bytes are, from the type as declared.
void classify(EventField& field) {
  std::string_view type = field.type;
  if (type.starts_with(kDataLoc)) {
    field.place = FieldPlace::kDataLoc;
    type.remove_prefix(kDataLoc.size());
  } else if (type.starts_with(kRelLoc)) {
    field.place = FieldPlace::kRelLoc;
    type.remove_prefix(kRelLoc.size());
  } else if (field.size_bytes == 0 && type.ends_with("[]")) {
    field.place = FieldPlace::kRest;
  }
  const size_t array = type.find('[');
  const std::string_view element = trimmed(type.substr(0, array));
  const bool number = field.size_bytes == 1 || field.size_bytes == 2 || field.size_bytes == 4 ||
                      field.size_bytes == 8;
  if (array != std::string_view::npos || field.place != FieldPlace::kFixed) {
    field.kind =
        element == "char" || element == "const char" ? FieldKind::kText : FieldKind::kBytes;
  } else {
    field.kind = number ? FieldKind::kInteger : FieldKind::kBytes;
  }
}

// The value of "KEY:VALUE", which is next among the parts of a line; takes the part away.
std::optional<std::string_view> take(std::string_view& line, std::string_view key) {
  line = trimmed(line);
  const size_t end = line.find(';');
  if (!line.starts_with(key) || end == std::string_view::npos) return std::nullopt;
  const std::string_view value = trimmed(line.substr(key.size(), end - key.size()));
  line.remove_prefix(end + 1);
  return value;
}

// "field:int prio;\toffset:28;\tsize:4;\tsigned:1;"
Result<EventField> parse_field(std::string_view line) {
  EventField field;
  const auto declaration = take(line, "field:");
  const auto offset = take(line, "offset:"), size = take(line, "size:"),
             is_signed = take(line, "signed:");
  if (!declaration || !offset || !size || !is_signed)
    return bad("it is not 'field:TYPE NAME; offset:N; size:N; signed:N;'");
  KTAPE_TRY(declare(*declaration, field));
  const auto offset_bytes = to_number(*offset, kMaxEventBytes);
  const auto size_bytes = to_number(*size, kMaxEventBytes);
  if (!offset_bytes || !size_bytes || *offset_bytes + *size_bytes > kMaxEventBytes)
    return bad("it is not within the " + std::to_string(kMaxEventBytes) + " bytes of an event");
  field.offset_bytes = *offset_bytes;
  field.size_bytes = *size_bytes;
  field.is_signed = *is_signed == "1";
  classify(field);
  const bool located = field.place == FieldPlace::kDataLoc || field.place == FieldPlace::kRelLoc;
  if (located && field.size_bytes != sizeof(uint32_t))
    return bad("it has " + std::string(*size) + " bytes, and a location has 4");
  return field;
}

Result<void> add_field(std::string_view line, EventFormat& format) {
  KTAPE_ASSIGN(EventField field, parse_field(line));
  if (format.common.size() + format.fields.size() >= kMaxFields)
    return bad("there are more than " + std::to_string(kMaxFields) + " fields");
  if (format.field(field.name) != nullptr) return bad("another field has the same name");
  const bool common = field.name.starts_with(kCommon);
  (common ? format.common : format.fields).push_back(std::move(field));
  return {};
}

Result<void> parse_line(std::string_view line, EventFormat& format) {
  constexpr std::string_view kName = "name: ", kId = "ID: ";
  if (line.starts_with(kName)) {
    format.name = trimmed(line.substr(kName.size()));
    if (!is_name(format.name)) return bad(in_quotes(format.name) + " is not a name");
  } else if (line.starts_with(kId)) {
    const auto id = to_number(trimmed(line.substr(kId.size())), 0xffff);
    if (!id) return bad("the id is not a number of 16 bits");
    format.id = static_cast<uint16_t>(*id);
  } else if (trimmed(line).starts_with("field:")) {
    return add_field(line, format);
  } else if (!trimmed(line).empty() && line != "format:") {
    return bad("it is not part of a format");
  }
  return {};
}

bool is_integer(const EventField* field, uint32_t size_bytes) {
  return field != nullptr && field->kind == FieldKind::kInteger && field->size_bytes == size_bytes;
}

// What is needed before the format of an event is known: the id, and whose event it is.
Result<void> check(EventFormat& format) {
  if (format.name.empty()) return bad("there is no name");
  if (format.id == 0) return bad("there is no id");
  const EventField* type = format.field("common_type");
  if (!is_integer(type, sizeof(uint16_t)) || type->offset_bytes != 0)
    return bad("there is no common_type of 2 bytes at offset 0");
  const EventField* pid = format.field("common_pid");
  if (!is_integer(pid, sizeof(int32_t))) return bad("there is no common_pid of 4 bytes");
  format.pid_offset_bytes = pid->offset_bytes;
  return {};
}

Error in_format(const EventFormat& format, const std::string& where, const Error& error) {
  const std::string of = format.name.empty() ? "" : " of " + in_quotes(format.name);
  return bad("format" + of + where + ": " + error.message);
}

}  // namespace

Result<EventFormat> EventFormat::parse(std::string_view text) {
  constexpr std::string_view kPrintFormat = "print fmt: ";
  EventFormat format;
  if (text.size() > kMaxTextBytes)
    return in_format(format, "", bad("it has " + std::to_string(text.size()) + " bytes"));
  for (size_t number = 1; !text.empty(); ++number) {
    if (text.starts_with(kPrintFormat)) {
      text.remove_prefix(kPrintFormat.size());
      format.print_format = text.substr(0, text.find_last_not_of('\n') + 1);
      break;
    }
    const size_t end = std::min(text.find('\n'), text.size());
    const auto parsed = parse_line(text.substr(0, end), format);
    if (!parsed.ok()) return in_format(format, ", line " + std::to_string(number), parsed.error());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const auto checked = check(format);
  if (!checked.ok()) return in_format(format, "", checked.error());
  return format;
}

const EventField* EventFormat::field(std::string_view field_name) const {
  for (const std::vector<EventField>* list : {&fields, &common}) {
    for (const EventField& field : *list) {
      if (field.name == field_name) return &field;
    }
  }
  return nullptr;
}

}  // namespace ktape
