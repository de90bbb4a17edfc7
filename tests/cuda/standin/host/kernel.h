// What a kernel's source includes instead of CUDA's headers when the processor runs it.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __shared__
#define __constant__
#define __restrict__

typedef unsigned int uint;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned long ulong;

#ifdef STANDIN_TRAFFIC
#include "traffic.h"
#endif

#include "threads.h"

#include "numbers.h"

#include "matrix.h"

#include "instructions.h"
