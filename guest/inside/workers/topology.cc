// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/workers/topology.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "guest/inside/base/sysfs_text.h"
#include "schema/base/file.h"

namespace ktape {

namespace {

constexpr size_t kTopologyLimitBytes = size_t{64} << 10;
constexpr int kMaxCacheIndex = 8;
constexpr std::string_view kRamName = " : System RAM";

// The first line of a file; nothing if the file does not exist.
std::optional<std::string> line_of(const std::string& path) {
  Result<std::string> text = read_text_file(path, kTopologyLimitBytes);
  if (!text.ok()) return std::nullopt;
  return text->substr(0, text->find('\n'));
}

// The CPUs that share the last-level cache with this one.
std::optional<std::string> last_level_sharers(const std::string& cpu) {
  std::optional<std::string> sharers;
  int highest = 0;
  for (int index = 0; index < kMaxCacheIndex; ++index) {
    const std::string cache = cpu + "/cache/index" + std::to_string(index);
    const std::optional<std::string> level = line_of(cache + "/level");
    // Level 1 has two caches (data, instruction) that share alike; the highest level decides.
    if (!level || level->empty() || (*level)[0] - '0' <= highest) continue;
    highest = (*level)[0] - '0';
    sharers = line_of(cache + "/shared_cpu_list");
  }
  return sharers;
}

// Collects the lists of CPUs that share something, each once.
class Sharing {
 public:
  void add(const std::optional<std::string>& cpus) {
    // Each CPU lists the same set in the same words, so comparing the text is enough.
    if (!cpus || cpus->empty() || std::find(lists_.begin(), lists_.end(), *cpus) != lists_.end())
      return;
    lists_.push_back(*cpus);
  }
  void put(const std::string& name, Facts& facts) const {
    if (lists_.empty()) return;
    std::string text = lists_[0];
    for (size_t i = 1; i < lists_.size(); ++i) text += " " + lists_[i];
    facts.emplace_back(name, text);
  }

 private:
  std::vector<std::string> lists_;
};

Result<uint64_t> hex(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return Error{ErrorCode::kBadInput, "'" + std::string(text) + "' is not a hexadecimal number", ""};
}

}  // namespace

Result<SystemRam> parse_system_ram(std::string_view iomem) {
  SystemRam ram;
  while (!iomem.empty()) {
    std::string_view line = iomem.substr(0, iomem.find('\n'));
    iomem.remove_prefix(std::min(iomem.size(), line.size() + 1));
    if (!line.ends_with(kRamName)) continue;
    line.remove_suffix(kRamName.size());
    const size_t dash = line.find('-');
    if (dash == std::string_view::npos) {
      return Error{ErrorCode::kBadInput, "'" + std::string(line) + "' is not a range of addresses",
                   ""};
    }
    KTAPE_ASSIGN(const uint64_t first, hex(line.substr(0, dash)));
    KTAPE_ASSIGN(const uint64_t last, hex(line.substr(dash + 1)));
    if (last < first)
      return Error{ErrorCode::kBadInput, "'" + std::string(line) + "' ends before it begins", ""};
    ram.bytes += last - first + 1;
    // The end is exclusive, and the last range need not be the highest.
    ram.end = std::max(ram.end, last + 1);
  }
  return ram;
}

Result<Facts> read_topology(const std::string& sys, const std::string& proc) {
  Facts facts;
  KTAPE_ASSIGN(std::string online,
               read_text_file(sys + "/devices/system/cpu/online", kTopologyLimitBytes));
  online.resize(online.find_last_not_of('\n') + 1);
  facts.emplace_back("cpus", online);
  KTAPE_ASSIGN(const std::vector<uint32_t> cpus, list_cpus(online));
  Sharing sockets;
  Sharing cores;
  Sharing llcs;
  Sharing nodes;
  for (uint32_t number : cpus) {
    const std::string cpu = sys + "/devices/system/cpu/cpu" + std::to_string(number);
    sockets.add(line_of(cpu + "/topology/package_cpus_list"));
    cores.add(line_of(cpu + "/topology/core_cpus_list"));
    // A kernel without cache information (some CPU models under TCG) has no folder `cache`.
    llcs.add(last_level_sharers(cpu));
  }
  if (const auto online_nodes = line_of(sys + "/devices/system/node/online")) {
    KTAPE_ASSIGN(const std::vector<uint32_t> numbers, list_cpus(*online_nodes));
    for (uint32_t node : numbers) {
      nodes.add(line_of(sys + "/devices/system/node/node" + std::to_string(node) + "/cpulist"));
    }
  }
  sockets.put("sockets", facts);
  cores.put("cores", facts);
  llcs.put("llcs", facts);
  nodes.put("numaNodes", facts);
  // /proc/iomem shows zeros to readers without CAP_SYS_ADMIN; the agent has it.
  KTAPE_ASSIGN(const std::string iomem, read_text_file(proc + "/iomem", kTopologyLimitBytes));
  KTAPE_ASSIGN(const SystemRam ram, parse_system_ram(iomem));
  facts.emplace_back("memoryBytes", std::to_string(ram.bytes));
  facts.emplace_back("memoryEnd", std::to_string(ram.end));
  return facts;
}

}  // namespace ktape
