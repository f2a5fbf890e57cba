/* dl.c - libraries that only some roles load. EUPL-1.2. */
#include "sys/os/dl.h"

#include <dlfcn.h>
#include <string.h>

err_t
dl_load(struct ctx *cx, const char *file, const struct dl_name *names, size_t n,
        void *table)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL)
        return refuse(cx, ERR_UNAVAILABLE, "", "cannot load %s: %s", file, dlerror());
    for (size_t i = 0; i < n; i++) {
        void *symbol = dlsym(library, names[i].name);

        if (symbol == NULL)
            return refuse(cx, ERR_UNAVAILABLE, "", "%s has no %s", file, names[i].name);
        memcpy((char *)table + names[i].at, &symbol, sizeof(symbol));
    }
    return ERR_OK;
}
