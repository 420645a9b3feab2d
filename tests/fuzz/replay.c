/* Runs saved inputs through a fuzz target without clang: the main that
 * libFuzzer would bring.  Arguments are files. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libvt/base/fs.h"

#define INPUT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		struct vt_err err;
		char *data;
		size_t len;

		if (vt_fs_read(argv[i], INPUT_MAX, &data, &len, &err) !=
		    VT_OK) {
			fprintf(stderr, "replay: %s\n", err.text);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)data, len);
		free(data);
	}
	return 0;
}
