#include "options.hpp"

#include "decode.hpp"
#include "topic.hpp"

namespace tarta {
namespace {

bool allowed(NumberOption option, std::uint32_t value) {
  switch (option) {
    case NumberOption::version:
      return value == 0 || (value >= 3 && value <= 5);
    case NumberOption::clean_start:
    case NumberOption::ping_early:
    case NumberOption::durable:
    case NumberOption::will_retain:
      return value <= 1;
    case NumberOption::queue_overflow:
    case NumberOption::broker_session:
    case NumberOption::on_session_lost:
    case NumberOption::will_qos:
      return value <= 2;
    case NumberOption::keepalive:
    case NumberOption::topic_alias_maximum:
      return value <= 0xFFFF;
    case NumberOption::receive_maximum:
      return value > 0 && value <= 0xFFFF;
    case NumberOption::maximum_packet_size:
      return value > 0;
    default:
      return true;
  }
}

constexpr std::size_t longest = 65'535;  // bytes of a string or of binary data, 5.0 §1.5.4, §1.5.6

bool well_formed(Bytes value) { return value.size() <= longest && check_utf8(value) == Utf8::valid; }

bool allowed(BytesOption option, Bytes value) {
  switch (option) {
    case BytesOption::will_topic:
      return valid_topic_name(as_text(value));
    case BytesOption::client_id:
    case BytesOption::username:
    case BytesOption::authentication_method:
      return well_formed(value);
    case BytesOption::will_properties: {
      Properties properties;
      return properties.check(value, packet_set::WILL) == Fault::none &&
             check_response_topic(properties) == Fault::none;
    }
    case BytesOption::connect_properties: {
      static constexpr Property options[] = {Property::session_expiry_interval, Property::receive_maximum,
                                             Property::maximum_packet_size,     Property::topic_alias_maximum,
                                             Property::authentication_method,   Property::authentication_data};
      Properties properties;
      if (properties.check(value, packet_set::CONNECT) != Fault::none) return false;
      for (const Property property : options) {
        if (properties.has(property)) return false;
      }
      return true;
    }
    default:
      return value.size() <= longest;
  }
}

}  // namespace

std::uint32_t Options::place_of(BytesOption option) const {
  std::uint32_t place = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(option); ++i) place += sizes_[i];
  return place;
}

// Puts it in the place of what was there; false without memory.
bool Options::put(BytesOption option, Bytes value) {
  const std::uint32_t place = place_of(option);
  std::uint16_t& size = sizes_[static_cast<std::size_t>(option)];
  const auto wanted = static_cast<std::uint32_t>(value.size());
  const std::uint32_t behind = bytes_.size() - place - size;
  if (!bytes_.reserve(place + wanted + behind)) return false;
  if (behind > 0) std::memmove(bytes_.data() + place + wanted, bytes_.data() + place + size, behind);
  if (wanted > 0) std::memcpy(bytes_.data() + place, value.data(), wanted);
  bytes_.truncate(place + wanted + behind);
  size = static_cast<std::uint16_t>(wanted);
  return true;
}

Error Options::set(NumberOption option, std::uint32_t value) {
  if (option >= NumberOption::count || !allowed(option, value)) return Error::invalid_argument;
  numbers_.values[static_cast<std::size_t>(option)] = value;
  return Error::none;
}

Error Options::set(BytesOption option, Bytes value) {
  if (option >= BytesOption::count || !allowed(option, value)) return Error::invalid_argument;
  if (!put(option, value)) return Error::out_of_memory;
  present_ |= 1U << static_cast<unsigned>(option);
  return Error::none;
}

void Options::clear(BytesOption option) {
  if (option >= BytesOption::count) return;
  put(option, {});
  present_ &= ~(1U << static_cast<unsigned>(option));
}

}  // namespace tarta
