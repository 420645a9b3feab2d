/* Any bytes as the manifest of an inventory: no crash, and one that is taken
 * has a schema and names of files. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvt/base/fs.h"

#include "libvt/proto/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vt_arena *a = vt_arena_new(1 << 20);
	int fd = memfd_create("manifest", MFD_CLOEXEC);
	struct vt_inventory inventory;
	struct vt_err err;
	char path[64];
	size_t i;

	if (a == NULL || fd < 0 || vt_fs_write_all(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (vt_inventory_load(path, a, &inventory, &err) == VT_OK) {
		if (inventory.schema == NULL || inventory.at_us < 0)
			abort();
		for (i = 0; i < inventory.file_count; i++)
			if (strchr(inventory.files[i], '/') == NULL)
				abort();
	}
	close(fd);
	vt_arena_free(a);
	return 0;
}
