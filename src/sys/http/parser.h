/*
 * parser.h - llhttp, with its method names out of the way of ours. EUPL-1.2.
 */
#ifndef KNOOP_SYS_HTTP_PARSER_H
#define KNOOP_SYS_HTTP_PARSER_H

#define HTTP_GET     LL_GET
#define HTTP_HEAD    LL_HEAD
#define HTTP_POST    LL_POST
#define HTTP_PUT     LL_PUT
#define HTTP_PATCH   LL_PATCH
#define HTTP_DELETE  LL_DELETE
#define HTTP_OPTIONS LL_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS

#endif
