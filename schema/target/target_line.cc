// SPDX-License-Identifier: Apache-2.0
#include "schema/target/target_line.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "schema/base/text.h"
#include "schema/target/target_path.h"

namespace ktape {

namespace {

// One pass over the text, left to right: root, path, width.
class LineParser {
 public:
  LineParser(std::string_view text, schema::OpEntry::Builder entry) : text_(text), entry_(entry) {}

  Result<std::string> parse() {
    // A name would end there.
    at_ = std::min(text_.find('\0'), text_.size());
    if (at_ < text_.size()) {
      return Error{ErrorCode::kUsage,
                   "target " + in_quotes(text_) + ": column " + std::to_string(at_ + 1) +
                       ": got a NUL, expected text",
                   ""};
    }
    at_ = 0;
    KTAPE_TRY(parse_all());
    return std::move(symbol_);
  }

 private:
  Result<void> parse_all() {
    KTAPE_TRY(root());
    const std::string_view rest = text_.substr(at_);
    const size_t colon = rest.rfind(':');
    KTAPE_TRY(path(rest.substr(0, colon)));
    if (colon == std::string_view::npos) {
      entry_.setRead(schema::ValueKind::AUTO);
      return {};
    }
    at_ += colon + 1;
    return width(rest.substr(colon + 1));
  }

  Error expected(std::string_view what, std::string hint = "") const {
    const std::string found =
        at_ < text_.size() ? "'" + std::string(1, text_[at_]) + "'" : std::string("the end");
    return Error{ErrorCode::kUsage,
                 "target '" + std::string(text_) + "': column " + std::to_string(at_ + 1) +
                     ": got " + found + ", expected " + std::string(what),
                 std::move(hint)};
  }

  bool next_is(std::string_view text) const { return text_.substr(at_).starts_with(text); }
  bool skip(std::string_view text) {
    if (!next_is(text)) return false;
    at_ += text.size();
    return true;
  }

  Result<void> root() {
    if (next_is("(")) return typed_place();
    for (const std::string_view type : {"struct ", "union ", "'struct ", "'union "}) {
      if (next_is(type)) {
        return expected("a symbol, 'cpuN:', 'task:' or an address, not a type",
                        "write '(struct rq)0xffff...' for the object at an address, "
                        "'cpu0:runqueues' for a CPU's variable");
      }
    }
    if (at_ < text_.size() && is_digit(text_[at_])) {
      KTAPE_ASSIGN(const uint64_t address, number("an address"));
      return place("", address);
    }
    if (skip("task:") || skip("task ")) return task();
    if (is_cpu_prefix()) return cpu_first();
    KTAPE_ASSIGN(const std::string name, this->name("a symbol, 'cpuN:', 'task:' or an address"));
    if (skip("[cpu ")) return cpu_last(name);
    entry_.getTarget().setSymbol(name);
    return {};
  }

  // The text in single quotes; a quote in it is doubled.
  Result<std::string> quoted_name() {
    const size_t begin = at_;
    std::string quoted;
    while (true) {
      const size_t close = text_.find('\'', at_);
      if (close == std::string_view::npos ||
          (close == begin && !text_.substr(close).starts_with("''"))) {
        at_ = begin;
        return expected("a name and its closing quote");
      }
      quoted += text_.substr(at_, close - at_);
      at_ = close + 1;
      if (!skip("'")) return quoted;
      quoted += '\'';
    }
  }

  // A word of letters and digits, or any text in single quotes. `dashes`: "rt-hog" is one word, but
  // "hog->pid" is not.
  Result<std::string> name(std::string_view what, bool dashes = false) {
    if (skip("'")) return quoted_name();
    size_t end = at_;
    while (end < text_.size() &&
           (is_name_part(text_[end]) ||
            (dashes && end > at_ && text_[end] == '-' && !text_.substr(end).starts_with("->"))))
      ++end;
    if (end == at_) return expected(what);
    std::string word(text_.substr(at_, end - at_));
    at_ = end;
    return word;
  }

  Result<uint64_t> number(std::string_view what) {
    const size_t begin = at_;
    const bool hex = skip("0x");
    uint64_t value = 0;
    const char* first = text_.data() + at_;
    const auto [stop, error] =
        std::from_chars(first, text_.data() + text_.size(), value, hex ? 16 : 10);
    if (error != std::errc()) {
      at_ = begin;
      return expected(what);
    }
    at_ += static_cast<size_t>(stop - first);
    return value;
  }

  Result<uint32_t> cpu() {
    KTAPE_ASSIGN(const uint64_t value, number("a CPU's number"));
    if (value > std::numeric_limits<uint32_t>::max())
      return expected("a CPU number up to 4294967295");
    return static_cast<uint32_t>(value);
  }

  bool is_cpu_prefix() const {
    if (!next_is("cpu")) return false;
    size_t end = at_ + 3;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    return end > at_ + 3 && text_.substr(end).starts_with(":") && !is_width(text_.substr(end + 1));
  }

  // "cpu0:u64" is a symbol named cpu0, if a kernel has one.
  static bool is_width(std::string_view text) {
    return simple_width(text).has_value() || text.empty();
  }

  Result<void> cpu_first() {
    at_ += 3;
    KTAPE_ASSIGN(const uint32_t number, cpu());
    at_ += 1;
    KTAPE_ASSIGN(const std::string symbol, name("a per-CPU variable"));
    return per_cpu(symbol, number);
  }

  Result<void> cpu_last(const std::string& symbol) {
    KTAPE_ASSIGN(const uint32_t number, cpu());
    if (!skip("]")) return expected("']'");
    return per_cpu(symbol, number);
  }

  Result<void> per_cpu(const std::string& symbol, uint32_t cpu) {
    auto to = entry_.getTarget().initPerCpu();
    to.setSymbol(symbol);
    to.setCpu(cpu);
    return {};
  }

  Result<void> task() {
    auto to = entry_.getTarget().initTask();
    const bool is_pid = skip("pid=") || (at_ < text_.size() && is_digit(text_[at_]));
    if (!is_pid) {
      KTAPE_ASSIGN(const std::string worker, name("a worker's name or a pid", true));
      to.setWorker(worker);
      return {};
    }
    const size_t begin = at_;
    KTAPE_ASSIGN(const uint64_t pid, number("a pid"));
    if (pid == 0 || pid > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
      at_ = begin;
      return expected("a pid from 1 to 2147483647");
    }
    to.setPid(static_cast<int32_t>(pid));
    if (!skip("@")) return {};
    const size_t at_start = at_;
    KTAPE_ASSIGN(const uint64_t start, number("a start time in ns"));
    if (start == 0) {  // would mean that none is given
      at_ = at_start;
      return expected("a start time in ns, above 0");
    }
    to.setStartBoottimeNs(start);
    return {};
  }

  // "(struct rq)0x1234", "(struct scx_sched *)scx_root"; the latter also in parentheses, as C needs
  // them before "->".
  Result<void> typed_place() {
    const bool in_parentheses = skip("((");
    if (!in_parentheses) skip("(");
    KTAPE_ASSIGN(const std::string type, type_of_place());
    const bool is_symbol = at_ < text_.size() && !is_digit(text_[at_]);
    uint64_t address = 0;
    if (is_symbol) {
      KTAPE_ASSIGN(symbol_, name("an address or a symbol"));
    } else {
      KTAPE_ASSIGN(address, number("an address or a symbol"));
    }
    if (in_parentheses && !skip(")")) return expected("')'");
    return is_symbol || !type.ends_with('*') ? place(type, address) : pointee(type, address);
  }

  // Up to its closing parenthesis; a pointer in BTF's spelling, "struct rq *".
  Result<std::string> type_of_place() {
    const size_t begin = at_;
    const size_t close = text_.find(')', begin);
    if (close == std::string_view::npos) return expected("a type in parentheses");
    std::string type = trimmed(text_.substr(begin, close - begin));
    const bool is_pointer = type.ends_with('*');
    if (is_pointer) type = trimmed(std::string_view(type).substr(0, type.size() - 1));
    if (type.empty()) return expected("a type in parentheses");
    at_ = begin + text_.substr(begin).find('*');
    if (type.ends_with('*')) return expected("a type with one '*' at most");
    at_ = close + 1;
    return is_pointer ? type + " *" : type;
  }

  static std::string trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return std::string(text);
  }

  // As in C, the number is the pointer, not the place of one.
  Result<void> pointee(std::string_view type, uint64_t address) {
    const std::string object = trimmed(type.substr(0, type.size() - 1));
    if (!skip("->")) {
      return expected("'->'",
                      "the object at an address is '(" + object + ")" + "0x...', without '*'");
    }
    after_arrow_ = true;
    return place(object, address);
  }

  Result<void> place(const std::string& type, uint64_t address) {
    auto to = entry_.getTarget().initVirtual();
    to.setAddress(address);
    to.setType(type);
    return {};
  }

  Result<void> path(std::string_view text) {
    if (after_arrow_) {
      if (text.empty() || !is_name_part(text.front())) return expected("a member's name");
    } else if (!text.empty()) {
      const char first = text.front();
      // Between root and path: a dot, as between members, or a space, as after a quoted worker.
      const bool space = first == ' ' && entry_.getTarget().isTask();
      if (first != '.' && first != '-' && first != '[' && first != '{' && !space) {
        return expected("'.', '->', '[', '{' or ':'",
                        first == '+' ? "use member names: offsets differ between kernels" : "");
      }
      if (first == '.' || space) text.remove_prefix(1);
      if (text.empty()) {
        ++at_;
        return expected("a member's name");
      }
    }
    KTAPE_ASSIGN(const std::vector<PathStep> steps, parse_target_path(text));
    entry_.getTarget().setPath(std::string(text));
    write_steps(steps, entry_.getTarget());
    return {};
  }

  static std::optional<schema::ValueKind> simple_width(std::string_view text) {
    if (text == "u8") return schema::ValueKind::U8;
    if (text == "u16") return schema::ValueKind::U16;
    if (text == "u32") return schema::ValueKind::U32;
    if (text == "u64") return schema::ValueKind::U64;
    if (text == "whole") return schema::ValueKind::WHOLE;
    if (text == "auto") return schema::ValueKind::AUTO;
    return std::nullopt;
  }

  Result<void> width(std::string_view text) {
    if (const auto kind = simple_width(text)) {
      entry_.setRead(*kind);
      return {};
    }
    constexpr std::string_view kWidths = "u8, u16, u32, u64, bytes(N), whole or auto";
    if (!skip("bytes(")) return expected(kWidths);
    KTAPE_ASSIGN(const uint64_t length, number("a number of bytes"));
    if (!skip(")") || at_ != text_.size()) return expected("')' and the end after 'bytes(N'");
    if (length == 0 || length > kMaxValueBytes) {
      return Error{ErrorCode::kUsage,
                   "target '" + std::string(text_) + "': got " + std::to_string(length) +
                       " bytes, expected 1 to " + std::to_string(kMaxValueBytes),
                   ""};
    }
    entry_.setRead(schema::ValueKind::BYTES);
    entry_.setLength(static_cast<uint32_t>(length));
    return {};
  }

  std::string_view text_;
  schema::OpEntry::Builder entry_;
  size_t at_ = 0;
  std::string symbol_;        // its address is the root
  bool after_arrow_ = false;  // the path begins with a name
};

// A target that is copied from wrapped output has a line end and an indent where it had a blank.
// Quoted names keep theirs.
std::string unwrapped(std::string_view text) {
  std::string line;
  bool is_quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') is_quoted = !is_quoted;
    if (is_quoted || (text[i] != '\n' && text[i] != '\r')) {
      line += text[i];
      continue;
    }
    while (i + 1 < text.size() && std::isspace(static_cast<unsigned char>(text[i + 1])) != 0) ++i;
    line += ' ';
  }
  return line;
}

}  // namespace

Result<std::string> parse_target_line(std::string_view text, schema::OpEntry::Builder entry) {
  const std::string line = unwrapped(text);
  return LineParser(line, entry).parse();
}

}  // namespace ktape
