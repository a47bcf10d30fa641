// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "guest/inside/schedulers/output_tail.h"
#include "schema/base/result.h"
#include "schema/base/units.h"
#include "schema/scenario.capnp.h"

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct vtime_exit;

namespace ktape {

// Why the kernel detached the scheduler; from struct scx_exit_info.
struct SchedulerExit {
  uint64_t kind = 0;  // enum scx_exit_kind
  int64_t exit_code = 0;
  std::string reason;
  std::string message;
  std::string dump;
};

// ktape's vtime-weighted scheduler, attached to this kernel. Destroying it detaches it.
class VtimeScheduler {
 public:
  // Loads and attaches it. `output` gets what libbpf and the verifier printed, especially on
  // failure, and which kfuncs the scheduler has to do without. kHost if the kernel refuses it,
  // kNotApplicable if the kernel has no sched_ext.
  [[nodiscard]] static Result<std::unique_ptr<VtimeScheduler>> attach(
      schema::VtimeScheduler::Reader spec, OutputTail& output);
  ~VtimeScheduler();
  VtimeScheduler(const VtimeScheduler&) = delete;
  VtimeScheduler& operator=(const VtimeScheduler&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<std::string>& ops() const { return ops_; }
  [[nodiscard]] uint32_t timeout_ms() const { return timeout_ms_; }

  // The exit, once, as soon as there is one. Cheap: reads mapped memory.
  [[nodiscard]] std::optional<SchedulerExit> take_exit();

  // The virtual time of a task in the scheduler's own map; nothing if the scheduler never had the
  // task.
  [[nodiscard]] std::optional<uint64_t> booked_vtime(Pid pid) const;

  // Unregisters it and waits until the kernel has switched every task back. There is an exit then.
  void detach();

 private:
  VtimeScheduler() = default;
  Result<void> open();
  Result<void> set_knobs(schema::VtimeScheduler::Reader spec);
  Result<void> set_ops(schema::VtimeScheduler::Reader spec);
  Result<void> map_exit();
  void name_ops();

  struct Close {
    void operator()(bpf_object* object) const;
    void operator()(bpf_link* link) const;
  };
  std::unique_ptr<bpf_object, Close> object_;
  std::unique_ptr<bpf_link, Close> link_;
  bpf_map* ops_map_ = nullptr;  // owned by object_
  // The map of section .data.exit, which the scheduler writes at any time.
  const volatile vtime_exit* exit_ = nullptr;
  bool exit_taken_ = false;
  std::string name_;
  std::vector<std::string> ops_;
  uint32_t timeout_ms_ = 0;
};

}  // namespace ktape
