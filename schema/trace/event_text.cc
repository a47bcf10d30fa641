// SPDX-License-Identifier: Apache-2.0
#include "schema/trace/event_text.h"

#include <array>
#include <charconv>
#include <utility>

#include "schema/base/digest.h"
#include "schema/base/text.h"
#include "schema/trace/field_bytes.h"

namespace ktape {

namespace {

constexpr size_t kMaxNames = 65536, kMaxNameBytes = 64;
constexpr size_t kUsualBytes = 192;  // of a line

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

// Appends a number, at least `digits` long with zeros before it, after a sign.
void add_number(uint64_t magnitude, bool negative, size_t digits, std::string& to) {
  std::array<char, 20> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), magnitude).ptr;
  const auto length = static_cast<size_t>(end - text.data());
  if (negative) to += '-';
  const size_t wanted = digits - (negative && digits > 0 ? 1 : 0);
  to.append(length < wanted ? wanted - length : 0, '0');
  to.append(text.data(), length);
}

void add_signed(int64_t number, size_t digits, std::string& to) {
  const auto bits = static_cast<uint64_t>(number);
  add_number(number < 0 ? 0 - bits : bits, number < 0, digits, to);
}

void add_hex(uint64_t number, std::string& to) {
  std::array<char, 16> text;
  to += "0x";
  to.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr);
}

// Blanks from `begin` to `width` characters after it, if there are fewer.
void pad(size_t begin, size_t width, std::string& to) {
  const size_t length = to.size() - begin;
  to.append(length < width ? width - length : 0, ' ');
}

// "    24.808812", rounded to microseconds.
void add_seconds(uint64_t time_ns, std::string& to) {
  constexpr uint64_t kNsPerUs = 1000, kUsPerSecond = 1000000;
  const uint64_t us = time_ns / kNsPerUs + (time_ns % kNsPerUs >= kNsPerUs / 2 ? 1 : 0);
  std::string seconds;
  add_number(us / kUsPerSecond, false, 0, seconds);
  to.append(seconds.size() < 5 ? 5 - seconds.size() : 0, ' ');
  to += seconds;
  to += '.';
  add_number(us % kUsPerSecond, false, 6, to);
}

void add_plain(const EventField& field, std::span<const std::byte> bytes, std::string& to) {
  if (field.kind == FieldKind::kText) {
    to += printable(field::text(bytes));
  } else if (field.kind == FieldKind::kBytes) {
    to += to_hex(bytes);
  } else if (field.type.ends_with('*')) {
    add_hex(field::integer(bytes, false), to);
  } else if (field.is_signed) {
    add_signed(static_cast<int64_t>(field::integer(bytes, true)), 0, to);
  } else {
    add_number(field::integer(bytes, false), false, 0, to);
  }
}

}  // namespace

void TaskNames::set(Pid pid, std::string_view comm) {
  comm = comm.substr(0, kMaxNameBytes);
  const auto known = names_.find(pid.value);
  if (known != names_.end()) {
    known->second = comm;
  } else if (names_.size() < kMaxNames) {
    names_.emplace(pid.value, comm);
  }
}

void TaskNames::learn(const TraceEvent& event) {
  if (event.name() != SchedSwitch::kName) return;
  if (event.format != format_) {
    format_ = event.format;
    switches_.reset();
    const auto reader = EventReader<SchedSwitch>::bind(*format_);
    if (reader.ok()) switches_ = *reader;
  }
  if (!switches_) return;
  const auto change = switches_->read(event);
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
  for (const EventFormat& format : formats.all()) {
    if (format.id >= events_.size()) events_.resize(size_t{format.id} + 1);
    events_[format.id] = {format.name + ":", pieces(format)};
  }
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
  const auto bytes = field::find(event.data, *piece.field);
  if (!bytes) return field_bytes(event, *piece.field).error();
  if (piece.style == Style::kPlain) {
    add_plain(*piece.field, *bytes, to);
    return {};
  }
  const auto number = static_cast<int64_t>(field::integer(*bytes, piece.field->is_signed));
  switch (piece.style) {
    case Style::kThreeDigits: add_signed(number, 3, to); break;
    case Style::kTaskState: to += prev_state_text(number); break;
    default: to += number != 0 ? "true" : "false";
  }
  return {};
}

const EventText::Layout* EventText::layout_of(const TraceEvent& event) const {
  if (event.format == nullptr || event.id >= events_.size()) return nullptr;
  const Layout& layout = events_[event.id];
  return layout.name.empty() ? nullptr : &layout;
}

Result<void> EventText::add_info(const TraceEvent& event, std::string& to) const {
  const Layout* layout = layout_of(event);
  if (layout == nullptr) {
    to += to_hex(event.data);
    return {};
  }
  for (const Piece& piece : layout->pieces) KTAPE_TRY(add(event, piece, to));
  return {};
}

Result<std::string> EventText::info(const TraceEvent& event) const {
  std::string text;
  KTAPE_TRY(add_info(event, text));
  return text;
}

Result<std::string> EventText::line(const TraceEvent& event, const TaskNames& names) const {
  constexpr size_t kCommWidth = 16, kPidWidth = 5, kCpuDigits = 3, kNameWidth = 21;
  const std::string comm = printable(names.of(event.pid));
  std::string text;
  text.reserve(kUsualBytes);
  text.append(comm.size() < kCommWidth ? kCommWidth - comm.size() : 0, ' ');
  text += comm;
  text += '-';
  const size_t pid = text.size();
  add_signed(event.pid.value, 0, text);
  pad(pid, kPidWidth, text);
  text += " [";
  add_number(event.cpu.value, false, kCpuDigits, text);
  text += "] ";
  add_seconds(event.time_ns, text);
  text += ": ";
  const size_t name = text.size();
  const Layout* layout = layout_of(event);
  text += layout ? layout->name : "event-" + std::to_string(event.id) + ":";
  pad(name, kNameWidth, text);
  text += ' ';
  KTAPE_TRY(add_info(event, text));
  return text;
}

}  // namespace ktape
