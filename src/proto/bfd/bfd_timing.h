/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of BFD's timers (RFC 5880 sections 6.8.2, 6.8.4, 6.8.7). Intervals on the wire are
 * microseconds in 32 bits; results are durations and cannot overflow.
 */
#ifndef BFD_TIMING_H
#define BFD_TIMING_H

#include "base/mono.h"
#include "base/rng.h"

#include <stdint.h>

/* Section 6.8.3: what Desired Min TX Interval is at least while a session is not Up. */
#define BFD_SLOW_US 1000000u

/* Parts per million of the interval that the next packet waits: 75 to 100 %, with a Detect Mult of
 * 1 no more than 90 % (section 6.8.7). */
uint32_t bfd_jitter_draw(struct rng *rng, uint8_t detect_mult);
/* The interval between packets, shortened by such a share. */
dur_t bfd_tx_interval(uint32_t desired_min_tx_us, uint32_t remote_min_rx_us, uint32_t share_ppm);
/* The Detection Time of the asynchronous mode, from the far side's Detect Mult and interval. */
dur_t bfd_detect_time(
    uint8_t remote_mult, uint32_t required_min_rx_us, uint32_t remote_desired_tx_us);

#endif
