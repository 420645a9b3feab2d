/* Made-up numbers that are the same everywhere: splitmix64 and what follows
 * from it.  For benchmarks; not for secrets. */
#ifndef TESTS_BENCH_RANDOM_H
#define TESTS_BENCH_RANDOM_H

#include <math.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *g)
{
	uint64_t z;

	g->state += UINT64_C(0x9e3779b97f4a7c15);
	z = g->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* From 0, below 1. */
static inline double
rng_unit(struct rng *g)
{
	return (double)(rng_next(g) >> 11) * 0x1p-53;
}

/* From 0, below `n`. */
static inline uint64_t
rng_below(struct rng *g, uint64_t n)
{
	return (uint64_t)(rng_unit(g) * (double)n);
}

/* Of mean 1. */
static inline double
rng_exponential(struct rng *g)
{
	return -log(1 - rng_unit(g));
}

/* Of mean 0 and variance 1. */
static inline double
rng_normal(struct rng *g)
{
	double r = sqrt(2 * rng_exponential(g));

	return r * cos(6.283185307179586 * rng_unit(g));
}

#endif
