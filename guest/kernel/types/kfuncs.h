// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ktape {

// The sched_ext kfuncs, by name, whose prototype in a kernel's BTF still shows the argument that
// the verifier fills in, `struct bpf_prog_aux *aux` (KF_IMPLICIT_ARGS, include/linux/btf.h). The
// kernel's build removes it and leaves the full prototype to a twin NAME_impl
// (tools/bpf/resolve_btfids), but only for kfuncs that BTF tags as such, and not every pahole tags
// them all: Debian's 7.1.13 has 19 of these, 7.0.13 and 7.3.4 none. libbpf does not let a scheduler
// call such a kfunc if it declares it without the argument, as all schedulers do: a weak one counts
// as missing, and with any other the scheduler does not load. Also empty if the bytes are not BTF.
[[nodiscard]] std::vector<std::string> kfuncs_with_shown_aux(std::span<const std::byte> btf);

// The first of the kfuncs that appears as a word in the output of a loader; empty: none.
[[nodiscard]] std::string kfunc_named_in(std::string_view text,
                                         const std::vector<std::string>& kfuncs);

}  // namespace ktape
