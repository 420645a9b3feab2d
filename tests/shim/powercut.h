/*
 * The journal that powercut.so writes and powercut-apply reads.
 *
 * POWERCUT_JOURNAL is a directory outside of the tracked one and on the same
 * file system.  It holds
 *
 *	state	struct pc_state, mapped by all processes under the shim
 *	log	records, one after the other, up to state's `tail`
 *	live	locked (shared) by every process under the shim while it lives
 *	ino/N	inode N, which lost a name: a hard link to a file, or the
 *		directory itself, so that no inode number is used twice and
 *		every old entry can be made again
 *
 * A record is complete before the call that it undoes is made: a process
 * killed in between has a record of nothing, which undoes nothing.
 */
#ifndef POWERCUT_H
#define POWERCUT_H

#include <limits.h>
#include <pthread.h>
#include <stdint.h>

#define PC_MAGIC UINT64_C(0x31747563727770)	/* "pwrcut1" */
#define PC_DATA_MAX (1 << 20)	/* bytes of a file in one record */

struct pc_state {
	uint64_t magic;
	pthread_mutex_t lock;	/* robust: its owner may be killed */
	uint64_t tail;		/* bytes of the log that count */
	uint64_t count;		/* records ever written */
	uint64_t cut;		/* the power is off: whoever comes here dies */
	uint64_t dev;
	char root[PATH_MAX];
};

enum pc_type {
	/* Undo records. */
	PC_DATA = 1,	/* bytes or size of file `ino`; then the old bytes */
	PC_MODE,	/* its permissions; `old` */
	PC_XATTR,	/* an attribute; then name, NUL, old value if `old` */
	PC_ENTRY,	/* a name in directory `ino`; then the name */
	/* What became of a PC_ENTRY whose inode was not known yet. */
	PC_BORN,	/* `group`: that record; `new`: the inode, whose number
			   may have been another's before unless `old` is set */
	/* What came before `upto` in the log is on stable storage. */
	PC_SYNC_DATA,	/* fdatasync: data and size of file `ino` */
	PC_SYNC_FILE,	/* fsync: mode and attributes too */
	PC_SYNC_DIR,	/* the names in directory `ino` */
	PC_SYNC_ALL	/* sync, syncfs */
};

struct pc_record {
	uint32_t type;
	uint32_t size;		/* of the record with what follows, 8-aligned */
	uint32_t len;		/* bytes that follow */
	uint32_t truncates;	/* PC_DATA: it makes the file shorter */
	uint64_t ino;
	uint64_t old, new;	/* PC_DATA: sizes; PC_ENTRY: inodes, 0: none
				   (or, as `new`, to be told by PC_BORN) */
	uint64_t offset;	/* PC_DATA: what is overwritten */
	uint64_t new_len;	/* PC_DATA: by how many bytes */
	uint64_t group;		/* PC_ENTRY: the first record of the call */
	uint64_t upto;		/* PC_SYNC_* */
};

#endif
