/* A bare echo server over TCP, on epoll: replies of the given sizes, chosen by the last byte of a request.

   echo SIZE...     Prints its address, as fakenw does. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static unsigned char in[4096], out[4096];
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0), sizes[256] = {0};
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof here;
  for (int i = 1; i < argc && i <= 256; i++) sizes[i - 1] = atoi(argv[i]);
  if (bind(listener, (struct sockaddr *)&here, length) || listen(listener, 1024)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&here, &length);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  printf("listening tcp 127.0.0.1:%d\n", ntohs(here.sin_port));
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept(listener, 0, 0);
        setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      ssize_t got = read(fd, in, sizeof in);
      if (got <= 0 || write(fd, out, sizes[in[got - 1]]) < 0) close(fd);
    }
  }
}
