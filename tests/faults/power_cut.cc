// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/power_cut.h"

#include <algorithm>
#include <fstream>
#include <span>

namespace ktape::test {

namespace {

constexpr size_t kSectorBytes = 512;

enum class Kept { kNothing, kAll, kSome };

void write_at(std::vector<std::byte>& content, uint64_t offset, std::span<const std::byte> bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<ptrdiff_t>(offset));
}

void apply_whole(const DiskOp& op, std::vector<std::byte>& content) {
  if (op.kind == DiskOp::Kind::kTruncate) {
    content.resize(op.offset);
  } else {
    write_at(content, op.offset, op.bytes);
  }
}

void apply_some(const DiskOp& op, std::mt19937_64& random, std::vector<std::byte>& content) {
  if (op.kind == DiskOp::Kind::kTruncate) {
    if (random() % 2 == 0) content.resize(op.offset);
    return;
  }
  const std::span<const std::byte> bytes(op.bytes);
  for (size_t at = 0; at < bytes.size();) {
    const size_t in_sector = kSectorBytes - (op.offset + at) % kSectorBytes;
    const auto sector = bytes.subspan(at, std::min(in_sector, bytes.size() - at));
    const auto fate = random() % 16;
    if (fate < 8) write_at(content, op.offset + at, sector);
    if (fate == 8) write_at(content, op.offset + at, sector.first(sector.size() / 2));
    at += sector.size();
  }
}

}  // namespace

void PowerCutDisk::change(const NameChange& change, Names& names) {
  const DiskOp& op = *change.op;
  if (op.kind == DiskOp::Kind::kCreate) names[op.name] = change.file;
  if (op.kind == DiskOp::Kind::kDelete) names.erase(op.name);
  if (op.kind == DiskOp::Kind::kRename && names.contains(op.name)) {
    names[op.to] = names[op.name];
    names.erase(op.name);
  }
}

void PowerCutDisk::apply(const DiskOp& op) {
  using Kind = DiskOp::Kind;
  switch (op.kind) {
    case Kind::kWrite:
    case Kind::kTruncate: names_.at(op.name)->pending.push_back(&op); return;
    case Kind::kSync: {
      if (ignores_syncs_) return;
      File& file = *names_.at(op.name);
      for (const DiskOp* done : file.pending) apply_whole(*done, file.synced);
      file.pending.clear();
      return;
    }
    case Kind::kSyncFolder:
      if (ignores_syncs_) return;
      pending_names_.clear();
      synced_names_ = names_;
      return;
    case Kind::kCreate:
    case Kind::kDelete:
    case Kind::kRename:
      pending_names_.push_back({&op, std::make_shared<File>()});
      change(pending_names_.back(), names_);
      return;
  }
}

void PowerCutDisk::cut(std::mt19937_64& random, const std::string& folder) const {
  const auto kept = static_cast<Kept>(random() % 3);
  Names names = synced_names_;
  // A file system keeps a folder's changes in their order.
  size_t keep = kept == Kept::kAll ? pending_names_.size() : 0;
  if (kept == Kept::kSome) keep = random() % (pending_names_.size() + 1);
  for (size_t i = 0; i < keep; ++i) change(pending_names_[i], names);
  for (const auto& [name, file] : names) {
    std::vector<std::byte> content = file->synced;
    for (const DiskOp* op : file->pending) {
      if (kept == Kept::kAll) apply_whole(*op, content);
      if (kept == Kept::kSome) apply_some(*op, random, content);
    }
    std::ofstream(folder + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
}

}  // namespace ktape::test
