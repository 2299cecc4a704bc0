/* A fast MCP server and a load generator for it, both of one thread:
 *   mcp_load upstream                          serves on a free port of loopback and prints it
 *   mcp_load client PORT CONNECTIONS SECONDS   calls a tool on and on and prints figures as JSON
 *   mcp_load lines                             serves on standard input and output
 *   mcp_load pipe SECONDS                      calls such a server directly and prints figures as JSON
 * Every answer is checked: its id must be the request's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 65536, MOST = 1024 };

struct connection {
    int fd;
    size_t used;
    long id;
    double sent_at;
    char bytes[ROOM];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void send_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent <= 0) return;
        bytes += sent;
        count -= sent;
    }
}

/* The length of the whole message at the beginning of `bytes`, 0 if more has to come; `body` is where its body begins. */
static size_t message_length(char *bytes, size_t used, char **body) {
    char *end = memmem(bytes, used, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    char *length = strcasestr(bytes, "content-length:");
    size_t count = length ? strtoul(length + 15, NULL, 10) : 0;
    *end = '\r';
    *body = end + 4;
    size_t whole = (size_t)(*body - bytes) + count;
    return whole <= used ? whole : 0;
}

static const char *find(const char *body, const char *end, const char *text) {
    return memmem(body, end - body, text, strlen(text));
}

/* The answer to a request; 0 if it wants none. */
static int result(const char *body, const char *end, char *text, size_t room) {
    const char *id = find(body, end, "\"id\":");
    if (!id) return 0;
    long number = strtol(id + 5, NULL, 10);
    if (find(body, end, "\"initialize\""))
        return snprintf(text, room,
                        "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":"
                        "{\"tools\":{}},\"serverInfo\":{\"name\":\"fast\",\"version\":\"1\"}}}", number);
    if (find(body, end, "\"tools/list\""))
        return snprintf(text, room,
                        "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"tools\":[{\"name\":\"say\",\"inputSchema\":"
                        "{\"type\":\"object\"}}]}}", number);
    return snprintf(text, room,
                    "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"
                    "\"hello from the other side\"}],\"isError\":false}}", number);
}

static void answer(struct connection *c, const char *body, const char *end) {
    char text[1024], head[256];
    int count = body == end ? 0 : result(body, end, text, sizeof text - sizeof head);
    if (!count) {
        int gone = !strncmp(c->bytes, "GET", 3);
        const char *reply = gone ? "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
                                 : "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
        send_all(c->fd, reply, strlen(reply));
        return;
    }
    int heading = snprintf(head, sizeof head,
                           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", count);
    memmove(text + heading, text, count);
    memcpy(text, head, heading);
    send_all(c->fd, text, heading + count);
}

static void write_line(int fd, char *text, int count) {
    text[count] = '\n';
    for (int written = 0; written <= count;) {
        ssize_t some = write(fd, text + written, count + 1 - written);
        if (some < 0 && errno != EINTR) exit(0);
        if (some > 0) written += some;
    }
}

/* A server of lines: what the gateway starts as a program. */
static void serve_lines(void) {
    static char bytes[ROOM];
    size_t used = 0;
    ssize_t got;
    while ((got = read(0, bytes + used, ROOM - used)) > 0) {
        used += got;
        char *end;
        while ((end = memchr(bytes, '\n', used))) {
            char text[1024];
            int count = result(bytes, end, text, sizeof text - 1);
            if (count) write_line(1, text, count);
            used -= end + 1 - bytes;
            memmove(bytes, end + 1, used);
        }
    }
}

static void serve(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1024)) die("listen");
    getsockname(listener, (void *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                int fd = accept(listener, NULL, NULL);
                if (fd < 0) continue;
                no_delay(fd);
                c = calloc(1, sizeof *c);
                c->fd = fd;
                event.data.ptr = c;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            ssize_t got = recv(c->fd, c->bytes + c->used, ROOM - c->used - 1, 0);
            if (got <= 0) {
                close(c->fd);
                free(c);
                continue;
            }
            c->used += got;
            char *body;
            size_t whole;
            while ((whole = message_length(c->bytes, c->used, &body)) > 0) {
                answer(c, body, c->bytes + whole);
                memmove(c->bytes, c->bytes + whole, c->used - whole);
                c->used -= whole;
            }
        }
    }
}

static char session[256];

static void request(struct connection *c, const char *body) {
    char text[2048];
    int count = snprintf(text, sizeof text,
                         "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                         "Accept: application/json, text/event-stream\r\n%sContent-Length: %zu\r\n\r\n%s",
                         session, strlen(body), body);
    send_all(c->fd, text, count);
}

static void call(struct connection *c) {
    char body[512];
    c->id++;
    snprintf(body, sizeof body,
             "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"tools/call\",\"params\":{\"name\":\"say\",\"arguments\":"
             "{\"text\":\"hello\"}}}", c->id);
    c->sent_at = now();
    request(c, body);
}

static struct connection *open_connection(int port) {
    struct connection *c = calloc(1, sizeof *c);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (void *)&address, sizeof address)) die("connect");
    no_delay(c->fd);
    return c;
}

/* Waits for one answer before the load begins. */
static void wait_answer(struct connection *c, int wants_session) {
    char *body;
    size_t whole;
    while ((whole = message_length(c->bytes, c->used, &body)) == 0) {
        ssize_t got = recv(c->fd, c->bytes + c->used, ROOM - c->used - 1, 0);
        if (got <= 0) die("the server closed the connection");
        c->used += got;
    }
    if (strncmp(c->bytes, "HTTP/1.1 20", 11)) {
        fprintf(stderr, "refused: %.300s\n", c->bytes);
        exit(1);
    }
    c->bytes[c->used] = 0;
    char *id = wants_session ? strcasestr(c->bytes, "\r\nmcp-session-id:") : NULL;
    if (id && id < body) {
        char *value = id + 17;
        while (*value == ' ') value++;
        snprintf(session, sizeof session, "Mcp-Session-Id: %.*s\r\n", (int)strcspn(value, "\r"), value);
    }
    c->used = 0;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void load(int port, int connections, double seconds) {
    struct connection *first = open_connection(port);
    request(first, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
                   "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}");
    wait_answer(first, 1);
    request(first, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    wait_answer(first, 0);
    request(first, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}");
    wait_answer(first, 0);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, events[MOST];
    size_t room = 1 << 24, calls = 0, errors = 0;
    float *times = malloc(room * sizeof *times);
    for (int i = 0; i < connections; i++) {
        struct connection *c = open_connection(port);
        c->id = 1000000L * (i + 1);
        event.data.ptr = c;
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
        call(c);
    }
    double begin = now(), end = begin + seconds;
    while (now() < end) {
        int count = epoll_wait(poll, events, MOST, 100);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, c->bytes + c->used, ROOM - c->used - 1, 0);
            if (got <= 0) die("the server closed a connection");
            c->used += got;
            char *body, wanted[64];
            if (message_length(c->bytes, c->used, &body) == 0) continue;
            snprintf(wanted, sizeof wanted, "\"id\":%ld,", c->id);
            if (strncmp(c->bytes, "HTTP/1.1 200", 12) || !find(body, c->bytes + c->used, wanted) ||
                !find(body, c->bytes + c->used, "other side"))
                errors++;
            if (calls < room) times[calls] = (float)(now() - c->sent_at);
            calls++;
            c->used = 0;
            call(c);
        }
    }
    double spent = now() - begin;
    size_t kept = calls < room ? calls : room;
    qsort(times, kept, sizeof *times, by_size);
    printf("{\"calls_per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"calls\": %zu, \"errors\": %zu}\n",
           calls / spent, kept ? times[kept / 2] * 1e6 : 0, kept ? times[kept * 99 / 100] * 1e6 : 0, calls, errors);
}

/* Calls a server of lines directly, one call after the other: what a gateway in front of it is compared with. */
static void call_lines(const char *program, double seconds) {
    int to[2], from[2];
    if (pipe(to) || pipe(from)) die("pipe");
    if (fork() == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl(program, program, "lines", (char *)NULL);
        die(program);
    }
    close(to[0]);
    close(from[1]);
    size_t room = 1 << 22, calls = 0, errors = 0;
    double *times = malloc(room * sizeof *times), begin = now(), sent_at;
    while ((sent_at = now()) - begin < seconds) {
        char text[1024], id[32];
        int count = snprintf(text, sizeof text - 1,
                             "{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"tools/call\",\"params\":{\"name\":\"say\","
                             "\"arguments\":{}}}", calls);
        write_line(to[1], text, count);
        size_t used = 0;
        while (!used || text[used - 1] != '\n') {
            ssize_t got = read(from[0], text + used, sizeof text - 1 - used);
            if (got <= 0) die("read");
            used += got;
        }
        text[used] = 0;
        snprintf(id, sizeof id, "\"id\":%zu,", calls);
        if (!strstr(text, id)) errors++;
        if (calls < room) times[calls] = now() - sent_at;
        calls++;
    }
    size_t kept = calls < room ? calls : room;
    qsort(times, kept, sizeof *times, by_size);
    printf("{\"calls_per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"calls\": %zu, \"errors\": %zu}\n",
           calls / (now() - begin), kept ? times[kept / 2] * 1e6 : 0, kept ? times[kept * 99 / 100] * 1e6 : 0, calls, errors);
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "lines")) {
        serve_lines();
        return 0;
    }
    if (count == 3 && !strcmp(arguments[1], "pipe")) {
        call_lines(arguments[0], atof(arguments[2]));
        return 0;
    }
    if (count == 2 && !strcmp(arguments[1], "upstream")) serve();
    if (count == 5 && !strcmp(arguments[1], "client") && atoi(arguments[3]) <= MOST) {
        load(atoi(arguments[2]), atoi(arguments[3]), atof(arguments[4]));
        return 0;
    }
    fprintf(stderr, "usage: mcp_load upstream | client PORT CONNECTIONS SECONDS | lines | pipe SECONDS\n");
    return 2;
}
