#include "abi_host.hpp"

#include <cstring>
#include <stdexcept>

#include "event_log.hpp"
#include "options.hpp"

namespace tarta {

std::uint32_t AbiHost::put(Bytes bytes) {
  std::uint8_t* const at = tarta_scratch(session_, static_cast<std::uint32_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return static_cast<std::uint32_t>(bytes.size());
}

std::uint32_t AbiHost::put_numbers(std::initializer_list<std::uint32_t> numbers) {
  put({reinterpret_cast<const std::uint8_t*>(numbers.begin()), numbers.size() * 4});
  return static_cast<std::uint32_t>(numbers.size());
}

std::string AbiHost::sent() {
  const std::string text = hex({status().output, status().output_length});
  tarta_sent(session_);
  return text;
}

std::uint32_t AbiHost::receive(Bytes message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  std::uint8_t* const area = tarta_receive_area(session_, size);
  area_ = area;
  if (size > 0) std::memcpy(area, message.data(), size);
  return tarta_receive(session_, size, size);
}

std::vector<Record> AbiHost::records() {
  const tarta_status& now = status();
  std::vector<Record> all;
  for (std::uint32_t at = 0; at < now.record_words;) {
    const std::uint32_t head = now.records[at];
    const bool is_long = head >> 16 == 0;
    const std::uint32_t first = is_long ? 2 : 1;
    if (at + first > now.record_words) throw std::out_of_range("half a record");
    const std::uint32_t size = is_long ? now.records[at + 1] : head >> 16;
    if (size < first || size > now.record_words - at) throw std::out_of_range("a record larger than the row");
    for (std::uint32_t i = at; i < at + size; ++i) EventLog::instance().add(now.records[i]);
    all.push_back({head & 0xFFU, head >> 8 & 0xFFU, {now.records + at + first, now.records + at + size}});
    at += size;
  }
  return all;
}

void AbiHost::connect(unsigned version, double now) {
  tarta_set_number(session_, static_cast<std::uint32_t>(NumberOption::version), version);
  tarta_transport_opened(session_, 0, now, now);
  if (status().output_length == 0) {
    tarta_tick(session_, now, now);
    tarta_stored(session_, records().back().words[0]);
    tarta_tick(session_, now, now);
  }
  tarta_sent(session_);
  receive(version == 5 ? "20 03 00 00 00" : "20 02 00 00");
  tarta_tick(session_, now, now);
  tarta_sent(session_);
}

}  // namespace tarta
