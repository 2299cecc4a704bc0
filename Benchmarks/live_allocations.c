// Preloaded into a program: knows what is allocated and not freed, and writes it down when asked. Each line has the usable
// size of an allocation and its first word, which names the type of a Swift object. Asked by a file named in
// LIVE_ALLOCATIONS_REQUEST: it is removed, and NAME.0, NAME.1, ... are written beside it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS (1u << 23)
#define FREED ((void *)1)

static void *volatile table[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *(*real_malloc)(size_t);
static void (*real_free)(void *);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static int (*real_memalign)(void **, size_t, size_t);
static void *(*real_aligned)(size_t, size_t);
// For what dlsym itself allocates before anything is known.
static char early[65536];
static size_t early_used;

static int is_early(void *p) { return (char *)p >= early && (char *)p < early + sizeof early; }
static size_t slot_of(void *p) { return ((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15ull >> 41; }

static void note(void *p) {
    if (!p) return;
    pthread_mutex_lock(&lock);
    size_t i = slot_of(p) % SLOTS;
    while (table[i] && table[i] != FREED) i = (i + 1) % SLOTS;
    table[i] = p;
    pthread_mutex_unlock(&lock);
}

static void forget(void *p) {
    if (!p) return;
    pthread_mutex_lock(&lock);
    for (size_t i = slot_of(p) % SLOTS; table[i]; i = (i + 1) % SLOTS) {
        if (table[i] != p) continue;
        table[i] = FREED;
        break;
    }
    pthread_mutex_unlock(&lock);
}

static void find(void) {
    if (real_malloc) return;
    real_free = dlsym(RTLD_NEXT, "free");
    real_calloc = dlsym(RTLD_NEXT, "calloc");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    real_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    real_malloc = dlsym(RTLD_NEXT, "malloc");
}

void *malloc(size_t size) {
    find();
    void *p = real_malloc(size);
    note(p);
    return p;
}

void *calloc(size_t count, size_t size) {
    if (!real_calloc) {
        void *p = early + early_used;
        early_used += (count * size + 15) & ~(size_t)15;
        return p;
    }
    void *p = real_calloc(count, size);
    note(p);
    return p;
}

void free(void *p) {
    if (is_early(p)) return;
    find();
    forget(p);
    real_free(p);
}

void *realloc(void *p, size_t size) {
    find();
    if (is_early(p)) {
        void *q = malloc(size);
        memcpy(q, p, size);
        return q;
    }
    forget(p);
    void *q = real_realloc(p, size);
    note(q);
    return q;
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    find();
    int result = real_memalign(out, alignment, size);
    if (!result) note(*out);
    return result;
}

void *aligned_alloc(size_t alignment, size_t size) {
    find();
    void *p = real_aligned(alignment, size);
    note(p);
    return p;
}

static void write_down(const char *request, int number) {
    char name[512], fresh[520], line[512];
    snprintf(name, sizeof name, "%s.%d", request, number);
    snprintf(fresh, sizeof fresh, "%s.tmp", name);
    FILE *out = fopen(fresh, "w"), *maps = fopen("/proc/self/maps", "r");
    if (!out || !maps) return;
    // Where the program itself begins.
    if (fgets(line, sizeof line, maps)) fprintf(out, "base %s", line);
    fclose(maps);
    for (size_t i = 0; i < SLOTS; i++) {
        void *p = table[i];
        if (!p || p == FREED) continue;
        fprintf(out, "%zu %lx\n", malloc_usable_size(p), *(unsigned long *)p);
    }
    fclose(out);
    rename(fresh, name);
}

static void *watch(void *request) {
    for (int number = 0;; usleep(100000)) {
        if (access(request, F_OK)) continue;
        unlink(request);
        write_down(request, number++);
    }
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    find();
    char *request = getenv("LIVE_ALLOCATIONS_REQUEST");
    if (!request) return;
    request = strdup(request);
    // What the program starts is not looked at.
    unsetenv("LD_PRELOAD");
    unsetenv("LIVE_ALLOCATIONS_REQUEST");
    pthread_t thread;
    pthread_create(&thread, 0, watch, request);
}
