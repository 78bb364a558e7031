/* Bodies from blobs on their way out: opened in the transaction that found them, decrypted while they are read. */
#ifndef TSUBO_SEND_H
#define TSUBO_SEND_H

#include "gateway/request.h"

/* On the executor's thread, before the transaction ends: when the answer's body lies in blobs, open the first one and hold
 * the snapshot when there are more, so that none is removed while it is sent. Sets r->sender, or makes a 500. */
void sender_prepare(struct request *r, struct txn *txn);
/* On the loop: begin the answer and send it. r->sender is gone. */
void sender_send(struct request *r, struct http_request *h, const struct http_header *headers, size_t n);
/* A sender that was not used. */
void sender_free(struct request *r);

#endif
