// SPDX-License-Identifier: Apache-2.0
//
// The guest's part of the campaigns `attaches` and `static-keys`: makes the kernel patch its code
// repeatedly, and reports how often it did.
//
//   provoke attaches N PROGRAM
//     runs PROGRAM, which attaches a scheduler, N times, and ends it as soon as it is attached
//   provoke static-keys N PROGRAM
//     runs PROGRAM once, and switches the static key of sched_schedstats N times meanwhile
//
// Each switch of that key patches the scheduler's paths; an attach and its detach switch a dozen
// keys of sched_ext.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int is_enabled(void) {
  char state[16] = "";
  int fd = open("/sys/kernel/sched_ext/state", O_RDONLY);
  ssize_t n = read(fd, state, sizeof state - 1);
  close(fd);
  return n > 0 && strncmp(state, "enabled", 7) == 0;
}

static pid_t start(const char* program) {
  pid_t pid = fork();
  if (pid == 0) {
    execl(program, program, (char*)NULL);
    perror(program);
    _exit(127);
  }
  while (!is_enabled()) {
    if (waitpid(pid, NULL, WNOHANG) != 0) {
      fprintf(stderr, "%s ended before its scheduler was enabled\n", program);
      exit(1);
    }
    usleep(1000);
  }
  return pid;
}

static void end(pid_t pid) {
  kill(pid, SIGINT);
  waitpid(pid, NULL, 0);
  while (is_enabled()) usleep(1000);
}

static void say(int done) {
  printf("provoked %d\n", done);
  fflush(stdout);
}

static void attaches(int times, const char* program) {
  for (int done = 1; done <= times; ++done) {
    end(start(program));
    say(done);
  }
}

static void static_keys(int times, const char* program) {
  const int kSayEvery = 100;
  pid_t scheduler = start(program);
  int key = open("/proc/sys/kernel/sched_schedstats", O_WRONLY);
  if (key < 0) {
    perror("sched_schedstats");
    exit(1);
  }
  for (int done = 1; done <= times; ++done) {
    usleep(500);
    if (pwrite(key, done % 2 ? "1" : "0", 1, 0) != 1) {
      perror("sched_schedstats");
      exit(1);
    }
    if (done % kSayEvery == 0 || done == times) say(done);
  }
  end(scheduler);
}

int main(int argc, char** argv) {
  if (argc != 4 || atoi(argv[2]) < 1) {
    fprintf(stderr, "usage: provoke attaches|static-keys N PROGRAM\n");
    return 2;
  }
  // Otherwise it and PROGRAM would wait among the tasks that keep the CPUs busy; those run while it
  // naps, and on the other CPUs.
  const struct sched_param priority = {.sched_priority = 50};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  if (strcmp(argv[1], "attaches") == 0)
    attaches(atoi(argv[2]), argv[3]);
  else
    static_keys(atoi(argv[2]), argv[3]);
  return 0;
}
