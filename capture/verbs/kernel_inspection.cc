// SPDX-License-Identifier: Apache-2.0
#include "capture/verbs/kernel_inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "capture/freeze/freeze_triggers.h"
#include "capture/verbs/scenario_check.h"
#include "guest/kernel/image/banner.h"
#include "guest/kernel/ops/op_plan.h"
#include "guest/kernel/ops/op_records.h"
#include "guest/kernel/types/kfuncs.h"
#include "schema/base/digest.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

// Functions, because a kernel without KALLSYMS_ALL lists no other symbols.
constexpr std::array kBuiltIns = {
    BuiltIn{"BLK_DEV_INITRD", "unpack_to_rootfs", "the agent, which is in an initramfs"},
    BuiltIn{"RD_ZSTD", "unzstd", "the agent, whose initramfs is compressed with zstd"},
    BuiltIn{"DEVTMPFS", "devtmpfs_init", "the agent's devices"},
    BuiltIn{"PCI", "pci_subsys_init", "the machine's devices"},
    BuiltIn{"VIRTIO_PCI", "virtio_pci_probe", "the channel to the agent"},
    BuiltIn{"VIRTIO_CONSOLE", "virtcons_probe", "the channel to the agent"},
    BuiltIn{"SERIAL_8250_CONSOLE", "univ8250_console_init",
            "the console on the tape, and with it panics"},
    BuiltIn{"PVH", "pvh_start_xen", "booting the unpacked vmlinux ('--no-kaslr')", false},
    BuiltIn{"BPF_SYSCALL", "__x64_sys_bpf", "schedulers", false},
    BuiltIn{"BPF_JIT", "bpf_struct_ops_link_create", "schedulers", false},
    BuiltIn{"CGROUPS", "cgroup_init", "workers in cgroups", false},
};

class OpsInspector {
 public:
  explicit OpsInspector(const KernelKnowledge& kernel) : kernel_(kernel), log_(*kernel.btf) {}

  InspectedOp inspect(schema::ScenarioOp::Reader from) {
    const auto entry = from.getEntry();
    InspectedOp to{entry.getTag().cStr(), target_text(entry.getTarget()), ""};
    const Result<Op> op = read_op(entry, from.getMode());
    const Result<void> served = op.ok() ? serve(*op, from.getMode()) : Result<void>(op.error());
    if (!served.ok()) to.problem = served.error().message;
    return to;
  }

  std::vector<UsedLayout> layouts() { return log_.take(); }

 private:
  Result<void> serve(const Op& op, schema::OpMode mode) {
    KTAPE_ASSIGN(const TargetPlan plan, plan_target(kernel_, op.target, log_));
    KTAPE_TRY(fit_op(plan, op, mode));
    return {};
  }

  const KernelKnowledge& kernel_;
  LayoutLog log_;
};

void inspect_ops(const KernelKnowledge& kernel, schema::Scenario::Reader scenario,
                 KernelInspection& to) {
  OpsInspector inspector(kernel);
  for (auto step : scenario.getSteps()) {
    for (auto action : step.getActions()) {
      if (action.isOp()) to.ops.push_back(inspector.inspect(action.getOp()));
    }
  }
  to.layouts = inspector.layouts();
}

// Checks each trigger by itself, as a capture would, then all of them together. Together they may
// need more breakpoints than a CPU has.
void inspect_triggers(const KernelKnowledge& kernel, schema::Scenario::Reader scenario,
                      KernelInspection& to) {
  std::vector<std::string> all;
  bool each = true;
  for (auto value : scenario.getFreezes().getOn()) {
    all.emplace_back(value.cStr());
    const auto planned = plan_triggers({all.back()}, kernel, scenario);
    to.triggers.push_back({all.back(), planned.ok() ? "" : planned.error().message});
    each = each && planned.ok();
  }
  const auto together = plan_triggers(all, kernel, scenario);
  // Only if each is good by itself; otherwise the same mistake would be reported twice.
  if (each && !together.ok() && to.scenario_problem.empty())
    to.scenario_problem = together.error().message;
}

void inspect_symbols(const SymbolTable& symbols, KernelInspection& to) {
  to.symbols = symbols.symbols().size();
  for (const BuiltIn& what : kBuiltIns) {
    to.built_in.push_back({what, symbols.find(what.symbol).has_value()});
  }
}

void inspect_types(std::span<const std::byte> btf, KernelInspection& to) {
  to.btf_bytes = btf.size();
  const Result<std::unique_ptr<Btf>> types = Btf::parse(btf);
  if (types.ok()) to.btf_types = (*types)->types();
  to.shown_aux = kfuncs_with_shown_aux(btf);
}

std::string or_unknown(const std::string& text) {
  // Banner, release and BTF are the image's own words.
  return text.empty() ? "not known" : printable(text);
}

std::string missing_text(const KernelInspection& kernel) {
  std::string text;
  for (const FoundBuiltIn& found : kernel.built_in) {
    if (found.present) continue;
    text +=
        fmt::format("{:<12}{:<20} needed by {}{}\n", text.empty() ? "missing" : "", found.what.name,
                    found.what.needed, found.what.always ? "" : "; other runs work without it");
  }
  if (!text.empty()) return text;
  if (kernel.built_in.empty()) return "missing     not known without symbols\n";
  return "missing     nothing: everything a guest needs is built in\n";
}

std::string kfuncs_text(const std::vector<std::string>& kfuncs) {
  if (kfuncs.empty()) return "";
  std::string text = fmt::format(
      "\nsched_ext kfuncs whose BTF shows the argument that the verifier fills in ({});\n"
      "schedulers built for the other form will not load\n",
      kfuncs.size());
  for (const std::string& kfunc : kfuncs) text += "  " + printable(kfunc) + "\n";
  return text;
}

std::string layouts_text(const std::vector<UsedLayout>& layouts) {
  std::string text;
  for (const UsedLayout& layout : layouts) {
    text +=
        fmt::format("  {:<24} {:<28} +{:<6} {:>5} bytes  {}\n", printable(layout.type), layout.path,
                    layout.offset_bytes, layout.size_bytes, printable(layout.encoding));
  }
  return text;
}

std::string triggers_text(const std::vector<InspectedTrigger>& triggers) {
  std::string problems;
  for (const InspectedTrigger& trigger : triggers) {
    if (!trigger.problem.empty())
      problems += fmt::format("  {}: {}\n", printable(trigger.on), printable(trigger.problem));
  }
  return problems.empty() ? "" : "\nfreeze triggers that this kernel does not support\n" + problems;
}

void put_built_in(JsonWriter& json, const KernelInspection& kernel) {
  json.key("builtIn").list();
  for (const FoundBuiltIn& found : kernel.built_in) {
    json.object()
        .field("name", found.what.name)
        .field("neededBy", found.what.needed)
        .field("always", found.what.always)
        .field("present", found.present)
        .end();
  }
  json.end();
}

void put_layouts(JsonWriter& json, const KernelInspection& kernel) {
  json.key("layouts").list();
  for (const UsedLayout& one : kernel.layouts) {
    json.object()
        .field("type", one.type)
        .field("path", one.path)
        .field("offsetBytes", JsonDigits{one.offset_bytes})
        .field("sizeBytes", JsonDigits{one.size_bytes})
        .field("encoding", one.encoding)
        .end();
  }
  json.end();
}

void put_ops(JsonWriter& json, const KernelInspection& kernel) {
  json.key("ops").list();
  for (const InspectedOp& one : kernel.ops) {
    json.object()
        .field("tag", one.tag)
        .field("target", one.target)
        .field("problem", one.problem)
        .end();
  }
  json.end();
}

void put_triggers(JsonWriter& json, const KernelInspection& kernel) {
  json.key("freezeOn").list();
  for (const InspectedTrigger& one : kernel.triggers)
    json.object().field("on", one.on).field("problem", one.problem).end();
  json.end();
}

}  // namespace

KernelInspection inspect_kernel(const KernelImage& image, schema::Scenario::Reader scenario) {
  KernelInspection to;
  to.format = image.is_bzimage ? "bzImage, " + image.codec : "vmlinux";
  // Step by step, as far as it goes: an image that ktape cannot use is described by what it does
  // have.
  const Result<ElfImage> elf = ElfImage::parse(image.vmlinux);
  if (!elf.ok()) {
    to.unusable.push_back(elf.error().message);
    return to;
  }
  to.banner = elf->banner();
  to.build_id = elf->build_id();
  // Also where learn_kernel() will fail below: that names only the first thing that lacks.
  const Result<SymbolTable> symbols = SymbolTable::from_kallsyms(*elf);
  if (symbols.ok()) inspect_symbols(*symbols, to);
  const ElfSection* btf = elf->section(".BTF");
  if (btf != nullptr) inspect_types(btf->bytes, to);

  const Result<std::shared_ptr<const KernelKnowledge>> known = learn_kernel(image.vmlinux);
  if (known.ok()) {
    const KernelKnowledge& kernel = **known;
    to.banner = kernel.banner;
    to.sched_ext = kernel.has_sched_ext();
    to.hz = kernel.hz;
    if (const auto runs = check_sched_ext(scenario, kernel); !runs.ok())
      to.scenario_problem = runs.error().message;
    inspect_ops(kernel, scenario, to);
    inspect_triggers(kernel, scenario, to);
  } else {
    to.unusable.push_back(known.error().message);
  }
  for (const FoundBuiltIn& found : to.built_in) {
    if (!found.present && found.what.always)
      to.unusable.push_back(fmt::format("{} is not built in", found.what.name));
  }
  to.release = release_in(to.banner);
  to.preemption = preemption_in(to.banner);
  return to;
}

std::string inspection_text(const KernelInspection& kernel, std::string_view scenario_name) {
  std::string text;
  const auto field = [&](std::string_view label, const std::string& value) {
    text += fmt::format("{:<12}{}\n", label, value);
  };
  field("release", or_unknown(kernel.release));
  field("banner", or_unknown(kernel.banner));
  field("build-id", kernel.build_id.empty() ? "none" : to_hex(kernel.build_id));
  field("image", kernel.format);
  field("sched_ext", kernel.sched_ext ? "yes" : "no");
  field("BTF", kernel.btf_bytes == 0
                   ? "none"
                   : fmt::format("{} bytes, {} types", kernel.btf_bytes, kernel.btf_types));
  field("symbols", kernel.symbols == 0 ? "none" : fmt::format("{}", kernel.symbols));
  field("HZ", kernel.hz == 0 ? "not known" : fmt::format("{}", kernel.hz));
  field("preemption", or_unknown(kernel.preemption));
  text += missing_text(kernel);
  text += kfuncs_text(kernel.shown_aux);
  if (!kernel.layouts.empty()) {
    text += fmt::format("\nfields that scenario '{}' names\n{}", scenario_name,
                        layouts_text(kernel.layouts));
  }
  std::string problems;
  for (const InspectedOp& op : kernel.ops) {
    if (!op.problem.empty())
      problems += fmt::format("  {}: {}: {}\n", printable(op.tag), printable(op.target),
                              printable(op.problem));
  }
  if (!kernel.scenario_problem.empty())
    text += "\nthis kernel cannot run the scenario: " + printable(kernel.scenario_problem) + "\n";
  if (!problems.empty()) text += "\nops of the scenario that this kernel cannot serve\n" + problems;
  text += triggers_text(kernel.triggers);
  if (!kernel.unusable.empty()) text += "\n";
  for (const std::string& why : kernel.unusable) text += "UNUSABLE: " + printable(why) + "\n";
  return text;
}

std::string inspection_json(const KernelInspection& kernel, std::string_view scenario_name) {
  JsonWriter json;
  json.object()
      .field("format", JsonFormat::kKernel)
      .field("release", kernel.release)
      .field("banner", kernel.banner)
      .field("buildId", to_hex(kernel.build_id))
      .field("image", kernel.format)
      .field("schedExt", kernel.sched_ext)
      .field("btfBytes", JsonDigits{kernel.btf_bytes})
      .field("btfTypes", kernel.btf_types)
      .key("kfuncsWithShownAux")
      .values(kernel.shown_aux)
      .field("symbols", JsonNumber{kernel.symbols})
      .field("hz", kernel.hz)
      .field("preemption", kernel.preemption);
  put_built_in(json, kernel);
  json.field("scenario", scenario_name).field("scenarioProblem", kernel.scenario_problem);
  put_layouts(json, kernel);
  put_ops(json, kernel);
  put_triggers(json, kernel);
  return json.key("unusable").values(kernel.unusable).end().newline().take();
}

}  // namespace ktape
