// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ktape {

// Does `count` pieces of work, `jobs` at a time, and passes the results to `take` in order, on the
// calling thread, each as soon as all before it were passed. At most a few times `jobs` results
// wait at any time. When `take` returns false no new piece is started, and those that are running
// are waited for.
template <typename T>
void in_order(size_t count, size_t jobs, const std::function<T(size_t)>& work,
              const std::function<bool(size_t, T)>& take) {
  if (count == 1) {
    (void)take(0, work(0));
    return;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::map<size_t, T> done;
  size_t next = 0;
  size_t taken = 0;
  bool stop = false;

  auto worker = [&] {
    std::unique_lock lock(mutex);
    for (;;) {
      // Bounds the results that wait for a slow one before them.
      changed.wait(lock, [&] { return stop || next >= count || next < taken + 4 * jobs; });
      if (stop || next >= count) return;
      size_t piece = next++;
      lock.unlock();
      T result = work(piece);
      lock.lock();
      done.emplace(piece, std::move(result));
      changed.notify_all();
    }
  };
  // jthread: they are joined whichever way this returns.
  std::vector<std::jthread> workers;
  for (size_t i = 0; i < jobs && i < count; ++i) workers.emplace_back(worker);

  for (size_t piece = 0; piece < count; ++piece) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done.contains(piece); });
    T result = std::move(done.extract(piece).mapped());
    taken = piece + 1;
    lock.unlock();
    changed.notify_all();
    if (take(piece, std::move(result))) continue;
    lock.lock();
    stop = true;
    lock.unlock();
    changed.notify_all();
    return;  // joins the workers
  }
}

}  // namespace ktape
