/* Test-only: a DMA heap for kernels without one, so that libcamera's virtual camera has somewhere to put its frames.
 *
 * Preloaded, it answers for everything below /dev/dma_heap with memory files. A file of memory can be mapped and passed on like
 * a dma-buf; what it cannot do, being named and synchronised with a device, needs not be done.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static int is_heap(const char *path)
{
	return path && strncmp(path, "/dev/dma_heap/", 14) == 0;
}

static int open_through(const char *name, const char *path, int flags, va_list rest)
{
	int (*real)(const char *, int, mode_t) = (int (*)(const char *, int, mode_t))dlsym(RTLD_NEXT, name);
	mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;

	return is_heap(path) ? memfd_create("dma-heap", MFD_CLOEXEC) : real(path, flags, mode);
}

#define OPEN(name)                                             \
	int name(const char *path, int flags, ...)             \
	{                                                      \
		va_list rest;                                  \
		va_start(rest, flags);                         \
		int fd = open_through(#name, path, flags, rest); \
		va_end(rest);                                  \
		return fd;                                     \
	}

OPEN(open)
OPEN(open64)

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, void *) = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	va_list rest;
	void *argument;

	va_start(rest, request);
	argument = va_arg(rest, void *);
	va_end(rest);
	if (request == DMA_HEAP_IOCTL_ALLOC) {
		struct dma_heap_allocation_data *wanted = argument;
		int memory = memfd_create("dma-buf", MFD_CLOEXEC);

		if (memory < 0 || ftruncate(memory, (off_t)wanted->len) < 0)
			return -1;
		wanted->fd = (__u32)memory;
		return 0;
	}
	if (_IOC_TYPE(request) == DMA_BUF_BASE)
		return 0;
	return real(fd, request, argument);
}
