#pragma once
// Naive double-precision references for the tests of bnlab: nothing here comes from src/, and every derivative is
// itself checked against central differences by the tests beside it.

#include "reference/array.h"
#include "reference/finite_differences.h"
#include "reference/layers.h"
#include "reference/loss.h"
#include "reference/net.h"
#include "reference/networks.h"
#include "reference/normalization.h"
#include "reference/optimizer.h"
#include "reference/pooling.h"
