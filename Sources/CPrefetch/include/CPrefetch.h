#ifndef REEL_CPREFETCH_H
#define REEL_CPREFETCH_H

/// Asks the processor to bring the cache line at `address` near. Never faults.
static inline void reel_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
