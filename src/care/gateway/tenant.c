/*
 * tenant.c - whose server stands where, and which policies it adopted.
 *
 * Trust     The operator's options; proven when they are loaded.
 * Source    Knoop. EUPL-1.2.
 */
#include "care/gateway/gateway_int.h"

#include "sys/conf/conf.h"

/* The value behind "name=" of the i-th row, when the row is `name`'s. */
static bool
row_of(struct str row, struct str name, struct str *value)
{
    struct str left = str_cut(&row, '=');

    *value = str_trim(row);
    return str_eq(str_trim(left), name);
}

err_t
gateway__upstream(struct ctx *cx, struct str tenant, struct str *url)
{
    const struct conf_list *rows = &cx->conf->gateway_upstreams;

    *url = (struct str){ NULL, 0 };
    for (size_t i = 0; i < rows->n; i++)
        if (row_of(rows->item[i], tenant, url))
            return ERR_OK;
    *url = (struct str){ NULL, 0 };
    return refuse(cx, ERR_NOT_FOUND, "", "no upstream for this tenant (gateway.upstreams)");
}

static struct str
without_slash(struct str url)
{
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    return url;
}

err_t
gateway__public_url(struct ctx *cx, struct str tenant, struct str *url)
{
    struct str base = without_slash(cx->conf->gateway_url);

    if (base.n != 0)
        *url = arena_join(cx->arena, base, S("/"), tenant);
    else
        *url = arena_join(cx->arena, without_slash(cx->conf->url), S("/fhir/"), tenant);
    return url->p == NULL ? refuse_memory(cx) : ERR_OK;
}

err_t
gateway__adopted(struct ctx *cx, struct str tenant, struct str **policies, size_t *n)
{
    const struct conf_list *rows = &cx->conf->gateway_adopted;
    struct str *list = arena_array(cx->arena, rows->n + 1, sizeof(*list));

    *policies = list;
    *n = 0;
    if (list == NULL)
        return refuse_memory(cx);
    for (size_t i = 0; i < rows->n; i++)
        if (row_of(rows->item[i], tenant, &list[*n]))
            (*n)++;
    return ERR_OK;
}

static err_t
prove_upstream(struct ctx *cx, struct str row)
{
    struct str url = row, tenant = str_trim(str_cut(&url, '='));

    url = str_trim(url);
    if (tenant.n == 0 ||
        (!str_starts(url, S("https://")) && !str_starts(url, S("http://"))))
        return refuse(cx, ERR_CONF, "",
                      "gateway.upstreams: 'tenant=url' is expected, not '%.*s'", STR(row));
    if (url.p[url.n - 1] == '/' || str_find(url, '?') < url.n ||
        str_find(url, '#') < url.n || str_find(url, '@') < url.n)
        return refuse(
            cx, ERR_CONF, "",
            "gateway.upstreams: the URL of '%.*s' must have no query, user or last slash",
            STR(tenant));
    return ERR_OK;
}

err_t
gateway__prove_options(struct ctx *cx)
{
    const struct conf_list *up = &cx->conf->gateway_upstreams,
                           *ad = &cx->conf->gateway_adopted;
    err_t e;

    for (size_t i = 0; i < up->n; i++) {
        struct str rest = up->item[i], tenant = str_trim(str_cut(&rest, '=')), other;

        if ((e = prove_upstream(cx, up->item[i])) != ERR_OK)
            return e;
        for (size_t j = 0; j < i; j++)
            if (row_of(up->item[j], tenant, &other))
                return refuse(cx, ERR_CONF, "", "gateway.upstreams names '%.*s' twice",
                              STR(tenant));
    }
    for (size_t i = 0; i < ad->n; i++)
        if (str_find(ad->item[i], '=') + 1 >= ad->item[i].n || ad->item[i].p[0] == '=')
            return refuse(cx, ERR_CONF, "", "gateway.adopted: 'tenant=policy' is expected");
    return ERR_OK;
}
