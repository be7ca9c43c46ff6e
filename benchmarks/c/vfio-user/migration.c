// DEVICE_FEATURE, and the state of the device as it moves: its registers, then the bytes of its memory.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "message.h"

enum { STATE_SIZE = sizeof(struct device_registers) + MEMORY_SIZE, STOP_COPY_SUPPORTED = 1 };

static uint32_t state = VU_STATE_RUNNING;
static uint8_t moving[STATE_SIZE];
static uint32_t moved;

int device_runs(void) { return state == VU_STATE_RUNNING; }

void migration_reset(void) {
  state = VU_STATE_RUNNING;
  moved = 0;
}

static int load(void) {
  if (moved != STATE_SIZE) return EINVAL;
  memcpy(&device, moving, sizeof device);
  memcpy(device_memory, moving + sizeof device, MEMORY_SIZE);
  irq_line_changed();
  return 0;
}

static int enter(uint32_t next) {
  if (next < VU_STATE_STOP || next > VU_STATE_RESUMING) return EINVAL;
  if (next == state) return 0;
  if (state == VU_STATE_RESUMING) {
    const int error = load();
    if (error != 0) {
      state = VU_STATE_ERROR;
      return error;
    }
  }
  if (next == VU_STATE_STOP_COPY) {
    memcpy(moving, &device, sizeof device);
    memcpy(moving + sizeof device, device_memory, MEMORY_SIZE);
  }
  moved = 0;
  state = next;
  return 0;
}

// What a feature can be asked.
static uint32_t operations(uint32_t feature) {
  switch (feature) {
    case VU_FEATURE_MIGRATION: return VU_GET;
    case VU_FEATURE_STATE: return VU_GET | VU_SET;
    case VU_FEATURE_LOG_START: return VU_SET;
    case VU_FEATURE_LOG_STOP: return VU_SET;
    case VU_FEATURE_LOG_REPORT: return VU_GET;
    default: return 0;
  }
}

static int add(struct message* reply, const void* bytes, uint32_t size) {
  memcpy(reply->body + reply->size, bytes, size);
  reply->size += size;
  return 0;
}

static int device_state(const uint8_t* data, uint32_t size, int is_set, struct message* reply) {
  struct vu_device_state wanted;
  if (is_set) {
    if (size < sizeof wanted) return EINVAL;
    memcpy(&wanted, data, sizeof wanted);
    const int error = enter(wanted.state);
    if (error != 0) return error;
  }
  const struct vu_device_state now = {state, UINT32_MAX};  // its bytes come by messages, not by a descriptor
  return add(reply, &now, sizeof now);
}

static int report(const uint8_t* data, uint32_t size, uint32_t argsz, struct message* reply) {
  struct vu_log_report range;
  if (size < sizeof range) return EINVAL;
  memcpy(&range, data, sizeof range);
  add(reply, &range, sizeof range);
  const uint32_t room = argsz < VU_MAX_DATA ? argsz : VU_MAX_DATA;
  if (room < reply->size) return EINVAL;
  const int bytes = log_report(range.address, range.size, range.page, reply->body + reply->size, room - reply->size);
  if (bytes < 0) return -bytes;
  reply->size += (uint32_t)bytes;
  return 0;
}

int feature(const struct message* request, struct message* reply) {
  struct vu_feature head;
  memcpy(&head, request->body, sizeof head);
  const uint8_t* data = request->body + sizeof head;
  const uint32_t size = request->size - sizeof head;
  const uint32_t asked = head.flags & (VU_GET | VU_SET);
  const uint32_t index = head.flags & VU_FEATURE;
  if (head.argsz < sizeof head || (head.flags & ~(uint32_t)(VU_FEATURE | VU_GET | VU_SET | VU_PROBE))) return EINVAL;
  const int is_probe = (head.flags & VU_PROBE) != 0;
  if (asked == 0 || (!is_probe && asked == (VU_GET | VU_SET))) return EINVAL;
  if ((operations(index) & asked) != asked) return ENOTTY;
  add(reply, &head, sizeof head);
  if (is_probe) return 0;
  const uint64_t supported = STOP_COPY_SUPPORTED;
  switch (index) {
    case VU_FEATURE_MIGRATION: return add(reply, &supported, sizeof supported);
    case VU_FEATURE_STATE: return device_state(data, size, asked == VU_SET, reply);
    case VU_FEATURE_LOG_START: {
      const int error = log_start(data, size);
      return error != 0 ? error : add(reply, data, size);
    }
    case VU_FEATURE_LOG_STOP: log_stop(); return 0;
    default: return report(data, size, head.argsz, reply);
  }
}

// The reply is as long as was asked for, whatever is left: `size` tells how much of it counts.
int migration_read(const struct message* request, struct message* reply) {
  struct vu_mig_data ask;
  memcpy(&ask, request->body, sizeof ask);
  if (state != VU_STATE_STOP_COPY || ask.size > VU_MAX_DATA || ask.argsz < sizeof ask + (uint64_t)ask.size) {
    return EINVAL;
  }
  const uint32_t left = STATE_SIZE - moved;
  const struct vu_mig_data told = {sizeof told + ask.size, ask.size < left ? ask.size : left};
  add(reply, &told, sizeof told);
  memset(reply->body + reply->size, 0, ask.size);
  memcpy(reply->body + reply->size, moving + moved, told.size);
  reply->size += ask.size;
  moved += told.size;
  return 0;
}

int migration_write(const struct message* request) {
  struct vu_mig_data data;
  memcpy(&data, request->body, sizeof data);
  if (state != VU_STATE_RESUMING || data.size != request->size - sizeof data) return EINVAL;
  if (data.size > STATE_SIZE - moved) return EINVAL;
  memcpy(moving + moved, request->body + sizeof data, data.size);
  moved += data.size;
  return 0;
}
