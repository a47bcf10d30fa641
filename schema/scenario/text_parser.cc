// SPDX-License-Identifier: Apache-2.0
#include "schema/scenario/text_parser.h"

#include <fmt/format.h>

#include <cctype>
#include <optional>

namespace ktape {

namespace {

constexpr int kMaxDepth = 32;

bool is_word_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_word_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Bytes of the UTF-8 character at `text`; 0 if it is not one, or a control character.
size_t character_bytes(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char c = byte(0);
  if (c < 0x80) return (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\n' || c == '\r' ? 1 : 0;
  // Overlong forms of three and four bytes are let through: the text is only quoted in errors.
  size_t bytes = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
  if (c > 0xf4 || bytes == 0 || text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

// A recursive-descent parser; each function starts at the first character of what it parses.
class Parser {
 public:
  Parser(std::string_view file, std::string_view text) : file_(file), text_(text) {}

  Result<TextNode> parse() {
    // First of all, so that every later message may quote the text.
    KTAPE_TRY(check_characters());
    skip_blanks();
    if (at_end())
      return Error{ErrorCode::kUsage, fmt::format("{}: the file is empty", file_), kShape};
    if (peek() != '(') return expected("'(' at the beginning", kShape);
    KTAPE_ASSIGN(TextNode root, parse_value(0));
    skip_blanks();
    if (!at_end()) return expected("nothing after the ')' that ends the scenario");
    return root;
  }

 private:
  static constexpr char kShape[] =
      "a scenario is one struct in parentheses, e.g. ( name = \"idle\", steps = [...] )";

  Result<void> check_characters() {
    while (!at_end()) {
      size_t bytes = character_bytes(text_.substr(offset_));
      if (bytes == 0) {
        unsigned byte = static_cast<unsigned char>(peek());
        return error(fmt::format("byte 0x{:02x} is not text", byte), "use a UTF-8 text file");
      }
      for (; bytes > 0; --bytes) advance();
    }
    offset_ = 0;
    place_ = {1, 1};
    return {};
  }

  Result<TextNode> parse_value(int depth) {
    if (depth > kMaxDepth) return error(fmt::format("nested deeper than {} levels", kMaxDepth));
    char c = at_end() ? '\0' : peek();
    if (c == '(') return parse_struct(depth);
    if (c == '[') return parse_list(depth);
    if (c == '"' || c == '\'') return parse_string(TextNode::Kind::kString);
    if (c == '-' || std::isdigit(static_cast<unsigned char>(c)) != 0) return parse_number();
    if (is_word_start(c)) return parse_word();
    return expected("a value");
  }

  Result<TextNode> parse_struct(int depth) {
    TextNode node{TextNode::Kind::kStruct, place_, "", {}, {}};
    advance();
    for (;;) {
      skip_blanks();
      if (take(')')) return node;
      if (at_end()) return never_closed('(', node.place);
      if (!is_word_start(peek())) return expected("a field name or ')'");
      KTAPE_ASSIGN(TextNode name, parse_word());
      skip_blanks();
      if (!take('=')) return expected(fmt::format("'=' after '{}'", name.word));
      skip_blanks();
      KTAPE_ASSIGN(TextNode value, parse_value(depth + 1));
      // Cap'n Proto would take the last.
      for (const TextField& earlier : node.fields) {
        if (earlier.name == name.word) {
          return error_at(
              file_, name.place,
              fmt::format("'{}' is given twice, first on line {}", name.word, earlier.place.line));
        }
      }
      node.fields.push_back({name.word, name.place, std::move(value)});
      KTAPE_TRY(end_of_element(')', '(', node.place));
    }
  }

  Result<TextNode> parse_list(int depth) {
    TextNode node{TextNode::Kind::kList, place_, "", {}, {}};
    advance();
    for (;;) {
      skip_blanks();
      if (take(']')) return node;
      if (at_end()) return never_closed('[', node.place);
      KTAPE_ASSIGN(TextNode item, parse_value(depth + 1));
      node.items.push_back(std::move(item));
      KTAPE_TRY(end_of_element(']', '[', node.place));
    }
  }

  // A ',' or, not taken, the closing bracket.
  Result<void> end_of_element(char closing, char opening, Place opened) {
    skip_blanks();
    if (at_end()) return never_closed(opening, opened);
    // A trailing ',' is allowed: the next round finds the closing bracket.
    if (take(',') || peek() == closing) return {};
    return expected(
        fmt::format("',' or '{}' (the '{}' is on line {})", closing, opening, opened.line));
  }

  Result<TextNode> parse_string(TextNode::Kind kind) {
    TextNode node{kind, place_, "", {}, {}};
    char quote = peek();
    advance();
    while (!at_end() && peek() != '\n') {
      if (take(quote)) return node;
      if (peek() == '\\') {
        advance();
        // The escapes of Cap'n Proto's own lexer, so that the decoder accepts what passes here.
        if (at_end() ||
            std::string_view("abfnrtv'\"\\?x01234567").find(peek()) == std::string_view::npos) {
          return error("unknown escape in a string", "write \\\\ for a backslash");
        }
      }
      advance();
    }
    return error_at(file_, node.place, "the string is not closed on its line");
  }

  Result<TextNode> parse_number() {
    TextNode node{TextNode::Kind::kNumber, place_, "", {}, {}};
    if (peek() == '-') node.word += advance();
    skip_blanks();
    while (!at_end() && (is_word_part(peek()) || peek() == '.')) node.word += advance();
    // 0x"01 ff" is Cap'n Proto's literal for bytes.
    if (node.word == "0x" && !at_end() && peek() == '"') return parse_string(TextNode::Kind::kData);
    if (node.word == "-") return expected("a number after '-'");
    return node;
  }

  Result<TextNode> parse_word() {
    TextNode node{TextNode::Kind::kWord, place_, "", {}, {}};
    while (!at_end() && is_word_part(peek())) node.word += advance();
    return node;
  }

  void skip_blanks() {
    while (!at_end()) {
      if (peek() == '#') {
        while (!at_end() && peek() != '\n') advance();
      } else if (std::isspace(static_cast<unsigned char>(peek())) != 0) {
        advance();
      } else {
        return;
      }
    }
  }

  bool at_end() const { return offset_ == text_.size(); }
  char peek() const { return text_[offset_]; }
  char advance() {
    char c = text_[offset_++];
    place_ = c == '\n' ? Place{place_.line + 1, 1} : Place{place_.line, place_.column + 1};
    return c;
  }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    advance();
    return true;
  }

  Error error(std::string_view sentence, std::string hint = "") const {
    return error_at(file_, place_, sentence, std::move(hint));
  }
  Error expected(std::string_view what, std::string hint = "") const {
    if (at_end())
      return error(fmt::format("expected {}, got the end of the file", what), std::move(hint));
    std::string_view rest = text_.substr(offset_);
    size_t bytes = 1;
    if (is_word_part(rest[0])) {
      while (bytes < rest.size() && is_word_part(rest[bytes])) ++bytes;
    } else {
      bytes = character_bytes(rest);
    }
    return error(fmt::format("expected {}, got '{}'", what, rest.substr(0, bytes)),
                 std::move(hint));
  }
  Error never_closed(char opening, Place opened) const {
    return error_at(file_, opened, fmt::format("this '{}' is never closed", opening));
  }

  std::string_view file_;
  std::string_view text_;
  size_t offset_ = 0;
  Place place_{1, 1};
};

}  // namespace

// The nearest place that is known, so that every error has one.
const TextNode& TextNode::at(std::string_view field) const {
  for (const TextField& candidate : fields) {
    if (candidate.name == field) return candidate.value;
  }
  return *this;
}

const TextNode& TextNode::at(size_t item) const {
  return item < items.size() ? items[item] : *this;
}

bool TextNode::has(std::string_view field) const { return &at(field) != this; }

Error error_at(std::string_view file, Place place, std::string_view sentence, std::string hint) {
  return Error{ErrorCode::kUsage,
               fmt::format("{}:{}:{}: {}", file, place.line, place.column, sentence),
               std::move(hint)};
}

Result<TextNode> parse_text(std::string_view file, std::string_view text) {
  return Parser(file, text).parse();
}

}  // namespace ktape
