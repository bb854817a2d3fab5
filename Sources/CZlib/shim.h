#ifndef SKYFIRE_CZLIB_SHIM_H
#define SKYFIRE_CZLIB_SHIM_H
#include <zlib.h>
#endif
