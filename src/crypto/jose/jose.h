/* jose.h - the front door of the room: keys, signatures, encryption, tokens. EUPL-1.2. */
#ifndef KNOOP_CRYPTO_JOSE_H
#define KNOOP_CRYPTO_JOSE_H

#include "crypto/jose/jwe.h"
#include "crypto/jose/jwk.h"
#include "crypto/jose/jws.h"
#include "crypto/jose/jwt.h"

#endif
