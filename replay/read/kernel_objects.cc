// SPDX-License-Identifier: Apache-2.0
#include "replay/read/kernel_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "guest/kernel/ops/target_plan.h"
#include "guest/kernel/sched/tasks.h"
#include "guest/kernel/types/sizes.h"
#include "replay/read/one_line.h"
#include "replay/tape/value_text.h"
#include "schema/base/text.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

constexpr size_t kMaxCellBytes = 4096;
constexpr size_t kMaxTextBytes = 256;
// What a view may read, texts included: that is enough for as many tasks as a walk finds.
constexpr uint64_t kMaxViewBytes = uint64_t{128} << 20;
constexpr uint64_t kReadCost = 32;  // of a read, besides its bytes

Error too_much() {
  return {ErrorCode::kOutOfRange, "the view is too large; the rest is not read", ""};
}

}  // namespace

KernelObjects::KernelObjects(const ViewSource& source)
    : source_(source), log_(source.kernel.btf()), bytes_left_(kMaxViewBytes) {}

Result<void> KernelObjects::charge(uint64_t bytes) {
  const uint64_t cost = std::min(bytes_left_, kReadCost + bytes);
  bytes_left_ -= cost;
  if (bytes_left_ == 0) return too_much();
  return {};
}

bool KernelObjects::is_spent(ViewTable& table) const {
  if (bytes_left_ > 0) return false;
  // Also if there are as many gaps as are noted.
  std::string gap = too_much().message;
  if (std::ranges::find(table.gaps, gap) == table.gaps.end()) table.gaps.push_back(std::move(gap));
  return true;
}

ViewCell KernelObjects::cell(const KernelObject& object, Names names) {
  const std::optional<FieldInfo> field = log_.first_of(object.type, names);
  if (!field || field->type.size_bytes > kMaxCellBytes) return {};
  if (auto free = charge(field->type.size_bytes); !free.ok()) return ViewCell::of(free.error());
  std::vector<std::byte> bytes(field->type.size_bytes);
  const Result<void> read = kernel().read(source_.memory, object.at + field->offset_bytes, bytes);
  if (!read.ok()) return ViewCell::of(read.error());
  const ValueContext context{&kernel(), [&] { return &source_.memory; }};
  std::string text = one_line(kernel().btf(), field->type, bytes, context);
  if (auto free = charge(text.size()); !free.ok()) return ViewCell::of(free.error());
  return ViewCell::of(std::move(text));
}

Result<std::optional<uint64_t>> KernelObjects::number(const KernelObject& object, Names names) {
  const std::optional<FieldInfo> field = log_.first_of(object.type, names);
  if (!field) return std::optional<uint64_t>();
  KTAPE_TRY(charge(field->type.size_bytes));
  KTAPE_ASSIGN(
      const uint64_t value,
      kernel().read_uint(source_.memory, object.at + field->offset_bytes, field->type.size_bytes));
  return std::optional(value);
}

Result<std::optional<GuestVirtual>> KernelObjects::pointer(const KernelObject& object,
                                                           Names names) {
  KTAPE_ASSIGN(const std::optional<uint64_t> address, number(object, names));
  if (!address || *address == 0) return std::optional<GuestVirtual>();
  return std::optional(GuestVirtual(*address));
}

Result<std::string> KernelObjects::pointed_text(const KernelObject& object, Names names) {
  KTAPE_ASSIGN(const std::optional<GuestVirtual> at, pointer(object, names));
  std::string text;
  while (at && text.size() < kMaxTextBytes) {
    const GuestVirtual from = *at + text.size();
    std::array<char, kMaxTextBytes> bytes{};
    const size_t count = std::min<uint64_t>(kMaxTextBytes - text.size(),
                                            kSmallPageBytes - from.value % kSmallPageBytes);
    KTAPE_TRY(
        kernel().read(source_.memory, from, std::as_writable_bytes(std::span(bytes)).first(count)));
    const auto end = std::find(bytes.begin(), bytes.begin() + count, '\0');
    text.append(bytes.begin(), end);
    if (end != bytes.begin() + count) break;
  }
  text = printable(text);
  KTAPE_TRY(charge(text.size()));
  return text;
}

std::optional<GuestVirtual> KernelObjects::part(const KernelObject& object, std::string_view name) {
  const std::optional<FieldInfo> field = log_.first_of(object.type, {name});
  return field ? std::optional(object.at + field->offset_bytes) : std::nullopt;
}

std::vector<GuestVirtual> KernelObjects::walk(const KernelObject& from, std::string_view path,
                                              ViewTable& table, std::string_view what) {
  const auto reached = [&]() -> Result<TargetPlan::Places> {
    const std::string type(from.type);
    KTAPE_ASSIGN(const TypeInfo root, kernel().btf().type(type));
    KTAPE_ASSIGN(const std::vector<PathStep> steps, parse_target_path(path));
    KTAPE_ASSIGN(const TargetPlan plan,
                 TargetPlan::make(kernel().btf(), root, type, steps, log_, Lists::kAsFarAsTheyGo));
    return plan.run(kernel(), source_.memory, from.at, Lists::kAsFarAsTheyGo, budget_);
  }();
  if (!reached.ok()) {
    table.lacks(what, reached.error());
    return {};
  }
  if (reached->broke_off) table.lacks(what, *reached->broke_off);
  return reached->values;
}

ViewCell KernelObjects::task_name(GuestVirtual task) {
  ViewCell comm = cell({task, kTaskStruct}, {"comm"});
  const ViewCell pid = cell({task, kTaskStruct}, {"pid"});
  if (!comm.text || !pid.text) return comm;
  return ViewCell::of(fmt::format("{}[{}]", *comm.text, *pid.text));
}

}  // namespace ktape
