// SPDX-License-Identifier: Apache-2.0
#include "replay/show/record_filter.h"

#include <capnp/schema.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "replay/tape/freeze_name.h"
#include "replay/text/text_writer.h"
#include "schema/base/nearest.h"
#include "schema/base/text.h"
#include "schema/tape/facts/ejections.h"
#include "schema/tape/facts/trigger_hits.h"

namespace ktape {

namespace {

constexpr size_t kNamesKept = 1000;  // of a stranger's steps
constexpr size_t kNamesShown = 20;

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "15.5s" as 15500000; nothing if it is not that.
std::optional<uint64_t> microseconds(std::string_view text) {
  constexpr size_t kDecimals = 6;
  constexpr uint64_t kMaxSeconds = 1'000'000'000'000;
  if (!text.ends_with('s')) return std::nullopt;
  text.remove_suffix(1);
  const size_t point = text.find('.');
  std::string decimals(point == std::string_view::npos ? "0" : text.substr(point + 1));
  const auto seconds = whole_number(text.substr(0, point));
  if (!seconds || *seconds > kMaxSeconds || decimals.size() > kDecimals) return std::nullopt;
  const size_t given = decimals.size();
  decimals.resize(kDecimals, '0');
  const auto fraction = whole_number(decimals);
  if (given == 0 || !fraction) return std::nullopt;
  return *seconds * 1'000'000 + *fraction;
}

std::string seconds_text(uint64_t us) {
  return fmt::format("{}.{:06}s", us / 1'000'000, us % 1'000'000);
}

// A bound of --from or --to.
struct Bound {
  bool is_time = false;
  uint64_t value = 0;
};

Result<std::optional<Bound>> bound_of(const char* option, const std::string& text) {
  if (text.empty()) return std::optional<Bound>();
  if (const auto record = whole_number(text)) return std::optional(Bound{false, *record});
  if (const auto us = microseconds(text)) return std::optional(Bound{true, *us});
  return Error{
      ErrorCode::kUsage,
      fmt::format("{}: got {}, expected a record's number or a time", option, in_quotes(text)),
      "120 is a record, 15.5s a time since the run began, with up to 6 decimals"};
}

// "the tape has 4 freezes, there is no freeze 9"
Error missing(uint64_t there, const char* what, const std::string& asked, std::string hint = "") {
  return {
      ErrorCode::kNotApplicable,
      fmt::format("the tape has {}, there is no {} {}",
                  there == 0 ? fmt::format("no {}", what) : count_text(there, what), what, asked),
      std::move(hint)};
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesShown; ++i)
    text += (i > 0 ? ", " : "") + in_quotes(names[i]);
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

// The kinds of records, sorted.
std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (auto field : capnp::Schema::from<schema::Record>().getUnionFields())
    names.emplace_back(field.getProto().getName().cStr());
  std::ranges::sort(names);
  return names;
}

}  // namespace

bool RecordChoice::empty() const {
  return freeze.empty() && from.empty() && to.empty() && kinds.empty() && step.empty();
}

void add_choice_options(CommandLine& program, RecordChoice& choice) {
  program
      .add("--freeze", choice.freeze,
           "Only this freeze, the request that it served, and the reply: its number, 'last', or "
           "'error', the last one on a scheduler's error")
      .value_name("FREEZE");
  program
      .add("--from", choice.from,
           "Only from this record on (120), or from this time on, in seconds since the run began "
           "(15.5s)")
      .value_name("SEQ|TIME");
  program.add("--to", choice.to, "Only up to this record, or this time").value_name("SEQ|TIME");
  program
      .add("--kind", choice.kinds,
           "Only records of this kind, named as by --json: freezeBegan. May be repeated")
      .value_name("KIND")
      .suggests(kind_names())
      .repeated();
  program.add("--step", choice.step, "Only this step: its name, or N as in 'STEP N'")
      .value_name("N|NAME");
}

// What of a tape a choice names: how much there is of it, and where it stands.
class RecordFilter::Scan {
 public:
  explicit Scan(const RecordChoice& choice)
      : asked_(choice),
        freeze_name_(freeze_named(choice.freeze)),
        step_number_(whole_number(choice.step)) {}

  void visit(const RecordView& view) {
    last_ = view.seq.value;
    last_us_ = std::max(last_us_, view.record.getHostNs() / 1000);
    if (!view.known) return;
    switch (view.record.which()) {
      case schema::Record::FREEZE_BEGAN:
        return freeze_began(view.seq, view.record.getFreezeBegan());
      case schema::Record::THAWED:
        if (freeze_open_ && view.record.getThawed().getFreeze() == freeze_id_)
          end(freeze_, freeze_open_, view.seq.value);
        return;
      case schema::Record::STEP_STARTED:
        return step_started(view.seq, view.record.getStepStarted());
      case schema::Record::STEP_FINISHED:
        if (step_open_ && view.record.getStepFinished().getStep() == step_index_)
          end(step_, step_open_, view.seq.value);
        return;
      default: return;
    }
  }

  [[nodiscard]] Result<Span> freeze() const {
    if (freeze_) return *freeze_;
    if (freeze_name_->which == FreezeName::Which::kError) return no_error_freeze();
    return missing(freezes_, "freeze", asked_.freeze);
  }
  [[nodiscard]] uint64_t freeze_id() const { return freeze_id_; }
  [[nodiscard]] uint64_t op() const { return op_; }

  [[nodiscard]] Result<Span> step() const {
    if (step_) return *step_;
    const bool is_number = step_number_.has_value();
    std::string hint = is_number ? "" : printable(did_you_mean(asked_.step, names_));
    if (hint.empty() && !names_.empty()) hint = "its steps are " + quoted_list(names_);
    return missing(steps_, "step", is_number ? asked_.step : in_quotes(asked_.step), hint);
  }

  [[nodiscard]] uint64_t last() const { return last_; }
  [[nodiscard]] uint64_t last_us() const { return last_us_; }

 private:
  static void end(std::optional<Span>& span, bool& open, uint64_t last) {
    if (open) span->last = last;
    open = false;
  }

  // Freezes do not nest: one without its end was the last thing that its recorder saw.
  void freeze_began(Seq seq, schema::FreezeBegan::Reader began) {
    ++freezes_;
    end(freeze_, freeze_open_, seq.value - 1);
    if (!is_asked_for(began)) return;
    freeze_ = Span{seq.value};
    freeze_open_ = true;
    freeze_id_ = began.getFreeze();
    op_ = began.getOp();
  }

  // Whether it is the freeze, by what the tape has up to here.
  [[nodiscard]] bool is_asked_for(schema::FreezeBegan::Reader began) const {
    if (!freeze_name_) return false;
    switch (freeze_name_->which) {
      case FreezeName::Which::kNumber: return !freeze_ && began.getFreeze() == freeze_name_->number;
      case FreezeName::Which::kLast: return true;
      case FreezeName::Which::kError:
        return std::ranges::any_of(
            hits_of(began), [](const RecordedHit& hit) { return hit.trigger == kEjectionTrigger; });
    }
    return false;
  }

  void step_started(Seq seq, schema::StepStarted::Reader started) {
    ++steps_;
    end(step_, step_open_, seq.value - 1);
    const std::string_view name = chars(started.getName());
    if (names_.size() < kNamesKept) names_.emplace_back(name);
    const bool by_name = name == asked_.step;
    // A step may have a number for its name, which then is what is meant.
    if (!by_name && started.getStep() != step_number_) return;
    if (step_ && (step_by_name_ || !by_name)) return;
    step_ = Span{seq.value};
    step_open_ = true;
    step_by_name_ = by_name;
    step_index_ = started.getStep();
  }

  const RecordChoice& asked_;
  std::optional<FreezeName> freeze_name_;
  std::optional<uint64_t> step_number_;
  uint64_t last_ = 0;
  uint64_t last_us_ = 0;
  uint64_t freezes_ = 0;
  std::optional<Span> freeze_;
  bool freeze_open_ = false;
  uint64_t freeze_id_ = 0;
  uint64_t op_ = 0;
  uint64_t steps_ = 0;
  std::vector<std::string> names_;
  std::optional<Span> step_;
  bool step_open_ = false;
  bool step_by_name_ = false;
  uint32_t step_index_ = 0;
};

Result<RecordFilter> RecordFilter::make(const TapeReader& tape, const RecordChoice& choice) {
  RecordFilter filter;
  KTAPE_TRY(filter.take_kinds(choice.kinds));
  if (!choice.freeze.empty() && !freeze_named(choice.freeze)) {
    return Error{ErrorCode::kUsage,
                 fmt::format("--freeze: got {}, expected a freeze's number, 'last' or 'error'",
                             in_quotes(choice.freeze)),
                 ""};
  }
  Scan scan(choice);
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    scan.visit(view);
    return {};
  }));
  KTAPE_TRY(filter.take_bounds(choice, scan));
  if (!choice.freeze.empty()) {
    KTAPE_ASSIGN(filter.freeze_, scan.freeze());
    filter.freeze_id_ = scan.freeze_id();
    filter.freeze_op_ = scan.op();
  }
  if (!choice.step.empty()) {
    KTAPE_ASSIGN(filter.step_, scan.step());
  }
  return filter;
}

Result<void> RecordFilter::take_kinds(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    bool found = false;
    for (auto field : capnp::Schema::from<schema::Record>().getUnionFields()) {
      if (name != field.getProto().getName().cStr()) continue;
      kinds_.insert(field.getProto().getDiscriminantValue());
      found = true;
    }
    if (found) continue;
    std::string list;
    for (const std::string& one : kind_names()) list += (list.empty() ? "" : ", ") + one;
    return Error{ErrorCode::kUsage, "there is no kind " + in_quotes(name), "kinds are " + list};
  }
  return {};
}

Result<void> RecordFilter::take_bounds(const RecordChoice& choice, const Scan& scan) {
  KTAPE_ASSIGN(const std::optional<Bound> from, bound_of("--from", choice.from));
  KTAPE_ASSIGN(const std::optional<Bound> to, bound_of("--to", choice.to));
  if (from && to && from->is_time == to->is_time && from->value > to->value) {
    return Error{ErrorCode::kUsage,
                 fmt::format("--from {} is after --to {}", choice.from, choice.to), ""};
  }
  for (const auto& bound : {from, to}) {
    if (!bound || bound->is_time || (bound->value > 0 && bound->value <= scan.last())) continue;
    return missing(scan.last(), "record", std::to_string(bound->value));
  }
  if (from && from->is_time && from->value > scan.last_us()) {
    return Error{ErrorCode::kNotApplicable,
                 fmt::format("the last record is at {}, there is none from {} on",
                             seconds_text(scan.last_us()), choice.from),
                 ""};
  }
  if (from) (from->is_time ? times_us_ : records_).first = from->value;
  if (to) (to->is_time ? times_us_ : records_).last = to->value;
  return {};
}

bool RecordFilter::is_of_freeze(const RecordView& view) const {
  if (freeze_->has(view.seq.value)) return true;
  if (!view.known) return false;
  const schema::Record::Reader record = view.record;
  switch (record.which()) {
    case schema::Record::OP_REQUESTED:
      return freeze_op_ > 0 && record.getOpRequested().getOp() == freeze_op_;
    case schema::Record::OP_REPLIED: return record.getOpReplied().getFreeze() == freeze_id_;
    case schema::Record::RUN_DELAYS: return record.getRunDelays().getFreeze() == freeze_id_;
    case schema::Record::CLOCKSOURCE_SEEN:
      return record.getClocksourceSeen().getFreeze() == freeze_id_;
    default: return false;
  }
}

bool RecordFilter::takes(const RecordView& view) const {
  const uint16_t kind = view.known ? view.kind : uint16_t{schema::Record::UNKNOWN};
  return records_.has(view.seq.value) && times_us_.has(view.record.getHostNs() / 1000) &&
         (kinds_.empty() || names(kind)) && (!step_ || step_->has(view.seq.value)) &&
         (!freeze_ || is_of_freeze(view));
}

Result<std::set<uint64_t>> RecordFilter::replies(const TapeReader& tape) const {
  std::set<uint64_t> ops;
  KTAPE_TRY(tape.for_each([&](const RecordView& view) -> Result<void> {
    if (view.known && view.record.isOpReplied() && takes(view))
      ops.insert(view.record.getOpReplied().getOp());
    return {};
  }));
  return ops;
}

}  // namespace ktape
