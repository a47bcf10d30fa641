// SPDX-License-Identifier: Apache-2.0
#include "tests/replay/export/decoded_trace.h"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <sstream>

#include "schema/base/child.h"
#include "tests/support/must.h"
#include "tests/support/reader_version.h"

namespace ktape::test {

namespace {

// A packet: the last value of each field, and annotations by name. Texts have their quotes.
struct Packet {
  std::map<std::string, std::string> fields;
  std::map<std::string, std::string> annotations;
  bool is_counter_track = false;
};

void take_line(const std::string& line, Packet& packet, std::string& text) {
  const size_t begin = line.find_first_not_of(' ');
  const size_t colon = line.find(": ");
  const std::string name = line.substr(begin, colon - begin);
  if (name == "counter {") packet.is_counter_track = true;
  if (colon == std::string::npos) return;
  const std::string value = line.substr(colon + 2);
  if (name == "string_value") text = value;
  // The name of an annotation comes after its text.
  if (name == "name" && !text.empty()) {
    packet.annotations[value] = text;
    text.clear();
  } else {
    packet.fields[name] = value;
  }
}

std::string unquoted(const std::string& text) {
  return text.size() < 2 ? text : text.substr(1, text.size() - 2);
}

void take_packet(const Packet& packet, std::vector<Counter>& counters,
                 std::map<std::string, size_t>& places) {
  const auto field = [&](const char* name) {
    const auto it = packet.fields.find(name);
    return it == packet.fields.end() ? "" : it->second;
  };
  const auto annotation = [&](const std::string& name) {
    const auto it = packet.annotations.find('"' + name + '"');
    return it == packet.annotations.end() ? "" : unquoted(it->second);
  };
  if (packet.is_counter_track) {
    places[field("uuid")] = counters.size();
    counters.push_back({unquoted(field("name")), {}, {}, {}, {}});
  }
  if (field("type") != "TYPE_COUNTER") return;
  Counter& counter = counters.at(places.at(field("track_uuid")));
  counter.times.push_back(std::stoull(field("timestamp")));
  counter.values.push_back(field("counter_value") + field("double_counter_value"));
  counter.tags.push_back(annotation("tag"));
  counter.guest_ns.push_back(annotation("guest_ns"));
}

}  // namespace

std::string decoded(const std::string& trace) {
  std::string line =
      "protoc -I '" KTAPE_TESTS "' --decode=perfetto.protos.Trace perfetto.proto < '" + trace + "'";
  INFO(version_of("protoc"));
  ChildResult child = must(run_child("/bin/sh", {"-c", line}, 1 << 24));
  REQUIRE(child.exit_status == 0);
  return child.output;
}

std::vector<Counter> counters_in(const std::string& text) {
  std::vector<Counter> counters;
  std::map<std::string, size_t> places;  // by uuid
  std::istringstream lines(text);
  Packet packet;
  std::string annotation;
  for (std::string line; std::getline(lines, line);) {
    if (line == "packet {") packet = {};
    if (line == "}") take_packet(packet, counters, places);
    if (line.starts_with(' ')) take_line(line, packet, annotation);
  }
  return counters;
}

}  // namespace ktape::test
