/* A pipe(8) program that takes its message and does nothing with it: what the
 * other programs are compared with. Linked statically, as postern-transport is. */
#include <unistd.h>

int main(void) {
  char octets[65536];
  while (read(0, octets, sizeof octets) > 0) continue;
  return 0;
}
