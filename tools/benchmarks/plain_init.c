// SPDX-License-Identifier: Apache-2.0
// PID 1 of the guest with which `ktape capture` is compared: loads and attaches ktape's scheduler,
// reports it on the console, and sleeps.
#include <bpf/libbpf.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int attach(void) {
  struct bpf_object* object = bpf_object__open_file("/scheduler.bpf.o", NULL);
  struct bpf_map* map;
  if (object == NULL || bpf_object__load(object) != 0) return 0;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
      return bpf_map__attach_struct_ops(map) != NULL;
  }
  return 0;
}

int main(void) {
  mkdir("/sys", 0755);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  puts(attach() ? "plain_init: attached" : "plain_init: failed");
  fflush(stdout);
  for (;;) pause();
}
