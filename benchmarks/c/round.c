#include "round.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

_Noreturn void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

static void* idle(void* unused) {
  for (;;) pause();
  return unused;
}

void add_idle_thread(void) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, idle, NULL);
  if (errno != 0) fail("pthread_create");
}

static uint64_t quickest_slice(void (*work)(uint64_t count), uint64_t count, int slices) {
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < slices; ++i) {
    const uint64_t start = now_ns();
    work(count);
    const uint64_t took = now_ns() - start;
    if (took < best) best = took;
  }
  return best;
}

double quickest(void (*work)(uint64_t count), uint64_t count, int slices) {
  const uint64_t clock = quickest_slice(work, 0, slices);
  return ((double)quickest_slice(work, count, slices) - (double)clock) / (double)count;
}

static int compare(const void* left, const void* right) {
  const uint64_t a = *(const uint64_t*)left;
  const uint64_t b = *(const uint64_t*)right;
  return (a > b) - (a < b);
}

double median(uint64_t* samples, size_t count) {
  qsort(samples, count, sizeof *samples, compare);
  return (double)samples[count / 2];
}

void serve(double (*round)(void)) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    printf("%.4f\n", round());
    fflush(stdout);
  }
}

_Noreturn void serve_choice(const struct choice* choices, const char* name) {
  for (; choices->name != NULL; ++choices) {
    if (strcmp(choices->name, name) != 0) continue;
    serve(choices->round);
    exit(0);
  }
  errno = EINVAL;
  fail(name);
}
