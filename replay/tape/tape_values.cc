// SPDX-License-Identifier: Apache-2.0
#include "replay/tape/tape_values.h"

#include <capnp/message.h>
#include <kj/exception.h>

#include <cstring>
#include <utility>
#include <vector>

#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_records.h"
#include "guest/kernel/types/layout_log.h"
#include "replay/tape/tape_kernel.h"
#include "replay/tape/value_text.h"
#include "replay/text/record_text.h"
#include "schema/base/text.h"
#include "schema/target/target_path.h"
#include "schema/wire/value_number.h"

namespace ktape {

namespace {

// A tape may have any number of targets; a run has far fewer.
constexpr size_t kMaxKnown = 4096;
constexpr size_t kElementsShown = 16;

bool is_plain(schema::OpEntry::Reader asked) {
  return asked.isRead() && asked.getRead() == schema::ValueKind::BYTES;
}

// The bytes of one value in the guest's order; nothing for bits, lists and no value.
std::optional<std::vector<std::byte>> bytes_of(schema::Value::Reader value) {
  size_t width = 0;
  switch (value.which()) {
    case schema::Value::U8: width = 1; break;
    case schema::Value::U16: width = 2; break;
    case schema::Value::U32: width = 4; break;
    case schema::Value::U64: width = 8; break;
    case schema::Value::BYTES: {
      const auto bytes = as_bytes(chars(value.getBytes()));
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    }
    default: return std::nullopt;
  }
  const uint64_t number = *number_of(value);
  std::vector<std::byte> bytes(width);
  std::memcpy(bytes.data(), &number, width);
  return bytes;
}

std::optional<TypeInfo> find_type(const Btf& types, schema::Target::Reader target) {
  capnp::MallocMessageBuilder message;
  auto entry = message.initRoot<schema::OpEntry>();
  entry.setTarget(target);
  entry.setRead(schema::ValueKind::AUTO);
  const Result<Op> op = read_op(entry.asReader(), schema::OpMode::COLD);
  if (!op.ok()) return std::nullopt;
  LayoutLog unused(types);
  Result<std::optional<TypeInfo>> type = target_type(types, op->target, unused);
  return type.ok() ? std::move(*type) : std::nullopt;
}

}  // namespace

void TapeValues::load() {
  if (std::exchange(loaded_, true)) return;
  Result<TapeIndex> index = TapeIndex::make(tape_);
  if (!index.ok()) {
    untyped_ = index.error();
    return;
  }
  index_.emplace(std::move(*index));
  Result<Kernel> kernel = restore_kernel(tape_, *index_);
  if (kernel.ok()) {
    kernel_.emplace(std::move(*kernel));
    types_ = &kernel_->btf();
    return;
  }
  Result<std::unique_ptr<Btf>> types = restore_types(tape_, *index_);
  if (types.ok()) {
    own_types_ = std::move(*types);
    types_ = own_types_.get();
  } else if (types.error().code != ErrorCode::kNotApplicable) {
    untyped_ = types.error();
  }
}

std::optional<Error> TapeValues::untyped() {
  load();
  return untyped_;
}

const std::optional<TypeInfo>& TapeValues::type_of(schema::Target::Reader target) {
  std::string key = target_text(target);
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  if (known_.size() >= kMaxKnown) known_.clear();
  return known_.emplace(std::move(key), find_type(*types_, target)).first->second;
}

const RecordedMemory* TapeValues::memory(uint64_t freeze) {
  if (freeze == 0) return nullptr;
  if (std::exchange(memory_of_, freeze) == freeze) return memory_ ? &*memory_ : nullptr;
  memory_.reset();
  const Freeze* found = index_->freeze(freeze);
  if (found == nullptr) return nullptr;
  Result<RecordedMemory> memory = memory_at(tape_, *found);
  if (memory.ok()) memory_.emplace(std::move(*memory));
  return memory_ ? &*memory_ : nullptr;
}

std::optional<std::string> TapeValues::typed(schema::Target::Reader target,
                                             schema::Value::Reader value, uint64_t freeze) {
  load();
  if (types_ == nullptr) return std::nullopt;
  const std::optional<TypeInfo>& type = type_of(target);
  if (!type) return std::nullopt;
  const ValueContext context{kernel_ ? &*kernel_ : nullptr, [&] { return memory(freeze); }};
  const auto text = [&](schema::Value::Reader one) -> std::optional<std::string> {
    const auto bytes = bytes_of(one);
    // A tape may claim anything.
    if (!bytes || bytes->size() != type->size_bytes) return std::nullopt;
    return value_text(*types_, *type, *bytes, context);
  };
  if (!value.isList()) return text(value);
  std::vector<std::string> texts;
  for (const auto one : value.getList()) texts.push_back(text(one).value_or(shown_value(one)));
  return list_text(texts, false, kElementsShown);
}

std::string TapeValues::text(schema::OpEntry::Reader asked, schema::Value::Reader value,
                             uint64_t freeze) {
  if (is_plain(asked)) return shown_value(value);
  return typed(asked.getTarget(), value, freeze).value_or(shown_value(value));
}

std::string TapeValues::line(schema::OpEntry::Reader asked, schema::Value::Reader value,
                             uint64_t freeze) {
  std::string shown = text(asked, value, freeze);
  return shown.find('\n') == std::string::npos ? shown : shown_value(value);
}

std::string TapeValues::line(schema::Target::Reader target, schema::Value::Reader value) {
  const std::string shown = typed(target, value, 0).value_or(shown_value(value));
  return shown.find('\n') == std::string::npos ? shown : shown_value(value);
}

}  // namespace ktape
