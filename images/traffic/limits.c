// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>

static uint64_t read_nr_open(void)
{
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");
	unsigned long long value = 0;

	if (file) {
		if (fscanf(file, "%llu", &value) != 1)
			value = 0;
		fclose(file);
	}
	return value;
}

uint64_t raise_open_files(void)
{
	uint64_t most = read_nr_open();
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	/* Raising the hard limit takes CAP_SYS_RESOURCE; without it the soft limit goes up to the hard one.
	 */
	if (limit.rlim_max < most) {
		struct rlimit higher = {.rlim_cur = most, .rlim_max = most};

		if (!setrlimit(RLIMIT_NOFILE, &higher))
			return most;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

bool require_open_files(uint64_t wanted)
{
	uint64_t limit = raise_open_files();

	if (limit >= wanted)
		return true;
	fprintf(stderr,
		"Cannot open %llu sockets: the limit on open files is %llu. Raise the hard limit (ulimit "
		"-Hn, at most "
		"fs.nr_open, %llu), or share the connections out with --part.\n",
		(unsigned long long)wanted, (unsigned long long)limit, (unsigned long long)read_nr_open());
	return false;
}

static uint64_t timeval_us(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void cpu_used_us(uint64_t *user, uint64_t *system)
{
	struct rusage own, children;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	*user = timeval_us(own.ru_utime) + timeval_us(children.ru_utime);
	*system = timeval_us(own.ru_stime) + timeval_us(children.ru_stime);
}
