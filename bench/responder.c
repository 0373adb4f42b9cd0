/*
 * A fast BMC for benchmarks: every 127.x.y.z on one UDP port is a managed system.
 *
 * It exists so that a benchmark measures the client. It speaks just enough IPMI 2.0 for one login, a few commands
 * and a logout: presence ping, Get Channel Authentication Capabilities, Get Channel Cipher Suites, RMCP+ Open
 * Session, RAKP 1-4 with cipher suites 3 and 17, Set Session Privilege Level, Get Device ID, Get Chassis Status,
 * Activate and Deactivate Payload, Get Payload Instance Info, serial over LAN and Close Session. The cryptography is real. It is NOT a reference for the protocol: it keeps no replay window,
 * enforces no privilege and takes its random numbers from a generator nobody should trust.
 *
 *     responder PORT          serve IPMI (user admin, password adminpw)
 *     responder PORT --echo   return every datagram to its sender
 *
 * Prints "ready PORT" once bound (PORT 0 picks one), and its counters when SIGTERM ends it. Only loopback is served:
 * the socket is tied to lo, and a datagram whose destination is outside 127/8 is dropped. It dies with its parent,
 * and after an hour in any case.
 *
 * Needs Linux and OpenSSL's headers (Debian: libssl-dev). cc -O2 -o responder responder.c -lcrypto
 */
#define _GNU_SOURCE
/* The one-shot contexts are plain structs: a session costs no allocation and a MAC is two struct copies. The EVP
 * interface that replaces them allocates on every copy, which made the server the bottleneck. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/aes.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_SECONDS 3600
#define BATCH 64             /* datagrams per system call */
#define DATAGRAM 512         /* longer ones are truncated, hence dropped (echo: shortened) */
#define MAX_SESSIONS 20000
#define IDLE_SECONDS 60      /* an older session may be evicted when the table is full */
#define SOCKET_BUFFER (8 << 20)

static const char USER[] = "admin";
static const char PASSWORD[] = "adminpw";

/* Payload types, table 13-16. */
enum { PAYLOAD_IPMI = 0x00, PAYLOAD_SOL = 0x01, OPEN_REQUEST = 0x10, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 };
enum { ENCRYPTED = 0x80, AUTHENTICATED = 0x40 };

static struct {
    unsigned long received, sent, dropped, bad_mac, opened, logged_in, closed, commands, sol_received, refused, send_failures;
    unsigned live, peak;
} counters;

static volatile sig_atomic_t stopping;
static time_t now; /* read once per batch */
static uint16_t udp_port;

/* ------------------------------------------------------------------ HMAC */

union digest_context {
    SHA_CTX sha1;
    SHA256_CTX sha256;
};

/* A key, already absorbed into both halves of HMAC. */
struct mac {
    union digest_context inner, outer;
    int sha256;
};

static void digest_start(union digest_context *context, int sha256) {
    if (sha256)
        SHA256_Init(&context->sha256);
    else
        SHA1_Init(&context->sha1);
}

static void digest_update(union digest_context *context, int sha256, const void *data, size_t size) {
    if (sha256)
        SHA256_Update(&context->sha256, data, size);
    else
        SHA1_Update(&context->sha1, data, size);
}

static void digest_finish(union digest_context *context, int sha256, uint8_t *out) {
    if (sha256)
        SHA256_Final(out, &context->sha256);
    else
        SHA1_Final(out, &context->sha1);
}

static size_t mac_size(const struct mac *mac) {
    return mac->sha256 ? SHA256_DIGEST_LENGTH : SHA_DIGEST_LENGTH;
}

static void mac_key(struct mac *mac, int sha256, const void *key, size_t size) {
    uint8_t block[64] = {0};
    memcpy(block, key, size); /* no key here is longer than a block */
    mac->sha256 = sha256;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    digest_start(&mac->inner, sha256);
    digest_update(&mac->inner, sha256, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    digest_start(&mac->outer, sha256);
    digest_update(&mac->outer, sha256, block, sizeof block);
}

static void mac_compute(const struct mac *mac, const void *data, size_t size, uint8_t *out) {
    union digest_context context = mac->inner;
    digest_update(&context, mac->sha256, data, size);
    digest_finish(&context, mac->sha256, out);
    context = mac->outer;
    digest_update(&context, mac->sha256, out, mac_size(mac));
    digest_finish(&context, mac->sha256, out);
}

/* ------------------------------------------------------------------ sessions */

enum stage { FREE, OPENED, CHALLENGED, ACTIVE };

/* What is behind the serial port, and how far it has got. */
struct sol {
    int active;
    uint8_t taken;                 /* number of the last packet taken from the console */
    uint8_t number;                /* of our own last packet */
    uint8_t waiting;               /* characters of it that wait for an acknowledge, 0 for none */
    uint8_t echo[255], echo_size;  /* what is to be echoed */
    uint64_t position, end;        /* of the stream */
};

struct session {
    uint32_t id;         /* ours; its low 16 bits are the slot number plus one */
    uint32_t console_id; /* theirs */
    uint32_t console_address, bmc_address;
    uint16_t console_port;
    uint16_t generation;
    enum stage stage;
    int sha256;
    uint32_t sequence;
    time_t used;
    uint8_t role;
    uint8_t console_random[16], bmc_random[16];
    struct sol sol;
    struct mac integrity;
    AES_KEY encrypt, decrypt;
};

static struct session sessions[MAX_SESSIONS];
static unsigned free_slots[MAX_SESSIONS], free_count, eviction_hand;

static uint64_t random_state[2];

/* xorshift128+: fast, and good enough where the only adversary is a stopwatch. */
static uint64_t random64(void) {
    uint64_t x = random_state[0], y = random_state[1];
    random_state[0] = y;
    x ^= x << 23;
    random_state[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return random_state[1] + y;
}

static void random16(uint8_t *out) {
    uint64_t words[2] = {random64(), random64()};
    memcpy(out, words, sizeof words);
}

static void session_free(struct session *session) {
    session->stage = FREE;
    free_slots[free_count++] = (unsigned)(session - sessions);
    counters.live--;
}

static struct session *session_new(void) {
    for (unsigned i = 0; free_count == 0 && i < MAX_SESSIONS; i++) {
        struct session *old = &sessions[eviction_hand++ % MAX_SESSIONS];
        if (now - old->used > IDLE_SECONDS)
            session_free(old);
    }
    if (free_count == 0)
        return NULL;
    unsigned slot = free_slots[--free_count];
    struct session *session = &sessions[slot];
    session->generation++;
    session->id = (uint32_t)session->generation << 16 | (slot + 1);
    session->sequence = 0;
    session->sol.active = 0;
    session->used = now;
    if (++counters.live > counters.peak)
        counters.peak = counters.live;
    return session;
}

struct peer {
    uint32_t console_address, bmc_address; /* network order */
    uint16_t console_port;
};

static struct session *session_find(uint32_t id, const struct peer *peer) {
    unsigned slot = (id & 0xffff) - 1;
    if (slot >= MAX_SESSIONS)
        return NULL;
    struct session *session = &sessions[slot];
    if (session->stage == FREE || session->id != id || session->console_address != peer->console_address
        || session->console_port != peer->console_port || session->bmc_address != peer->bmc_address)
        return NULL;
    session->used = now;
    return session;
}

/* ------------------------------------------------------------------ bytes */

static uint32_t get32(const uint8_t *at) {
    return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value) {
    at[0] = value, at[1] = value >> 8, at[2] = value >> 16, at[3] = value >> 24;
}

static uint8_t checksum(const uint8_t *data, size_t size) {
    uint8_t sum = 0;
    while (size--)
        sum += *data++;
    return -sum;
}

static void guid(const struct peer *peer, uint8_t *out) {
    memset(out, 0xb7, 16);
    memcpy(out, &peer->bmc_address, 4); /* one identity per address */
}

/* ------------------------------------------------------------------ commands */

enum { NETFN_CHASSIS = 0x00, NETFN_APP = 0x06 };
enum { OK = 0x00, INVALID_COMMAND = 0xc1, DATA_LENGTH = 0xc7, INVALID_FIELD = 0xcc };

static const uint8_t DEVICE_ID[] = {0x20, 0x01, 0x01, 0x00, 0x02, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00};
static const uint8_t CHASSIS_STATUS[] = {0x01, 0x00, 0x00};
/* Records of table 22-18: start, suite, authentication, integrity, confidentiality. */
static const uint8_t CIPHER_SUITES[] = {0xc0, 3, 0x01, 0x41, 0x81, 0xc0, 17, 0x03, 0x44, 0x81};

/* Activate, Deactivate Payload and Get Payload Instance Info, sections 24.1, 24.2 and 24.5. Every session has a serial
 * port of its own, so nobody is ever refused. */
static size_t payload_command(unsigned code, const uint8_t *data, size_t size, struct session *session, uint8_t *out) {
    if (size < (code == 0x4b ? 2 : 6))
        return out[0] = DATA_LENGTH, 1;
    if (code == 0x4a || data[0] != PAYLOAD_SOL || data[1] != 1)
        return out[0] = INVALID_FIELD, 1;
    if (code == 0x4b) {
        memset(out + 1, 0, 12);
        if (session->sol.active)
            put32(out + 1, session->id);
        return 13;
    }
    memset(&session->sol, 0, sizeof session->sol);
    if (code == 0x49)
        return 1;
    session->sol.active = 1;
    memset(out + 1, 0, 4);
    out[5] = out[7] = 4 + 255 - 256, out[6] = out[8] = 1; /* 259 bytes each way */
    out[9] = udp_port, out[10] = udp_port >> 8;
    out[11] = out[12] = 0xff; /* no VLAN */
    return 13;
}

/* Answers one command into *out*: completion code, then data. Returns the size. */
static size_t command(unsigned netfn, unsigned code, const uint8_t *data, size_t size, struct session *in_session,
                      int *close, uint8_t *out) {
    out[0] = OK;
    if (netfn == NETFN_APP && code == 0x38) { /* Get Channel Authentication Capabilities */
        if (size < 2)
            return out[0] = DATA_LENGTH, 1;
        /* channel, IPMI 2.0 only, non-null user names, 2.0 connections, no OEM */
        static const uint8_t capabilities[] = {0x01, 0x80, 0x04, 0x02, 0, 0, 0, 0};
        memcpy(out + 1, capabilities, sizeof capabilities);
        return 1 + sizeof capabilities;
    }
    if (netfn == NETFN_APP && code == 0x54) { /* Get Channel Cipher Suites */
        if (size < 3)
            return out[0] = DATA_LENGTH, 1;
        out[1] = 0x01;
        if (data[2] & 0x3f)
            return 2; /* the first list holds them all */
        memcpy(out + 2, CIPHER_SUITES, sizeof CIPHER_SUITES);
        return 2 + sizeof CIPHER_SUITES;
    }
    if (netfn == NETFN_APP && code == 0x01) { /* Get Device ID */
        memcpy(out + 1, DEVICE_ID, sizeof DEVICE_ID);
        return 1 + sizeof DEVICE_ID;
    }
    if (in_session && netfn == NETFN_CHASSIS && code == 0x01) { /* Get Chassis Status */
        memcpy(out + 1, CHASSIS_STATUS, sizeof CHASSIS_STATUS);
        return 1 + sizeof CHASSIS_STATUS;
    }
    if (in_session && netfn == NETFN_APP && code == 0x3b) { /* Set Session Privilege Level */
        if (size < 1)
            return out[0] = DATA_LENGTH, 1;
        out[1] = data[0] & 0x0f ? data[0] & 0x0f : 2;
        return 2;
    }
    if (in_session && netfn == NETFN_APP && code == 0x3c) { /* Close Session */
        *close = 1;
        return 1;
    }
    if (in_session && netfn == NETFN_APP && code >= 0x48 && code <= 0x4b)
        return payload_command(code, data, size, in_session, out);
    out[0] = INVALID_COMMAND;
    return 1;
}

/* Answers one IPMI LAN message. Returns the size of the reply in *out*, 0 to say nothing. */
static size_t message(const uint8_t *in, size_t size, struct session *in_session, int *close, uint8_t *out) {
    if (size < 7 || checksum(in, 3) || checksum(in + 3, size - 3))
        return 0;
    unsigned netfn = in[1] >> 2;
    if (netfn & 1)
        return 0; /* a response: nobody asked */
    out[0] = in[3];
    out[1] = (netfn | 1) << 2 | (in[4] & 3);
    out[2] = checksum(out, 2);
    out[3] = in[0];
    out[4] = (in[4] & 0xfc) | (in[1] & 3);
    out[5] = in[5];
    size_t end = 6 + command(netfn, in[5], in + 6, size - 7, in_session, close, out + 6);
    out[end] = checksum(out + 3, end - 3);
    counters.commands++;
    return end + 1;
}

/* ------------------------------------------------------------------ RMCP+ */

enum { SESSION_HEADER = 4, PAYLOAD = 16 }; /* offsets in a 2.0 datagram */
enum { MAX_PAYLOAD = 320 };                /* bytes, encrypted: a full SOL packet has 288 */

static size_t wrap_plain(uint8_t *out, uint8_t type, size_t payload) {
    memcpy(out, "\x06\x00\xff\x07\x06", 5);
    out[5] = type;
    memset(out + 6, 0, 8);
    out[14] = payload, out[15] = payload >> 8;
    return PAYLOAD + payload;
}

static size_t refuse(uint8_t *out, uint8_t type, uint8_t tag, uint8_t status, uint32_t console_id) {
    uint8_t *reply = out + PAYLOAD;
    memset(reply, 0, 8);
    reply[0] = tag;
    reply[1] = status;
    put32(reply + 4, console_id);
    counters.refused++;
    return wrap_plain(out, type, 8);
}

static size_t open_session(const struct peer *peer, const uint8_t *in, size_t size, uint8_t *out) {
    if (size < 32)
        return 0;
    uint32_t console_id = get32(in + 4);
    uint8_t authentication = in[12] & 0x3f, integrity = in[20] & 0x3f, confidentiality = in[28] & 0x3f;
    int suite3 = authentication == 1 && integrity == 1 && confidentiality == 1;
    int suite17 = authentication == 3 && integrity == 4 && confidentiality == 1;
    if (!suite3 && !suite17)
        return refuse(out, OPEN_RESPONSE, in[0], 0x11, console_id); /* no cipher suite match */
    struct session *session = session_new();
    if (session == NULL)
        return refuse(out, OPEN_RESPONSE, in[0], 0x01, console_id); /* insufficient resources */
    session->stage = OPENED;
    session->console_id = console_id;
    session->console_address = peer->console_address;
    session->console_port = peer->console_port;
    session->bmc_address = peer->bmc_address;
    session->sha256 = suite17;
    counters.opened++;

    uint8_t *reply = out + PAYLOAD;
    memset(reply, 0, 36);
    reply[0] = in[0];
    reply[2] = in[1] & 0x0f ? in[1] & 0x0f : 4; /* 0 asks for the highest */
    put32(reply + 4, console_id);
    put32(reply + 8, session->id);
    memcpy(reply + 12, in + 8, 24);
    reply[15] = reply[23] = reply[31] = 8;
    return wrap_plain(out, OPEN_RESPONSE, 36);
}

static size_t rakp1(const struct peer *peer, const uint8_t *in, size_t size, uint8_t *out) {
    if (size < 28 || size < 28u + in[27])
        return 0;
    struct session *session = session_find(get32(in + 4), peer);
    if (session == NULL || session->stage == ACTIVE)
        return 0;
    if (in[27] != sizeof USER - 1 || memcmp(in + 28, USER, in[27])) {
        uint32_t console_id = session->console_id;
        session_free(session);
        return refuse(out, RAKP2, in[0], 0x0d, console_id); /* unauthorized name */
    }
    if (session->stage == OPENED)
        random16(session->bmc_random); /* a repeated message gets the same answer */
    memcpy(session->console_random, in + 8, 16);
    session->role = in[24];
    session->stage = CHALLENGED;

    uint8_t *reply = out + PAYLOAD;
    memset(reply, 0, 4);
    reply[0] = in[0];
    put32(reply + 4, session->console_id);
    memcpy(reply + 8, session->bmc_random, 16);
    guid(peer, reply + 24);

    uint8_t text[96];
    put32(text, session->console_id);
    put32(text + 4, session->id);
    memcpy(text + 8, session->console_random, 16);
    memcpy(text + 24, session->bmc_random, 16);
    memcpy(text + 40, reply + 24, 16);
    text[56] = session->role;
    text[57] = sizeof USER - 1;
    memcpy(text + 58, USER, sizeof USER - 1);
    struct mac mac;
    mac_key(&mac, session->sha256, PASSWORD, sizeof PASSWORD - 1);
    mac_compute(&mac, text, 58 + sizeof USER - 1, reply + 40);
    return wrap_plain(out, RAKP2, 40 + mac_size(&mac));
}

static void derive_keys(struct session *session, const struct mac *password, uint8_t *sik) {
    uint8_t text[64], key[SHA256_DIGEST_LENGTH], constant[20];
    memcpy(text, session->console_random, 16);
    memcpy(text + 16, session->bmc_random, 16);
    text[32] = session->role;
    text[33] = sizeof USER - 1;
    memcpy(text + 34, USER, sizeof USER - 1);
    mac_compute(password, text, 34 + sizeof USER - 1, sik);

    struct mac mac;
    mac_key(&mac, session->sha256, sik, mac_size(password));
    memset(constant, 1, sizeof constant);
    mac_compute(&mac, constant, sizeof constant, key);
    mac_key(&session->integrity, session->sha256, key, mac_size(password));
    memset(constant, 2, sizeof constant);
    mac_compute(&mac, constant, sizeof constant, key);
    AES_set_encrypt_key(key, 128, &session->encrypt);
    AES_set_decrypt_key(key, 128, &session->decrypt);
}

static size_t rakp3(const struct peer *peer, const uint8_t *in, size_t size, uint8_t *out) {
    if (size < 8)
        return 0;
    struct session *session = session_find(get32(in + 4), peer);
    if (session == NULL || session->stage == OPENED)
        return 0;
    struct mac password;
    mac_key(&password, session->sha256, PASSWORD, sizeof PASSWORD - 1);

    uint8_t text[64], expected[SHA256_DIGEST_LENGTH], sik[SHA256_DIGEST_LENGTH];
    memcpy(text, session->bmc_random, 16);
    put32(text + 16, session->console_id);
    text[20] = session->role;
    text[21] = sizeof USER - 1;
    memcpy(text + 22, USER, sizeof USER - 1);
    mac_compute(&password, text, 22 + sizeof USER - 1, expected);
    if (in[1] || size < 8 + mac_size(&password) || CRYPTO_memcmp(in + 8, expected, mac_size(&password))) {
        uint32_t console_id = session->console_id;
        session_free(session);
        return refuse(out, RAKP4, in[0], 0x0f, console_id); /* invalid integrity check value */
    }
    derive_keys(session, &password, sik);
    if (session->stage != ACTIVE)
        counters.logged_in++;
    session->stage = ACTIVE;

    uint8_t *reply = out + PAYLOAD;
    memset(reply, 0, 4);
    reply[0] = in[0];
    put32(reply + 4, session->console_id);
    struct mac mac;
    mac_key(&mac, session->sha256, sik, mac_size(&password));
    memcpy(text, session->console_random, 16);
    put32(text + 16, session->id);
    guid(peer, text + 20);
    mac_compute(&mac, text, 36, reply + 8);
    return wrap_plain(out, RAKP4, 8 + (session->sha256 ? 16 : 12));
}

/* ------------------------------------------------------------------ serial over LAN */

enum { STREAM = 65521, NACK = 0x40 };
enum { TYPED_SOURCE = 1, TYPED_ECHO = 2 };

static uint8_t stream[STREAM + 255]; /* what the source sends, over and over; a prime, so no packet meets its place */

static void stream_fill(void) {
    uint32_t state = 1;
    for (int i = 0; i < STREAM; i++) {
        state = state * 1103515245 + 12345;
        stream[i] = state >> 16;
    }
    memcpy(stream + STREAM, stream, 255);
}

/* What was typed, by its first byte: a stream whose length follows (8 bytes, big-endian), an echo, or nothing. */
static void sol_typed(struct sol *sol, const uint8_t *data, size_t size) {
    if (data[0] == TYPED_SOURCE && size == 9) {
        sol->position = sol->end = 0;
        for (int i = 1; i < 9; i++)
            sol->end = sol->end << 8 | data[i];
    } else if (data[0] == TYPED_ECHO) {
        memcpy(sol->echo, data, size);
        sol->echo_size = size;
    }
}

/* The other side's acknowledge of our packet. Returns whether a packet may go. */
static int sol_acknowledged(struct sol *sol, unsigned number, unsigned accepted, unsigned flags) {
    if (sol->waiting == 0)
        return 1;
    if (number != sol->number || accepted > sol->waiting)
        return 0;
    if (accepted == 0 && flags & NACK)
        return 0; /* it says when there is room */
    if (accepted)
        sol->number = sol->number % 15 + 1; /* else the same number again */
    if (sol->echo_size)
        memmove(sol->echo, sol->echo + accepted, sol->echo_size -= accepted);
    else
        sol->position += accepted;
    sol->waiting = 0;
    return 1;
}

/* Answers one SOL payload (section 15.9). Returns the size of the reply in *out*, 0 to say nothing. */
static size_t sol_answer(struct session *session, const uint8_t *in, size_t size, uint8_t *out) {
    struct sol *sol = &session->sol;
    if (!sol->active || size < 4 || size > 4 + 255)
        return 0;
    counters.sol_received++;
    memset(out, 0, 4);
    unsigned number = in[0] & 0x0f;
    int may_send = sol_acknowledged(sol, in[1] & 0x0f, in[2], in[3]);
    if (number) {
        if (number != sol->taken && size > 4)
            sol_typed(sol, in + 4, size - 4);
        sol->taken = number;
        out[1] = number;
        out[2] = size - 4;
    }
    size_t room = 0;
    const uint8_t *from = NULL;
    if (may_send && sol->echo_size) {
        room = sol->echo_size;
        from = sol->echo;
    } else if (may_send && sol->position < sol->end) {
        room = sol->end - sol->position < 255 ? sol->end - sol->position : 255;
        from = stream + sol->position % STREAM;
    }
    if (room == 0)
        return number ? 4 : 0;
    if (sol->number == 0)
        sol->number = 1;
    out[0] = sol->number;
    sol->waiting = room;
    memcpy(out + 4, from, room);
    return 4 + room;
}

/* ------------------------------------------------------------------ sessions' traffic */

/* Encrypts and signs the payload in *clear*, which must have room for a block more. Returns the datagram's size. */
static size_t seal(struct session *session, uint8_t type, uint8_t *clear, size_t body, uint8_t *out) {
    size_t code = session->sha256 ? 16 : 12, pad = 15 - body % 16;
    uint8_t digest[SHA256_DIGEST_LENGTH], vector[16];
    for (size_t i = 1; i <= pad; i++)
        clear[body++] = i;
    clear[body++] = pad;
    random16(out + PAYLOAD);
    memcpy(vector, out + PAYLOAD, 16);
    AES_cbc_encrypt(clear, out + PAYLOAD + 16, body, &session->encrypt, vector, AES_ENCRYPT);
    size_t end = wrap_plain(out, ENCRYPTED | AUTHENTICATED | type, 16 + body);
    put32(out + 6, session->console_id);
    put32(out + 10, ++session->sequence);
    memcpy(out + end, "\xff\xff\x02\x07", 4); /* the payload is whole blocks, so the padding never varies */
    end += 4;
    mac_compute(&session->integrity, out + SESSION_HEADER, end - SESSION_HEADER, digest);
    memcpy(out + end, digest, code);
    return end + code;
}

/* Authenticates, decrypts and answers one payload of a live session. */
static size_t in_session(const struct peer *peer, const uint8_t *in, size_t size, uint8_t *out) {
    struct session *session = session_find(get32(in + 6), peer);
    if (session == NULL || session->stage != ACTIVE || (in[5] & 0xc0) != (ENCRYPTED | AUTHENTICATED))
        return 0;
    size_t code = session->sha256 ? 16 : 12;
    size_t length = in[14] | in[15] << 8;
    if (size < PAYLOAD + length + 2 + code || length < 32 || length % 16 || length > MAX_PAYLOAD)
        return 0;
    uint8_t digest[SHA256_DIGEST_LENGTH], clear[MAX_PAYLOAD], reply[MAX_PAYLOAD], vector[16];
    mac_compute(&session->integrity, in + SESSION_HEADER, size - SESSION_HEADER - code, digest);
    if (CRYPTO_memcmp(digest, in + size - code, code)) {
        counters.bad_mac++;
        return 0;
    }
    memcpy(vector, in + PAYLOAD, 16);
    AES_cbc_encrypt(in + PAYLOAD + 16, clear, length - 16, &session->decrypt, vector, AES_DECRYPT);
    size_t pad = clear[length - 17];
    if (pad > 15)
        return 0;
    int close = 0;
    uint8_t type = in[5] & 0x3f;
    size_t body = 0;
    if (type == PAYLOAD_IPMI)
        body = message(clear, length - 17 - pad, session, &close, reply);
    else if (type == PAYLOAD_SOL)
        body = sol_answer(session, clear, length - 17 - pad, reply);
    if (body == 0)
        return 0;
    size_t end = seal(session, type, reply, body, out);
    if (close) {
        session_free(session);
        counters.closed++;
    }
    return end;
}

/* ------------------------------------------------------------------ datagrams */

static int sparse; /* only every 65th address answers presence pings: 1,009 in 65,536 */

static size_t pong(const uint8_t *in, uint8_t *out) {
    memcpy(out, "\x06\x00\xff\x06\x00\x00\x11\xbe\x40", 9);
    out[9] = in[9];
    memcpy(out + 10, "\x00\x10\x00\x00\x11\xbe\x00\x00\x00\x00\x81\x00\x00\x00\x00\x00\x00\x00", 18);
    return 28;
}

/* Answers one datagram into *out*. Returns the size of the reply, 0 to say nothing. */
static size_t answer(const struct peer *peer, const uint8_t *in, size_t size, uint8_t *out) {
    if (size < 12 || in[0] != 0x06)
        return 0;
    if (in[3] == 0x06) /* ASF */
        return get32(in + 4) == 0xbe110000 && in[8] == 0x80 && !(sparse && (ntohl(peer->bmc_address) & 0xffff) % 65)
                   ? pong(in, out)
                   : 0;
    if (in[3] != 0x07)
        return 0;
    if (in[4] == 0x00) { /* IPMI 1.5 format: only outside a session */
        int close = 0;
        if (size < 14u + in[13] || get32(in + 9))
            return 0;
        size_t body = message(in + 14, in[13], NULL, &close, out + 14);
        if (body == 0)
            return 0;
        memcpy(out, "\x06\x00\xff\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00", 13);
        out[13] = body;
        return 14 + body;
    }
    if (in[4] != 0x06 || size < PAYLOAD)
        return 0;
    if (get32(in + 6))
        return in_session(peer, in, size, out);
    size_t length = in[14] | in[15] << 8;
    if (size < PAYLOAD + length)
        return 0;
    switch (in[5]) {
    case OPEN_REQUEST:
        return open_session(peer, in + PAYLOAD, length, out);
    case RAKP1:
        return rakp1(peer, in + PAYLOAD, length, out);
    case RAKP3:
        return rakp3(peer, in + PAYLOAD, length, out);
    case PAYLOAD_IPMI: { /* a command outside a session, in the 2.0 format */
        int close = 0;
        size_t body = message(in + PAYLOAD, length, NULL, &close, out + PAYLOAD);
        return body ? wrap_plain(out, PAYLOAD_IPMI, body) : 0;
    }
    }
    return 0;
}

/* ------------------------------------------------------------------ socket */

static union {
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct cmsghdr align;
} controls[BATCH];
static uint8_t requests[BATCH][DATAGRAM], replies[BATCH][DATAGRAM];
static struct sockaddr_in sources[BATCH];
static struct iovec request_vectors[BATCH], reply_vectors[BATCH];
static struct mmsghdr received[BATCH], to_send[BATCH];

/* The destination of a datagram, kept so that the reply leaves from it; 0 unless it is in 127/8. */
static uint32_t loopback_destination(struct msghdr *header) {
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (control == NULL || control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO)
        return 0;
    struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(control);
    if (ntohl(info->ipi_addr.s_addr) >> 24 != 127)
        return 0;
    info->ipi_spec_dst = info->ipi_addr;
    info->ipi_ifindex = 0;
    return info->ipi_addr.s_addr;
}

static void serve(int sock, int echo) {
    for (int i = 0; i < BATCH; i++) {
        request_vectors[i] = (struct iovec){requests[i], DATAGRAM};
        received[i].msg_hdr = (struct msghdr){.msg_name = &sources[i], .msg_iov = &request_vectors[i], .msg_iovlen = 1};
        received[i].msg_hdr.msg_control = &controls[i];
    }
    while (!stopping) {
        for (int i = 0; i < BATCH; i++) {
            received[i].msg_hdr.msg_namelen = sizeof sources[i];
            received[i].msg_hdr.msg_controllen = sizeof controls[i];
        }
        int count = recvmmsg(sock, received, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0)
            continue; /* a signal, or an ICMP error nobody cares about */
        counters.received += count;
        now = time(NULL);
        int outgoing = 0;
        for (int i = 0; i < count; i++) {
            struct peer peer = {sources[i].sin_addr.s_addr, loopback_destination(&received[i].msg_hdr),
                                sources[i].sin_port};
            uint8_t *reply = echo ? requests[i] : replies[i];
            size_t size = echo ? received[i].msg_len : 0;
            if (peer.bmc_address && !echo && !(received[i].msg_hdr.msg_flags & MSG_TRUNC))
                size = answer(&peer, requests[i], received[i].msg_len, reply);
            if (!peer.bmc_address || size == 0) {
                counters.dropped++;
                continue;
            }
            reply_vectors[outgoing] = (struct iovec){reply, size};
            to_send[outgoing].msg_hdr = received[i].msg_hdr;
            to_send[outgoing].msg_hdr.msg_iov = &reply_vectors[outgoing];
            to_send[outgoing].msg_hdr.msg_flags = 0;
            outgoing++;
        }
        for (int done = 0; done < outgoing && !stopping;) {
            int sent = sendmmsg(sock, to_send + done, outgoing - done, 0);
            if (sent < 0) {
                counters.send_failures++;
                sent = 1; /* drop the one that failed */
            } else
                counters.sent += sent;
            done += sent;
        }
    }
}

static void stop(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "--echo") && strcmp(argv[2], "--sparse"))) {
        fprintf(stderr, "usage: %s PORT [--echo | --sparse]\n", argv[0]);
        return 2;
    }
    sparse = argc == 3 && !strcmp(argv[2], "--sparse");
    int echo = argc == 3 && !sparse, one = 1, buffer = SOCKET_BUFFER;
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: the receive must wake */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    alarm(LIFETIME_SECONDS);

    FILE *entropy = fopen("/dev/urandom", "rb");
    if (entropy == NULL || fread(random_state, sizeof random_state, 1, entropy) != 1)
        return fail("/dev/urandom");
    fclose(entropy);
    while (free_count < MAX_SESSIONS) {
        free_slots[free_count] = MAX_SESSIONS - 1 - free_count;
        free_count++;
    }

    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0)
        return fail("socket");
    if (setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) < 0)
        return fail("SO_BINDTODEVICE lo (Linux 5.7 or newer, or CAP_NET_RAW)");
    if (setsockopt(sock, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) < 0)
        return fail("IP_PKTINFO");
    /* FORCE needs CAP_NET_ADMIN; without it the kernel's own limit applies, and that does too. */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    socklen_t size = sizeof address;
    if (bind(sock, (struct sockaddr *)&address, sizeof address) < 0 || getsockname(sock, (void *)&address, &size) < 0)
        return fail("bind");
    udp_port = ntohs(address.sin_port);
    stream_fill();
    printf("ready %d\n", udp_port);
    fflush(stdout);

    serve(sock, echo);

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"received\": %lu, \"sent\": %lu, \"dropped\": %lu, \"bad_mac\": %lu, \"opened\": %lu, \"logged_in\": %lu, "
           "\"closed\": %lu, \"commands\": %lu, \"sol_received\": %lu, \"refused\": %lu, \"send_failures\": %lu, "
           "\"live\": %u, \"peak\": %u, \"cpu_seconds\": %.3f}\n",
           counters.received, counters.sent, counters.dropped, counters.bad_mac, counters.opened, counters.logged_in,
           counters.closed, counters.commands, counters.sol_received, counters.refused, counters.send_failures,
           counters.live, counters.peak,
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    return 0;
}
