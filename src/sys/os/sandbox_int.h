/* sandbox_int.h - the two halves of a sandbox. EUPL-1.2. */
#ifndef KNOOP_SYS_OS_SANDBOX_INT_H
#define KNOOP_SYS_OS_SANDBOX_INT_H

#include "sys/os/sandbox.h"

/* Sanitizers use system calls of their own; the paths are still held. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* The filters; sandbox_calls.c. */
err_t sandbox__calls_first(struct ctx *cx, enum sandbox_role role) NODISCARD;
err_t sandbox__calls_second(struct ctx *cx, enum sandbox_role role) NODISCARD;

/* Landlock; sandbox_paths.c. `*abi` is 0 on a kernel without it. */
err_t sandbox__paths(struct ctx *cx, enum sandbox_role role,
                     const struct sandbox_path *paths, size_t n, int *abi) NODISCARD;

#endif
