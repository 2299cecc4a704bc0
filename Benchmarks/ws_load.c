/*
 * ws_load.c - load generator for WebSocket and Server-Sent-Events servers.
 *
 * Linux only, no dependencies. One epoll loop per worker process, no threads,
 * next to no allocation after start-up, so that it stays cheaper than what it
 * measures.
 *
 *   Build:  gcc -O2 -Wall -Wextra -o ws_load ws_load.c
 *
 *   ws_load MODE [options]
 *
 *   MODE  idle     open -n connections, hold them for -d seconds, report memory.
 *                  With -1, also exchange one message on each and report again.
 *         echo     closed loop: every connection keeps -i messages in flight.
 *                  With -R, open loop: R messages/s in total, sent at fixed
 *                  times; latency counts from the time a message was due, so a
 *                  stalled server cannot hide its stall.
 *         fanout   -n subscribers; one publisher sends -m messages, keeping at
 *                  most -W unfinished ones (closed loop), or -R per second.
 *                  A message is finished once it was answered and every
 *                  subscriber has received it.
 *
 *   -t ws|sse|mixed  transport of the (subscriber) connections      [ws]
 *                    mixed (idle, fanout): even clients WebSocket, odd ones SSE
 *   -h HOST -p PORT  server address (IPv4, numeric)                 [127.0.0.1 4002]
 *   -u PATH          request target; every %d becomes the client index [/ws]
 *   --sse-port N --sse-path PATH   the same for the SSE half of -t mixed
 *   -H 'K: V'        extra request header (repeatable; %d as above)
 *   -n N             connections                                     [100]
 *   -P N             worker processes                                [1]
 *   -s N             source addresses 127.0.0.2 .. 127.0.0.(N+1)     [0: let kernel choose]
 *   -c N             handshakes in progress at once, per worker      [128]
 *   -d SECONDS       how long to hold (idle) or measure (echo)       [5]
 *   -w SECONDS       warm-up before measuring (echo)                 [1]
 *   -i N             messages in flight per connection (echo)        [1]
 *   -R RATE          messages per second in total (open loop)        [0: closed loop]
 *   -m N             messages to publish (fanout)                    [50]
 *   --warm N         messages published before the measured ones     [0]
 *   -W N             unfinished publishes allowed (fanout)           [1]
 *   -b BODY          message text; @TS@ becomes a 16-digit time stamp, @PAD@
 *                    padding up to -l bytes
 *   -l BYTES         message length                                  [200]
 *   --marker TEXT    what stands right before the stamp, in BODY and in what the
 *                    server delivers ["ts":"]. Only a frame with the marker and
 *                    16 hex digits behind it counts as a delivery
 *   -j TEXT          sent once by each WebSocket client after the upgrade (a
 *                    channel join).  %d as above. If TEXT contains phx_join, the
 *                    phx_reply with status ok completes the handshake, otherwise
 *                    the first message back
 *   --first          SSE: the first event, not the response head, completes the
 *                    handshake
 *   --sequence       check that "sequence": numbers are consecutive per connection
 *   -x               offer permessage-deflate (WebSocket), accept gzip (SSE). Nothing is
 *                    inflated. What the server put into a stored block is read:
 *                    with --sequence, in fan-out, the number there tells which
 *                    message it is, and everything is checked as without -x (the
 *                    published messages must be the only ones). Messages without
 *                    such a block are only counted: no latency, no check for lost ones
 *   --pub ws|post    how the publisher sends (fanout)                [ws]
 *   --pub-port N     publisher's port                                [-p]
 *   --pub-path PATH  publisher's target                              [-u]
 *   --pub-join TEXT  ws: sent once by the publisher; waits for the answer
 *   --pub-conns N    publisher connections; one of them pipelines    [1]
 *   --timeout S      without any progress, give up after             [10]
 *   -S PID[,PID..]   server processes: report their memory before, during, after
 *   -1               idle: exchange one message per WebSocket connection too
 *   -q               print only the JSON line (and errors)
 *
 * Output: one JSON object on stdout, progress and errors on stderr. Latencies are
 * in microseconds from a log-linear histogram (error < 1.6 %). For servers on the
 * same host only: time stamps are CLOCK_MONOTONIC.
 *
 *   pss_per_conn     (PSS of the -S processes now - before) / connections, bytes
 *   pss_file_per_conn  the part of it that is file pages: program code read in, and
 *                    a share that changes whenever another process that maps the
 *                    same files starts or ends
 *   server_us_per_msg  CPU of the -S processes per counted message
 *   client_busy      share of the measured time that a worker of this program ran:
 *                    near 1, it is the generator that bounds the rate
 *   p50_us ..        latency of single deliveries
 *   all_p50_us ..    fanout: from publish to the last subscriber's receipt
 *   expected, messages, lost, duplicates, reordered, foreign
 *                    deliveries that should be, that counted, and that went wrong;
 *                    every connection remembers which messages it has had
 *                    (foreign: carries a stamp that was never published).
 *                    echo: sent, in place of expected, has the warm-up in it
 *   errors           error replies, error events, malformed frames
 *   publish_errors   publishes not answered by 2xx
 *
 * More than about 28,000 connections need -s (ports; so do repeated runs, as
 * closed connections keep theirs for a minute), and `ulimit -n` bounds the
 * connections of one worker. Exit status: 0 only if every connection was opened
 * and stayed open and nothing was lost, doubled, out of order or refused; 1
 * otherwise; 2 wrong usage. (With more than one publisher connection the server
 * may order publishes as it likes: `reordered` is then only information.)
 * Not checked: Sec-WebSocket-Accept, UTF-8 of what the server sends.
 *
 * Examples
 *   ws_load idle   -n 10000 -u '/mcp/ws?vsn=2.0.0&client_id=c%d' \
 *                  -j '["1","1","mcp:gateway","phx_join",{}]' -S $PID
 *   ws_load echo   -n 100 -d 5 -S $PID
 *   ws_load echo   -n 1000 -R 5000                      # latency at 5,000 messages/s
 *   ws_load fanout -t sse -p 4001 -u '/mcp/sse?client_id=c%d&topics=bench' --first -n 10000 \
 *                  --pub post --pub-port 4000 --pub-path /mcp/messages \
 *                  -b '{"topic":"bench","type":"bench","data":{"ts":"@TS@","pad":"@PAD@"}}'
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { MAX_WORKERS = 16, MAX_HEADERS = 8, MAX_PIDS = 16, MAX_PUBS = 64, RBUF = 1 << 18, MAX_MESSAGE = 1 << 20 };
enum mode { IDLE, ECHO, FANOUT };
enum transport { WS, SSE, MIXED };

/* ---------------------------------------------------------------- options */

static struct {
    enum mode mode;
    enum transport transport;
    bool deflate, pub_post, exchange, quiet, first, sequence;
    const char *host, *path, *sse_path, *pub_path, *pub_join, *body, *join, *marker, *headers[MAX_HEADERS];
    int port, sse_port, pub_port, pub_conns, nheaders, n, workers, sources, window, inflight, messages, warm, pub_window;
    size_t length, marker_length;
    double duration, warmup, rate, timeout;
    int pids[MAX_PIDS], npids;
} opt = { .host = "127.0.0.1", .path = "/ws", .port = 4002, .n = 100, .workers = 1, .window = 128, .marker = "\"ts\":\"",
          .inflight = 1, .messages = 50, .pub_window = 1, .pub_conns = 1, .length = 200, .duration = 5, .warmup = 1, .timeout = 10,
          .body = "[\"1\",\"2\",\"mcp:gateway\",\"message\",{\"ts\":\"@TS@\",\"pad\":\"@PAD@\"}]" };

/* -------------------------------------------------- memory shared by workers */

enum { SUB_BITS = 6, BUCKETS = 64 << SUB_BITS };
enum phase { CONNECT, HOLD, EXCHANGE, WARM, RUN, DRAIN, STOP };

struct latency { uint64_t count, sum_ns, max_ns, hist[BUCKETS]; };

struct worker_stats {
    _Alignas(64) atomic_long connected, failed, closed, exchanged, sent, received;
    long duplicates, reordered, foreign, sequence_errors, errors;
    uint64_t messages[2], bytes;
    struct latency lat[2];               /* WebSocket, SSE */
    double cpu;
};

static struct shared {
    _Alignas(64) atomic_int phase;
    _Alignas(64) atomic_long received;   /* fan-out: deliveries so far, each counted once */
    _Alignas(64) atomic_long wake_at;    /* wake the publisher at this many */
    _Alignas(64) atomic_long published;  /* stamps[] is valid up to here */
    atomic_llong last_receive_ns;
    struct worker_stats w[MAX_WORKERS];
} *sh;
static uint64_t *stamps;                              /* fan-out: stamp of each message, ascending */
static struct arrival { uint64_t last_ns; long count; } *arrivals;   /* [worker][message] */
static long total_messages;
static int wake_fd;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "ws_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *share(size_t n) {
    void *p = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) die("mmap");
    return p;
}

/* The first few complaints of each process are enough to see what is wrong. */
__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...) {
    static int shown;
    if (shown > 4) return;
    if (shown++ == 4) { fprintf(stderr, "ws_load: (further messages of this kind are not shown)\n"); return; }
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *p = line; *p; p++) if ((unsigned char)*p < ' ') *p = ' ';
    fprintf(stderr, "ws_load: %s\n", line);
}

/* -------------------------------------------------------------- histogram */

static unsigned bucket_of(uint64_t v) {
    if (v < (1u << SUB_BITS)) return (unsigned)v;
    unsigned exp = 63 - (unsigned)__builtin_clzll(v);
    return ((exp - SUB_BITS + 1) << SUB_BITS) + (unsigned)((v >> (exp - SUB_BITS)) & ((1u << SUB_BITS) - 1));
}

static uint64_t bucket_value(unsigned b) {
    if (b < (1u << SUB_BITS)) return b;
    unsigned exp = (b >> SUB_BITS) + SUB_BITS - 1;
    uint64_t low = ((uint64_t)1 << exp) | ((uint64_t)(b & ((1u << SUB_BITS) - 1)) << (exp - SUB_BITS));
    return low + (((uint64_t)1 << (exp - SUB_BITS)) >> 1);
}

static void record(struct latency *l, uint64_t ns) {
    l->hist[bucket_of(ns)]++;
    l->count++;
    l->sum_ns += ns;
    if (ns > l->max_ns) l->max_ns = ns;
}

static void merge(struct latency *into, const struct latency *l) {
    into->count += l->count;
    into->sum_ns += l->sum_ns;
    if (l->max_ns > into->max_ns) into->max_ns = l->max_ns;
    for (int b = 0; b < BUCKETS; b++) into->hist[b] += l->hist[b];
}

static double quantile_us(const struct latency *l, double q) {
    uint64_t acc = 0, want = (uint64_t)(q * (double)l->count);
    for (unsigned b = 0; b < BUCKETS && l->count; b++) if ((acc += l->hist[b]) > want) return (double)(bucket_value(b) < l->max_ns ? bucket_value(b) : l->max_ns) / 1e3;
    return 0;
}

/* --------------------------------------------------------------- messages */

static const char HEX[] = "0123456789abcdef";

struct message {          /* a WebSocket client frame (or bare text) with holes */
    char *buf;            /* header + payload, unmasked */
    size_t header, payload, ts;   /* ts: offset of the stamp inside the payload */
};

static char *expand(const char *src, int index) {
    size_t cap = strlen(src) + 64, len = 0;
    char *out = malloc(cap);
    for (; *src; src++) {
        if (len + 32 > cap) out = realloc(out, cap *= 2);
        if (src[0] == '%' && src[1] == 'd') { len += (size_t)sprintf(out + len, "%d", index); src++; }
        else out[len++] = *src;
    }
    out[len] = 0;
    return out;
}

static struct message make_message(const char *body, size_t length) {
    size_t base = strlen(body);
    const char *t = strstr(body, "@TS@"), *p = strstr(body, "@PAD@");
    size_t fixed = base - (p ? 5 : 0) + (t ? 12 : 0);
    size_t pad = p && length > fixed ? length - fixed : 0;
    struct message m = { .payload = fixed + pad, .ts = (size_t)-1 };
    m.header = 2 + (m.payload > 65535 ? 8 : m.payload > 125 ? 2 : 0) + 4;
    m.buf = calloc(1, m.header + m.payload + 16);
    unsigned char *h = (unsigned char *)m.buf;
    h[0] = 0x81;
    if (m.payload > 65535) {
        h[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) h[2 + i] = (unsigned char)(m.payload >> (56 - 8 * i));
    } else if (m.payload > 125) {
        h[1] = 0x80 | 126; h[2] = (unsigned char)(m.payload >> 8); h[3] = (unsigned char)m.payload;
    } else h[1] = (unsigned char)(0x80 | m.payload);
    char *o = m.buf + m.header;
    for (const char *s = body; *s;) {
        if (s == t) { m.ts = (size_t)(o - m.buf) - m.header; memset(o, '0', 16); o += 16; s += 4; }
        else if (s == p) {   /* words of varied letters: compresses like text, not like a run */
            for (size_t i = 0; i < pad; i++) { uint32_t x = (uint32_t)(i * 2654435761u); o[i] = (char)('a' + (x >> 24) % 20); }
            o += pad; s += 5;
        } else *o++ = *s++;
    }
    return m;
}

static void put_stamp(char *at, uint64_t ns) {
    for (int i = 15; i >= 0; i--, ns >>= 4) at[i] = HEX[ns & 15];
}

/* memmem that looks first where the key was the last time: messages are alike. */
static const char *find(const char *s, size_t n, const char *key, size_t length, size_t *hint) {
    if (n >= length && *hint <= n - length && !memcmp(s + *hint, key, length)) return s + *hint;
    const char *p = memmem(s, n, key, length);
    if (p) *hint = (size_t)(p - s);
    return p;
}

/* The stamp is the marker with 16 lower-case hex digits behind it. */
static uint64_t get_stamp(const char *s, size_t n) {
    static size_t hint;
    const char *e = s + n;
    for (const char *p = find(s, n, opt.marker, opt.marker_length, &hint); p; p = memmem(p, (size_t)(e - p), opt.marker, opt.marker_length)) {
        p += opt.marker_length;
        if (e - p < 16) return 0;
        uint64_t v = 0;
        int i = 0;
        for (; i < 16; i++) {
            char c = p[i];
            if (c >= '0' && c <= '9') v = v << 4 | (uint64_t)(c - '0');
            else if (c >= 'a' && c <= 'f') v = v << 4 | (uint64_t)(c - 'a' + 10);
            else break;
        }
        if (i == 16) return v;
    }
    return 0;
}

static bool contains(const char *s, size_t n, const char *what) { return memmem(s, n, what, strlen(what)) != NULL; }

enum { NO_NUMBER = INT32_MIN };

static long number_after(const char *s, size_t n, const char *key, size_t *hint) {
    const char *p = find(s, n, key, strlen(key), hint), *e = s + n;
    if (!p) return NO_NUMBER;
    p += strlen(key);
    bool minus = p < e && *p == '-';
    if (minus) p++;
    if (p == e || *p < '0' || *p > '9') return NO_NUMBER;
    long v = 0;
    for (; p < e && *p >= '0' && *p <= '9'; p++) v = v * 10 + (*p - '0');
    return minus ? -v : v;
}

/* ------------------------------------------------------------- connections */

enum cstate { UNUSED, CONNECTING, HEADERS, JOINING, OPEN, CLOSED };

struct conn {
    int fd, index;
    uint8_t state, kind, hlen, chunk_state, ctl_len;
    bool chunked, line_start, line_data, has_data, want_write, rsv1, in_message, gzip;
    uint8_t gzip_state;
    uint8_t head[14], opcode;
    char ctl[125];                        /* payload of a control frame that came in pieces */
    uint64_t remaining;                   /* bytes left in the frame payload or HTTP chunk */
    uint64_t event_stamp;                 /* SSE: found in this event's data so far */
    char *cap; size_t cap_len, cap_size;  /* a message or line that came in pieces */
    char *out; size_t out_len, out_off;   /* unsent bytes, rare */
    long next;                            /* fan-out: the message expected next */
    long sequence, first_sequence;        /* the last one; that of the first message */
    uint64_t last_stamp;                  /* echo */
};

static struct conn *conns;
static uint64_t *seen;                    /* fan-out: one bit per connection and message */
static size_t seen_words;
static int nconns, epfd, me;
static struct worker_stats *st;
static struct message msg;
static char *rbuf;
static long batch;                        /* deliveries in this pass of the loop */
static int phase;                         /* sh->phase, read once per event */
static uint32_t rng = 0x9e3779b9;

static const char *name(const struct conn *c) { return c->kind == SSE ? "sse" : "ws"; }

static void watch(struct conn *c, int op, uint32_t events) {
    struct epoll_event e = { .events = events, .data.ptr = c };
    if (epoll_ctl(epfd, op, c->fd, &e)) die("epoll_ctl");
}

static void drop(struct conn *c, const char *why) {
    if (c->state == CLOSED) return;
    if (why) complain("%s client %d: %s", name(c), c->index, why);
    if (c->state < OPEN) atomic_fetch_add(&st->failed, 1); else atomic_fetch_add(&st->closed, 1);
    c->state = CLOSED;
    close(c->fd);
    free(c->cap);
    free(c->out);
    c->cap = c->out = NULL;
}

static void send_all(struct conn *c, const char *p, size_t n) {
    if (c->state == CLOSED) return;
    if (!c->out_len) {
        ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
        if (r == (ssize_t)n) return;
        if (r < 0 && errno != EAGAIN) { drop(c, strerror(errno)); return; }
        if (r > 0) { p += r; n -= (size_t)r; }
    }
    c->out = realloc(c->out, c->out_len + n);
    memcpy(c->out + c->out_len, p, n);
    c->out_len += n;
    if (!c->want_write) { c->want_write = true; watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT | EPOLLRDHUP); }
}

static void flush_out(struct conn *c) {
    while (c->out_off < c->out_len) {
        ssize_t r = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
        if (r < 0) { if (errno != EAGAIN) drop(c, strerror(errno)); return; }
        c->out_off += (size_t)r;
    }
    free(c->out);
    c->out = NULL; c->out_len = c->out_off = 0; c->want_write = false;
    watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
}

static size_t mask_frame(char *dst, const struct message *m) {
    rng ^= rng << 13; rng ^= rng >> 17; rng ^= rng << 5;
    uint64_t k = (uint64_t)rng << 32 | rng;
    memcpy(dst, m->buf, m->header - 4);
    memcpy(dst + m->header - 4, &k, 4);
    char *d = dst + m->header;
    const char *s = m->buf + m->header;
    for (size_t i = 0; i < m->payload; i += 8) {
        uint64_t v;
        memcpy(&v, s + i, 8);
        v ^= k;
        memcpy(d + i, &v, 8);
    }
    return m->header + m->payload;
}

static void send_message(struct conn *c, uint64_t stamp) {
    static char *frame;
    if (c->state != OPEN) return;
    if (!frame) frame = malloc(msg.header + msg.payload + 16);
    if (msg.ts != (size_t)-1) put_stamp(msg.buf + msg.header + msg.ts, stamp);
    atomic_fetch_add_explicit(&st->sent, 1, memory_order_relaxed);
    send_all(c, frame, mask_frame(frame, &msg));
}

static size_t control_frame(char *f, int opcode, const char *p, size_t n) {   /* mask 0 */
    f[0] = (char)(0x80 | opcode);
    f[1] = (char)(0x80 | n);
    memset(f + 2, 0, 4);
    memcpy(f + 6, p, n);
    return 6 + n;
}

static void opened(struct conn *c) {
    c->state = OPEN;
    atomic_fetch_add(&st->connected, 1);
}

/* Fan-out: which message is it, and has this connection had it already? */
static void delivery(struct conn *c, uint64_t stamp, uint64_t now) {
    long published = atomic_load_explicit(&sh->published, memory_order_acquire), i = c->next;
    if (i >= published || stamps[i] != stamp) {
        long low = 0, high = published;
        while (low < high) {
            long mid = (low + high) / 2;
            if (stamps[mid] < stamp) low = mid + 1; else high = mid;
        }
        if (low == published || stamps[low] != stamp) { st->foreign++; return; }
        i = low;
    }
    uint64_t *word = seen + (size_t)(c - conns) * seen_words + (size_t)i / 64, bit = (uint64_t)1 << (i % 64);
    if (*word & bit) { st->duplicates++; return; }
    *word |= bit;
    if (i < c->next) st->reordered++; else c->next = i + 1;
    struct arrival *a = &arrivals[(long)me * total_messages + i];
    a->count++;
    a->last_ns = now;
    batch++;
    if (i >= opt.warm) {
        st->messages[c->kind]++;
        if (stamp <= now) record(&st->lat[c->kind], now - stamp);
    }
}

static void check_sequence(struct conn *c, const char *s, size_t n, bool stamped) {
    static size_t hint, next_hint;
    long v = stamped ? NO_NUMBER : number_after(s, n, "\"next_sequence\":", &next_hint);
    if (v != NO_NUMBER) { c->first_sequence = v; c->sequence = v - 1; return; }
    v = number_after(s, n, "\"sequence\":", &hint);
    if (v == NO_NUMBER) {
        if (stamped && !st->sequence_errors++) complain("%s client %d: no \"sequence\": in %.*s", name(c), c->index, (int)(n > 200 ? 200 : n), s);
        return;
    }
    bool fine = c->sequence == NO_NUMBER || v == c->sequence + 1 || (!stamped && v == c->sequence);
    if (!fine && !st->sequence_errors++) complain("%s client %d: sequence %ld after %ld", name(c), c->index, v, c->sequence);
    c->sequence = v;
}

/* One whole message or event with its stamp (0: none). */
static void counted(struct conn *c, uint64_t stamp) {
    uint64_t now = now_ns();
    if (opt.mode == FANOUT) {
        if (!c->rsv1) { delivery(c, stamp, now); return; }
        batch++;
        st->messages[c->kind]++;
        return;
    }
    if (!c->rsv1) {
        if (stamp > now) { st->foreign++; return; }
        if (stamp == c->last_stamp) { st->duplicates++; return; }
        if (stamp < c->last_stamp) st->reordered++;
        else c->last_stamp = stamp;
    }
    atomic_fetch_add_explicit(&st->received, 1, memory_order_relaxed);
    if (phase == EXCHANGE) atomic_fetch_add(&st->exchanged, 1);
    if (opt.mode != ECHO) return;
    if (phase == RUN) {
        st->messages[c->kind]++;
        if (stamp) record(&st->lat[c->kind], now - stamp);
    }
    if (opt.rate <= 0 && (phase == RUN || phase == WARM)) send_message(c, now);
}

/* Which message the uncompressed beginning of a compressed one belongs to, by its number: its stamp, or 1 if it cannot be. */
static uint64_t stamp_of_sequence(struct conn *c, const char *s, size_t n) {
    static size_t hint;
    long v = number_after(s, n, "\"sequence\":", &hint), i = v - c->first_sequence;
    if (v == NO_NUMBER || c->first_sequence == NO_NUMBER) return 1;
    check_sequence(c, s, n, true);
    return i >= 0 && i < atomic_load_explicit(&sh->published, memory_order_acquire) ? stamps[i] : 1;
}

/* The text of the stored block (RFC 1951 3.2.4) that a compressed message begins with; false: there is none. */
static bool stored_text(const char **s, size_t *n) {
    if (*n < 5 || (*s)[0] & 7) return false;
    size_t length = (uint8_t)(*s)[1] | (size_t)(uint8_t)(*s)[2] << 8;
    if (*n < 5 + length) return false;
    *s += 5; *n = length;
    return true;
}

static void on_message(struct conn *c, const char *s, size_t n) {   /* WebSocket */
    if (c->rsv1 && opt.sequence && opt.mode == FANOUT && c->state == OPEN && stored_text(&s, &n)) {
        c->rsv1 = false;
        counted(c, stamp_of_sequence(c, s, n));
        return;
    }
    uint64_t stamp = c->rsv1 ? 0 : get_stamp(s, n);
    if (opt.sequence && !c->rsv1) check_sequence(c, s, n, stamp != 0);
    if (stamp || c->rsv1) {
        if (c->state == JOINING) { if (!strstr(opt.join, "phx_join")) opened(c); }
        else counted(c, stamp);
        return;
    }
    bool refused = contains(s, n, "\"status\":\"error\"") || contains(s, n, "\"phx_error\"");
    if (c->state == JOINING) {
        if (refused) { st->errors++; complain("ws client %d: join refused: %.*s", c->index, (int)(n > 300 ? 300 : n), s); drop(c, NULL); }
        else if (!strstr(opt.join, "phx_join") || contains(s, n, "\"phx_reply\"")) opened(c);
    } else if (refused || contains(s, n, "\"gateway_close\"") || contains(s, n, "\"gap\"")) {
        st->errors++;
        complain("ws client %d: %.*s", c->index, (int)(n > 300 ? 300 : n), s);
    }
}

static void keep(struct conn *c, const char *p, size_t n) {
    if (c->cap_len + n > c->cap_size) {
        if (c->cap_len + n > MAX_MESSAGE) { n = MAX_MESSAGE - c->cap_len; }
        c->cap_size = c->cap_len + n < 1024 ? 1024 : (c->cap_len + n) * 2;
        c->cap = realloc(c->cap, c->cap_size);
    }
    memcpy(c->cap + c->cap_len, p, n);
    c->cap_len += n;
}

static void control(struct conn *c, int op, const char *p, size_t n) {
    if (op == 9) {
        char f[6 + 125];
        send_all(c, f, control_frame(f, 10, p, n));
    } else if (op == 8) {
        char why[200];
        snprintf(why, sizeof why, "closed by the server, code %d %.*s", n >= 2 ? (uint8_t)p[0] << 8 | (uint8_t)p[1] : 1005, n > 2 ? (int)n - 2 : 0, p + 2);
        drop(c, why);
    }
}

static void frame_end(struct conn *c) {
    if (!(c->opcode & 0x80)) return;
    c->in_message = false;
    on_message(c, c->cap, c->cap_len);
    c->cap_len = 0;
}

static void ws_input(struct conn *c, const char *p, size_t n) {
    while (n && c->state != CLOSED) {
        if (!c->remaining) {                       /* reading a frame header */
            size_t need = 2;
            for (;;) {
                if (c->hlen >= 2) {
                    int l = c->head[1] & 127;
                    need = 2 + (l == 126 ? 2 : l == 127 ? 8 : 0);
                }
                if (c->hlen >= need) break;
                if (!n) return;
                c->head[c->hlen++] = (uint8_t)*p++; n--;
            }
            uint64_t len = c->head[1] & 127;
            if (len == 126) len = (uint64_t)c->head[2] << 8 | c->head[3];
            else if (len == 127) { len = 0; for (int i = 0; i < 8; i++) len = len << 8 | c->head[2 + i]; }
            c->hlen = 0; c->opcode = c->head[0];
            int op = c->opcode & 15;
            if (c->head[1] & 0x80 || (op >= 8 && len > 125) || (op < 8 && c->in_message != (op == 0)) || (op > 2 && op < 8)) {
                st->errors++;
                drop(c, "malformed frame");
                return;
            }
            if (op == 1 || op == 2) { c->rsv1 = c->opcode & 0x40; c->in_message = true; }
            if (n >= len) {                        /* fast path: all of it is here */
                if (op >= 8) control(c, op, p, (size_t)len);
                else if (op && c->opcode & 0x80) { c->in_message = false; on_message(c, p, (size_t)len); }
                else { keep(c, p, (size_t)len); frame_end(c); }
                p += len; n -= len;
                continue;
            }
            c->remaining = len;
            c->ctl_len = 0;
            if (!n) return;
        }
        size_t take = n < c->remaining ? n : (size_t)c->remaining;
        int op = c->opcode & 15;
        if (op >= 8) { memcpy(c->ctl + c->ctl_len, p, take); c->ctl_len += (uint8_t)take; }
        else keep(c, p, take);
        p += take; n -= take; c->remaining -= take;
        if (!c->remaining) {
            if (op >= 8) control(c, op, c->ctl, c->ctl_len);
            else frame_end(c);
        }
    }
}

static void sse_line(struct conn *c, const char *s, size_t n) {
    if (n && s[n - 1] == '\r') n--;
    if (!n) {                                      /* the event is complete */
        if (c->has_data) {
            if (c->state == JOINING) opened(c);
            else if (c->event_stamp) counted(c, c->event_stamp);
        }
        c->has_data = false; c->event_stamp = 0;
    } else if (n >= 5 && !memcmp(s, "data:", 5)) {
        uint64_t stamp = get_stamp(s, n);
        if (opt.sequence) check_sequence(c, s, n, stamp != 0);
        if (!c->event_stamp) c->event_stamp = stamp;
        c->has_data = true;
    } else if (n >= 6 && !memcmp(s, "event:", 6) && (contains(s, n, "error") || contains(s, n, "gap"))) {
        st->errors++;
        complain("sse client %d: %.*s", c->index, (int)(n > 300 ? 300 : n), s);
    }
}

static void sse_text(struct conn *c, const char *p, size_t n) {
    while (n && c->state != CLOSED) {
        const char *nl = memchr(p, '\n', n);
        size_t len = nl ? (size_t)(nl - p) : n;
        if (!nl) { keep(c, p, len); return; }
        if (c->cap_len) { keep(c, p, len); sse_line(c, c->cap, c->cap_len); c->cap_len = 0; }
        else sse_line(c, p, len);
        p += len + 1; n -= len + 1;
    }
}

static int hex_value(char ch) {
    const char *h = ch ? memchr(HEX, ch | 32, 16) : NULL;
    return h ? (int)(h - HEX) : ch >= '0' && ch <= '9' ? ch - '0' : -1;
}

/* gzip of stored blocks and of deflated ones that end with an empty block, as the gateway writes it. */
static void gzip_input(struct conn *c, const char *p, size_t n) {
    enum { HEADER, BLOCK, STORED, DEFLATED };
    while (n && c->state != CLOSED) {
        switch (c->gzip_state) {
        case HEADER:                               /* ten bytes without any option */
            c->head[c->hlen++] = (uint8_t)*p++; n--;
            if (c->hlen < 10) break;
            if (memcmp(c->head, "\x1f\x8b\x08\0", 4)) { st->errors++; drop(c, "no gzip"); return; }
            c->hlen = 0; c->gzip_state = BLOCK;
            break;
        case BLOCK:
            if (!c->hlen && (*p & 7)) { c->gzip_state = DEFLATED; c->remaining = 0xffffffff; break; }
            c->head[c->hlen++] = (uint8_t)*p++; n--;
            if (c->hlen < 5) break;
            c->remaining = c->head[1] | (uint64_t)c->head[2] << 8;
            if ((c->remaining ^ (c->head[3] | (uint64_t)c->head[4] << 8)) != 0xffff) { st->errors++; drop(c, "a malformed stored block"); return; }
            c->hlen = 0; c->gzip_state = c->remaining ? STORED : BLOCK;
            break;
        case STORED: {
            size_t take = n < c->remaining ? n : (size_t)c->remaining;
            sse_text(c, p, take);
            p += take; n -= take; c->remaining -= take;
            if (!c->remaining) c->gzip_state = BLOCK;
            break;
        }
        case DEFLATED: {                           /* up to the empty block: 00 00 FF FF */
            uint32_t last = (uint32_t)c->remaining;
            size_t at = 0;
            while (at < n && last != 0x0000ffff) last = last << 8 | (uint8_t)p[at++];
            p += at; n -= at; c->remaining = last;
            if (last != 0x0000ffff) return;
            c->remaining = 0; c->gzip_state = BLOCK;
            if (opt.sequence && opt.mode == FANOUT) counted(c, stamp_of_sequence(c, c->cap, c->cap_len));
            else { c->rsv1 = true; counted(c, 0); c->rsv1 = false; }
            c->cap_len = 0; c->has_data = false; c->event_stamp = 0;
            break;
        }
        }
    }
}

static void sse_input(struct conn *c, const char *p, size_t n) {
    if (c->gzip) { gzip_input(c, p, n); return; }
    if (!c->chunked) { sse_text(c, p, n); return; }
    enum { SIZE, SIZE_REST, DATA, DATA_CR, DATA_LF };
    while (n && c->state != CLOSED) {
        switch (c->chunk_state) {
        case SIZE: case SIZE_REST: {
            char ch = *p++; n--;
            int h = hex_value(ch);
            if (ch == '\n') {
                if (!c->remaining) { drop(c, "the stream was ended by the server"); return; }
                c->chunk_state = DATA;
            } else if (c->chunk_state == SIZE && h >= 0) c->remaining = c->remaining << 4 | (uint64_t)h;
            else c->chunk_state = SIZE_REST;
            break;
        }
        case DATA: {
            size_t take = n < c->remaining ? n : (size_t)c->remaining;
            sse_text(c, p, take);
            p += take; n -= take; c->remaining -= take;
            if (!c->remaining) c->chunk_state = DATA_CR;
            break;
        }
        case DATA_CR: p++; n--; c->chunk_state = DATA_LF; break;
        case DATA_LF: p++; n--; c->chunk_state = SIZE; break;
        }
    }
}

static char *request_for(const struct conn *c) {
    bool sse = c->kind == SSE, other = sse && opt.transport == MIXED;
    char *path = expand(other && opt.sse_path ? opt.sse_path : opt.path, c->index);
    size_t cap = strlen(path) + 4096;
    for (int i = 0; i < opt.nheaders; i++) cap += strlen(opt.headers[i]) + 32 * 8;
    char *r = malloc(cap);
    int o = sprintf(r, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n", path, opt.host, other && opt.sse_port ? opt.sse_port : opt.port);
    if (sse) o += sprintf(r + o, "Accept: text/event-stream\r\n%s", opt.deflate ? "Accept-Encoding: gzip\r\n" : "");
    else o += sprintf(r + o, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
                      opt.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n" : "");
    for (int i = 0; i < opt.nheaders; i++) {
        char *h = expand(opt.headers[i], c->index);
        o += snprintf(r + o, cap - (size_t)o - 3, "%s\r\n", h);
        free(h);
    }
    sprintf(r + o, "\r\n");
    free(path);
    return r;
}

static void send_text(struct conn *c, const char *text) {
    struct message m = make_message(text, 0);
    char *f = malloc(m.header + m.payload + 16);
    send_all(c, f, mask_frame(f, &m));
    free(f); free(m.buf);
}

/* Response head: read with MSG_PEEK so that body bytes stay in the socket. */
static void head_input(struct conn *c) {
    char h[8193];
    ssize_t r = recv(c->fd, h, 8192, MSG_PEEK);
    if (r <= 0) { if (r == 0 || errno != EAGAIN) drop(c, r ? strerror(errno) : "closed before it answered"); return; }
    h[r] = 0;
    bool sse = c->kind == SSE, ok = !strncmp(h, "HTTP/1.1 ", 9) && !strncmp(h + 9, sse ? "200" : "101", 3);
    char *end = strstr(h, "\r\n\r\n");
    if (!end) { if (r >= 8192) drop(c, "response head of more than 8 KB"); return; }
    if (!ok) { complain("%s client %d: refused: %.150s ... %.200s", name(c), c->index, h, end); drop(c, NULL); return; }
    end[2] = 0;
    c->chunked = sse && strcasestr(h, "transfer-encoding: chunked");
    c->gzip = sse && strcasestr(h, "content-encoding: gzip");
    if (c->gzip && c->chunked) { drop(c, "chunks of gzip cannot be read"); return; }
    if (recv(c->fd, h, (size_t)(end + 4 - h), 0) < 0) { drop(c, strerror(errno)); return; }
    if (sse && opt.first) c->state = JOINING;
    else if (opt.join && !sse) {
        char *j = expand(opt.join, c->index);
        c->state = JOINING;
        send_text(c, j);
        free(j);
    } else opened(c);
}

static void readable(struct conn *c) {
    while (c->state == HEADERS) {
        head_input(c);
        if (c->state == HEADERS || c->state == CLOSED) return;
    }
    for (int i = 0; i < 8 && c->state != CLOSED; i++) {
        ssize_t r = recv(c->fd, rbuf, RBUF, 0);
        if (r == 0) { drop(c, "connection closed by the server"); return; }
        if (r < 0) { if (errno != EAGAIN) drop(c, strerror(errno)); return; }
        if (phase == RUN) st->bytes += (uint64_t)r;
        if (c->kind == SSE) sse_input(c, rbuf, (size_t)r); else ws_input(c, rbuf, (size_t)r);
        if (r < RBUF) return;
    }
}

static void start_connect(struct conn *c) {
    c->kind = opt.transport == MIXED ? (c->index & 1 ? SSE : WS) : opt.transport;
    c->sequence = c->first_sequence = NO_NUMBER;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (opt.sources) {
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        struct sockaddr_in s = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + (unsigned)(c->index % opt.sources)) };
        if (bind(c->fd, (struct sockaddr *)&s, sizeof s)) die("bind");
    }
    int port = c->kind == SSE && opt.transport == MIXED && opt.sse_port ? opt.sse_port : opt.port;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    inet_pton(AF_INET, opt.host, &a.sin_addr);
    c->state = CONNECTING;
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) drop(c, strerror(errno));
}

static void worker(int id) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    me = id;
    st = &sh->w[id];
    rng ^= (uint32_t)id * 0x85ebca6b;
    int first = (int)((long)opt.n * id / opt.workers), last = (int)((long)opt.n * (id + 1) / opt.workers);
    nconns = last - first;
    conns = calloc((size_t)nconns + 1, sizeof *conns);
    seen_words = ((size_t)total_messages + 63) / 64;
    seen = calloc((size_t)nconns + 1, (seen_words + 1) * sizeof *seen);
    rbuf = malloc(RBUF + 1);
    msg = make_message(opt.body, opt.length);
    epfd = epoll_create1(0);
    struct epoll_event ev[512];
    int started = 0, before = CONNECT, turn = 0;
    double interval = opt.rate > 0 ? 1e9 * opt.workers / opt.rate : 0;
    double due = 0;
    for (;;) {
        phase = atomic_load(&sh->phase);
        long done = atomic_load(&st->connected) + atomic_load(&st->failed);
        while (started < nconns && started - done < opt.window) {
            conns[started].index = first + started;
            start_connect(&conns[started++]);
        }
        if (phase != before) {
            uint64_t t = now_ns();
            before = phase;
            if (phase == STOP) break;
            if (phase == EXCHANGE) for (int i = 0; i < nconns; i++) if (conns[i].kind == WS) send_message(&conns[i], t);
            if (phase == WARM && opt.mode == ECHO) {
                due = (double)t;
                if (opt.rate <= 0)
                    for (int i = 0; i < nconns; i++)
                        for (int k = 0; k < opt.inflight; k++) send_message(&conns[i], now_ns());
            }
        }
        int timeout_ns = phase == RUN || phase == WARM ? 20000000 : 2000000;
        if (opt.mode == ECHO && interval > 0 && (phase == WARM || phase == RUN)) {
            double t = (double)now_ns();
            for (int k = 0; due <= t && k < 256; k++, due += interval) {
                struct conn *c = NULL;
                for (int tries = 0; tries < nconns; tries++) {
                    c = &conns[turn++ % nconns];
                    if (c->state == OPEN) break;
                }
                if (c) send_message(c, (uint64_t)due);
            }
            double wait = due - (double)now_ns();
            timeout_ns = wait < 0 ? 0 : wait > 2e7 ? 20000000 : (int)wait;
        }
        struct timespec ts = { .tv_nsec = timeout_ns };
        int n = epoll_pwait2(epfd, ev, 512, &ts, NULL);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        batch = 0;
        phase = atomic_load(&sh->phase);
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (c->state == CLOSED) continue;
            if (c->state == CONNECTING) {
                int err = 0; socklen_t l = sizeof err;
                getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
                if (err) { drop(c, strerror(err)); continue; }
                watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP);
                c->state = HEADERS;
                char *r = request_for(c);
                send_all(c, r, strlen(r));
                free(r);
                continue;
            }
            if (ev[i].events & EPOLLOUT) flush_out(c);
            if (c->state != CLOSED && (ev[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) readable(c);
        }
        if (batch) {
            atomic_store(&sh->last_receive_ns, (long long)now_ns());
            long total = atomic_fetch_add(&sh->received, batch) + batch;
            if (total >= atomic_load(&sh->wake_at)) { uint64_t one = 1; if (write(wake_fd, &one, 8) < 0 && errno != EAGAIN) die("eventfd"); }
        }
    }
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    st->cpu = (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    _exit(0);
}

/* ----------------------------------------------------- memory and CPU of the server */

struct usage { long rss_kb, pss_kb, file_kb, tcp_pages; };

static long field_kb(const char *path, const char *key) {
    char line[256];
    long v = 0;
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) if (!strncmp(line, key, strlen(key))) { v = atol(line + strlen(key)); break; }
    fclose(f);
    return v;
}

static double cpu_of(int pid) {
    clockid_t clock;
    struct timespec t;
    if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &t)) return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    char path[64], line[512];
    double cpu = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f)) {
        char *p = strrchr(line, ')');
        unsigned long ut = 0, stime = 0;
        if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &stime) == 2)
            cpu = (double)(ut + stime) / (double)sysconf(_SC_CLK_TCK);
    }
    if (f) fclose(f);
    return cpu;
}

static int worker_pids[MAX_WORKERS];

static double cpu_now(const int *pids, int n) {
    double t = 0;
    for (int i = 0; i < n; i++) t += cpu_of(pids[i]);
    return t;
}

static struct usage usage_now(void) {
    struct usage u = { 0 };
    char path[64], line[512];
    for (int i = 0; i < opt.npids; i++) {
        snprintf(path, sizeof path, "/proc/%d/status", opt.pids[i]);
        u.rss_kb += field_kb(path, "VmRSS:");
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", opt.pids[i]);
        long pss = field_kb(path, "Pss:");
        if (!pss) complain("cannot read %s (is process %d still alive, and yours?)", path, opt.pids[i]);
        u.pss_kb += pss;
        u.file_kb += field_kb(path, "Pss_File:");
    }
    FILE *f = fopen("/proc/net/sockstat", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *m = strstr(line, "mem ");
        if (!strncmp(line, "TCP:", 4) && m) u.tcp_pages = atol(m + 4);
    }
    if (f) fclose(f);
    return u;
}

/* ------------------------------------------------------------- coordination */

static long sum(size_t offset) {
    long t = 0;
    for (int i = 0; i < opt.workers; i++) t += atomic_load((atomic_long *)((char *)&sh->w[i] + offset));
    return t;
}
#define SUM(field) sum(offsetof(struct worker_stats, field))

static void sleep_s(double s) {
    struct timespec t = { .tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9) };
    while (nanosleep(&t, &t) && errno == EINTR) {}
}

/* ---------------------------------------------------------------- publisher */

struct pub {
    int fd;
    char *in; size_t len, cap;     /* received, not yet parsed */
    long outstanding;              /* requests without an answer */
    bool joining, closing;
};

static struct pub pubs[MAX_PUBS];
static struct message pub_msg;
static char *pub_frame;
static long publish_errors, answered;

static void pub_write(struct pub *p, const char *s, size_t n) {
    while (n) {
        ssize_t r = send(p->fd, s, n, MSG_NOSIGNAL);
        if (r < 0) die("publisher: write");
        s += r; n -= (size_t)r;
    }
}

static void pub_connect(struct pub *p) {
    int one = 1, port = opt.pub_port ? opt.pub_port : opt.port;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval limit = { .tv_sec = (time_t)opt.timeout + 1 };
    inet_pton(AF_INET, opt.host, &a.sin_addr);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->len = 0; p->outstanding = 0; p->closing = false;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(p->fd, (struct sockaddr *)&a, sizeof a)) die("publisher: connect");
}

static ssize_t pub_fill(struct pub *p, int flags) {
    if (p->cap - p->len < 32768) p->in = realloc(p->in, p->cap += 65536);
    ssize_t r = recv(p->fd, p->in + p->len, p->cap - p->len, flags);
    if (r > 0) p->len += (size_t)r;
    return r;
}

static void pub_consume(struct pub *p, size_t n) {
    memmove(p->in, p->in + n, p->len - n);
    p->len -= n;
}

/* Length of a complete chunked body at s, 0 if more is needed. */
static size_t chunked_length(const char *s, size_t n) {
    size_t at = 0;
    for (;;) {
        const char *nl = memchr(s + at, '\n', n - at);
        if (!nl) return 0;
        size_t size = strtoul(s + at, NULL, 16);
        at = (size_t)(nl + 1 - s);
        if (!size) {                               /* trailers up to an empty line */
            for (;;) {
                nl = memchr(s + at, '\n', n - at);
                if (!nl) return 0;
                bool empty = (size_t)(nl - s) - at <= 1;
                at = (size_t)(nl + 1 - s);
                if (empty) return at;
            }
        }
        if (n - at < size + 2) return 0;
        at += size + 2;
    }
}

/* Takes one complete HTTP response off the input; false: none there yet. */
static bool pub_response(struct pub *p) {
    char *end = memmem(p->in, p->len, "\r\n\r\n", 4);
    if (!end) return false;
    end[2] = 0;
    size_t head = (size_t)(end + 4 - p->in), body = 0;
    int status = !strncmp(p->in, "HTTP/1.", 7) ? atoi(p->in + 9) : 0;
    const char *length = strcasestr(p->in, "\r\ncontent-length:");
    bool chunked = strcasestr(p->in, "\r\ntransfer-encoding: chunked");
    bool closing = strcasestr(p->in, "\r\nconnection: close");
    end[2] = '\r';
    if (status >= 100 && status < 200) { pub_consume(p, head); return true; }
    if (chunked) { if (!(body = chunked_length(end + 4, p->len - head))) return false; }
    else if (length) body = strtoul(length + 17, NULL, 10);
    else if (status != 204 && status != 304) { fprintf(stderr, "ws_load: publisher: an answer without length: %.*s\n", 60, p->in); exit(1); }
    if (p->len < head + body) return false;
    if (status < 200 || status > 299) {
        publish_errors++;
        complain("publisher: %.*s: %.*s", (int)strcspn(p->in, "\r"), p->in, (int)(body > 300 ? 300 : body), p->in + head);
    }
    answered++;
    p->outstanding--;
    p->closing |= closing;
    pub_consume(p, head + body);
    return true;
}

/* Takes one complete frame off the input; false: none there yet. */
static bool pub_ws_frame(struct pub *p) {
    const uint8_t *h = (const uint8_t *)p->in;
    if (p->len < 2) return false;
    size_t l = h[1] & 127, at = l == 126 ? 4 : l == 127 ? 10 : 2;
    if (p->len < at) return false;
    if (l == 126) l = (size_t)h[2] << 8 | h[3];
    else if (l == 127) { l = 0; for (int i = 0; i < 8; i++) l = l << 8 | h[2 + i]; }
    if (p->len < at + l) return false;
    const char *s = p->in + at;
    int op = h[0] & 15;
    if (op == 9 && l <= 125) {
        char f[6 + 125];
        pub_write(p, f, control_frame(f, 10, s, l));
    } else if (op == 8) { fprintf(stderr, "ws_load: publisher: closed by the server, code %d\n", l >= 2 ? (uint8_t)s[0] << 8 | (uint8_t)s[1] : 1005); exit(1); }
    else if (op < 3) {
        p->joining = false;
        if (contains(s, l, "\"status\":\"error\"")) { publish_errors++; complain("publisher: %.*s", (int)(l > 300 ? 300 : l), s); }
    }
    pub_consume(p, at + l);
    return true;
}

static void pub_input(struct pub *p) {
    ssize_t r;
    while ((r = pub_fill(p, MSG_DONTWAIT)) > 0) while (opt.pub_post ? pub_response(p) : pub_ws_frame(p)) {}
    if (r < 0 && errno == EAGAIN) { if (!(p->closing && !p->outstanding)) return; }
    else if (p->outstanding || !opt.pub_post) {
        complain("publisher: connection closed by the server, %ld requests unanswered", p->outstanding);
        publish_errors += p->outstanding ? p->outstanding : 1;
    }
    close(p->fd);                                  /* the next publish opens it again */
    p->fd = -1; p->outstanding = 0;
}

static void pub_open(struct pub *p) {
    pub_connect(p);
    if (opt.pub_post) return;
    char request[2048];
    const char *path = opt.pub_path ? opt.pub_path : opt.path;
    char *target = expand(path, opt.n + (int)(p - pubs));
    int o = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     target, opt.host, opt.pub_port ? opt.pub_port : opt.port);
    free(target);
    pub_write(p, request, (size_t)o);
    char *end = NULL;
    while (!end && pub_fill(p, 0) > 0) end = memmem(p->in, p->len, "\r\n\r\n", 4);
    if (!end || strncmp(p->in + 9, "101", 3)) { fprintf(stderr, "ws_load: publisher: upgrade refused: %.*s\n", (int)(p->len > 80 ? 80 : p->len), p->in); exit(1); }
    pub_consume(p, (size_t)(end + 4 - p->in));
    if (opt.pub_join) {
        struct message m = make_message(opt.pub_join, 0);
        char *f = malloc(m.header + m.payload + 16);
        pub_write(p, f, mask_frame(f, &m));
        free(f); free(m.buf);
        for (p->joining = true; p->joining && (pub_ws_frame(p) || pub_fill(p, 0) > 0);) {}
        if (p->joining || publish_errors) { fprintf(stderr, "ws_load: publisher: no answer to --pub-join\n"); exit(1); }
    } else sleep_s(0.2);
}

static void pub_send(uint64_t stamp) {
    struct pub *p = &pubs[0];
    for (int i = 1; i < opt.pub_conns; i++) if (pubs[i].outstanding < p->outstanding) p = &pubs[i];
    if (p->fd < 0) pub_open(p);
    put_stamp(pub_msg.buf + pub_msg.header + pub_msg.ts, stamp);
    size_t n;
    if (opt.pub_post) {
        n = (size_t)sprintf(pub_frame, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                            opt.pub_path ? opt.pub_path : opt.path, opt.host, opt.pub_port ? opt.pub_port : opt.port, pub_msg.payload);
        memcpy(pub_frame + n, pub_msg.buf + pub_msg.header, pub_msg.payload);
        n += pub_msg.payload;
        p->outstanding++;
    } else n = mask_frame(pub_frame, &pub_msg);
    pub_write(p, pub_frame, n);
}

static long outstanding(void) {
    long t = 0;
    for (int i = 0; i < opt.pub_conns; i++) t += pubs[i].outstanding;
    return t;
}

/* Waits for input of the publisher's connections or for deliveries. */
static void pub_wait(double ms) {
    struct pollfd pf[MAX_PUBS + 1] = { { .fd = wake_fd, .events = POLLIN } };
    for (int i = 0; i < opt.pub_conns; i++) pf[i + 1] = (struct pollfd){ .fd = pubs[i].fd, .events = POLLIN };
    struct timespec t = { .tv_sec = (time_t)(ms / 1e3), .tv_nsec = (long)(ms * 1e6) % 1000000000 };
    if (ppoll(pf, (nfds_t)opt.pub_conns + 1, &t, NULL) <= 0) return;
    uint64_t v;
    if (pf[0].revents && read(wake_fd, &v, 8) < 0 && errno != EAGAIN) die("eventfd");
    for (int i = 0; i < opt.pub_conns; i++) if (pf[i + 1].revents) pub_input(&pubs[i]);
}

/* Publishes messages from..to-1; returns how many were sent. Ends when all were
 * delivered, or nothing moves any more. */
static long publish(long from, long to, long subscribers, bool paced, uint64_t *began) {
    uint64_t start = now_ns(), moved = start, stamp = from ? stamps[from - 1] : 0;
    long sent = from, seen_received = -1, seen_answered = -1;
    *began = start;
    for (;;) {
        uint64_t t = now_ns(), due = t;
        long received = atomic_load(&sh->received), need = to * subscribers;
        if (received != seen_received || answered != seen_answered) { seen_received = received; seen_answered = answered; moved = t; }
        if (publish_errors && !paced) break;
        if (sent < to) {
            bool ready;
            if (paced) { due = start + (uint64_t)(1e9 * (double)(sent - from) / opt.rate); ready = t >= due; moved = t; }
            else {
                need = (sent - opt.pub_window + 1) * subscribers;
                atomic_store(&sh->wake_at, need);
                ready = atomic_load(&sh->received) >= need && outstanding() < opt.pub_window;
            }
            if (ready) {
                stamp = due > stamp ? due : stamp + 1;
                stamps[sent] = stamp;
                atomic_store_explicit(&sh->published, ++sent, memory_order_release);
                pub_send(stamp);
                moved = t;
                pub_wait(0);
                continue;
            }
        } else {
            atomic_store(&sh->wake_at, need);
            if (atomic_load(&sh->received) >= need && !outstanding()) break;
        }
        double left = opt.timeout * 1e3 - (double)(now_ns() - moved) / 1e6;
        if (left <= 0) {
            fprintf(stderr, "ws_load: stalled: %ld of %ld deliveries after %ld messages, %ld unanswered\n",
                    atomic_load(&sh->received), sent * subscribers, sent, outstanding());
            break;
        }
        if (paced && sent < to) {
            double wait = ((double)start + 1e9 * (double)(sent - from) / opt.rate - (double)now_ns()) / 1e6;
            if (wait < left) left = wait < 0 ? 0 : wait;
        }
        pub_wait(left < 500 ? left : 500);
    }
    atomic_store(&sh->wake_at, LONG_MAX);
    return sent;
}

/* --------------------------------------------------------------------- main */

static void show(const char *what, struct usage u, struct usage base, long n) {
    if (opt.quiet || !opt.npids) return;
    fprintf(stderr, "%-22s pss %ld KiB, rss %ld KiB; per connection: pss %ld B, rss %ld B; kernel tcp mem %ld pages\n", what,
            u.pss_kb, u.rss_kb, n ? (u.pss_kb - base.pss_kb) * 1024 / n : 0, n ? (u.rss_kb - base.rss_kb) * 1024 / n : 0, u.tcp_pages);
}

static void print_latency(const char *prefix, const struct latency *l) {
    printf(",\"%smean_us\":%.1f,\"%sp50_us\":%.1f,\"%sp90_us\":%.1f,\"%sp99_us\":%.1f,\"%sp999_us\":%.1f,\"%smax_us\":%.1f",
           prefix, l->count ? (double)l->sum_ns / (double)l->count / 1e3 : 0, prefix, quantile_us(l, 0.5), prefix, quantile_us(l, 0.9),
           prefix, quantile_us(l, 0.99), prefix, quantile_us(l, 0.999), prefix, (double)l->max_ns / 1e3);
}

static void usage_error(const char *what) {
    fprintf(stderr, "ws_load: %s\n", what);
    exit(2);
}

static void parse_options(int argc, char **argv) {
    enum { PUB = 1000, PUB_PORT, PUB_PATH, PUB_JOIN, PUB_CONNS, SSE_PORT, SSE_PATH, MARKER, FIRST, SEQUENCE, WARM_UP, TIMEOUT };
    static const struct option longs[] = {
        { "pub", 1, 0, PUB }, { "pub-port", 1, 0, PUB_PORT }, { "pub-path", 1, 0, PUB_PATH }, { "pub-join", 1, 0, PUB_JOIN },
        { "pub-conns", 1, 0, PUB_CONNS }, { "sse-port", 1, 0, SSE_PORT }, { "sse-path", 1, 0, SSE_PATH }, { "marker", 1, 0, MARKER },
        { "first", 0, 0, FIRST }, { "sequence", 0, 0, SEQUENCE }, { "warm", 1, 0, WARM_UP }, { "timeout", 1, 0, TIMEOUT }, { 0 } };
    if (argc < 2) usage_error("usage: ws_load idle|echo|fanout [options]   (see the head of ws_load.c)");
    opt.mode = !strcmp(argv[1], "idle") ? IDLE : !strcmp(argv[1], "echo") ? ECHO : FANOUT;
    if (opt.mode == FANOUT && strcmp(argv[1], "fanout")) usage_error("the mode is idle, echo or fanout");
    int c;
    optind = 2;
    while ((c = getopt_long(argc, argv, "t:h:p:u:H:n:P:s:c:d:w:i:R:m:W:b:l:j:S:x1q", longs, NULL)) != -1) switch (c) {
        case 't':
            if (!strcmp(optarg, "ws")) opt.transport = WS;
            else if (!strcmp(optarg, "sse")) opt.transport = SSE;
            else if (!strcmp(optarg, "mixed")) opt.transport = MIXED;
            else usage_error("-t is ws, sse or mixed");
            break;
        case 'h': opt.host = optarg; break;
        case 'p': opt.port = atoi(optarg); break;
        case 'u': opt.path = optarg; break;
        case 'H': if (opt.nheaders < MAX_HEADERS) opt.headers[opt.nheaders++] = optarg; break;
        case 'n': opt.n = atoi(optarg); break;
        case 'P': opt.workers = atoi(optarg); break;
        case 's': opt.sources = atoi(optarg); break;
        case 'c': opt.window = atoi(optarg); break;
        case 'd': opt.duration = atof(optarg); break;
        case 'w': opt.warmup = atof(optarg); break;
        case 'i': opt.inflight = atoi(optarg); break;
        case 'R': opt.rate = atof(optarg); break;
        case 'm': opt.messages = atoi(optarg); break;
        case 'W': opt.pub_window = atoi(optarg); break;
        case 'b': opt.body = optarg; break;
        case 'l': opt.length = (size_t)atol(optarg); break;
        case 'j': opt.join = optarg; break;
        case 'x': opt.deflate = true; break;
        case '1': opt.exchange = true; break;
        case 'q': opt.quiet = true; break;
        case 'S': for (char *p = strtok(optarg, ","); p && opt.npids < MAX_PIDS; p = strtok(NULL, ",")) opt.pids[opt.npids++] = atoi(p); break;
        case PUB:
            if (strcmp(optarg, "ws") && strcmp(optarg, "post")) usage_error("--pub is ws or post");
            opt.pub_post = !strcmp(optarg, "post");
            break;
        case PUB_PORT: opt.pub_port = atoi(optarg); break;
        case PUB_PATH: opt.pub_path = optarg; break;
        case PUB_JOIN: opt.pub_join = optarg; break;
        case PUB_CONNS: opt.pub_conns = atoi(optarg); break;
        case SSE_PORT: opt.sse_port = atoi(optarg); break;
        case SSE_PATH: opt.sse_path = optarg; break;
        case MARKER: opt.marker = optarg; break;
        case FIRST: opt.first = true; break;
        case SEQUENCE: opt.sequence = true; break;
        case WARM_UP: opt.warm = atoi(optarg); break;
        case TIMEOUT: opt.timeout = atof(optarg); break;
        default: exit(2);
    }
    if (optind != argc) usage_error("options only, after the mode");
    opt.marker_length = strlen(opt.marker);
    const char *ts = strstr(opt.body, "@TS@");
    if (!ts && (opt.mode != IDLE || opt.exchange)) usage_error("-b needs @TS@");
    if (!opt.marker_length || (ts && ((size_t)(ts - opt.body) < opt.marker_length || memcmp(ts - opt.marker_length, opt.marker, opt.marker_length))))
        usage_error("-b must have the --marker right before @TS@");
    if (opt.workers < 1 || opt.workers > MAX_WORKERS || opt.n < 1 || opt.window < 1) usage_error("bad -P, -n or -c");
    if (opt.pub_conns < 1 || opt.pub_conns > MAX_PUBS || opt.pub_window < 1 || opt.messages < 1 || opt.warm < 0 || opt.inflight < 1) usage_error("bad -m, -W, -i, --warm or --pub-conns");
    if (opt.transport != WS && (opt.mode == ECHO || (opt.exchange && opt.transport == SSE))) usage_error("SSE is one way: no echo, no -1");
    if (opt.deflate && !opt.sequence && opt.mode == FANOUT && opt.warm) usage_error("-x without --sequence cannot tell warm-up messages from others: no --warm");
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    if ((rlim_t)(opt.n / opt.workers + 32) > rl.rlim_max) usage_error("the descriptor limit (ulimit -n) is too low for -n; more workers (-P) share it");
    signal(SIGPIPE, SIG_IGN);
    sh = share(sizeof *sh);
    total_messages = opt.mode == FANOUT ? opt.warm + opt.messages : 0;
    stamps = share((size_t)total_messages * sizeof *stamps);
    arrivals = share((size_t)(total_messages * opt.workers) * sizeof *arrivals);
    atomic_store(&sh->wake_at, LONG_MAX);
    wake_fd = eventfd(0, EFD_NONBLOCK);
    struct usage u0 = usage_now(), u1, u2 = { 0 }, u3;
    uint64_t t0 = now_ns();
    for (int i = 0; i < opt.workers; i++) {
        pid_t p = fork();
        if (p < 0) die("fork");
        if (p == 0) worker(i);
        worker_pids[i] = p;
    }
    long progress = -1;
    uint64_t moved = t0;
    while (SUM(connected) + SUM(failed) < opt.n) {
        long s = SUM(connected) + SUM(failed);
        if (s != progress) { progress = s; moved = now_ns(); }
        else if ((double)(now_ns() - moved) / 1e9 > opt.timeout) { complain("gave up connecting: %ld of %d open", SUM(connected), opt.n); break; }
        sleep_s(0.002);
    }
    double connect_s = (double)(now_ns() - t0) / 1e9;
    atomic_store(&sh->phase, HOLD);
    long n = SUM(connected);
    if (!opt.quiet) fprintf(stderr, "connected %ld, failed %ld, %.2f s (%.0f/s)\n", n, SUM(failed), connect_s, (double)n / connect_s);
    sleep_s(opt.mode == IDLE ? opt.duration : 0.5);
    u1 = usage_now();
    show("connected", u1, u0, n);

    uint64_t run0 = now_ns();
    double elapsed = 0, cpu = 0, busy = 0;
    long published = 0, expected = 0, lost = 0;
    if (opt.mode == IDLE && opt.exchange) {
        atomic_store(&sh->phase, EXCHANGE);
        sleep_s(0.05);
        for (int i = 0; i < 10000 && SUM(exchanged) < SUM(sent); i++) sleep_s(0.002);
        sleep_s(opt.duration);
        u2 = usage_now();
        show("after one message each", u2, u0, n);
    } else if (opt.mode == ECHO) {
        atomic_store(&sh->phase, WARM);
        sleep_s(opt.warmup);
        cpu = cpu_now(opt.pids, opt.npids);
        busy = cpu_now(worker_pids, opt.workers);
        run0 = now_ns();
        atomic_store(&sh->phase, RUN);
        sleep_s(opt.duration);
        elapsed = (double)(now_ns() - run0) / 1e9;
        cpu = cpu_now(opt.pids, opt.npids) - cpu;
        busy = cpu_now(worker_pids, opt.workers) - busy;
        atomic_store(&sh->phase, DRAIN);
    } else if (opt.mode == FANOUT && n) {
        pub_msg = make_message(opt.body, opt.length);
        pub_frame = malloc(pub_msg.header + pub_msg.payload + 4096 + strlen(opt.pub_path ? opt.pub_path : opt.path));
        for (int i = 0; i < opt.pub_conns; i++) pub_open(&pubs[i]);
        atomic_store(&sh->phase, WARM);
        sleep_s(0.05);
        bool warmed = !opt.warm || publish(0, opt.warm, n, false, &run0) == opt.warm;
        if (warmed && atomic_load(&sh->received) >= opt.warm * n) {
            atomic_store(&sh->phase, RUN);
            cpu = cpu_now(opt.pids, opt.npids);
            busy = cpu_now(worker_pids, opt.workers);
            published = publish(opt.warm, total_messages, n, opt.rate > 0, &run0) - opt.warm;
            cpu = cpu_now(opt.pids, opt.npids) - cpu;
            busy = cpu_now(worker_pids, opt.workers) - busy;
            uint64_t last = (uint64_t)atomic_load(&sh->last_receive_ns);
            if (last > run0) elapsed = (double)(last - run0) / 1e9;
        }
        expected = published * n;
    }
    u3 = usage_now();
    if (opt.mode == ECHO) {                        /* let the rest come in: what does not, is lost */
        sleep_s(0.05);
        for (double waited = 0; waited < opt.timeout && SUM(received) < SUM(sent); waited += 0.01) sleep_s(0.01);
        expected = SUM(sent);
        lost = expected - SUM(received);
        if (lost < 0) lost = 0;
    } else if (opt.mode == FANOUT) {
        sleep_s(0.2);                              /* a duplicate may be late */
        lost = atomic_load(&sh->published) * n - atomic_load(&sh->received);
    } else if (opt.exchange) lost = SUM(sent) - SUM(exchanged);
    if (opt.mode != IDLE) show("at the end", u3, u0, n);
    long failed = SUM(failed), closed = SUM(closed), exchanged = SUM(exchanged);
    atomic_store(&sh->phase, STOP);
    while (wait(NULL) > 0) {}

    static struct latency all, each[2], to_all;
    uint64_t messages = 0, bytes = 0;
    long duplicates = 0, reordered = 0, foreign = 0, sequence_errors = 0, errors = 0, complete = 0;
    double client_cpu = 0;
    for (int i = 0; i < opt.workers; i++) {
        struct worker_stats *w = &sh->w[i];
        messages += w->messages[WS] + w->messages[SSE]; bytes += w->bytes; client_cpu += w->cpu;
        duplicates += w->duplicates; reordered += w->reordered; foreign += w->foreign;
        sequence_errors += w->sequence_errors; errors += w->errors;
        for (int k = 0; k < 2; k++) { merge(&each[k], &w->lat[k]); merge(&all, &w->lat[k]); }
    }
    for (long i = opt.warm; i < opt.warm + published; i++) {
        long count = 0;
        uint64_t last = 0;
        for (int w = 0; w < opt.workers; w++) {
            struct arrival *a = &arrivals[w * total_messages + i];
            count += a->count;
            if (a->last_ns > last) last = a->last_ns;
        }
        if (count == n) { complete++; record(&to_all, last - stamps[i]); }
    }
    static const char *const transports[] = { "ws", "sse", "mixed" };
    printf("{\"mode\":\"%s\",\"transport\":\"%s\",\"n\":%d,\"connected\":%ld,\"failed\":%ld,\"closed\":%ld,\"connect_s\":%.2f", argv[1],
           transports[opt.transport], opt.n, n, failed, closed, connect_s);
    if (opt.npids) {
        printf(",\"pss0_kb\":%ld,\"pss_kb\":%ld,\"pss_per_conn\":%ld,\"rss0_kb\":%ld,\"rss_kb\":%ld,\"rss_per_conn\":%ld", u0.pss_kb, u1.pss_kb,
               n ? (u1.pss_kb - u0.pss_kb) * 1024 / n : 0, u0.rss_kb, u1.rss_kb, n ? (u1.rss_kb - u0.rss_kb) * 1024 / n : 0);
        printf(",\"pss_file_per_conn\":%ld", n ? (u1.file_kb - u0.file_kb) * 1024 / n : 0);
        if (opt.mode == IDLE && opt.exchange) printf(",\"pss_per_conn_used\":%ld,\"rss_per_conn_used\":%ld", n ? (u2.pss_kb - u0.pss_kb) * 1024 / n : 0, n ? (u2.rss_kb - u0.rss_kb) * 1024 / n : 0);
        if (opt.mode != IDLE) printf(",\"pss_end_kb\":%ld,\"rss_end_kb\":%ld,\"server_cpu_s\":%.3f,\"server_us_per_msg\":%.3f", u3.pss_kb, u3.rss_kb, cpu, messages ? cpu * 1e6 / (double)messages : 0);
        printf(",\"tcp_pages\":%ld", u1.tcp_pages - u0.tcp_pages);
    }
    if (opt.mode == IDLE && opt.exchange) printf(",\"exchanged\":%ld,\"lost\":%ld", exchanged, lost);
    if (opt.mode == FANOUT) printf(",\"published\":%ld,\"complete\":%ld,\"publish_errors\":%ld", published, complete, publish_errors);
    if (opt.mode != IDLE) {
        printf(",\"%s\":%ld,\"messages\":%" PRIu64 ",\"lost\":%ld,\"duplicates\":%ld,\"reordered\":%ld,\"foreign\":%ld", opt.mode == ECHO ? "sent" : "expected", expected, messages, lost, duplicates, reordered, foreign);
        if (opt.sequence) printf(",\"sequence_errors\":%ld", sequence_errors);
        printf(",\"bytes\":%" PRIu64 ",\"elapsed_s\":%.3f,\"rate\":%.0f,\"client_busy\":%.2f", bytes, elapsed, elapsed > 0 ? (double)messages / elapsed : 0,
               elapsed > 0 ? busy / elapsed / opt.workers : 0);
        print_latency("", &all);
        if (opt.mode == FANOUT) print_latency("all_", &to_all);
        if (opt.transport == MIXED) { print_latency("ws_", &each[WS]); print_latency("sse_", &each[SSE]); }
    }
    printf(",\"errors\":%ld,\"client_cpu_s\":%.2f}\n", errors, client_cpu);
    if (opt.pub_conns > 1) reordered = 0;
    bool right = !lost && !duplicates && !reordered && !foreign && !sequence_errors && !errors && !publish_errors;
    if (opt.mode == FANOUT && published < opt.messages) right = false;
    return n == opt.n && !failed && !closed && (right || (opt.deflate && !opt.sequence)) ? 0 : 1;
}
