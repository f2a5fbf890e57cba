/* health_int.h - between the files of sys/health. EUPL-1.2. */
#ifndef KNOOP_SYS_HEALTH_INT_H
#define KNOOP_SYS_HEALTH_INT_H

#include "sys/health/health.h"
#include "sys/http/fetch.h"
#include "sys/loop/loop.h"
#include "sys/stat/stat.h"

/* From the build; a build outside git has none. */
#ifndef KNOOP_COMMIT
#define KNOOP_COMMIT ""
#endif
/* Go's names, as nuts-node shows them. */
#if defined(__x86_64__)
#define KNOOP_ARCH "amd64"
#elif defined(__aarch64__)
#define KNOOP_ARCH "arm64"
#elif defined(__s390x__)
#define KNOOP_ARCH "s390x"
#else
#define KNOOP_ARCH "other"
#endif

enum { HEALTH_SERIES = 32 }; /* 16 of the doors, 6 classes, the store's last */

struct health {
    struct sys *sys;
    int64_t started;
    struct loop_timer timer;
    err_t (*fetch)(struct ctx *cx, const struct fetch_request *in, struct fetch_reply *out);
    stat_series series[HEALTH_SERIES]; /* by place; what was found is kept */
    int64_t last[HEALTH_SERIES];
    int64_t latency[HTTP_BUCKETS], latency_sum;
};

#endif
