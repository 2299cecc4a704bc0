#define _GNU_SOURCE
#include "child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

struct failure {
    int error;
    char stage;
};

static void close_from(int first, int on_exec_only) {
#if defined(__linux__) && defined(SYS_close_range)
    if (syscall(SYS_close_range, (unsigned)first, ~0U, on_exec_only ? 4U /* CLOSE_RANGE_CLOEXEC */ : 0U) == 0) return;
#endif
    struct rlimit limit;
    int last = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
    for (int descriptor = first; descriptor < last; descriptor++) {
        if (on_exec_only) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        else close(descriptor);
    }
}

int child_process_pipe(int ends[2]) {
#ifdef __linux__
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
#else
    if (pipe(ends) != 0) return errno;
#endif
    for (int i = 0; i < 2; i++) {
        // The gateway may have been started with its standard descriptors closed.
        if (ends[i] < 3) {
            int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
            int error = errno;
            close(ends[i]);
            if (moved < 0) {
                close(ends[1 - i]);
                return error;
            }
            ends[i] = moved;
        }
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

static void fail(int report, char stage) {
    struct failure failure;
    memset(&failure, 0, sizeof failure);
    failure.error = errno;
    failure.stage = stage;
    while (write(report, &failure, sizeof failure) < 0 && errno == EINTR) {}
    _exit(127);
}

// Between fork and exec: only what is safe after a fork of a program with many threads.
static void become(const char *path, char *const arguments[], char *const environment[], const char *directory,
                   int input, int output, int errors, int report, pid_t parent) {
    setsid();
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have ended before the line above.
    if (getppid() != parent) _exit(127);
#else
    (void)parent;
#endif
    struct sigaction standard;
    memset(&standard, 0, sizeof standard);
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) fail(report, 'f');
    close_from(3, 1);
    if (directory != NULL && chdir(directory) != 0) fail(report, 'd');
    execve(path, arguments, environment);
    fail(report, 'e');
}

pid_t child_process_spawn(const char *path, char *const arguments[], char *const environment[], const char *directory,
                          int input, int output, int errors, int *error, char *stage) {
    int report[2];
    *stage = 'f';
    *error = child_process_pipe(report);
    if (*error != 0) return -1;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of this program may run in the child.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) become(path, arguments, environment, directory, input, output, errors, report[1], parent);
    *error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return -1;
    }
    struct failure failure;
    ssize_t count;
    do { count = read(report[0], &failure, sizeof failure); } while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == (ssize_t)sizeof failure) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        *error = failure.error;
        *stage = failure.stage;
        return -1;
    }
    *error = 0;
    return child;
}

int child_process_descriptor(pid_t process) {
#if defined(__linux__) && defined(SYS_pidfd_open)
    // It is closed on exec by itself.
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    (void)process;
    return -1;
#endif
}

int child_process_has_ended(pid_t process) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process;
}

static void watch(int commands, pid_t *groups, int capacity) {
    int group;
    int count = 0;
    while (1) {
        ssize_t length = read(commands, &group, sizeof group);
        if (length < 0 && errno == EINTR) continue;
        if (length != (ssize_t)sizeof group) break;
        if (group > 0) {
            if (count < capacity) groups[count++] = group;
            continue;
        }
        for (int i = 0; i < count; i++) {
            if (groups[i] == -group) {
                groups[i] = groups[--count];
                break;
            }
        }
    }
    for (int i = 0; i < count; i++) kill(-groups[i], SIGKILL);
    _exit(0);
}

int child_process_warden(int capacity) {
    int commands[2];
    pid_t *groups = calloc((size_t)capacity, sizeof *groups);
    if (groups == NULL || child_process_pipe(commands) != 0) {
        free(groups);
        return -1;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t middle = fork();
    if (middle == 0) {
        // Twice, so that nobody here has to reap it; in a session of its own, so that no key press reaches it. All signals
        // stay blocked.
        setsid();
        if (fork() != 0) _exit(0);
        dup2(commands[0], 0);
        close_from(1, 0);
        if (chdir("/") != 0) _exit(1);
        watch(0, groups, capacity);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(groups);
    close(commands[0]);
    if (middle < 0) {
        close(commands[1]);
        return -1;
    }
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR) {}
    return commands[1];
}
