/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of BFD's timers: RFC 5880 sections 6.8.2 (who may send how fast), 6.8.4 (how long
 * a silence is a failure) and 6.8.7 (jitter).
 *
 * Jitter is drawn once for each packet and kept as a share of the interval, so that an interval
 * that changes between two packets moves the deadline without a new draw. The widest product,
 * 2^32 us in nanoseconds times 10^6, is below 2^63.
 */
#include "proto/bfd/bfd_timing.h"

#define PPM 1000000u

uint32_t
bfd_jitter_draw(struct rng *rng, uint8_t detect_mult)
{
	uint32_t most = detect_mult == 1 ? PPM / 100 * 90 : PPM;
	uint32_t least = PPM / 100 * 75;

	return least + (uint32_t)rng_below(rng, most - least + 1);
}

static dur_t
slower(uint32_t a_us, uint32_t b_us)
{
	return (dur_t)(a_us > b_us ? a_us : b_us) * DUR_US;
}

dur_t
bfd_tx_interval(uint32_t desired_min_tx_us, uint32_t remote_min_rx_us, uint32_t share_ppm)
{
	return slower(desired_min_tx_us, remote_min_rx_us) * share_ppm / PPM;
}

dur_t
bfd_detect_time(uint8_t remote_mult, uint32_t required_min_rx_us, uint32_t remote_desired_tx_us)
{
	return remote_mult * slower(required_min_rx_us, remote_desired_tx_us);
}
