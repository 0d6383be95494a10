// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"

void *progress_map(const char *path, uint64_t size, int create)
{
	int flags = O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0);
	void *p = MAP_FAILED;
	struct stat st;
	int fd;

	if (!path) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	fd = open(path, flags, 0600);
	if (fd < 0)
		return NULL;
	if (create && ftruncate(fd, size))
		goto out;
	if (!create && (fstat(fd, &st) || (uint64_t)st.st_size < size)) {
		errno = EAGAIN;
		goto out;
	}
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
out:
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

unsigned int progress_class(uint64_t us)
{
	unsigned int class = us < 1 ? 0 : (unsigned int)(16 * log2(us));

	return class < PROGRESS_CLASSES ? class : PROGRESS_CLASSES - 1;
}

double progress_class_us(unsigned int class)
{
	return exp2((class + 0.5) / 16);
}

double progress_percentile(const uint64_t *latency, double share)
{
	uint64_t total = 0, sum = 0;
	unsigned int i;

	for (i = 0; i < PROGRESS_CLASSES; i++)
		total += latency[i];
	if (!total)
		return 0;
	for (i = 0; i < PROGRESS_CLASSES - 1; i++) {
		sum += latency[i];
		if (sum >= share * total)
			break;
	}
	return progress_class_us(i);
}
