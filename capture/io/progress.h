// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace ktape {

// Shows the user what a run is doing: permanent lines (`say`) and, on a terminal, one line that is
// overwritten (`now`).
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void say(const std::string& line) = 0;
  virtual void now(const std::string& line) = 0;
};

// Writes to a file descriptor: a live line on a terminal, plain lines otherwise. Lines may quote
// the guest: terminal control characters are escaped, and the length and number of lines are
// bounded.
class TextProgress final : public Progress {
 public:
  explicit TextProgress(int fd);
  ~TextProgress() override;
  void say(const std::string& line) override;
  void now(const std::string& line) override;

 private:
  [[nodiscard]] std::string stamp() const;

  int fd_;
  bool terminal_;
  bool live_line_ = false;
  size_t lines_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace ktape
