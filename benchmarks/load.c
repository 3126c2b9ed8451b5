/* The load: stations with one pending request each, for one slice of time after another.

   load tcp|udp HOST PORT CONNECTIONS ncp|bare

   Standard input is the program, one line each:
     secret NIBBLES KEYS HASHED        for the answer to a login key (fakenw/bindery/passwords.py), in hex
     setup|cycle NAME PATCH TAKE SIZE PACKET
       a step; -, handle or answer; -, number, handle or key; bytes of the reply without its frame; in hex
   then "begin", and behind it the seconds of a slice, one line each. For each slice a line is printed: answers, seconds,
   resent datagrams. A slice ends when every station has its answer: meanwhile, and between slices, the server idles.
   ncp: every reply is checked, and a refusal ends the measurement. bare: the last byte of a request is the
   number of its step, and the reply has as many bytes as the measured server's.
   Over UDP a request is sent again after RESEND seconds. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RESEND 1.0
#define PATIENCE 20.0
#define MOST 512 /* bytes of a frame */
#define STEPS 64

typedef struct { char name[32], patch, take; int size, length; uint8_t packet[MOST]; } Step;
typedef struct {
  int fd, at, got, length;
  uint8_t sequence, low, high, handle[6], key[8], sent[MOST], in[MOST];
  double when, first;
} Station;

static Step steps[STEPS];
static int count, setup, tcp, bare;
static uint8_t nibbles[256], keys[32], hashed[16];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "the load cannot go on");
  exit(1);
}

static int unhex(const char *text, uint8_t *to) {
  int n = 0;
  for (unsigned byte; n < MOST && sscanf(text + 2 * n, "%2x", &byte) == 1; n++) to[n] = byte;
  return n;
}

/* fakenw/bindery/passwords.py: _shuffle() and answer() */
static void shuffle(const uint8_t *salt, uint8_t *out) {
  uint8_t work[32];
  int size = 16, count = 0;
  while (size && !hashed[size - 1]) size--;
  for (int s = 0; s < 32; s++) {
    int turn = s % (size + 1);
    work[s] = size ? (turn < size ? hashed[turn] : keys[s]) : 0;
    work[s] ^= salt[s % 4];
  }
  for (int lap = 0; lap < 2; lap++)
    for (int s = 0; s < 32; s++) {
      uint8_t new = (work[s] + count) ^ (work[(s + count) % 32] - keys[s]);
      count += new;
      work[s] = new;
    }
  for (int s = 0; s < 16; s++) out[s] = nibbles[work[2 * s]] | nibbles[work[2 * s + 1]] << 4;
}

static void answer(const uint8_t *key, uint8_t *out) {
  uint8_t k[32];
  shuffle(key, k);
  shuffle(key + 4, k + 16);
  for (int s = 0; s < 16; s++) k[s] ^= k[31 - s];
  for (int s = 0; s < 8; s++) out[s] = k[s] ^ k[15 - s];
}

static void transmit(Station *s) {
  if (tcp ? write(s->fd, s->sent, s->length) != s->length : send(s->fd, s->sent, s->length, 0) < 0 && errno != EAGAIN)
    fail("send");
  s->when = now();
}

static void ask(Station *s) {
  Step *step = &steps[s->at];
  int frame = tcp ? 16 : 0;
  uint8_t *packet = s->sent + frame;
  memcpy(packet, step->packet, step->length);
  s->length = frame + step->length;
  s->got = 0;
  if (tcp) {
    memcpy(s->sent, "DmdT\0\0\0\0\0\0\0\1\0\1\0\0", 16);
    s->sent[6] = s->length >> 8;
    s->sent[7] = s->length;
  }
  if (bare) {
    s->sent[s->length - 1] = s->at;
  } else {
    s->sequence = packet[0] == 0x11 ? 0 : s->sequence + 1;
    packet[2] = s->sequence;
    if (packet[0] != 0x11) packet[3] = s->low, packet[5] = s->high;
    if (step->patch == 'h') memcpy(packet + 8, s->handle, 6);
    if (step->patch == 'a') answer(s->key, packet + 10);
  }
  transmit(s);
  s->first = s->when;
}

static void refused(Station *s, const char *what, const uint8_t *in, int size) {
  fprintf(stderr, "%s was answered ", steps[s->at].name);
  for (int i = 0; i < size; i++) fprintf(stderr, "%02x", in[i]);
  fprintf(stderr, ": %s, so nothing is measured\n", what);
  exit(1);
}

/* Read; returns whether the answer is complete. */
static int receive(Station *s) {
  Step *step = &steps[s->at];
  int frame = tcp ? 8 : 0;
  ssize_t n = recv(s->fd, s->in + (tcp ? s->got : 0), MOST - (tcp ? s->got : 0), 0);
  if (n < 0 && (errno == EAGAIN || errno == ECONNREFUSED)) return 0;
  if (n <= 0) errno = n ? errno : ECONNRESET, fail("receive");
  s->got = tcp ? s->got + n : n;
  if (bare) return s->got >= step->size + frame;
  if (tcp && (s->got < 8 || s->got < (s->in[6] << 8 | s->in[7]))) return 0;
  uint8_t *packet = s->in + frame;
  if (!tcp && (n < 8 || packet[0] != 0x33 || packet[2] != s->sequence)) return 0; /* an old one, or the watchdog */
  if (s->got < frame + 8 || packet[6] || packet[2] != s->sequence) refused(s, "refused", s->in, s->got);
  if (s->got != frame + step->size) refused(s, "another size than in the rehearsal", s->in, s->got);
  if (step->take == 'n') s->low = packet[3], s->high = packet[5];
  if (step->take == 'h') memcpy(s->handle, packet + 8, 6);
  if (step->take == 'k') memcpy(s->key, packet + 8, 8);
  return 1;
}

static void read_program(void) {
  char line[4096], kind[8], name[32], patch[8], take[8], hex[2 * MOST + 1], more[513], third[65];
  int size;
  while (fgets(line, sizeof line, stdin) && strcmp(line, "begin\n")) {
    if (sscanf(line, "secret %512s %1024s %64s", more, hex, third) == 3) {
      unhex(more, nibbles), unhex(hex, keys), unhex(third, hashed);
    } else if (sscanf(line, "%7s %31s %7s %7s %d %1024s", kind, name, patch, take, &size, hex) == 6 && count < STEPS) {
      steps[count] = (Step){.patch = patch[0], .take = take[0], .size = size};
      memcpy(steps[count].name, name, sizeof name);
      steps[count].length = unhex(hex, steps[count].packet);
      if (size + 8 > MOST || steps[count].length + 16 > MOST) fail("a step that is too long");
      count++;
      setup += kind[0] == 's';
    } else {
      fail("the program");
    }
  }
  if (setup == count) fail("a program without a cycle");
}

static void slice(int poll, Station *stations, int connections, double seconds) {
  long answers = 0, resent = 0;
  int pending = connections;
  double begun = now(), looked = begun, t = begun;
  for (int i = 0; i < connections; i++) ask(&stations[i]);
  while (pending) {
    struct epoll_event events[256];
    int n = epoll_wait(poll, events, 256, 100);
    for (int i = 0; i < n; i++) {
      Station *s = events[i].data.ptr;
      if (!receive(s)) continue;
      answers++;
      if (++s->at == count) s->at = setup;
      s->first = 0;
      if (t - begun < seconds) ask(s);
      else pending--;
    }
    t = now();
    if (t - looked < 0.1) continue;
    looked = t;
    for (int i = 0; i < connections; i++) {
      Station *s = &stations[i];
      if (!s->first) continue;
      if (t - s->first > PATIENCE) errno = ETIMEDOUT, fail("no answer");
      if (!tcp && t - s->when > RESEND) resent++, transmit(s);
    }
  }
  printf("%ld %.6f %ld\n", answers, t - begun, resent);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
  int connections = atoi(argv[4]), one = 1, poll = epoll_create1(0);
  char line[64];
  tcp = !strcmp(argv[1], "tcp");
  bare = !strcmp(argv[5], "bare");
  inet_pton(AF_INET, argv[2], &there.sin_addr);
  read_program();
  Station *stations = calloc(connections, sizeof *stations);
  for (int i = 0; i < connections; i++) {
    Station *s = &stations[i];
    s->fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&there, sizeof there)) fail("connect");
    if (tcp) setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, s->fd, &event)) fail("epoll");
  }
  while (fgets(line, sizeof line, stdin)) slice(poll, stations, connections, atof(line));
  for (int i = 0; i < connections && !tcp && !bare; i++) { /* over UDP only a destroy ends a connection */
    Station *s = &stations[i];
    uint8_t destroy[7] = {0x55, 0x55, s->sequence + 1, s->low, 1, s->high, 0};
    send(s->fd, destroy, sizeof destroy, 0);
  }
  return 0;
}
