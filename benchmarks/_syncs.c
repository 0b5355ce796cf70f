/* Counts calls that wait for the disk, by being loaded before libc. SYNCS_SKIP=1 answers without waiting. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

static long calls;

long syncs_counted(void) { return __atomic_load_n(&calls, __ATOMIC_RELAXED); }

static int counted(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return getenv("SYNCS_SKIP") ? 0 : real(descriptor);
}

int fsync(int descriptor) { return counted("fsync", descriptor); }
int fdatasync(int descriptor) { return counted("fdatasync", descriptor); }
