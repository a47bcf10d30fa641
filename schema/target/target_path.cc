// SPDX-License-Identifier: Apache-2.0
#include "schema/target/target_path.h"

#include <kj/exception.h>

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "schema/base/nearest.h"

namespace ktape {

namespace {

// Far above any real path; limits what an untrusted tape can request.
constexpr size_t kMaxSteps = 64;
constexpr size_t kMaxNameBytes = 256;
constexpr char kBraces[] = "'cpu N}', or a walk: 'list TYPE LINK LIMIT}'";
constexpr char kXarrayExample[] =
    "e.g. '{xarray struct bpf_map 100}': the type that its pointers lead to, the limit";
constexpr char kListExample[] =
    "e.g. '{list struct task_struct scx.runnable_node 100}': the type of an entry, the member that "
    "links it, the limit";

bool name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || !name_start(text[0])) return false;
  for (char c : text) {
    if (!is_name_part(c)) return false;
  }
  return true;
}

bool is_type_name(std::string_view text) {
  for (std::string_view tag : {"struct ", "union "}) {
    if (text.starts_with(tag)) return is_name(text.substr(tag.size()));
  }
  return is_name(text);
}

constexpr std::pair<WalkKind, std::string_view> kWalks[] = {
    {WalkKind::kList, "list"},     {WalkKind::kHlist, "hlist"},
    {WalkKind::kLlist, "llist"},   {WalkKind::kRbtree, "rbtree"},
    {WalkKind::kXarray, "xarray"}, {WalkKind::kRhashtable, "rhashtable"}};

std::optional<WalkKind> walk_named(std::string_view word) {
  for (const auto& [kind, name] : kWalks) {
    if (name == word) return kind;
  }
  return std::nullopt;
}

std::string walk_name(WalkKind kind) {
  return std::string(kWalks[static_cast<size_t>(kind)].second);
}

// For a word that names no step in braces.
std::string walk_hint(std::string_view word) {
  std::vector<std::string> names = {"cpu"};
  for (const auto& [kind, name] : kWalks) names.emplace_back(name);
  const std::string meant = did_you_mean(word, names);
  return meant.empty() ? kListExample : meant;
}

std::optional<uint64_t> to_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// "scx.runnable_node", "pid_links[0]": the path from an entry to its link member.
bool is_member_path(std::string_view text) {
  for (;;) {
    const size_t dot = text.find('.');
    std::string_view member = text.substr(0, dot);
    const size_t open = member.find('[');
    if (open != std::string_view::npos) {
      if (!member.ends_with(']') || !to_number(member.substr(open + 1, member.size() - open - 2)))
        return false;
      member = member.substr(0, open);
    }
    if (!is_name(member)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) break;
    const size_t end = std::min(text.find(' ', start), text.size());
    found.push_back(text.substr(start, end - start));
    text.remove_prefix(end);
  }
  return found;
}

// One pass over the text, left to right.
class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

  Result<std::vector<PathStep>> parse() {
    // A name needs no dot at the start and after '->', but everywhere else.
    bool bare_name = true;
    while (at_ < text_.size()) {
      if (steps_.size() == kMaxSteps) return expected("a path of at most 64 steps");
      if (text_.substr(at_).starts_with("->")) {
        at_ += 2;
        steps_.emplace_back(DerefStep{});
        bare_name = true;
        continue;
      }
      const char c = text_[at_];
      if (c == '.' && !bare_name) {
        ++at_;
        KTAPE_TRY(member());
      } else if (c == '[') {
        KTAPE_TRY(index());
      } else if (c == '{') {
        KTAPE_TRY(braces());
      } else if (bare_name) {
        KTAPE_TRY(member());
      } else {
        return expected("'.', '->', '[' or '{'");
      }
      bare_name = false;
    }
    return std::move(steps_);
  }

 private:
  Error expected(std::string_view what, std::string hint = "") const {
    const std::string found =
        at_ < text_.size() ? "'" + std::string(1, text_[at_]) + "'" : std::string("the end");
    return Error{ErrorCode::kUsage,
                 "target path '" + std::string(text_) + "': column " + std::to_string(at_ + 1) +
                     ": got " + found + ", expected " + std::string(what),
                 std::move(hint)};
  }

  Result<void> member() {
    size_t end = at_;
    while (end < text_.size() && is_name_part(text_[end])) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    if (!is_name(name)) return expected("a member's name");
    steps_.emplace_back(MemberStep{std::string(name)});
    at_ = end;
    return {};
  }

  Result<void> index() {
    const size_t start = ++at_;
    const size_t close = text_.find(']', start);
    const auto value = close == std::string_view::npos
                           ? std::nullopt
                           : to_number(text_.substr(start, close - start));
    if (!value) return expected("an index and ']'");
    steps_.emplace_back(IndexStep{*value});
    at_ = close + 1;
    return {};
  }

  Result<void> braces() {
    const size_t start = ++at_;
    const size_t close = text_.find('}', start);
    if (close == std::string_view::npos) return expected(kBraces, kListExample);
    const std::vector<std::string_view> parts = words(text_.substr(start, close - start));
    if (!parts.empty() && parts[0] == "cpu") {
      KTAPE_TRY(cpu(parts));
    } else if (const auto kind = walk_named(parts.empty() ? "" : parts[0])) {
      KTAPE_TRY(walk(*kind, parts));
    } else {
      return expected(kBraces, parts.empty() ? kListExample : walk_hint(parts[0]));
    }
    at_ = close + 1;
    return {};
  }

  // A mistake in a part of a step in braces is at that part.
  Error expected_at(std::string_view part, std::string_view what, std::string hint = "") {
    at_ = static_cast<size_t>(part.data() - text_.data());
    return expected(what, std::move(hint));
  }

  Result<void> cpu(const std::vector<std::string_view>& parts) {
    const auto value = parts.size() == 2 ? to_number(parts[1]) : std::nullopt;
    if (!value || *value > std::numeric_limits<uint32_t>::max())
      return expected_at(parts.back(), "'cpu' and a CPU's number");
    steps_.emplace_back(CpuStep{static_cast<uint32_t>(*value)});
    return {};
  }

  Result<void> walk(WalkKind kind, const std::vector<std::string_view>& parts) {
    // A type is one word, or two: "struct rq".
    const size_t others = kind == WalkKind::kXarray ? 2 : 3;
    const char* example = kind == WalkKind::kXarray ? kXarrayExample : kListExample;
    if (parts.size() != others + 1 && parts.size() != others + 2) {
      const std::string_view link = kind == WalkKind::kXarray ? "" : " its link member,";
      return expected(
          "'" + walk_name(kind) + "', the type of an entry," + std::string(link) + " and a limit",
          example);
    }
    std::string container(parts[1]);
    if (parts.size() == others + 2) container += " " + std::string(parts[2]);
    const std::string_view link = kind == WalkKind::kXarray ? "" : parts[parts.size() - 2];
    const auto limit = to_number(parts.back());
    if (!is_type_name(container)) return expected_at(parts[1], "a type as in C", example);
    if (kind != WalkKind::kXarray && !is_member_path(link))
      return expected_at(link, "a link member", example);
    if (!limit || *limit == 0 || *limit > std::numeric_limits<uint32_t>::max())
      return expected_at(parts.back(), "a limit of at least 1", example);
    steps_.emplace_back(
        ListStep{container, std::string(link), static_cast<uint32_t>(*limit), kind});
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<PathStep> steps_;
};

Error bad_step(size_t number, std::string_view what) {
  return Error{ErrorCode::kBadInput,
               "step " + std::to_string(number + 1) + " of the target path: " + std::string(what),
               ""};
}

// A step that `parse_target_path` could not have made has no text, so it is rejected.
Result<PathStep> read_step(size_t number, schema::PathStep::Reader step) {
  switch (step.which()) {
    case schema::PathStep::MEMBER: {
      std::string name(step.getMember().cStr(), step.getMember().size());
      if (!is_name(name)) return bad_step(number, "'" + name + "' is not a member's name");
      return PathStep(MemberStep{std::move(name)});
    }
    case schema::PathStep::DEREF: return PathStep(DerefStep{});
    case schema::PathStep::INDEX: return PathStep(IndexStep{step.getIndex()});
    case schema::PathStep::CPU: return PathStep(CpuStep{step.getCpu()});
    case schema::PathStep::LIST: {
      const auto walk = step.getList();
      ListStep list{walk.getContainer().cStr(), walk.getLink().cStr(), walk.getLimit(),
                    static_cast<WalkKind>(walk.getKind())};
      if (walk.getKind() > schema::WalkKind::RHASHTABLE)
        return bad_step(number, "its walk is not known to this build");
      if (!is_type_name(list.container))
        return bad_step(number, "'" + list.container + "' is not a type");
      const bool has_link = list.kind != WalkKind::kXarray;
      if (has_link ? !is_member_path(list.link) : !list.link.empty())
        return bad_step(number, "'" + list.link + "' is not a link member");
      if (list.limit == 0) return bad_step(number, "a list needs a limit of at least 1");
      return PathStep(std::move(list));
    }
  }
  return bad_step(number, "its kind is not known to this build");
}

std::string hex(uint64_t value) {
  char digits[17];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

// The form in which parse_target_line() takes a quoted name.
std::string doubled_quotes(std::string_view name) {
  std::string text;
  for (const char c : name) text += c == '\'' ? std::string("''") : std::string(1, c);
  return text;
}

std::string root_text(schema::Target::Reader target) {
  switch (target.which()) {
    case schema::Target::SYMBOL: return target.getSymbol().cStr();
    case schema::Target::PER_CPU:
      return std::string(target.getPerCpu().getSymbol().cStr()) + "[cpu " +
             std::to_string(target.getPerCpu().getCpu()) + "]";
    case schema::Target::TASK: {
      const auto task = target.getTask();
      if (task.getWorker().size() > 0)
        return "task '" + doubled_quotes(task.getWorker().cStr()) + "'";
      return "task " + std::to_string(task.getPid());
    }
    case schema::Target::VIRTUAL: {
      const auto place = target.getVirtual();
      const std::string address = hex(place.getAddress());
      return place.getType().size() == 0
                 ? address
                 : "(" + std::string(place.getType().cStr()) + ")" + address;
    }
  }
  return "a target of a kind that this build does not know";
}

}  // namespace

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return name_start(c) || is_digit(c); }

Result<std::vector<PathStep>> parse_target_path(std::string_view text) {
  return PathParser(text).parse();
}

std::string target_path_text(const std::vector<PathStep>& steps) {
  std::string text;
  bool bare_name = true;
  for (const PathStep& step : steps) {
    if (const auto* member = std::get_if<MemberStep>(&step)) {
      text += (bare_name ? "" : ".") + member->name;
    } else if (std::holds_alternative<DerefStep>(step)) {
      text += "->";
    } else if (const auto* element = std::get_if<IndexStep>(&step)) {
      text += "[" + std::to_string(element->index) + "]";
    } else if (const auto* cpu = std::get_if<CpuStep>(&step)) {
      text += "{cpu " + std::to_string(cpu->cpu) + "}";
    } else if (const auto* list = std::get_if<ListStep>(&step)) {
      text += "{" + walk_name(list->kind) + " " + list->container + " " +
              (list->link.empty() ? "" : list->link + " ") + std::to_string(list->limit) + "}";
    }
    bare_name = std::holds_alternative<DerefStep>(step);
  }
  return text;
}

void write_steps(const std::vector<PathStep>& steps, schema::Target::Builder target) {
  auto list = target.initSteps(static_cast<unsigned>(steps.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    if (const auto* member = std::get_if<MemberStep>(&steps[i])) {
      list[i].setMember(member->name);
    } else if (std::holds_alternative<DerefStep>(steps[i])) {
      list[i].setDeref();
    } else if (const auto* element = std::get_if<IndexStep>(&steps[i])) {
      list[i].setIndex(element->index);
    } else if (const auto* cpu = std::get_if<CpuStep>(&steps[i])) {
      list[i].setCpu(cpu->cpu);
    } else if (const auto* walk = std::get_if<ListStep>(&steps[i])) {
      auto to = list[i].initList();
      to.setContainer(walk->container);
      to.setLink(walk->link);
      to.setLimit(walk->limit);
      to.setKind(static_cast<schema::WalkKind>(walk->kind));
    }
  }
}

Result<std::vector<PathStep>> read_steps(schema::Target::Reader target) {
  try {
    const auto list = target.getSteps();
    if (list.size() > kMaxSteps) {
      return Error{ErrorCode::kBadInput, "a target path has more than 64 steps", ""};
    }
    std::vector<PathStep> steps;
    for (unsigned i = 0; i < list.size(); ++i) {
      KTAPE_ASSIGN(PathStep step, read_step(i, list[i]));
      steps.push_back(std::move(step));
    }
    return steps;
  } catch (const kj::Exception& e) {
    return Error{ErrorCode::kBadInput,
                 "cannot decode a target path: " + std::string(e.getDescription().cStr()), ""};
  }
}

std::string target_text(schema::Target::Reader target) {
  try {
    std::string root = root_text(target);
    std::string path(target.getPath().cStr());
    if (path.empty()) {
      const auto steps = read_steps(target);
      if (steps.ok()) path = target_path_text(*steps);
    }
    if (path.empty()) return root;
    if (target.isTask()) return root + " " + path;
    return root + (name_start(path[0]) ? "." : "") + path;
  } catch (const kj::Exception&) {
    return "a target that cannot be decoded";
  }
}

}  // namespace ktape
