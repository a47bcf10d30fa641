// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "guest/kernel/kernel.h"
#include "replay/read/target_lines.h"
#include "replay/read/target_read.h"
#include "replay/read/view.h"
#include "replay/tape/tape_index.h"
#include "schema/base/exit_code.h"
#include "schema/base/result.h"
#include "schema/tape/reading/reader.h"
#include "schema/tape/verify/verify.h"

namespace ktape {

// How `ktape read` answers.
struct AnswerStyle {
  bool json = false;
  bool csv = false;
  bool batch = false;      // a mistake in a target is answered in its place
  bool is_series = false;  // the freezes were named as several
};

// Reads targets and views at freezes, and prints what it gets.
class Answers {
 public:
  // The references outlive it.
  Answers(const TapeReader& tape, const TapeIndex& index, const Kernel& kernel,
          const Verification& found, const AnswerStyle& style)
      : tape_(tape),
        index_(index),
        kernel_(kernel),
        reader_(kernel, index),
        found_(found),
        style_(style) {}

  // Before anything is printed: the first mistake in targets that are not a batch's.
  [[nodiscard]] Result<void> check(const std::vector<const Freeze*>& freezes,
                                   const std::vector<std::string>& lines) const;
  // A freeze whose memory was not kept is an error, except in a series.
  [[nodiscard]] Result<void> at(const Freeze& freeze, const std::vector<std::string>& lines);
  // Each target as it arrives: a program may wait for one answer before it asks for the next.
  [[nodiscard]] Result<void> batch_at(const Freeze& freeze, TargetLines& lines);

  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  [[nodiscard]] Result<void> answer(const Result<RecordedMemory>& memory, const Freeze& freeze,
                                    const std::string& line);
  [[nodiscard]] Result<void> answer_view(const View& view, const Result<RecordedMemory>& memory,
                                         const Freeze& freeze);
  [[nodiscard]] Result<TargetRead> read(const RecordedMemory& memory, const Freeze& freeze,
                                        const std::string& line);
  [[nodiscard]] Result<void> print(const TargetRead& read, const Freeze& freeze);
  [[nodiscard]] Result<void> begin_csv(const std::string& header);

  const TapeReader& tape_;
  const TapeIndex& index_;
  const Kernel& kernel_;
  TargetReader reader_;
  const Verification& found_;
  const AnswerStyle style_;
  bool has_header_ = false;
  ExitCode code_ = ExitCode::kGood;
};

}  // namespace ktape
