// SPDX-License-Identifier: Apache-2.0
#include "replay/read/answers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "replay/read/read_output.h"
#include "replay/read/view_output.h"
#include "replay/tape/tape_kernel.h"
#include "schema/base/command/standard_output.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// The columns of a table depend on what is read.
Error not_alone(const std::string& line) {
  return Error{ErrorCode::kUsage, "--csv prints " + in_quotes(line) + " only by itself",
               "name one view, or targets"};
}

}  // namespace

Result<void> Answers::check(const std::vector<const Freeze*>& freezes,
                            const std::vector<std::string>& lines) const {
  for (const std::string& line : lines) {
    if (find_view(line) != nullptr) {
      if (style_.csv && lines.size() > 1) return not_alone(line);
      continue;
    }
    for (const Freeze* freeze : freezes) KTAPE_TRY(reader_.check(*freeze, line));
  }
  return {};
}

Result<void> Answers::at(const Freeze& freeze, const std::vector<std::string>& lines) {
  const bool is_text = !style_.json && !style_.csv;
  if (style_.is_series && is_text) KTAPE_TRY(write_output(freeze_line(freeze)));
  const Result<RecordedMemory> memory = memory_at(tape_, freeze);
  if (!memory.ok() && !(style_.is_series && memory.error().code == ErrorCode::kNotApplicable))
    return memory.error();
  for (const std::string& line : lines) KTAPE_TRY(answer(memory, freeze, line));
  return {};
}

Result<void> Answers::batch_at(const Freeze& freeze, TargetLines& lines) {
  const Result<RecordedMemory> memory = memory_at(tape_, freeze);
  if (!memory.ok()) return memory.error();
  while (true) {
    KTAPE_ASSIGN(const std::optional<std::string> line, lines.next());
    if (!line) return {};
    KTAPE_TRY(answer(memory, freeze, *line));
    KTAPE_TRY(flush_output());
  }
}

Result<void> Answers::answer(const Result<RecordedMemory>& memory, const Freeze& freeze,
                             const std::string& line) {
  const View* view = find_view(line);
  if (view != nullptr && style_.batch && style_.csv)
    return print(TargetRead::of_error(line, not_alone(line)), freeze);
  if (view != nullptr) return answer_view(*view, memory, freeze);
  KTAPE_ASSIGN(const TargetRead read, memory.ok() ? this->read(*memory, freeze, line)
                                                  : TargetRead::of_error(line, memory.error()));
  return print(read, freeze);
}

Result<void> Answers::answer_view(const View& view, const Result<RecordedMemory>& memory,
                                  const Freeze& freeze) {
  ViewTable table = view.table();
  if (memory.ok()) {
    view.fill({kernel_, *memory, index_, freeze}, table);
    KTAPE_TRY(memory->intact());
  } else {
    table.gaps.push_back(printable(memory.error().message));
  }
  code_ = worst(code_, table.code());
  if (style_.json) return write_output(view_json(table, freeze, found_));
  if (!style_.csv) return write_output(view_text(table));
  KTAPE_TRY(begin_csv(view_csv_header(table)));
  return write_output(view_csv(table, freeze));
}

// A mistake in a batch is answered in its place. That a worker had not started is no mistake.
Result<TargetRead> Answers::read(const RecordedMemory& memory, const Freeze& freeze,
                                 const std::string& line) {
  Result<TargetRead> read = reader_.read(memory, freeze, line);
  if (read.ok()) return read;
  const ErrorCode code = read.error().code;
  const bool is_answer =
      code == ErrorCode::kNotApplicable || (style_.batch && code == ErrorCode::kUsage);
  if (!is_answer) return read;
  return TargetRead::of_error(line, read.error());
}

Result<void> Answers::print(const TargetRead& read, const Freeze& freeze) {
  code_ = worst(code_, read.code());
  if (style_.json) return write_output(target_json(read, freeze, found_));
  if (!style_.csv)
    return write_output(style_.is_series ? lines_in_series(read) : target_lines(read));
  KTAPE_TRY(begin_csv(csv_header()));
  return write_output(csv_rows(read, freeze));
}

Result<void> Answers::begin_csv(const std::string& header) {
  if (std::exchange(has_header_, true)) return {};
  return write_output(header);
}

}  // namespace ktape
