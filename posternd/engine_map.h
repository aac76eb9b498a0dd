// posternd/engine_map.h
//
// EngineMap: a socket map that a part of the engine answers, the engine of the
// moment: a reload makes another.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/service/socket_map_server.h"
#include "posternd/engine.h"
#include "posternd/map_doors.h"

namespace postern {

// `kPart`: the engine's function that says which part. Thread-safe.
template <auto kPart>
class EngineMap final : public SocketMapHandler {
 public:
  explicit EngineMap(MapDoors::EngineNow engine) : engine_(std::move(engine)) {}

  std::optional<SocketMapReply> Known(const SocketMapQuery& query) override {
    const auto engine = engine_();
    return ((*engine).*kPart)().Known(query);
  }
  SocketMapReply Find(const SocketMapQuery& query, Deadline deadline,
                      int stop_fd) override {
    const auto engine = engine_();
    auto& part = ((*engine).*kPart)();
    if constexpr (requires { part.Find(query, deadline, stop_fd); }) {
      return part.Find(query, deadline, stop_fd);
    } else {
      return part.Find(query, deadline);
    }
  }
  std::string OwnerOf(const SocketMapQuery& query) override {
    using Part =
        std::remove_cvref_t<decltype((std::declval<const Engine&>().*kPart)())>;
    if constexpr (requires { Part::OwnerOf(query); }) {
      return Part::OwnerOf(query);
    } else {
      return {};
    }
  }

 private:
  const MapDoors::EngineNow engine_;
};

}  // namespace postern
