/*
 * print.h - the program's own manual of its endpoints: Markdown and OpenAPI,
 * from the same rows that serve them.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_PRINT_H
#define KNOOP_APP_CLI_PRINT_H

#include "sys/http/http.h"

/* `tables`: n tables, each ended by { 0 }. To standard output. */
void print_routes(const struct http_route *const *tables, size_t n);
err_t print_openapi(struct ctx *cx, const struct http_route *const *tables,
                    size_t n) NODISCARD;

#endif
