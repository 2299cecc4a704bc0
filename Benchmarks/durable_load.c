/* Durable publishes: a load of pushes over WebSockets, and the same batches through bare SQLite.
 *
 *   durable_load bare FILE NORMAL|FULL BATCH ROWS
 *       rows a second through one SQLite file in WAL mode, with the gateway's tables, BATCH messages in a transaction
 *   durable_load push PORT PUBLISHERS IN_FLIGHT SECONDS RATE CLIENTS
 *       PUBLISHERS sockets that keep IN_FLIGHT pushes of 200 bytes to absent clients unanswered each; with RATE above 0
 *       that many a second are begun in all, evenly
 * Prints one line of JSON. Linux, loopback. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void fail(const char *what) { fprintf(stderr, "durable_load: %s: %s\n", what, strerror(errno)); exit(1); }

static void sql(sqlite3 *db, const char *text) {
    char *error = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK) { fprintf(stderr, "%s: %s\n", text, error); exit(1); }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}
static double percentile(double *list, long count, double share) {
    return count ? list[(long)(share * (count - 1))] : 0;
}

static int bare(char **argv) {
    sqlite3 *db;
    char text[128], tail[300];
    long batch = atol(argv[4]), rows = atol(argv[5]);
    memset(tail, 'x', sizeof tail);
    if (sqlite3_open(argv[2], &db) != SQLITE_OK) fail("open");
    sql(db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;");
    snprintf(text, sizeof text, "PRAGMA synchronous = %s", argv[3]);
    sql(db, text);
    sql(db, "CREATE TABLE message (id INTEGER PRIMARY KEY, recipients INTEGER NOT NULL, accepted_at INTEGER NOT NULL,"
            "expires_at INTEGER NOT NULL, attributes INTEGER NOT NULL, checksum INTEGER NOT NULL, topic TEXT, event TEXT,"
            "tail BLOB NOT NULL, binary BLOB);"
            "CREATE TABLE delivery (life INTEGER NOT NULL, sequence INTEGER NOT NULL, message INTEGER NOT NULL,"
            "PRIMARY KEY (life, sequence)) WITHOUT ROWID;");
    sqlite3_stmt *message, *delivery;
    sqlite3_prepare_v2(db, "INSERT INTO message VALUES (?1,1,?2,?3,?4,?5,NULL,NULL,?6,NULL)", -1, &message, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO delivery VALUES (?1,?2,?3)", -1, &delivery, NULL);
    double *commits = malloc(sizeof(double) * (rows / batch + 2)), begin = now();
    long count = 0;
    for (long id = 1; id <= rows;) {
        double start = now();
        sql(db, "BEGIN IMMEDIATE");
        for (long i = 0; i < batch && id <= rows; i++, id++) {
            sqlite3_bind_int64(message, 1, id);
            for (int column = 2; column <= 5; column++) sqlite3_bind_int64(message, column, 1768472625000 + id);
            sqlite3_bind_blob(message, 6, tail, sizeof tail, SQLITE_STATIC);
            if (sqlite3_step(message) != SQLITE_DONE) fail("insert");
            sqlite3_reset(message);
            sqlite3_bind_int64(delivery, 1, id % 1000 + 1);
            sqlite3_bind_int64(delivery, 2, id / 1000);
            sqlite3_bind_int64(delivery, 3, id);
            if (sqlite3_step(delivery) != SQLITE_DONE) fail("insert");
            sqlite3_reset(delivery);
        }
        sql(db, "COMMIT");
        commits[count++] = now() - start;
    }
    double seconds = now() - begin;
    qsort(commits, count, sizeof(double), by_size);
    printf("{\"messages_per_second\": %.0f, \"commit_ms_p50\": %.3f, \"commit_ms_p99\": %.3f}\n", rows / seconds,
           percentile(commits, count, 0.5) * 1e3, percentile(commits, count, 0.99) * 1e3);
    return 0;
}

#define WINDOW 4096
struct publisher {
    int socket;
    long sent, answered, refused;
    double begun[WINDOW];
    unsigned char in[1 << 16];
    size_t have;
};

static void send_all(int fd, const void *bytes, size_t count) {
    const char *at = bytes;
    while (count) {
        ssize_t n = send(fd, at, count, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { struct pollfd p = {fd, POLLOUT, 0}; poll(&p, 1, 1000); continue; }
        if (n <= 0) fail("send");
        at += n, count -= n;
    }
}
/* A masked text frame; the mask is zero, which a server has to accept. */
static size_t frame(unsigned char *out, const char *text, size_t count) {
    size_t at = 0;
    out[at++] = 0x81;
    if (count < 126) out[at++] = 0x80 | count;
    else out[at++] = 0x80 | 126, out[at++] = count >> 8, out[at++] = count & 255;
    memset(out + at, 0, 4), at += 4;
    memcpy(out + at, text, count);
    return at + count;
}
static void join(struct publisher *p, int port, int number) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[512];
    unsigned char out[600];
    int one = 1;
    p->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(p->socket, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(p->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int count = snprintf(text, sizeof text,
                         "GET /mcp/ws?vsn=2.0.0&client_id=publisher-%d&compression=false HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", number, port);
    send_all(p->socket, text, count);
    size_t have = 0;
    while (have < 4 || !memmem(p->in, have, "\r\n\r\n", 4)) {
        ssize_t n = recv(p->socket, p->in + have, sizeof p->in - have, 0);
        if (n <= 0) fail("upgrade");
        have += n;
    }
    const char *join = "[\"1\",\"j\",\"mcp:gateway\",\"phx_join\",{}]";
    send_all(p->socket, out, frame(out, join, strlen(join)));
    if (recv(p->socket, p->in, sizeof p->in, 0) <= 0) fail("join");
}
/* Counts the replies in what has come; a frame that is not whole stays. */
static long take(struct publisher *p, double *latencies, long count, long most) {
    ssize_t n = recv(p->socket, p->in + p->have, sizeof p->in - p->have, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) fail("recv");
    if (n > 0) p->have += n;
    size_t at = 0;
    double time = now();
    while (p->have - at >= 2) {
        size_t head = 2, length = p->in[at + 1] & 127;
        if (length == 126) { if (p->have - at < 4) break; head = 4, length = p->in[at + 2] << 8 | p->in[at + 3]; }
        if (length == 127) { fprintf(stderr, "a frame that is too long\n"); exit(1); }
        if (p->have - at < head + length) break;
        const char *text = (const char *)p->in + at + head;
        const char *ref = memmem(text, length, "\"1\",\"", 5);
        if (ref && memmem(text, length, "phx_reply", 9) && ref[5] >= '0' && ref[5] <= '9') {
            long number = atol(ref + 5);
            if (!memmem(text, length, "\"ok\"", 4)) p->refused++;
            p->answered++;
            if (count < most) latencies[count++] = time - p->begun[number % WINDOW];
        }
        at += head + length;
    }
    memmove(p->in, p->in + at, p->have - at);
    p->have -= at;
    return count;
}

static int push(char **argv) {
    int port = atoi(argv[2]), publishers = atoi(argv[3]), in_flight = atoi(argv[4]), clients = atoi(argv[7]);
    double seconds = atof(argv[5]), rate = atof(argv[6]);
    struct publisher *all = calloc(publishers, sizeof *all);
    struct pollfd *polls = calloc(publishers, sizeof *polls);
    long most = 20000000, count = 0, begun = 0;
    double *latencies = malloc(sizeof(double) * most);
    char pad[101];
    memset(pad, 'x', 100), pad[100] = 0;
    for (int i = 0; i < publishers; i++) {
        join(&all[i], port, i);
        polls[i] = (struct pollfd){all[i].socket, POLLIN, 0};
    }
    double start = now(), end = start + seconds;
    for (;;) {
        double time = now();
        long open = 0;
        for (int i = 0; i < publishers; i++) {
            struct publisher *p = &all[i];
            unsigned char out[1 << 15];
            size_t size = 0;
            while (time < end && p->sent - p->answered < in_flight && (rate <= 0 || begun < rate * (time - start))) {
                char text[512];
                int length = snprintf(text, sizeof text,
                                      "[\"1\",\"%ld\",\"mcp:gateway\",\"message\",{\"type\":\"bench\",\"to\":\"client-%ld\","
                                      "\"data\":{\"pad\":\"%s\"}}]", p->sent, begun % clients, pad);
                size += frame(out + size, text, length);
                p->begun[p->sent % WINDOW] = now();
                p->sent++, begun++;
                if (size > sizeof out - 600) break;
            }
            if (size) send_all(p->socket, out, size);
            open += p->sent - p->answered;
        }
        if (time >= end && !open) break;
        if (time > end + 30) { fprintf(stderr, "%ld pushes were not answered\n", open); return 1; }
        if (poll(polls, publishers, rate > 0 ? 1 : 10) < 0) fail("poll");
        for (int i = 0; i < publishers; i++)
            if (polls[i].revents) count = take(&all[i], latencies, count, most);
    }
    double took = now() - start;
    long answered = 0, refused = 0;
    for (int i = 0; i < publishers; i++) answered += all[i].answered, refused += all[i].refused;
    qsort(latencies, count, sizeof(double), by_size);
    printf("{\"answered_per_second\": %.0f, \"refused\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           (answered - refused) / took, refused, percentile(latencies, count, 0.5) * 1e3,
           percentile(latencies, count, 0.99) * 1e3);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "bare")) return bare(argv);
    if (argc == 8 && !strcmp(argv[1], "push")) return push(argv);
    fprintf(stderr, "see the head of durable_load.c\n");
    return 2;
}
