// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program, it makes the wall clock jump: every 300 ms, by years, forth and back.
// The monotonic clock goes on as it is.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
  static const long kSeconds[] = {0, 400L * 86400, -3650L * 86400, 3600};
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return kSeconds[(now.tv_sec * 10 + now.tv_nsec / 100000000) / 3 % 4];
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  long failed = syscall(SYS_clock_gettime, clock, time);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    time->tv_sec += jump();
  return (int)failed;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
