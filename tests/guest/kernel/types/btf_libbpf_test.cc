// SPDX-License-Identifier: Apache-2.0
// Compares our reader with libbpf on the BTF of real kernels.
#include <bpf/btf.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>

#include "guest/kernel/image/kernel_image.h"
#include "guest/kernel/kernel.h"
#include "guest/kernel/types/btf_table.h"
#include "tests/support/kernel/stock_kernel.h"
#include "tests/support/must.h"

using namespace ktape;
using namespace ktape::test;

namespace {

struct FreeBtf {
  void operator()(struct btf* btf) const { btf__free(btf); }
};

// A kernel's BTF, read by us and by libbpf.
struct Both {
  std::shared_ptr<const KernelKnowledge> kernel;
  BtfTable table;
  std::unique_ptr<struct btf, FreeBtf> theirs;

  explicit Both(const std::string& series)
      : kernel(must(learn_kernel(must(load_kernel_image(cached_kernel(series))).vmlinux))),
        table(must(BtfTable::parse(kernel->btf_raw))),
        theirs(btf__new(kernel->btf_raw.data(), static_cast<uint32_t>(kernel->btf_raw.size()))) {
    REQUIRE(theirs != nullptr);
  }

  std::string_view their_text(uint32_t offset) const {
    return btf__name_by_offset(theirs.get(), offset);
  }

  // Ids whose kind, name, count or size we read differently.
  std::vector<uint32_t> differing_types() const {
    std::vector<uint32_t> ids;
    for (uint32_t id = 1; id < table.size(); ++id) {
      const btf_type* their = btf__type_by_id(theirs.get(), id);
      const BtfType our = table.type(id);
      const auto kind = static_cast<uint32_t>(our.kind);
      if (kind != btf_kind(their) || table.text(our.name) != their_text(their->name_off) ||
          our.count != btf_vlen(their) || (our.size != their->size && our.target != their->type)) {
        ids.push_back(id);
      }
    }
    return ids;
  }

  // Ids for which we compute another size in memory.
  std::vector<uint32_t> differing_sizes() const {
    std::vector<uint32_t> ids;
    for (uint32_t id = 1; id < table.size(); ++id) {
      const auto our = kernel->btf->type(id);
      if (!our.ok() || our->kind == TypeKind::kOther || our->kind == TypeKind::kVoid) continue;
      const int64_t their = btf__resolve_size(theirs.get(), our->id);
      if (their < 0 || static_cast<uint64_t>(their) != our->size_bytes) ids.push_back(id);
    }
    return ids;
  }

  // Every named member of a struct, including those of anonymous ones in it, at libbpf's offset.
  void check_members(uint32_t id, uint32_t base_bits, const std::string& type, int& checked) const {
    const btf_type* owner = btf__type_by_id(theirs.get(), id);
    for (uint32_t i = 0; i < btf_vlen(owner); ++i) {
      const btf_member* member = btf_members(owner) + i;
      const uint32_t bits = base_bits + btf_member_bit_offset(owner, i);
      const int inner = btf__resolve_type(theirs.get(), member->type);
      const std::string name(their_text(member->name_off));
      if (name.empty()) {
        if (btf_is_composite(btf__type_by_id(theirs.get(), static_cast<uint32_t>(inner))))
          check_members(static_cast<uint32_t>(inner), bits, type, checked);
        continue;
      }
      INFO(type << " " << name);
      const auto our = kernel->btf->field(type, name);
      ++checked;
      if (btf_member_bitfield_size(owner, i) != 0) {
        REQUIRE_FALSE(our.ok());
        CHECK(our.error().code == ErrorCode::kRefused);
        continue;
      }
      REQUIRE(our.ok());
      CHECK(our->offset_bytes * 8 == bits);
      CHECK(our->type.size_bytes ==
            static_cast<uint64_t>(btf__resolve_size(theirs.get(), member->type)));
    }
  }

  int checked_members(const std::string& name) const {
    const int id = btf__find_by_name_kind(theirs.get(), name.c_str(), BTF_KIND_STRUCT);
    REQUIRE(id > 0);
    CHECK(must(kernel->btf->type("struct " + name)).id == static_cast<uint32_t>(id));
    int checked = 0;
    check_members(static_cast<uint32_t>(id), 0, "struct " + name, checked);
    return checked;
  }
};

void check_agreement(const std::string& series) {
  if (!is_cached(series)) SKIP(not_cached(series));
  const Both both(series);
  CHECK(both.table.size() == btf__type_cnt(both.theirs.get()));
  CHECK(both.table.size() > 50000);
  CHECK(both.differing_types().empty());
  CHECK(both.differing_sizes().empty());
  CHECK(both.checked_members("task_struct") > 200);
  CHECK(both.checked_members("rq") > 50);
  CHECK(both.checked_members("sched_ext_entity") > 15);
}

}  // namespace

TEST_CASE("our reader and libbpf agree on every type of 6.16") { check_agreement("6.16"); }
TEST_CASE("our reader and libbpf agree on every type of 6.19") { check_agreement("6.19"); }
TEST_CASE("our reader and libbpf agree on every type of 7.3") { check_agreement("7.3"); }
