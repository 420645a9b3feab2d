/* Hexadecimal and base64, written and read. */
#ifndef VT_BASE_HEX_H
#define VT_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Lower-case hex of `len` bytes and a NUL: out holds 2 * len + 1. */
void vt_hex_encode(const void *data, size_t len, char *out);
/* Exactly 2 * len hex digits of either case into `out`; 0 or -1. */
int vt_hex_decode(const char *text, void *out, size_t len);
/* The same of the lower-case digits that vt_hex_encode writes, and no others,
 * of which `text_len` are there. */
int vt_hex_decode_own(const char *text, size_t text_len, void *out);
/* 0..15, or -1. */
int vt_hex_digit(char c);

/* Padded base64 and a NUL: out holds 4 * ((len + 2) / 3) + 1. */
void vt_b64_encode(const void *data, size_t len, char *out);
/* Strict padded base64 of `text_len` characters into at most `max` bytes;
 * the number of bytes, or -1. */
int vt_b64_decode(const char *text, size_t text_len, void *out, size_t max);

#endif
