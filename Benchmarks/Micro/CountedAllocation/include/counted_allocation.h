#ifndef COUNTED_ALLOCATION_H
#define COUNTED_ALLOCATION_H

/// How often this process has asked for memory so far.
unsigned long counted_allocations(void);

#endif
