#ifndef SKYFIRE_CHIREDIS_SHIM_H
#define SKYFIRE_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>

/* Swift sees the error text as a tuple of 128 characters; this hands it out as a C string. */
static inline const char *skyfire_redis_error_text(const redisContext *context) { return context->errstr; }

#endif
