/* A CUDA driver whose GPU is host memory: enough for our use of cuda-python, which finds every
   function through cuGetProcAddress. FAKE_CUDA says what goes wrong:
   none (no GPU), old (the driver is too old), full (no memory), graph (nothing can be recorded). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int R;
typedef struct { void *to; const void *from; size_t size; } Copy;
static Copy waiting[64], recorded[64];
static int num_waiting, num_recorded, is_recording, launched = -1, retained, live;

static int is(const char *word) { const char *v = getenv("FAKE_CUDA"); return v && !strcmp(v, word); }

R cuInit(unsigned flags) { return is("old") ? 803 : 0; }
R cuDriverGetVersion(int *version) { *version = 12060; return 0; }
R cuDeviceGetCount(int *count) { *count = is("none") ? 0 : 1; return 0; }
R cuDeviceGet(int *device, int ordinal) { *device = 0; return 0; }
R cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "Orin"); return 0; }
R cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 8 : 7; return 0; }
R cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)0x10; retained++; return 0; }
R cuDevicePrimaryCtxRelease_v2(int device) { retained--; return 0; }
R cuCtxSetCurrent(void *context) { return context == (void *)0x10 ? 0 : 201; }
R cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 3ul << 30; *total = 8ul << 30; return 0; }
R cuStreamCreate(void **stream, unsigned flags) { *stream = (void *)0x20; return flags == 1 ? 0 : 1; }
R cuStreamDestroy_v2(void *stream) { return 0; }
static R take(void **pointer, size_t size) {
    if (is("full")) return 2;
    *pointer = malloc(size); memset(*pointer, 0xAA, size); live++; return 0;
}
R cuMemAlloc_v2(void **pointer, size_t size) { return take(pointer, size); }
R cuMemAllocHost_v2(void **pointer, size_t size) { return take(pointer, size); }
R cuMemFree_v2(void *pointer) { free(pointer); live--; return 0; }
R cuMemFreeHost(void *pointer) { free(pointer); live--; return 0; }
static R copy(void *to, const void *from, size_t size, void *stream) {
    if (stream != (void *)0x20) return 400;
    Copy one = {to, from, size};
    if (is_recording) recorded[num_recorded++] = one; else waiting[num_waiting++] = one;
    return 0;
}
R cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t size, void *s) { return copy(to, from, size, s); }
R cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t size, void *s) { return copy(to, from, size, s); }
R cuStreamSynchronize(void *stream) {
    if (is_recording) return 900;
    for (int i = 0; i < num_waiting; i++) memcpy(waiting[i].to, waiting[i].from, waiting[i].size);
    num_waiting = 0;
    return 0;
}
R cuStreamBeginCapture_v2(void *stream, int mode) { is_recording = 1; num_recorded = 0; return 0; }
R cuStreamEndCapture(void *stream, void **graph) {
    is_recording = 0; *graph = (void *)0x30; return is("graph") ? 901 : 0;
}
R cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags) { *exec = (void *)0x40; return 0; }
R cuGraphDestroy(void *graph) { return 0; }
R cuGraphExecDestroy(void *exec) { return 0; }
R cuGraphLaunch(void *exec, void *stream) {
    for (int i = 0; i < num_recorded; i++) waiting[num_waiting++] = recorded[i];
    return 0;
}
R fakeLive(void) { return live + 1000 * retained; }

R cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
    static const char *endings[] = {"_v2", "WithFlags", ""};
    char full[128];
    *function = 0;
    for (int i = 0; i < 3 && !*function; i++) {
        snprintf(full, sizeof full, "%s%s", name, endings[i]);
        *function = dlsym(RTLD_DEFAULT, full);
        if (!*function) { void *self = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD); if (self) *function = dlsym(self, full); }
    }
    if (status) *status = *function ? 0 : 1;
    return *function ? 0 : 500;
}
R cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, 0);
}
