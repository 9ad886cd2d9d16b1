#pragma once
/*
 * Folders of files that save work. Who can write there decides what that work
 * comes to, so a folder counts only if it is ours and closed to everybody else,
 * and a file only if it is a regular file of ours with one name and closed to
 * everybody else. What is in it is for the caller to check. No failure here is
 * one of what the cache is for: the work is then done.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The folder, which is made (0700) when it is missing: a descriptor. */
int cache_open(const char *path);
/* One file of it, to be read: a descriptor. -EPERM for one that does not
 * count. */
int cache_find(int dirfd, const char *name, uint64_t *ret_size);
/* Puts a file in its place, whole or not at all. Where max files have suffix in
 * their name, those go first: what is no longer asked for would stay. */
void cache_put(int dirfd, const char *name, const char *suffix, size_t max,
	       const struct iovec *part, int n);
void cache_drop(int dirfd, const char *name);
/* Finds files and damage, keeps nobody out. */
uint64_t cache_hash(const void *p, size_t len);
