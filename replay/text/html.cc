// SPDX-License-Identifier: Apache-2.0
#include "replay/text/html.h"

#include <fmt/format.h>

#include "replay/text/text_writer.h"
#include "schema/base/base64.h"
#include "schema/base/digest.h"

namespace ktape {

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string html_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (char c : json) {
    // Inside a script, "</script" and "<!--" have their meaning even in a JSON string.
    switch (c) {
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += c;
    }
  }
  return out;
}

std::string csp_hash(std::string_view content) {
  return "sha256-" + to_base64(sha256(as_bytes(content)));
}

HtmlTable::HtmlTable(std::string caption, const std::vector<std::string>& columns, size_t limit)
    : caption_(std::move(caption)), limit_(limit) {
  for (const std::string& column : columns)
    head_ += "<th scope=\"col\">" + html_text(column) + "</th>";
}

void HtmlTable::row(const std::vector<HtmlCell>& cells) {
  if (++rows_ > limit_) return;
  body_ += "<tr>";
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string kind = cells[i].kind.empty() ? "" : " class=\"" + cells[i].kind + "\"";
    body_ += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", kind, cells[i].html)
                    : fmt::format("<td{}>{}</td>", kind, cells[i].html);
  }
  body_ += "</tr>\n";
}

std::string HtmlTable::take(std::string_view when_empty) {
  if (rows_ == 0) return "<p class=\"soft\">" + html_text(when_empty) + "</p>\n";
  std::string more;
  if (rows_ > limit_) {
    more =
        fmt::format("<p class=\"note\">{} more left out.</p>\n", count_text(rows_ - limit_, "row"));
  }
  return fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>"
      "<caption>{0}</caption><thead><tr>{1}</tr></thead>\n<tbody>\n{2}</tbody></table></div>\n{3}",
      html_text(caption_), head_, body_, more);
}

}  // namespace ktape
