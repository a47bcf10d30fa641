// SPDX-License-Identifier: Apache-2.0
#include "guest/inside/schedulers/vtime_scheduler.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstring>

#include "guest/inside/bpf/vtime_shared.h"
#include "guest/inside/schedulers/bpf_object.h"
#include "guest/inside/schedulers/output_excerpt.h"
#include "schema/base/file.h"

namespace ktape {

namespace {

constexpr uint32_t kDefaultSliceUs = 20'000;
constexpr uint32_t kDefaultTimeoutMs = 30'000;  // the maximum that the kernel accepts
constexpr char kOpsMap[] = "vtime_ops";
constexpr char kProgramPrefix[] = "vtime_";
constexpr char kKnobsMap[] = ".rodata.knobs";
constexpr char kExitMap[] = ".data.exit";
constexpr char kBooksMap[] = "booked_vtime";
constexpr char kNoDsq[] =
    "ktape_vtime: schedulers cannot call scx_bpf_create_dsq() with this kernel's BTF, probably "
    "built "
    "with an old pahole; tasks wait in SCX_DSQ_GLOBAL, in order of arrival, not of virtual time\n";
constexpr char kNoError[] =
    "fault 'bpfError' is not available: schedulers cannot call scx_bpf_error_bstr() with this "
    "kernel's BTF, probably built with an old pahole";
constexpr size_t kLogLimitBytes = size_t{256} << 10;

// libbpf's print callback takes no context, so its output goes to a global. A function's static,
// not a global: it exists before its first use, wherever that is.
OutputTail& libbpf_output() {
  static OutputTail output(kLogLimitBytes);
  return output;
}

int keep_output(libbpf_print_level level, const char* format, va_list arguments) {
  // At debug level libbpf prints each relocation.
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    std::string text(static_cast<size_t>(length), '\0');  // plus room for the NUL
    std::vsnprintf(text.data(), text.size() + 1, format, again);
    libbpf_output().add(text);
  }
  va_end(again);
  return length;
}

Error libbpf_error(const std::string& what) {
  return system_error(ErrorCode::kHost, "cannot " + what + " the scheduler");
}

// The initial value of an internal map or of the struct_ops image, to be modified before load.
Result<std::byte*> initial_value(bpf_map* map, size_t at_least) {
  size_t bytes = 0;
  void* value = map == nullptr ? nullptr : bpf_map__initial_value(map, &bytes);
  if (value == nullptr || bytes < at_least) {
    return Error{ErrorCode::kInternal, "the scheduler's object lacks one of its maps", ""};
  }
  return static_cast<std::byte*>(value);
}

// The offset of a member in the object's own struct sched_ext_ops.
Result<size_t> ops_member_offset(const btf* types, const char* member) {
  int id = btf__find_by_name_kind(types, "sched_ext_ops", BTF_KIND_STRUCT);
  const btf_type* type = id < 0 ? nullptr : btf__type_by_id(types, static_cast<uint32_t>(id));
  for (uint32_t i = 0; type != nullptr && i < btf_vlen(type); ++i) {
    if (std::strcmp(btf__name_by_offset(types, btf_members(type)[i].name_off), member) == 0) {
      return size_t{btf_member_bit_offset(type, i) / 8};
    }
  }
  return Error{ErrorCode::kInternal,
               "the scheduler's object has no member '" + std::string(member) + "'", ""};
}

// The value of an enumerant of the running kernel.
Result<uint64_t> kernel_enumerant(const char* type_name, const char* enumerant) {
  std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) return system_error(ErrorCode::kHost, "cannot read the kernel's BTF");
  for (uint32_t kind : {uint32_t{BTF_KIND_ENUM64}, uint32_t{BTF_KIND_ENUM}}) {
    int id = btf__find_by_name_kind(types.get(), type_name, kind);
    if (id < 0) continue;
    const btf_type* type = btf__type_by_id(types.get(), static_cast<uint32_t>(id));
    for (uint32_t i = 0; i < btf_vlen(type); ++i) {
      bool wide = kind == BTF_KIND_ENUM64;
      uint32_t name = wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
      if (std::strcmp(btf__name_by_offset(types.get(), name), enumerant) != 0) continue;
      // An enumerant of 32 bits may be negative; its bits are what the flags need.
      return wide ? btf_enum64_value(&btf_enum64(type)[i])
                  : static_cast<uint64_t>(static_cast<uint32_t>(btf_enum(type)[i].val));
    }
  }
  return Error{ErrorCode::kNotFound,
               "this kernel has no enumerant '" + std::string(enumerant) + "'", ""};
}

uint32_t fault_number(schema::SchedulerFault fault) {
  switch (fault) {
    case schema::SchedulerFault::NONE: return VTIME_FAULT_NONE;
    case schema::SchedulerFault::STALL: return VTIME_FAULT_STALL;
    case schema::SchedulerFault::UNKNOWN_DSQ: return VTIME_FAULT_UNKNOWN_DSQ;
    case schema::SchedulerFault::BPF_ERROR: return VTIME_FAULT_BPF_ERROR;
    case schema::SchedulerFault::SWALLOW: return VTIME_FAULT_SWALLOW;
  }
  return VTIME_FAULT_NONE;
}

std::string text_of(const volatile char* text, size_t limit) {
  std::string copy;
  for (size_t i = 0; i < limit && text[i] != 0; ++i) copy.push_back(text[i]);
  return copy;
}

}  // namespace

void VtimeScheduler::Close::operator()(bpf_object* object) const { bpf_object__close(object); }
void VtimeScheduler::Close::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<std::unique_ptr<VtimeScheduler>> VtimeScheduler::attach(schema::VtimeScheduler::Reader spec,
                                                               OutputTail& output) {
  if (::access("/sys/kernel/sched_ext", F_OK) != 0) {
    return Error{ErrorCode::kNotApplicable, "this kernel has no sched_ext",
                 "it needs CONFIG_SCHED_CLASS_EXT"};
  }
  // Reset at each attach, so that an earlier failure does not explain this one.
  libbpf_set_print(keep_output);
  libbpf_output().clear();
  std::unique_ptr<VtimeScheduler> scheduler(new VtimeScheduler());
  auto load = [&]() -> Result<void> {
    KTAPE_TRY(scheduler->open());
    KTAPE_TRY(scheduler->set_knobs(spec));
    KTAPE_TRY(scheduler->set_ops(spec));
    if (bpf_object__load(scheduler->object_.get()) != 0) return libbpf_error("load");
    // Between load and attach: the map exists now, and its first events come with the attach.
    KTAPE_TRY(scheduler->map_exit());
    scheduler->link_.reset(bpf_map__attach_struct_ops(scheduler->ops_map_));
    if (scheduler->link_ == nullptr) return libbpf_error("attach");
    // Set by the program's init, which has run by the time the attach returns.
    if (scheduler->exit_->no_dsq != 0) libbpf_output().add(kNoDsq);
    if (scheduler->exit_->no_error != 0 && spec.getFault() == schema::SchedulerFault::BPF_ERROR) {
      return Error{ErrorCode::kNotApplicable, kNoError, ""};
    }
    return {};
  };
  Result<void> loaded = load();
  // Also on success: which kfuncs it had to do without.
  output = libbpf_output();
  if (!loaded) {
    Error error = loaded.error();
    error.message = with_excerpt(error.message, libbpf_output().text());
    return error;
  }
  return scheduler;
}

VtimeScheduler::~VtimeScheduler() {
  detach();
  // After detach(): the exit is written while the kernel detaches it.
  if (exit_ != nullptr) ::munmap(const_cast<vtime_exit*>(exit_), sizeof *exit_);
}

Result<void> VtimeScheduler::open() {
  std::span<const std::byte> bytes = vtime_object();
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "ktape_vtime");
  object_.reset(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (object_ == nullptr) return libbpf_error("open");
  ops_map_ = bpf_object__find_map_by_name(object_.get(), kOpsMap);
  name_ops();
  return {};
}

void VtimeScheduler::name_ops() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    // The op is the program's name without its prefix: SEC() names the kind, not the op.
    ops_.emplace_back(bpf_program__name(program) + std::strlen(kProgramPrefix));
  }
}

Result<void> VtimeScheduler::set_knobs(schema::VtimeScheduler::Reader spec) {
  bpf_map* map = bpf_object__find_map_by_name(object_.get(), kKnobsMap);
  // .rodata of a BPF object is frozen at load, so the knobs are constants for the verifier.
  KTAPE_ASSIGN(std::byte * image, initial_value(map, sizeof(vtime_knobs)));
  vtime_knobs knobs{};
  knobs.slice_ns = uint64_t{spec.getSliceUs() == 0 ? kDefaultSliceUs : spec.getSliceUs()} * 1000;
  knobs.fault = fault_number(spec.getFault());
  knobs.fault_after_ns = uint64_t{spec.getFaultAfterMs()} * 1'000'000;
  knobs.keep_vtime_on_enable = spec.getKeepVtimeOnEnable() ? 1 : 0;
  std::memcpy(image, &knobs, sizeof knobs);
  return {};
}

Result<void> VtimeScheduler::set_ops(schema::VtimeScheduler::Reader spec) {
  const btf* types = bpf_object__btf(object_.get());
  KTAPE_ASSIGN(size_t flags_at, ops_member_offset(types, "flags"));
  KTAPE_ASSIGN(size_t timeout_at, ops_member_offset(types, "timeout_ms"));
  KTAPE_ASSIGN(size_t name_at, ops_member_offset(types, "name"));
  KTAPE_ASSIGN(std::byte * image, initial_value(ops_map_, name_at));
  uint64_t flags = 0;
  // Taken from the running kernel's BTF, as its bits are no ABI.
  if (spec.getSwitchMode() == schema::SwitchMode::PARTIAL) {
    KTAPE_ASSIGN(flags, kernel_enumerant("scx_ops_flags", "SCX_OPS_SWITCH_PARTIAL"));
  }
  timeout_ms_ = spec.getTimeoutMs() == 0 ? kDefaultTimeoutMs : spec.getTimeoutMs();
  std::memcpy(image + flags_at, &flags, sizeof flags);
  std::memcpy(image + timeout_at, &timeout_ms_, sizeof timeout_ms_);
  name_ = reinterpret_cast<const char*>(image + name_at);
  return {};
}

Result<void> VtimeScheduler::map_exit() {
  // Not bpf_map__initial_value: after the load that returns a stale copy (libbpf 1.4).
  bpf_map* map = bpf_object__find_map_by_name(object_.get(), kExitMap);
  if (map == nullptr)
    return Error{ErrorCode::kInternal, "the scheduler's object lacks its exit map", ""};
  void* memory = ::mmap(nullptr, sizeof(vtime_exit), PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED)
    return system_error(ErrorCode::kHost, "cannot map the scheduler's exit");
  exit_ = static_cast<const volatile vtime_exit*>(memory);
  return {};
}

std::optional<SchedulerExit> VtimeScheduler::take_exit() {
  // `published` is written last, and read first.
  if (exit_taken_ || exit_ == nullptr || exit_->published == 0) return std::nullopt;
  std::atomic_thread_fence(std::memory_order_acquire);
  exit_taken_ = true;
  return SchedulerExit{exit_->kind, exit_->exit_code, text_of(exit_->reason, sizeof exit_->reason),
                       text_of(exit_->message, sizeof exit_->message),
                       text_of(exit_->dump, sizeof exit_->dump)};
}

std::optional<uint64_t> VtimeScheduler::booked_vtime(Pid pid) const {
  const bpf_map* map = bpf_object__find_map_by_name(object_.get(), kBooksMap);
  // The map is task storage, whose key for user space is a pidfd.
  const UniqueFd task(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
  const int key = task.get();
  uint64_t vtime = 0;
  if (map == nullptr || !task.valid() || bpf_map_lookup_elem(bpf_map__fd(map), &key, &vtime) != 0) {
    return std::nullopt;
  }
  return vtime;
}

void VtimeScheduler::detach() { link_.reset(); }

}  // namespace ktape
