#ifndef C_ALLOCATOR_H
#define C_ALLOCATOR_H

#include <stddef.h>

/// Bytes that the allocator has handed out and not got back; 0 where it does not tell.
size_t allocator_used_bytes(void);

#endif
