/* Reading bodies that lie in blobs, encrypted or not: for who gets one from another service's operation. */
#ifndef TSUBO_BODY_H
#define TSUBO_BODY_H

#include "store/blob.h"
#include "wire/wire.h"

enum { BODY_INVOKE_MAX = 64 << 20 };

/* AES-256 in counter mode: the same for both directions. `at` is the offset of in.p[0] in its file; out may be in.p. */
void body_cipher(const unsigned char key[32], int64_t at, struct str in, char *out);
/* What was read of a part's blob from the file's offset `at` on, decrypted in place; nothing where it is not encrypted. */
void body_part_decrypt(const struct body_part *p, int64_t at, char *bytes, size_t n);
/* The parts of any body: its own, or one that stands for bytes or blob. */
const struct body_part *body_parts(struct arena *a, const struct body *b, size_t *n);
/* Read the whole body into out (its maximum bounds it). Blocks: a worker's or an executor's thread. false with errno, or
 * out->overflow. */
bool body_load(struct store *s, const struct body *b, struct buf *out);
/* Copy the whole body to a file. Blocks. false with errno. */
bool body_save(struct store *s, const struct body *b, int fd);
/* As invoke() shows a body that is too large for a string: {"Length": n, "Parts": [{"Blob", "Offset", "Length", "Key", "Outer"}]}, and
 * back; NULL: not of that form. A string gives a body of its bytes. The blob lives while the invoked object does: read it
 * before it can be deleted, or claim it. */
struct json *body_to_json(struct arena *a, const struct body *b);
struct body *body_from_json(struct arena *a, const struct json *j);

#endif
