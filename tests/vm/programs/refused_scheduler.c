// SPDX-License-Identifier: Apache-2.0
//
// The program of a scheduler that the kernel's verifier refuses: ktape's own, but one callback
// begins with a read above its stack. What libbpf prints, the verifier's log among it, goes to
// standard error.

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT "/opt/ktape_vtime.bpf.o"

static int spoil(struct bpf_program* program) {
  const struct bpf_insn bad = {
      .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_10, .off = 8};
  size_t count = bpf_program__insn_cnt(program);
  struct bpf_insn* instructions = calloc(count, sizeof bad);
  memcpy(instructions, bpf_program__insns(program), count * sizeof bad);
  instructions[0] = bad;
  int status = bpf_program__set_insns(program, instructions, count);
  free(instructions);
  return status;
}

int main(void) {
  struct bpf_object* object = bpf_object__open_file(OBJECT, NULL);
  struct bpf_program* enqueue =
      object ? bpf_object__find_program_by_name(object, "vtime_enqueue") : NULL;
  if (enqueue == NULL || spoil(enqueue) != 0) {
    perror(OBJECT);
    return 2;
  }
  if (bpf_object__load(object) == 0) {
    fprintf(stderr, "the verifier took it\n");
    return 3;
  }
  perror("the scheduler was not loaded");
  return 1;
}
