/* A library that looks like libedgetpu to a TFLite runtime, and fails as one does, on demand.
 *
 * Beside the library (LIBRARY = the path it was loaded from) lie:
 *   LIBRARY.control   lines `key value`, read again at every step, so that a test can change them while it runs
 *   LIBRARY.log       what was asked of it: one line for each device that was opened, with the options that took effect
 *   LIBRARY.stuck     opened by a fault of that name; a test makes it a file whose opening does not return
 *   LIBRARY.DEVICE    held locked by the process that has the device open, as the real one can only be opened once
 *
 * Keys of the control file, first value the default:
 *   devices   usb:0 [usb:1 pci:0 ...]                 what is attached; may be empty
 *   version   14                                      runtime version that edgetpu_version() tells
 *   create    ok fail fail-message hang segv abort ... what opening does
 *   create_ms 0                                       how long it takes first
 *   prepare   ok error kernel-error hang              what adapting the graph does
 *   invoke    ok error hang spin abort segv exit stuck what a run does
 *   after     0                                       runs in this process before `invoke` applies
 *   invoke_ms 0                                       how long a run takes at least
 *   answers   twin zero constant permuted previous    what it computes, of what the twin says
 *   twin      PATH                                    socket of whoever computes the outputs (twin.py); none: zeros
 *   canned    PATH                                    the outputs, one after the other, whatever the input: costs nothing
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tflite_plugin.h"

#define EXPORT __attribute__((visibility("default")))
#define MAX_DEVICES 8

typedef struct {
  char devices[128], version[16], create[16], prepare[16], invoke[16], answers[16], twin[108], canned[200];
  int create_ms, invoke_ms, after;
} Control;

typedef struct {
  Delegate delegate;
  char device[16];
} EdgeTpu;

typedef struct {
  int connection;
  size_t bytes;
  char *previous;
} Kernel;

/* A device can be opened by one process at a time, and within that any number of times. */
static struct { char device[16]; int descriptor, users; } opened[MAX_DEVICES];
static int runs;

static const char *library_path(void) {
  Dl_info info;
  return dladdr((void *)library_path, &info) ? info.dli_fname : "software_edgetpu.so";
}

static void beside(char *path, size_t size, const char *suffix) {
  snprintf(path, size, "%s.%s", library_path(), suffix);
}

static Control read_control(void) {
  Control control = {"usb:0", "14", "ok", "ok", "ok", "twin", "", "", 0, 0, 0};
  char path[4096], line[256];
  beside(path, sizeof path, "control");
  FILE *file = fopen(path, "r");
  if (!file) return control;
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char *value = strchr(line, ' ');
    if (!value) continue;
    *value++ = 0;
    struct { const char *key; char *target; size_t size; } texts[] = {
        {"devices", control.devices, sizeof control.devices}, {"version", control.version, sizeof control.version},
        {"create", control.create, sizeof control.create},    {"prepare", control.prepare, sizeof control.prepare},
        {"invoke", control.invoke, sizeof control.invoke},    {"answers", control.answers, sizeof control.answers},
        {"twin", control.twin, sizeof control.twin},          {"canned", control.canned, sizeof control.canned},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
      if (!strcmp(line, texts[i].key)) snprintf(texts[i].target, texts[i].size, "%s", value);
    if (!strcmp(line, "create_ms")) control.create_ms = atoi(value);
    if (!strcmp(line, "invoke_ms")) control.invoke_ms = atoi(value);
    if (!strcmp(line, "after")) control.after = atoi(value);
  }
  fclose(file);
  return control;
}

static void note(const char *text) {
  char path[4096];
  beside(path, sizeof path, "log");
  int descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  if (write(descriptor, text, strlen(text)) < 0) abort();
  close(descriptor);
}

static struct timespec now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at;
}

static void sleep_until(struct timespec at, int ms) {
  /* The end of a transfer is an interrupt: it does not wait for others to be woken with, as a timer may. */
  prctl(PR_SET_TIMERSLACK, 1UL);
  at.tv_nsec += (ms % 1000) * 1000000L;
  at.tv_sec += ms / 1000 + at.tv_nsec / 1000000000L;
  at.tv_nsec %= 1000000000L;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL)) continue;
}

/* What ends the process, or never returns, is the same at every step. */
static void fail_natively(const char *fault) {
  if (!strcmp(fault, "hang")) for (;;) pause();
  if (!strcmp(fault, "spin")) for (volatile unsigned turns = 0;; turns++) continue;
  if (!strcmp(fault, "abort")) {
    /* The words of driver/usb/usb_driver.cc when a transfer fails, before LOG(FATAL) aborts. */
    fputs("F driver/usb/usb_driver.cc:1148] HandleQueuedBulkIn transfer in failed. Unknown\n", stderr);
    abort();
  }
  if (!strcmp(fault, "segv")) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile int *)16 = 1;
  }
  if (!strcmp(fault, "exit")) _exit(77);
  if (!strcmp(fault, "stuck")) {
    /* As a USB transfer that the kernel never finishes: while it waits, SIGKILL ends the process no more than anything. */
    char path[4096];
    beside(path, sizeof path, "stuck");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) close(descriptor);
  }
}

static bool take(const char *device) {
  int place = -1;
  for (int i = 0; i < MAX_DEVICES; i++) {
    if (opened[i].users && !strcmp(opened[i].device, device)) return opened[i].users++, true;
    if (!opened[i].users) place = i;
  }
  char path[4096];
  beside(path, sizeof path, device);
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (place < 0 || descriptor < 0 || fcntl(descriptor, F_SETLK, &lock)) {
    if (descriptor >= 0) close(descriptor);
    return false;
  }
  opened[place].descriptor = descriptor;
  opened[place].users = 1;
  snprintf(opened[place].device, sizeof opened[place].device, "%s", device);
  return true;
}

static void give_back(const char *device) {
  for (int i = 0; i < MAX_DEVICES; i++)
    if (opened[i].users && !strcmp(opened[i].device, device) && !--opened[i].users) close(opened[i].descriptor);
}

/* As libedgetpu reads `device`: empty or ":N" (any bus), "usb", "usb:N", "pci", "pci:N". False: no such device. */
static bool open_device(const char *wish, char *attached, char *found, size_t size) {
  const char *colon = strchr(wish, ':');
  int index = colon ? atoi(colon + 1) : -1, place = 0;
  size_t kind = colon ? (size_t)(colon - wish) : strlen(wish);
  char *rest = NULL;
  for (char *device = strtok_r(attached, " ", &rest); device; device = strtok_r(NULL, " ", &rest)) {
    if (kind && strncmp(device, wish, kind)) continue;
    if (index < 0 || place++ == index) {
      snprintf(found, size, "%s", device);
      if (take(device)) return true;
    }
  }
  return false;
}

static bool exchange(int connection, void *data, size_t bytes, bool writing) {
  for (char *at = data; bytes;) {
    ssize_t done = writing ? send(connection, at, bytes, MSG_NOSIGNAL) : read(connection, at, bytes);
    if (done <= 0) return false;
    at += done;
    bytes -= (size_t)done;
  }
  return true;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address)) {
    close(connection);
    return -1;
  }
  return connection;
}

/* Asks the twin: a line with the input's size and the outputs' names and sizes, then the input; it answers the outputs. */
static bool ask_twin(Kernel *kernel, const char *path, const Context *context, const Node *node, char *answer) {
  if (kernel->connection < 0) kernel->connection = connect_to(path);
  if (kernel->connection < 0) return false;
  const Tensor *input = &context->tensors[node->inputs->data[0]];
  char line[4096];
  int length = snprintf(line, sizeof line, "%zu", input->bytes);
  for (int i = 0; i < node->outputs->size; i++) {
    const Tensor *output = &context->tensors[node->outputs->data[i]];
    length += snprintf(line + length, sizeof line - (size_t)length, "\t%s\t%zu", output->name, output->bytes);
  }
  line[length++] = '\n';
  return exchange(kernel->connection, line, (size_t)length, true) &&
         exchange(kernel->connection, input->data, input->bytes, true) &&
         exchange(kernel->connection, answer, kernel->bytes, false);
}

static bool read_canned(const char *path, char *answer, size_t bytes) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  bool whole = exchange(descriptor, answer, bytes, false);
  close(descriptor);
  return whole;
}

static void *kernel_init(Context *context, const char *buffer, size_t length) {
  (void)context, (void)buffer, (void)length;
  Kernel *kernel = calloc(1, sizeof *kernel);
  kernel->connection = -1;
  return kernel;
}

static void kernel_free(Context *context, void *user_data) {
  (void)context;
  Kernel *kernel = user_data;
  if (kernel->connection >= 0) close(kernel->connection);
  free(kernel->previous);
  free(kernel);
}

static Status kernel_prepare(Context *context, Node *node) {
  Kernel *kernel = node->user_data;
  Control control = read_control();
  if (!strcmp(control.prepare, "kernel-error")) {
    context->report_error(context, "Failed to load executable on the device.");
    return STATUS_ERROR;
  }
  kernel->bytes = 0;
  for (int i = 0; i < node->outputs->size; i++) kernel->bytes += context->tensors[node->outputs->data[i]].bytes;
  free(kernel->previous);
  kernel->previous = calloc(1, kernel->bytes);
  return STATUS_OK;
}

static Status kernel_invoke(Context *context, Node *node) {
  Kernel *kernel = node->user_data;
  struct timespec begun = now();
  Control control = read_control();
  if (runs++ >= control.after) {
    fail_natively(control.invoke);
    if (!strcmp(control.invoke, "error")) {
      context->report_error(context, "Failed to execute request. Deadline exceeded.");
      return STATUS_ERROR;
    }
  }
  char *answer = calloc(1, kernel->bytes);
  if (control.twin[0] && !ask_twin(kernel, control.twin, context, node, answer)) {
    context->report_error(context, "software Edge TPU: the twin does not answer.");
    free(answer);
    return STATUS_ERROR;
  }
  if (control.canned[0] && !read_canned(control.canned, answer, kernel->bytes)) {
    context->report_error(context, "software Edge TPU: no canned answers of that size.");
    free(answer);
    return STATUS_ERROR;
  }
  if (!strcmp(control.answers, "zero")) memset(answer, 0, kernel->bytes);
  if (!strcmp(control.answers, "constant")) memset(answer, 7, kernel->bytes);
  if (!strcmp(control.answers, "previous")) {
    char *now = answer;
    answer = kernel->previous;
    kernel->previous = now;
  }
  size_t at = 0;
  for (int i = 0; i < node->outputs->size; i++) {
    Tensor *output = &context->tensors[node->outputs->data[i]];
    char *target = output->data;
    memcpy(target, answer + at, output->bytes);
    if (!strcmp(control.answers, "permuted"))
      for (size_t low = 0, high = output->bytes - 1; low < high; low++, high--) {
        char kept = target[low];
        target[low] = target[high];
        target[high] = kept;
      }
    at += output->bytes;
  }
  free(answer);
  sleep_until(begun, control.invoke_ms);
  return STATUS_OK;
}

static Status prepare(Context *context, Delegate *delegate) {
  Control control = read_control();
  fail_natively(control.prepare);
  if (!strcmp(control.prepare, "error")) return STATUS_DELEGATE_ERROR;
  IntArray *plan;
  if (context->get_execution_plan(context, &plan)) return STATUS_ERROR;
  IntArray *claimed = malloc(sizeof *claimed + (size_t)plan->size * sizeof(int));
  claimed->size = 0;
  for (int i = 0; i < plan->size; i++) {
    Node *node;
    Registration *registration;
    if (context->get_node_and_registration(context, plan->data[i], &node, &registration)) continue;
    if (registration->custom_name && !strcmp(registration->custom_name, "edgetpu-custom-op"))
      claimed->data[claimed->size++] = plan->data[i];
  }
  Registration kernel = {
      .init = kernel_init,
      .free = kernel_free,
      .prepare = kernel_prepare,
      .invoke = kernel_invoke,
      .custom_name = "EdgeTpuDelegateForCustomOp",
      .version = 1,
  };
  Status status = context->replace_node_subsets_with_delegate_kernels(context, kernel, claimed, delegate);
  free(claimed);
  return status;
}

EXPORT Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  Control control = read_control();
  sleep_until(now(), control.create_ms);
  fail_natively(control.create);
  const char *wish = "";
  for (size_t i = 0; i < count; i++)
    if (!strcmp(keys[i], "device")) wish = values[i];
  char found[16] = "";
  bool open = !strcmp(control.create, "ok") && open_device(wish, control.devices, found, sizeof found);
  char line[512];
  int length = snprintf(line, sizeof line, "create device=%s -> %s", wish, open ? found : "none");
  /* The trap: libedgetpu passes the other options on only to a device that was named with an index. */
  for (size_t i = 0; i < count && open && strchr(wish, ':'); i++)
    if (strcmp(keys[i], "device"))
      length += snprintf(line + length, sizeof line - (size_t)length, " %s=%s", keys[i], values[i]);
  snprintf(line + length, sizeof line - (size_t)length, "\n");
  note(line);
  if (!open) {
    if (!strcmp(control.create, "fail-message") && report) report("Could not open the device.");
    return NULL;
  }
  EdgeTpu *tpu = calloc(1, sizeof *tpu);
  tpu->delegate.data = tpu;
  tpu->delegate.prepare = prepare;
  /* As libedgetpu: without it the runtime prepares the graph first, and stumbles over the custom operation. */
  tpu->delegate.flags = DELEGATE_ALLOWS_DYNAMIC_TENSORS;
  snprintf(tpu->device, sizeof tpu->device, "%s", found);
  return &tpu->delegate;
}

EXPORT void tflite_plugin_destroy_delegate(Delegate *delegate) {
  if (!delegate) return;
  EdgeTpu *tpu = delegate->data;
  give_back(tpu->device);
  free(tpu);
}

EXPORT const char *edgetpu_version(void) {
  static char text[64];
  Control control = read_control();
  snprintf(text, sizeof text, "BuildLabel(software), RuntimeVersion(%.15s)", control.version);
  return text;
}
