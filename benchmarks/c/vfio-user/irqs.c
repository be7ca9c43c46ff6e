// Interrupts by eventfds: DEVICE_SET_IRQS in all its forms.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "message.h"

enum { CONFIG_COMMAND_HIGH = 0x05, INTX_DISABLE = 4 };

static const struct {
  int vectors;
  uint32_t flags;
} kinds[VU_IRQS] = {
    [VU_INTX] = {1, VU_IRQ_EVENTFD | VU_IRQ_MASKABLE | VU_IRQ_AUTOMASKED},
    [VU_MSI] = {0, VU_IRQ_EVENTFD | VU_IRQ_NORESIZE},
    [VU_MSIX] = {VECTORS, VU_IRQ_EVENTFD},
    [VU_ERR] = {0, VU_IRQ_EVENTFD | VU_IRQ_NORESIZE},
    [VU_REQ] = {1, VU_IRQ_EVENTFD | VU_IRQ_NORESIZE},
};

static struct {
  int fd_plus_one;  // 0: none
  uint8_t masked;
} irqs[VU_IRQS][VECTORS];

int irq_vectors(uint32_t index) { return index < VU_IRQS ? kinds[index].vectors : -1; }
uint32_t irq_flags(uint32_t index) { return kinds[index].flags; }

int msix_enabled(void) {
  for (int i = 0; i < VECTORS; ++i) {
    if (irqs[VU_MSIX][i].fd_plus_one != 0) return 1;
  }
  return 0;
}

// What a vector does when nothing masks it.
static void signal_vector(uint32_t index, uint32_t vector) {
  const uint64_t one = 1;
  const int fd = irqs[index][vector].fd_plus_one - 1;
  // A counter that is full has told already.
  if (fd >= 0 && write(fd, &one, sizeof one) < 0 && errno != EAGAIN) irqs[index][vector].fd_plus_one = 0;
  // A line is masked with each interrupt until its driver has served it.
  if (index == VU_INTX) irqs[index][vector].masked = 1;
}

void irq_fire(uint32_t index, uint32_t vector) {
  if (vector >= (uint32_t)kinds[index].vectors) return;
  signal_vector(index, vector);
}

void irq_line_changed(void) {
  const int disabled = (device.config[CONFIG_COMMAND_HIGH] & INTX_DISABLE) != 0;
  if (device.line && !disabled && !irqs[VU_INTX][0].masked && irqs[VU_INTX][0].fd_plus_one != 0) signal_vector(VU_INTX, 0);
}

static void unmask(uint32_t index, uint32_t vector) {
  irqs[index][vector].masked = 0;
  irq_line_changed();
}

static void connect_vector(uint32_t index, uint32_t vector, int fd) {
  if (irqs[index][vector].fd_plus_one != 0) close(irqs[index][vector].fd_plus_one - 1);
  memset(&irqs[index][vector], 0, sizeof irqs[index][vector]);
  irqs[index][vector].fd_plus_one = fd + 1;
  if (index == VU_INTX) irq_line_changed();
}

static void disable(uint32_t index) {
  for (int i = 0; i < kinds[index].vectors; ++i) connect_vector(index, (uint32_t)i, -1);
}

void irq_disconnect(void) {
  for (uint32_t index = 0; index < VU_IRQS; ++index) disable(index);
}

static int connect_range(const struct vu_set_irqs* set, struct message* request) {
  if (request->fd_count != 0 && (uint32_t)request->fd_count != set->count) return EINVAL;
  if ((set->flags & VU_TRIGGER) == 0) return ENOTTY;
  for (uint32_t i = 0; i < set->count; ++i) {
    connect_vector(set->index, set->start + i, request->fd_count > 0 ? request->fds[i] : -1);
    if (request->fd_count > 0) request->fds[i] = -1;
  }
  return 0;
}

static void act(const struct vu_set_irqs* set, const uint8_t* chosen) {
  for (uint32_t i = 0; i < set->count; ++i) {
    if (chosen != NULL && !chosen[i]) continue;
    const uint32_t vector = set->start + i;
    if (set->flags & VU_MASK) irqs[set->index][vector].masked = 1;
    else if (set->flags & VU_UNMASK) unmask(set->index, vector);
    else if (irqs[set->index][vector].fd_plus_one != 0) signal_vector(set->index, vector);
  }
}

static int is_one_bit(uint32_t bits) { return bits != 0 && (bits & (bits - 1)) == 0; }

int irq_set(struct message* request) {
  struct vu_set_irqs set;
  memcpy(&set, request->body, sizeof set);
  const uint32_t data = set.flags & (VU_DATA_NONE | VU_DATA_BOOL | VU_DATA_EVENTFD);
  const uint32_t action = set.flags & (VU_MASK | VU_UNMASK | VU_TRIGGER);
  if (set.flags != (data | action) || !is_one_bit(data) || !is_one_bit(action)) return EINVAL;
  const int vectors = irq_vectors(set.index);
  if (vectors <= 0 || set.start >= (uint32_t)vectors || set.count > (uint32_t)vectors - set.start) return EINVAL;
  if (action != VU_TRIGGER && (irq_flags(set.index) & VU_IRQ_MASKABLE) == 0) return ENOTTY;
  if (set.count == 0) {
    if (data != VU_DATA_NONE || action != VU_TRIGGER) return EINVAL;
    disable(set.index);
    return 0;
  }
  if (data == VU_DATA_EVENTFD) return connect_range(&set, request);
  if (data == VU_DATA_BOOL && request->size - sizeof set < set.count) return EINVAL;
  act(&set, data == VU_DATA_BOOL ? request->body + sizeof set : NULL);
  return 0;
}
