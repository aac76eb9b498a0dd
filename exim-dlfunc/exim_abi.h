// exim-dlfunc/exim_abi.h
//
// What Exim's ${dlfunc} asks of a library and the one function of Exim's that
// we call, as local_scan.h declares them (LOCAL_SCAN_ABI_VERSION 6.0). Written
// down here because that header's macros (OK, FAIL, ERROR) can't stand beside
// C++ names.
//
// A function returns one of these; with anything but kOk the expansion fails,
// and what a failed expansion means differs from option to option: see
// entry_points.cc. "Forced failure" (4) is never returned: it turns
// address_data into a bounce.
#pragma once

namespace postern {

inline constexpr int kEximOk = 0;
inline constexpr int kEximFail = 2;

inline constexpr int kEximLogMain = 1;

}  // namespace postern

extern "C" {

// Writes a line to Exim's log; the message's id is put before it.
void log_write(unsigned int selector, int flags, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
}
