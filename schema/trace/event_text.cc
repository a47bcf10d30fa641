// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_text.h"

#include <array>
#include <cstdio>
#include <utility>

#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/trace/known_events.h"

namespace ktape {

namespace {

constexpr size_t kMaxNames = 65536;

struct Template {
  std::string_view event;
  std::string_view text;  // {FIELD} or {FIELD:STYLE}
};

constexpr std::string_view kWake = "comm={comm} pid={pid} prio={prio} target_cpu={target_cpu:03}";

// Of an event's several, the first of which it has all fields.
constexpr Template kTemplates[] = {
    {SchedSwitch::kName,
     "prev_comm={prev_comm} prev_pid={prev_pid} prev_prio={prev_prio} "
     "prev_state={prev_state:state} ==> next_comm={next_comm} next_pid={next_pid} "
     "next_prio={next_prio}"},
    {SchedWaking::kName, kWake},
    {SchedWakeup::kName, kWake},
    {SchedWakeupNew::kName, kWake},
    {SchedMigrateTask::kName,
     "comm={comm} pid={pid} prio={prio} orig_cpu={orig_cpu} dest_cpu={dest_cpu}"},
    {SchedProcessFork::kName,
     "comm={parent_comm} pid={parent_pid} child_comm={child_comm} child_pid={child_pid}"},
    {SchedProcessExec::kName, "filename={filename} pid={pid} old_pid={old_pid}"},
    {SchedProcessExit::kName, "comm={comm} pid={pid} prio={prio} group_dead={group_dead:bool}"},
    {SchedProcessExit::kName, "comm={comm} pid={pid} prio={prio}"},
    {SchedStatRuntime::kName, "comm={comm} pid={pid} runtime={runtime} [ns]"},
    {SchedExtDump::kName, "{line}"},
    {SchedExtExit::kName,
     "sched {name} level {level} sub_cgroup_id {sub_cgroup_id} cgrp_path {cgrp_path} kind {kind}"},
    {SchedExtBypassLb::kName,
     "node {node}: nr_cpus={nr_cpus} nr_tasks={nr_tasks} nr_balanced={nr_balanced} "
     "min={before_min}->{after_min} max={before_max}->{after_max}"},
    {"sched_ext_event", "name {name} delta {delta}"},
};

// printf(3) into a short text.
template <typename... Values>
std::string printed(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

// "    24.808812", rounded to microseconds.
std::string seconds(uint64_t time_ns) {
  constexpr uint64_t kNsPerUs = 1000, kUsPerSecond = 1000000;
  const uint64_t us = time_ns / kNsPerUs + (time_ns % kNsPerUs >= kNsPerUs / 2 ? 1 : 0);
  return printed("%5llu.%06llu", static_cast<unsigned long long>(us / kUsPerSecond),
                 static_cast<unsigned long long>(us % kUsPerSecond));
}

std::string padded(std::string_view text, size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + std::string(text);
}

bool is_pointer(const EventField& field) { return field.type.ends_with('*'); }

std::string value_text(const EventField& field, const FieldValue& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return printable(*text);
  if (const auto* bytes = std::get_if<std::span<const std::byte>>(&value)) return to_hex(*bytes);
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  const uint64_t number = std::get<uint64_t>(value);
  return is_pointer(field) ? printed("0x%llx", static_cast<unsigned long long>(number))
                           : std::to_string(number);
}

}  // namespace

void TaskNames::set(Pid pid, std::string_view comm) {
  const auto known = names_.find(pid.value);
  if (known != names_.end()) {
    known->second = comm;
  } else if (names_.size() < kMaxNames) {
    names_.emplace(pid.value, comm);
  }
}

void TaskNames::learn(const TraceEvent& event) {
  if (event.name() != SchedSwitch::kName) return;
  const auto reader = EventReader<SchedSwitch>::bind(*event.format);
  if (!reader.ok()) return;
  const auto change = reader->read(event);
  if (!change.ok()) return;
  set(change->prev_pid, change->prev_comm);
  set(change->next_pid, change->next_comm);
}

std::string_view TaskNames::of(Pid pid) const {
  if (pid.value == 0) return "<idle>";
  const auto known = names_.find(pid.value);
  return known == names_.end() ? std::string_view("<...>") : std::string_view(known->second);
}

EventText::EventText(const EventFormats& formats) {
  for (const EventFormat& format : formats.all()) events_.emplace(format.id, pieces(format));
}

EventText::Style EventText::style(std::string_view word) {
  if (word == "03") return Style::kThreeDigits;
  if (word == "state") return Style::kTaskState;
  if (word == "bool") return Style::kBool;
  return Style::kPlain;
}

EventText::Pieces EventText::by_template(std::string_view text, const EventFormat& format) {
  Pieces pieces;
  while (!text.empty()) {
    const size_t open = text.find('{');
    Piece& piece = pieces.emplace_back(Piece{std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const size_t close = text.find('}', open);
    const std::string_view inside = text.substr(open + 1, close - open - 1);
    const size_t colon = inside.find(':');
    piece.field = format.field(inside.substr(0, colon));
    if (piece.field == nullptr) return {};
    if (colon != std::string_view::npos) piece.style = style(inside.substr(colon + 1));
    // A style is for integers.
    if (piece.style != Style::kPlain && piece.field->kind != FieldKind::kInteger) return {};
    text.remove_prefix(close + 1);
  }
  return pieces;
}

EventText::Pieces EventText::by_fields(const EventFormat& format) {
  Pieces pieces;
  for (const EventField& field : format.fields) {
    pieces.push_back({(pieces.empty() ? "" : " ") + field.name + "=", &field});
  }
  return pieces;
}

EventText::Pieces EventText::pieces(const EventFormat& format) {
  for (const Template& one : kTemplates) {
    if (one.event != format.name) continue;
    Pieces pieces = by_template(one.text, format);
    if (!pieces.empty()) return pieces;
  }
  return by_fields(format);
}

Result<void> EventText::add(const TraceEvent& event, const Piece& piece, std::string& to) {
  to += piece.before;
  if (piece.field == nullptr) return {};
  KTAPE_ASSIGN(const FieldValue value, field_value(event, *piece.field));
  if (piece.style == Style::kPlain) {
    to += value_text(*piece.field, value);
    return {};
  }
  KTAPE_ASSIGN(const uint64_t number, field_integer(event, *piece.field));
  switch (piece.style) {
    case Style::kThreeDigits: to += printed("%03lld", static_cast<long long>(number)); break;
    case Style::kTaskState: to += prev_state_text(static_cast<int64_t>(number)); break;
    default: to += number != 0 ? "true" : "false";
  }
  return {};
}

Result<std::string> EventText::info(const TraceEvent& event) const {
  const auto pieces = events_.find(event.id);
  if (event.format == nullptr || pieces == events_.end()) return to_hex(event.data);
  std::string text;
  for (const Piece& piece : pieces->second) KTAPE_TRY(add(event, piece, text));
  return text;
}

Result<std::string> EventText::line(const TraceEvent& event, const TaskNames& names) const {
  KTAPE_ASSIGN(const std::string what, info(event));
  const std::string name =
      (event.format ? event.format->name : "event-" + std::to_string(event.id)) + ":";
  std::string text = padded(printable(names.of(event.pid)), 16);
  text += printed("-%-5d [%03u] ", event.pid.value, event.cpu.value);
  text += seconds(event.time_ns) + ": " + name;
  text.append(name.size() < 21 ? 21 - name.size() : 0, ' ');
  return text + ' ' + what;
}

}  // namespace ktape
