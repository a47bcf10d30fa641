// SPDX-License-Identifier: Apache-2.0
// bench_most_memory PROGRAM ARGUMENT...: runs a program, prints its peak memory in kB, and ends
// with its exit status. The system counts the memory of the parent at a program's start; this
// parent has next to none.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const pid_t child = fork();
  if (child == 0) {
    (void)!freopen("/dev/null", "w", stdout);
    execv(arguments[1], arguments + 1);
    _exit(127);
  }
  int status = 0;
  struct rusage used;
  if (child < 0 || wait4(child, &status, 0, &used) != child || !WIFEXITED(status)) return 126;
  printf("%ld\n", used.ru_maxrss);
  return WEXITSTATUS(status);
}
