// SPDX-License-Identifier: Apache-2.0
//
// The program of a scheduler that brings a second one: runs scx_qmap, and under it another one for
// a cgroup of its own. Both are in the process group that gets the signals; this ends after them.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/opt/scx_qmap"
#define CGROUP "/sys/fs/cgroup/below"

static pid_t start(char* const arguments[]) {
  pid_t pid = fork();
  if (pid == 0) {
    execv(PROGRAM, arguments);
    perror(PROGRAM);
    _exit(127);
  }
  return pid;
}

static int enabled(void) {
  char state[16] = "";
  int fd = open("/sys/kernel/sched_ext/state", O_RDONLY);
  ssize_t n = read(fd, state, sizeof state - 1);
  close(fd);
  return n > 0 && strncmp(state, "enabled", 7) == 0;
}

static void ignore(int signal) { (void)signal; }

int main(void) {
  // Not SIG_IGN, which the children would inherit.
  signal(SIGINT, ignore);
  signal(SIGTERM, ignore);
  char* root[] = {PROGRAM, NULL};
  char* below[] = {PROGRAM, "-c", CGROUP, NULL};
  start(root);
  for (int i = 0; i < 300 && !enabled(); ++i) usleep(100 * 1000);
  int fd = open("/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY);
  if (write(fd, "+cpu", 4) != 4) perror("cgroup.subtree_control");
  close(fd);
  if (mkdir(CGROUP, 0755) != 0) perror(CGROUP);
  start(below);
  // Until both have ended; a signal interrupts the wait.
  for (int ended = 0; ended < 2;) {
    if (wait(NULL) > 0) ++ended;
  }
  return 0;
}
