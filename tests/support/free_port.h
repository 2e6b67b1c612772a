// A port of this machine that nobody listens on.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace syolo::test {

inline int free_port() {
  const int found = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(found, generic, size), 0);
  EXPECT_EQ(getsockname(found, generic, &size), 0);
  close(found);
  return ntohs(address.sin_port);
}

}  // namespace syolo::test
