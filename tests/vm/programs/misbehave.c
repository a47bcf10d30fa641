// SPDX-License-Identifier: Apache-2.0
//
// A guest that misbehaves, run in it as an external scheduler's program, which is root there:
//
//   power-off        the guest ends, and its agent never says done
//   kill-agent       the agent, PID 1, meets a SIGSEGV
//   stop-agent       the agent never runs again. With scx_simple attached, once the workers have
//   started send FILE        what FILE holds goes to the host over the agent's own port

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCHEDULER "/opt/scx_simple"
#define WORKER "victim\n"

static int fail(const char* what) {
  perror(what);
  return 1;
}

static int attach_to_agent(void) {
  if (ptrace(PTRACE_ATTACH, 1, NULL, NULL) != 0) return fail("ptrace");
  return waitpid(1, NULL, __WALL) == 1 ? 0 : fail("waitpid");
}

static int kill_agent(void) {
  struct user_regs_struct registers;
  if (attach_to_agent() != 0) return 1;
  if (ptrace(PTRACE_GETREGS, 1, NULL, &registers) != 0) return fail("ptrace");
  registers.rip = 0;
  registers.orig_rax = (unsigned long long)-1;  // no system call to restart
  if (ptrace(PTRACE_SETREGS, 1, NULL, &registers) != 0) return fail("ptrace");
  if (ptrace(PTRACE_DETACH, 1, NULL, NULL) != 0) return fail("ptrace");
  sleep(60);
  return 1;
}

// Whether the first line of /proc/PID/comm is the worker's name.
static int is_worker(const char* pid) {
  char path[64], name[32] = "";
  snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
  int fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  ssize_t n = read(fd, name, sizeof name - 1);
  close(fd);
  return n > 0 && strcmp(name, WORKER) == 0;
}

static int worker_runs(void) {
  int found = 0;
  DIR* processes = opendir("/proc");
  for (struct dirent* entry; processes != NULL && (entry = readdir(processes)) != NULL;)
    found |= is_worker(entry->d_name);
  if (processes != NULL) closedir(processes);
  return found;
}

static int stop_agent(void) {
  if (fork() == 0) {
    execl(SCHEDULER, SCHEDULER, (char*)NULL);
    _exit(fail(SCHEDULER));
  }
  while (!worker_runs()) usleep(50 * 1000);
  sleep(1);  // the first step has begun
  if (attach_to_agent() != 0) return 1;
  // A tracee stays stopped for as long as its tracer lives.
  for (;;) pause();
}

// The agent has the port's only descriptor: the device opens once.
static int agents_port(void) {
  int agent = (int)syscall(SYS_pidfd_open, 1, 0);
  for (int fd = 3; fd < 64; ++fd) {
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0) continue;
    if (strncmp(target, "/dev/vport", 10) == 0) return (int)syscall(SYS_pidfd_getfd, agent, fd, 0);
  }
  return -1;
}

static int send_file(const char* path) {
  static char bytes[1 << 15];
  int from = open(path, O_RDONLY);
  int port = agents_port();
  if (from < 0 || port < 0) return fail(path);
  sleep(1);  // the agent has said what it has to say for now
  for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;) {
    if (write(port, bytes, (size_t)n) != n) return fail("write");
  }
  sleep(60);
  return 1;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "power-off") == 0) return reboot(RB_POWER_OFF);
  if (strcmp(what, "kill-agent") == 0) return kill_agent();
  if (strcmp(what, "stop-agent") == 0) return stop_agent();
  if (strcmp(what, "send") == 0 && argc == 3) return send_file(argv[2]);
  fprintf(stderr, "usage: misbehave power-off | kill-agent | stop-agent | send FILE\n");
  return 2;
}
