// SPDX-License-Identifier: Apache-2.0
#include "queue/settle.h"

#include <errno.h>
#include <sched.h>

int settle(bool gather, int cpu)
{
	const struct sched_param none = {0};
	cpu_set_t set;

	if (gather && sched_setscheduler(0, SCHED_BATCH, &none))
		return errno;
	if (cpu == NO_CPU)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? errno : 0;
}
