// SPDX-License-Identifier: Apache-2.0
//
// Holds as many BPF maps as scx_pair makes, one for each cgroup that there may be, while the
// program that is named on its command line runs.

#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAPS 4100

int main(int argc, char* argv[]) {
  struct rlimit limit = {MAPS + 100, MAPS + 100};
  if (argc < 2 || setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
  for (int i = 0; i < MAPS; ++i) {
    union bpf_attr map;
    memset(&map, 0, sizeof map);
    map.map_type = BPF_MAP_TYPE_QUEUE;
    map.value_size = 4;
    map.max_entries = 256;
    if (syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map) < 0) {
      perror("cannot make a map");
      return 2;
    }
  }
  if (fork() == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  return wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
