// SPDX-License-Identifier: Apache-2.0
//
// The program of a scheduler whose enable fails: ktape's own, but ops.init() asks for a DSQ that is
// the kernel's. The program does not mind, and lives on until it gets a signal.

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECT "/opt/ktape_vtime.bpf.o"
#define FIRST_ARGUMENT BPF_REG_1

// A DSQ's id with every bit set has that of built-in ones. Each constant first argument is one: an
// id, or nothing that ops.init() does without having come so far.
static int spoil(struct bpf_program* program) {
  size_t count = bpf_program__insn_cnt(program);
  struct bpf_insn* instructions = calloc(count, sizeof *instructions);
  int spoilt = 0;
  memcpy(instructions, bpf_program__insns(program), count * sizeof *instructions);
  for (size_t i = 0; i < count; ++i) {
    if (instructions[i].code != (BPF_ALU64 | BPF_MOV | BPF_K) ||
        instructions[i].dst_reg != FIRST_ARGUMENT)
      continue;
    instructions[i].imm = -1;
    spoilt = 1;
  }
  int status = bpf_program__set_insns(program, instructions, count);
  free(instructions);
  return spoilt ? status : -1;
}

int main(void) {
  struct bpf_object* object = bpf_object__open_file(OBJECT, NULL);
  struct bpf_program* init = object ? bpf_object__find_program_by_name(object, "vtime_init") : NULL;
  if (init == NULL || spoil(init) != 0 || bpf_object__load(object) != 0) {
    perror(OBJECT);
    return 2;
  }
  struct bpf_link* link =
      bpf_map__attach_struct_ops(bpf_object__find_map_by_name(object, "vtime_ops"));
  printf("the link %s\n", link ? "was made" : "was not made");
  fflush(stdout);
  pause();
  return 0;
}
