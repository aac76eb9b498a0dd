// exim-dlfunc/exim_events.h
//
// What Exim's events say of a connection's end, in our words. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// "msg-delivery" -> "delivered"; nothing for an event that ends nothing.
std::optional<std::string_view> OutcomeOfEvent(std::string_view name);

// Why a host could not be asked: from an event that came before anything was
// judged, with Exim's own error number and words. Nothing where the event says
// nothing of the host.
std::optional<Error> FailureOfEvent(std::string_view name,
                                    std::string_view errno_text,
                                    std::string_view data);

}  // namespace postern
