// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "guest/kernel/ops/op.h"
#include "tests/support/must.h"

// Ops in one line each, for tests.
namespace ktape::test {

inline OpTarget task_target(int32_t pid, uint64_t start_boottime_ns, std::string_view path) {
  return {TaskRoot{Pid(pid), start_boottime_ns, ""}, must(parse_target_path(path))};
}

inline OpTarget symbol_target(std::string name, std::string_view path = "") {
  return {SymbolRoot{std::move(name)}, must(parse_target_path(path))};
}

inline OpTarget per_cpu_target(std::string symbol, uint32_t cpu, std::string_view path) {
  return {PerCpuRoot{std::move(symbol), CpuId(cpu)}, must(parse_target_path(path))};
}

inline OpTarget virtual_target(GuestVirtual address, std::string type, std::string_view path = "") {
  return {VirtualRoot{address, std::move(type)}, must(parse_target_path(path))};
}

inline Op read_of(OpTarget target, schema::ValueKind kind = schema::ValueKind::AUTO,
                  uint32_t length = 0) {
  return {"", std::move(target), ReadAction{kind, length}};
}

inline OpValue u64_value(uint64_t value) {
  OpValue to{schema::ValueKind::U64, std::vector<std::byte>(8)};
  std::memcpy(to.bytes.data(), &value, 8);
  return to;
}

inline OpValue u32_value(uint32_t value) {
  OpValue to{schema::ValueKind::U32, std::vector<std::byte>(4)};
  std::memcpy(to.bytes.data(), &value, 4);
  return to;
}

inline Op write_of(OpTarget target, OpValue value, WriteKind kind = WriteKind::kStore) {
  return {"", std::move(target), WriteAction{kind, std::move(value)}};
}

inline uint64_t number_in(const OpValue& value) {
  uint64_t number = 0;
  std::memcpy(&number, value.bytes.data(), std::min<size_t>(8, value.bytes.size()));
  return number;
}

}  // namespace ktape::test
