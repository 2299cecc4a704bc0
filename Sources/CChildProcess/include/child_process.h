// What Swift cannot do between fork and exec.
#ifndef CHILD_PROCESS_H
#define CHILD_PROCESS_H

#include <sys/types.h>

/// Starts a program in a session and process group of its own, with exactly these arguments and this environment, with
/// default signal handling and no descriptors but the three. Where the system can, it is killed when the calling thread
/// ends. Returns when the program runs.
///
/// Returns the process id, or -1 with the reason in `error` and what failed in `stage` ('f' fork, 'd' directory,
/// 'e' program).
pid_t child_process_spawn(const char *path, char *const arguments[], char *const environment[], const char *directory,
                          int input, int output, int errors, int *error, char *stage);

/// A pipe that no program inherits, its descriptors above 2. 0, or an error number.
int child_process_pipe(int ends[2]);

/// A descriptor that becomes readable when the process ends, or -1 where there is none.
int child_process_descriptor(pid_t process);

/// Whether a child has ended; it stays there to be reaped.
int child_process_has_ended(pid_t process);

/// Starts a small process that waits for the other end of the returned descriptor to be closed, which also happens when
/// the gateway is killed, and then kills every process group that was named to it. A positive `int` written there adds a
/// group, a negative one takes it out. -1 when it could not be started.
int child_process_warden(int capacity);

#endif
