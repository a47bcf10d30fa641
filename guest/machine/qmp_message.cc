// SPDX-License-Identifier: Apache-2.0
#include "guest/machine/qmp_message.h"

#include <capnp/compat/json.h>
#include <capnp/message.h>
#include <fmt/format.h>
#include <kj/exception.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "schema/base/json_writer.h"

namespace ktape {

namespace {

using Json = capnp::JsonValue;

// QMP's deepest reply that is used has 3 levels. Limits the stack that a broken emulator can make
// the parser use.
constexpr size_t kMaxNesting = 16;
constexpr double kMaxExactInteger = 9007199254740992.0;  // 2^53

Error bad_line(std::string_view line, std::string_view why) {
  constexpr size_t kShown = 80;
  return Error{ErrorCode::kBadInput,
               fmt::format("cannot read '{}' from QEMU: {}", line.substr(0, kShown), why), ""};
}

std::string_view view(capnp::Text::Reader text) {
  return std::string_view(text.begin(), text.size());
}

std::optional<Json::Reader> member(Json::Reader value, std::string_view name) {
  if (!value.isObject()) return std::nullopt;
  for (auto field : value.getObject()) {
    if (view(field.getName()) == name) return field.getValue();
  }
  return std::nullopt;
}

std::string text_member(Json::Reader value, std::string_view name) {
  auto found = member(value, name);
  return found && found->isString() ? std::string(view(found->getString())) : std::string();
}

// Cap'n Proto's JSON has doubles only, so whole numbers above 2^53 have lost digits already; none
// of the fields that are read is that large.
std::string number_text(double number) {
  bool exact = std::nearbyint(number) == number && std::abs(number) <= kMaxExactInteger;
  return exact ? fmt::format("{}", static_cast<int64_t>(number)) : fmt::format("{}", number);
}

// Maximum number of list elements: more than a machine has vCPUs.
constexpr unsigned kMaxElements = 1024;

void flatten(Json::Reader value, const std::string& name, QmpFields& out) {
  const auto inner = [&name](const std::string& own) {
    return name.empty() ? own : name + "." + own;
  };
  switch (value.which()) {
    case Json::NULL_: out[name] = "null"; break;
    case Json::BOOLEAN: out[name] = value.getBoolean() ? "true" : "false"; break;
    case Json::NUMBER: out[name] = number_text(value.getNumber()); break;
    case Json::STRING: out[name] = view(value.getString()); break;
    case Json::OBJECT:
      for (auto field : value.getObject())
        flatten(field.getValue(), inner(std::string(view(field.getName()))), out);
      break;
    case Json::ARRAY: {
      const auto list = value.getArray();
      for (unsigned i = 0; i < std::min<unsigned>(list.size(), kMaxElements); ++i)
        flatten(list[i], inner(std::to_string(i)), out);
      break;
    }
    default: break;
  }
}

std::optional<uint64_t> whole_number(Json::Reader value) {
  if (!value.isNumber()) return std::nullopt;
  double number = value.getNumber();
  // Written so that NaN fails, too.
  if (!(number >= 0 && number <= kMaxExactInteger) || std::nearbyint(number) != number)
    return std::nullopt;
  return static_cast<uint64_t>(number);
}

Result<QmpMessage> greeting(std::string_view line, Json::Reader value) {
  auto version = member(value, "version");
  auto numbers = version ? member(*version, "qemu") : std::nullopt;
  if (!numbers) return bad_line(line, "a greeting without a version");
  int parts[3];
  const char* names[3] = {"major", "minor", "micro"};
  for (int i = 0; i < 3; ++i) {
    auto part = member(*numbers, names[i]);
    auto number = part ? whole_number(*part) : std::nullopt;
    if (!number || *number > 100000) return bad_line(line, "a greeting without a version");
    parts[i] = static_cast<int>(*number);
  }
  return QmpMessage(QemuVersion{parts[0], parts[1], parts[2], text_member(*version, "package")});
}

Result<QmpMessage> reply(std::string_view line, Json::Reader root) {
  auto id = member(root, "id");
  auto number = id ? whole_number(*id) : std::nullopt;
  if (!number) return bad_line(line, "a reply without a request's id");
  QmpReply reply{.id = *number};
  if (auto value = member(root, "return")) {
    reply.ok = true;
    flatten(*value, "", reply.value);
  } else {
    // parse_qmp_line() comes here only if "return" or "error" is there.
    reply.error = text_member(*member(root, "error"), "desc");
  }
  return QmpMessage(std::move(reply));
}

Result<QmpMessage> classify(std::string_view line, Json::Reader root) {
  // By a member that only this kind has; QMP has no member for the kind of a message.
  if (auto value = member(root, "QMP")) return greeting(line, *value);
  if (member(root, "return") || member(root, "error")) return reply(line, root);
  QmpEvent event{.name = text_member(root, "event")};
  // Events may have "data" or not, but always a name.
  if (event.name.empty()) return bad_line(line, "not a greeting, a reply or an event");
  if (auto data = member(root, "data")) flatten(*data, "", event.data);
  return QmpMessage(std::move(event));
}

}  // namespace

Result<QmpMessage> parse_qmp_line(std::string_view line) {
  try {
    capnp::MallocMessageBuilder message;
    auto root = message.initRoot<Json>();
    capnp::JsonCodec codec;
    codec.setMaxNestingDepth(kMaxNesting);
    codec.decodeRaw(kj::arrayPtr(line.data(), line.size()), root);
    return classify(line, root.asReader());
  } catch (const kj::Exception& e) {
    return bad_line(line, view(e.getDescription()));
  }
}

std::string qmp_request(uint64_t id, std::string_view command, const QmpArguments& arguments) {
  JsonWriter json;
  json.object().field("execute", command).field("id", JsonNumber{id});
  if (!arguments.empty()) {
    json.key("arguments").object();
    for (const auto& [name, value] : arguments) json.field(name, value);
    json.end();
  }
  return json.end().newline().take();
}

void QmpLines::feed(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<std::optional<std::string>> QmpLines::next() {
  for (;;) {
    size_t end = buffer_.find('\n');
    if (std::min(end, buffer_.size()) > kMaxLineBytes) {
      return bad_line(buffer_, fmt::format("a line of more than {} bytes", kMaxLineBytes));
    }
    if (end == std::string::npos) return std::optional<std::string>();
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.find_first_not_of(" \t\r") != std::string::npos) return std::optional(std::move(line));
  }
}

}  // namespace ktape
