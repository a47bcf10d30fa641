// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// Pieces of HTML. Input text is UTF-8 that is already safe to print; these make it safe as markup.

// For the content of an element, or of an attribute in quotes.
[[nodiscard]] std::string html_text(std::string_view text);

// JSON as content of <script type="application/json">: the same JSON, without a '<', '>' or '&'.
[[nodiscard]] std::string html_json(std::string_view json);

// "sha256-BASE64", as Content-Security-Policy names an inline script.
[[nodiscard]] std::string csp_hash(std::string_view content);

// A cell of a table: `html` is markup.
struct HtmlCell {
  std::string html;
  std::string kind;  // class: "", "number", "mono"
};

// A table with a head; the first column heads the rows. Shows `limit` rows and reports the number
// of rows left out.
class HtmlTable {
 public:
  HtmlTable(std::string caption, const std::vector<std::string>& columns, size_t limit = 2'000);

  void row(const std::vector<HtmlCell>& cells);
  // The whole table; a sentence instead if it has no rows.
  [[nodiscard]] std::string take(std::string_view when_empty);

 private:
  std::string caption_;
  size_t limit_;
  size_t rows_ = 0;
  std::string head_;
  std::string body_;
};

}  // namespace ktape
