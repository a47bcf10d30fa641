// SPDX-License-Identifier: Apache-2.0
//
// The program of a scheduler that comes and goes: runs scx_simple so many times, one after the
// other, and ends each as soon as it is there. Then it waits for a signal.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/opt/scx_simple"

static int enabled(void) {
  char state[16] = "";
  int fd = open("/sys/kernel/sched_ext/state", O_RDONLY);
  ssize_t n = read(fd, state, sizeof state - 1);
  close(fd);
  return n > 0 && strncmp(state, "enabled", 7) == 0;
}

int main(int argc, char** argv) {
  for (int times = argc > 1 ? atoi(argv[1]) : 1; times > 0; --times) {
    pid_t pid = fork();
    if (pid == 0) {
      execl(PROGRAM, PROGRAM, (char*)NULL);
      perror(PROGRAM);
      _exit(127);
    }
    for (int i = 0; i < 10000 && !enabled(); ++i) usleep(1000);
    kill(pid, SIGINT);
    waitpid(pid, NULL, 0);
    while (enabled()) usleep(1000);
  }
  printf("done\n");
  fflush(stdout);
  pause();
  return 0;
}
