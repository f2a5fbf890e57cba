/*
 * dl.h - libraries that only some roles load (libcurl, libpq): a table of
 * functions, filled by dlopen and dlsym.
 *
 * Rule      A role that does not need a library never maps it: less to attack,
 *           less memory, a quicker start. The Makefile links none of these.
 * Lifetime  A library once loaded stays until the process ends.
 * Source    Knoop. EUPL-1.2.
 *
 * One list, two readings:
 *
 *   struct curl_api {                       static const struct dl_name names[] = {
 *   #define X(f) DL_MEMBER(f)               #define X(f) DL_NAME(struct curl_api, f)
 *   #include "sys/http/curl.def"            #include "sys/http/curl.def"
 *   #undef X                                #undef X
 *   };                                      };
 *
 *   e = dl_load(cx, "libcurl.so.4", names, COUNT(names), &api);
 *   api.curl_easy_init();
 */
#ifndef KNOOP_SYS_DL_H
#define KNOOP_SYS_DL_H

#include "base/err.h"

#define DL_MEMBER(f)     __typeof__(f) *f;
#define DL_NAME(type, f) { #f, offsetof(type, f) },

struct dl_name {
    const char *name; /* the symbol */
    size_t at;        /* where its pointer stands in the table */
};

/*
 * Loads `file` (a soname, found as the linker finds it) and fills `table`. Before the
 * role is narrowed: afterwards no file opens. UNAVAILABLE names what is missing.
 */
err_t dl_load(struct ctx *cx, const char *file, const struct dl_name *names, size_t n,
              void *table) NODISCARD;

#endif
